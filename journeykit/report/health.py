"""Whether the data are fresh and whole enough for a report: banners, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study import Study
    from journeykit.study.models import Freshness, Volume

#: Earlier days or weeks that limits are made of: fewer say nothing, older ones no longer hold.
FEWEST, MOST = 12, 26
#: Shewhart's three sigma, from the mean absolute difference of neighbours: 3 / 1.128.
_THREE_SIGMA = 2.66
#: Not `strftime`, which follows the machine's language.
_WEEKDAYS = (
    "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Concern:
    """Something about the data that readers must know first.

    Attributes
    ----------
    text : str
        One sentence.
    refuse : bool
        Whether the study wants no report then.
    """

    text: str
    refuse: bool


def concerns(study: Study, journeys: Journeys, /, *, now: datetime) -> tuple[Concern, ...]:
    """Return what the study declares a concern: the newest event too old, the volume unusual.

    **Freshness**: the elapsed time from the newest event to now is longer than declared, and the
    declared window did not end before that.

    **Volume**: the events of the newest complete week lie outside the natural process limits of the
    12 to 26 complete weeks before it: their mean plus or minus 2.66 times the mean absolute
    difference of neighbours. A day is compared with the same weekday of the weeks before. With
    fewer than 12 nothing can be said, and that is no concern.

    References
    ----------
    Wheeler (1993), Understanding Variation: the individuals chart (XmR).
    """
    found = []
    if study.model.freshness is not None:
        found.append(_stale(study.model.freshness, study, journeys, now))
    if study.model.volume is not None:
        found.append(_unusual(study.model.volume, study, journeys))
    return tuple(concern for concern in found if concern is not None)


def _stale(declared: Freshness, study: Study, journeys: Journeys, now: datetime) -> Concern | None:
    refuse = declared.then == "refuse"
    if not journeys.n_events:
        return Concern("There are no events in the data.", refuse)
    until = fresh_until(study, journeys)
    if until is None or now <= until:
        return None
    newest = _moment(int(journeys.need_time("freshness").max()))
    return Concern(
        f"The newest event is {(now - newest).days} days old ({newest:%Y-%m-%d}); the study allows "
        f"{declared.newest_within_days}.",
        refuse,
    )


def fresh_until(study: Study, journeys: Journeys, /) -> datetime | None:
    """Return the moment from which on the data are too old; None where they never will be."""
    declared, window = study.model.freshness, journeys.window
    if declared is None or not journeys.n_events:
        return None
    newest = _moment(int(journeys.need_time("freshness").max()))
    until = newest + timedelta(days=declared.newest_within_days)
    # Without a declared window the journeys' own ends with their newest event.
    if study.model.window is not None and window is not None and until >= _moment(window[1]):
        return None
    return until


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _unusual(declared: Volume, study: Study, journeys: Journeys) -> Concern | None:
    from journeykit.counts import periods

    if not journeys.n_events:
        return None
    calendar = periods(journeys, unit=declared.per, time_zone=study.model.time_zone)
    complete = np.flatnonzero(calendar.complete)
    if not len(complete):
        return None
    counts = np.histogram(journeys.need_time("volume"), bins=calendar.edge)[0]
    step = 7 if declared.per == "day" else 1
    series = counts[complete][::-1][::step][: MOST + 1][::-1]
    limits = process_limits(series[:-1])
    if limits is None or limits[0] <= series[-1] <= limits[1]:
        return None
    day = calendar.first[complete[-1]]
    alike = _WEEKDAYS[day.weekday()] if declared.per == "day" else "weeks"
    return Concern(
        f"The {declared.per} from {day} has {series[-1]:,} events; the {len(series) - 1} {alike} "
        f"before it let expect {limits[0]:,.0f} to {limits[1]:,.0f}.",
        declared.then == "refuse",
    )


def process_limits(values: NDArray[np.integer], /) -> tuple[float, float] | None:
    """Return the natural process limits of counts in time order; None of fewer than 12."""
    if len(values) < FEWEST:
        return None
    reach = _THREE_SIGMA * np.abs(np.diff(values)).mean()
    return max(0.0, float(values.mean() - reach)), float(values.mean() + reach)
