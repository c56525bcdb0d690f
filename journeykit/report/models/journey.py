"""The parameters of the reports on the journey itself: its map, its stages, its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from journeykit.checks import did_you_mean
from journeykit.errors import StudyError
from journeykit.report.models.segment import SegmentParameters
from journeykit.report.unsuited import (
    unknown,
    unknown_rungs,
    unknown_segment,
    unknown_steps,
    unread_files,
    unreadable,
)

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.plan import Plan
    from journeykit.study import Study


class StagesParameters(SegmentParameters):
    """Where customers are on their way, and what moves them on."""

    report: ClassVar[str] = "stages"

    group: Annotated[
        str | None, Field(description="Attribute by whose values drivers are told apart.")
    ] = None
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
        if self.group is not None:
            known = journeys.attributes.column_names
            found += unknown("group", "an attribute", self.group, known)
        if study.model.stages is None:
            return [*found, "The study declares no stages; add `stages:` to it."]
        return [*found, *unknown_rungs(study.model.stages, journeys)]


class PlanParameters(SegmentParameters):
    """The journey planned and the one lived."""

    report: ClassVar[str] = "plan_vs_actual"

    plan: Annotated[
        str | None, Field(description="Name of the plan; by default the study's first.")
    ] = None
    group: Annotated[str | None, Field(description="Attribute whose values are compared.")] = None

    @classmethod
    def declared(cls, study: Study, /) -> bool:
        """Say whether the study has a plan."""
        return bool(study.model.plans)

    def planned(self, study: Study, /) -> Plan:
        """Read the plan that the report is about.

        Raises
        ------
        StudyError
            When the study has no plan, or none of that name, or its file has mistakes.
        """
        from journeykit.plan import read_plan

        plans = {plan.name: plan for plan in map(read_plan, study.plan_files())}
        if not plans:
            raise StudyError("The study has no plan; name the file of one under `plans:`.")
        name = self.plan or next(iter(plans))
        if name not in plans:
            raise StudyError(
                f"`plan` must be one of {', '.join(plans)}; got {name!r}."
                f"{did_you_mean(name, plans)}"
            )
        return plans[name]

    def promised(self, plan: Plan, /) -> bool:
        """Say whether the plan has promises or deadlines that can be checked."""
        return any(step.promise or step.within_days for step in plan.all_steps)

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: segment, group, the plan and what it names."""
        found = [] if self.segment is None else unknown_segment(self.segment, journeys)
        if self.group is not None:
            known = journeys.attributes.column_names
            found += unknown("group", "an attribute", self.group, known)
        try:
            plan = self.planned(study)
        except StudyError as error:
            return [*found, str(error)]
        return [*found, *unknown_steps(plan, journeys, study.catalogue)]


class MapParameters(SegmentParameters):
    """The journey on one page."""

    report: ClassVar[str] = "journey_map"

    horizon_days: Annotated[
        int, Field(ge=1, le=365, description="Days after a moment within which moving on counts.")
    ] = 14
    medium: Annotated[
        Literal["virtual", "physical"] | None,
        Field(description="Only touchpoints of this medium in the matrix; by default all."),
    ] = None
    most_unmapped: Annotated[
        float,
        Field(ge=0, le=1, description="Share of events without a row in the catalogue that fails."),
    ] = 0.05

    @classmethod
    def declared(cls, study: Study, /) -> bool:
        """Say whether the study has a ladder and a catalogue."""
        return study.model.stages is not None and study.model.catalogue is not None

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: segment, ladder, catalogue, the tables beside the events."""
        found = [] if self.segment is None else unknown_segment(self.segment, journeys)
        if study.model.stages is None:
            found.append("The study declares no stages; add `stages:` to it.")
        else:
            found += unknown_rungs(study.model.stages, journeys)
        if study.model.catalogue is None:
            found.append("The study has no catalogue; add `catalogue:` to it.")
        return found + unreadable(study) + unread_files(study)
