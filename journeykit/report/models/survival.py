"""The parameters of the report `survival`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field

from journeykit.report.models.segment import SegmentParameters
from journeykit.report.unsuited import unknown, unknown_churn, unknown_segment

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study import Study

#: Days after a touch in which it may itself be part of leaving.
_LONGEST_LAG = 7
#: Touchpoints in one model of the risk of leaving: more than a page can show, few enough to fit.
MOST_RISKY = 12


def _increasing_days(value: object) -> object:
    days = [part.strip() for part in str(value).split(",")]
    whole = all(day.isascii() and day.isdecimal() for day in days)
    if not whole or [*map(int, days)] != sorted({int(day) for day in days if int(day) > 0}):
        raise ValueError(f"must be whole days that grow, such as `7, 14, 30`; got {value!r}.")
    if int(days[-1]) <= _LONGEST_LAG:
        raise ValueError(
            f"must end after day {_LONGEST_LAG}, up to which a touch may be part of leaving; got "
            f"{value!r}."
        )
    return ", ".join(days)


class SurvivalParameters(SegmentParameters):
    """How long until customers leave."""

    report: ClassVar[str] = "survival"
    kpis: ClassVar[tuple[str, ...]] = ("leaving",)

    group: Annotated[str | None, Field(description="Attribute whose values are compared.")] = None
    threshold_days: Annotated[
        int | None,
        Field(ge=1, le=3650, description="Silence that counts as gone; else the study's."),
    ] = None
    horizon_days: Annotated[
        int | None, Field(ge=1, le=3650, description="Last day shown; by default all that is seen.")
    ] = None
    covariates: Annotated[
        str | None,
        Field(description="Attributes that a model looks at together: `segment, age`."),
    ] = None
    windows: Annotated[
        str,
        BeforeValidator(_increasing_days),
        Field(description="Days after a touch between which the risk of leaving is counted."),
    ] = "7, 14, 30"

    def modelled(self) -> tuple[str, ...]:
        """Return the covariates, and the group where no covariate is named."""
        named = (self.group or "") if self.covariates is None else self.covariates
        return tuple(name.strip() for name in named.split(",") if name.strip())

    def windows_days(self) -> tuple[int, ...]:
        """Return the days at which a window after a touch ends and the next begins."""
        return tuple(int(day) for day in self.windows.split(","))

    def risky(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return the touchpoints whose risk of leaving is judged, by name.

        Those of the phase after the purchase, where the catalogue knows any, and otherwise all; not
        the goodbye, nor what the study calls part of leaving, nor signs of life where leaving is a
        silence. Of more than `MOST_RISKY` the most frequent, whatever follows them.
        """
        import numpy as np

        churn = study.churn
        firm = set(study.catalogue.firm_touchpoints())
        known = [
            name
            for name in journeys.names
            if name not in {*churn.exits, churn.touchpoint}
            and (churn.rule != "inactivity" or name in firm)
        ]
        phases = {name: one.phase for name, one in study.catalogue.touchpoints.items()}
        later = [name for name in known if phases.get(name) == "after"]
        n = np.bincount(journeys.touchpoint, minlength=len(journeys.names))
        often = dict(zip(journeys.names, n.tolist(), strict=True))
        return sorted(sorted(later or known, key=lambda name: -often[name])[:MOST_RISKY])

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: segment, group, covariates, the missing rule of leaving."""
        known = journeys.attributes.column_names
        found = [] if self.segment is None else unknown_segment(self.segment, journeys)
        if self.group is not None:
            found += unknown("group", "an attribute", self.group, known)
        for name in self.modelled() if self.covariates is not None else ():
            found += unknown("covariates", "an attribute", name, known)
        churn = study.model.churn
        if self.threshold_days is not None and churn is not None and churn.rule != "inactivity":
            found.append(
                "`threshold_days` is a silence that counts as leaving, but the study's rule is "
                f"{churn.rule!r}; leave it out."
            )
        return found + unknown_churn(churn, journeys)
