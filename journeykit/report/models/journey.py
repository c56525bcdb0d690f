"""The parameters of the reports on the journey itself: stages, plan and map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from journeykit.report.models.segment import SegmentParameters
from journeykit.report.unsuited import unknown_rungs

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study import Study


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
