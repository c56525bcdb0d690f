"""The parameters of the report `attribution`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from journeykit.report.models.segment import SegmentParameters
from journeykit.report.unsuited import unreadable

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study import Study


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
