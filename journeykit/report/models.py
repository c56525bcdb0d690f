"""The parameters of the reports that ship."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from journeykit.errors import DataError
from journeykit.report.parameters import EVERYBODY, Month, Parameters
from journeykit.report.unsuited import (
    unknown,
    unknown_churn,
    unknown_outcome,
    unknown_rungs,
    unknown_segment,
    unread,
    unread_steps,
    unreadable,
)

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study import Study

#: Days after a touch in which it may itself be part of leaving.
_LONGEST_LAG = 7
#: Touchpoints in one model of the risk of leaving: more than a page can show, few enough to fit.
MOST_RISKY = 12
#: Days of a funnel where the study declares no look-back.
_WINDOW_DAYS = 30.0


def _attribute_and_value(value: object) -> object:
    attribute, equals, wanted = str(value).partition("=")
    if value is not None and not (attribute and equals and wanted):
        raise ValueError(f"must look like `attribute=value`; got {value!r}.")
    return value


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


class SegmentParameters(Parameters):
    """A report that can be made for some customers only."""

    segment: Annotated[
        str | None,
        BeforeValidator(_attribute_and_value),
        Field(description="Only customers with this attribute: `attribute=value`."),
    ] = None

    def choose(self, study: Study, /) -> Journeys:
        """Return the study's journeys, of the segment where one is given.

        Raises
        ------
        DataError
            When the attribute does not exist or nobody is in the segment.
        """
        journeys = study.journeys()
        if self.segment is None:
            return journeys
        if unsuited := unknown_segment(self.segment, journeys):
            raise DataError(" ".join(unsuited))
        attribute, _, value = self.segment.partition("=")
        return journeys.where({attribute: value})

    def told(self) -> list[str]:
        """Return for whom the report is, and the other parameters that are not the default."""
        others = [said for said in super().told() if not said.startswith("segment ")]
        return [self.segment or EVERYBODY, *others]

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: the segment, and the success the study declares."""
        found = [] if self.segment is None else unknown_segment(self.segment, journeys)
        return [*found, *unknown_outcome(study, journeys)]


def _days(month: str, study: Study, journeys: Journeys) -> tuple[datetime, datetime]:
    """Return the first moment of a month and that of the next, on the clock of the journeys."""
    year, number = (int(part) for part in month.split("-"))
    zone = ZoneInfo("UTC" if journeys.clock == "day" else study.model.time_zone)
    begin = datetime(year, number, 1, tzinfo=zone)
    return begin, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=zone)


class PathsParameters(SegmentParameters):
    """Which way customers go."""

    report: ClassVar[str] = "paths"
    kpis: ClassVar[tuple[str, ...]] = ("success",)
    periods: ClassVar[tuple[str, ...]] = ("month",)

    month: Annotated[
        Month | None, Field(description="Only this calendar month: `2026-03`; by default all.")
    ] = None
    outcome: Annotated[
        str | None,
        Field(description="What success is: `order | call`; by default the study's conversions."),
    ] = None
    anchor: Annotated[
        str | None,
        Field(
            description="Where the steps are counted from: `email > visit`; else the first event."
        ),
    ] = None
    steps: Annotated[
        str | None,
        Field(
            description="The funnel: `visit >> cart >> order`; by default anything, then success."
        ),
    ] = None
    window: Annotated[
        int | None,
        Field(
            ge=1, le=3650, description="Days a funnel may take; by default the look-back, or 30."
        ),
    ] = None
    group: Annotated[
        str | None, Field(description="Attribute whose two largest groups are compared.")
    ] = None
    order: Annotated[int, Field(ge=1, le=3, description="Touchpoints a step remembers.")] = 1
    top: Annotated[int, Field(ge=1, le=50, description="Rows shown of a table.")] = 10

    def choose(self, study: Study, /) -> Journeys:
        """Return the study's journeys, of the segment and the month where they are given."""
        journeys = super().choose(study)
        if self.month is None:
            return journeys
        return journeys.between(*_days(self.month, study, journeys))

    def bands_hold(self) -> bool:
        """Say that bands are drawn for the study's own success."""
        return self.outcome is None

    def goals(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return the touchpoints that are a success, as far as the journeys know them."""
        from journeykit.journeys.pattern import touchpoints

        if self.outcome is not None:
            chosen = touchpoints(self.outcome, journeys.names)
            return [name for name, good in zip(journeys.names, chosen, strict=True) if good]
        declared = study.model.outcome
        wanted = () if declared is None else declared.conversions
        return [name for name in journeys.names if name in wanted]

    def funnel_steps(self, goals: Sequence[str], /) -> tuple[str, ...]:
        """Return the steps of the funnel, each a class of the search language."""
        from journeykit.journeys.pattern import parse

        if self.steps is not None:
            return tuple(element.text for element in parse(self.steps).elements)
        success = " | ".join(f"`{name.replace('`', '``')}`" for name in goals)
        return (f"!({success})", success)

    def window_days(self, study: Study, /) -> float:
        """Return the days that a funnel may take."""
        declared = study.model.outcome
        return self.window or (declared.lookback_days if declared is not None else _WINDOW_DAYS)

    def sides(self, journeys: Journeys, /) -> dict[str, Any]:
        """Return whom to compare: the two largest groups, or the halves of the window, if any."""
        from journeykit.journeys.durations import DAY

        if self.group is not None:
            found = journeys.attributes[self.group].value_counts().to_pylist()
            largest = sorted(
                (value for value in found if value["values"] is not None),
                key=lambda value: (-value["counts"], str(value["values"])),
            )
            names = [value["values"] for value in largest[:2]]
            return {"by": self.group, "groups": names} if len(names) == 2 else {}
        if self.month is not None or journeys.window is None:
            return {}
        days = [moment // DAY for moment in journeys.window]
        days[1] = -(-journeys.window[1] // DAY)
        first = date(1970, 1, 1)
        begin, middle, end = (
            (first + timedelta(days=day)).isoformat() for day in (days[0], sum(days) // 2, days[1])
        )
        return {"periods": [(begin, middle), (middle, end)]}

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: segment, success, patterns, group, a month without events."""
        found = super().unsuited(study, journeys)
        found += unread("outcome", self.outcome, journeys) + unread("anchor", self.anchor, journeys)
        found += unread_steps(self.steps, journeys)
        if self.group is not None:
            known = journeys.attributes.column_names
            found += unknown("group", "an attribute", self.group, known)
        if self.month is not None:
            time = journeys.need_time("`month`")
            begin, end = (moment.timestamp() * 1e6 for moment in _days(self.month, study, journeys))
            if not ((begin <= time) & (time < end)).any():
                found.append(f"`month` is {self.month}, and no event lies in it.")
        return found


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


class StagesParameters(SegmentParameters):
    """Where customers are on their way, and what moves them on."""

    report: ClassVar[str] = "stages"

    horizon_days: Annotated[
        int, Field(ge=1, le=365, description="Days after a moment within which moving on counts.")
    ] = 14

    @classmethod
    def declared(cls, study: Study, /) -> bool:
        """Say whether the study has a ladder."""
        return study.model.stages is not None

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: the segment, and the ladder the study declares."""
        found = super().unsuited(study, journeys)
        if study.model.stages is None:
            return [*found, "The study declares no stages; add `stages:` to it."]
        return [*found, *unknown_rungs(study.model.stages, journeys)]


class AttributionParameters(SegmentParameters):
    """Which touch earned the sale."""

    report: ClassVar[str] = "attribution"
    kpis: ClassVar[tuple[str, ...]] = ("reached",)

    lookback_days: Annotated[
        int | None, Field(ge=1, le=3650, description="Days a touch can count; else the study's.")
    ] = None
    touches: Annotated[
        Literal["all", "firm"],
        Field(description="Which touches can earn credit: all, or those the firm starts."),
    ] = "all"

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: the segment, the success, touches that nobody knows of."""
        found = super().unsuited(study, journeys)
        if study.model.outcome is None:
            found.append(
                "The study does not say what counts as success; add `outcome:` to it, "
                "or name the reports you want under `reports:`."
            )
        found += unreadable(study)
        if self.touches == "firm" and not set(study.catalogue.firm_touchpoints()) & {
            *journeys.names
        }:
            found.append(
                "`touches` is 'firm', and the catalogue names no touchpoint of these data as the "
                "firm's; add a `catalogue:` with `initiator` firm, or use all touches."
            )
        return found
