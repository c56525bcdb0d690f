"""A report that can be made for some customers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from journeykit.errors import DataError
from journeykit.report.parameters import EVERYBODY, Parameters
from journeykit.report.unsuited import unknown_outcome, unknown_segment

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study import Study


def _attribute_and_value(value: object) -> object:
    attribute, equals, wanted = str(value).partition("=")
    if value is not None and not (attribute and equals and wanted):
        raise ValueError(f"must look like `attribute=value`; got {value!r}.")
    return value


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
