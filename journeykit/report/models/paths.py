"""The parameters of the report `paths`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field

from journeykit.report.models.segment import SegmentParameters
from journeykit.report.parameters import Month
from journeykit.report.unsuited import unknown, unread, unread_steps

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study import Study

#: Days of a funnel where the study declares no look-back.
_WINDOW_DAYS = 30.0


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
