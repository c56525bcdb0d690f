"""Who was watched how long since the start, and who came back when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import begins_unseen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

Unit = Literal["day", "week", "month"]
Ages = Literal["elapsed", "calendar"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = {"day": 1, "week": 7, "month": 30}
NEVER = np.iinfo(np.int64).max


class Calendar(NamedTuple):
    """Edges of calendar periods, local first days and microseconds."""

    first: list[date]
    edge: NDArray[np.int64]


def zone_of(journeys: Journeys, time_zone: str) -> ZoneInfo:
    """Return the zone that cuts days; a day clock has none."""
    try:
        return ZoneInfo("UTC" if journeys.clock == "day" else time_zone)
    except (KeyError, ValueError, OSError):
        raise ArgumentError(
            f"`time_zone` must be a zone such as 'Europe/Berlin'; got {time_zone!r}."
        ) from None


def starts_of(
    journeys: Journeys, time: NDArray[np.int64], begins: NDArray[np.bool_], *, leave_out: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return of each customer the first start, until when watched, and whether it is known."""
    n = journeys.n_customers
    owner = np.repeat(journeys.customer_index, journeys.length)
    event = np.flatnonzero(begins[journeys.touchpoint])
    # Journeys of a customer lie side by side in time, so the first event found is the earliest.
    at, place = np.unique(owner[event], return_index=True)
    first = np.full(n, NEVER)
    first[at] = time[event[place]]
    watched_to = np.full(n, -1, dtype=np.int64)
    if journeys.observed_to is not None:
        np.maximum.at(watched_to, journeys.customer_index, journeys.observed_to)
    else:
        end = time.max(initial=-1) + 1 if journeys.window is None else journeys.window[1]
        watched_to[:] = end
    known = np.ones(n, dtype=bool)
    if leave_out:
        # Of a journey that was cut only the first piece can begin before the watching.
        known[journeys.customer_index[begins_unseen(journeys)]] = False
    return first, watched_to, known


def calendar(begin: int, end: int, unit: Unit, zone: ZoneInfo) -> Calendar:
    """Return calendar periods from the one of `begin` to behind `end`."""
    day = (_EPOCH + timedelta(microseconds=begin)).astimezone(zone).date()
    if unit == "week":
        day -= timedelta(days=day.weekday())
    elif unit == "month":
        day = day.replace(day=1)
    first, edge = [day], [_midnight(day, zone)]
    while edge[-1] <= end:
        if unit == "month":
            day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        else:
            day += timedelta(days=_DAYS[unit])
        first.append(day)
        edge.append(_midnight(day, zone))
    return Calendar(first, np.array(edge, dtype=np.int64))


def _midnight(day: date, zone: ZoneInfo) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def whole_periods(
    first: NDArray[np.int64],
    watched_to: NDArray[np.int64],
    cohort: NDArray[np.int64],
    clock: Calendar,
    ages: Ages,
    unit: Unit,
) -> NDArray[np.int64]:
    """Return how many periods from the start on each customer was watched whole."""
    if ages == "elapsed":
        return np.asarray((watched_to - first) // (_DAYS[unit] * DAY))
    return np.asarray(np.searchsorted(clock.edge, watched_to, side="right") - 1 - cohort)


def returns(
    journeys: Journeys,
    time: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    first: NDArray[np.int64],
    chosen: NDArray[np.int64],
    cohort: NDArray[np.int64],
    clock: Calendar,
    ages: Ages,
    unit: Unit,
    periods: int,
    look_ahead: int,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say who came back at each age or up to `look_ahead` periods later, and who then or ever."""
    place = np.full(journeys.n_customers, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    owner = np.repeat(place[journeys.customer_index], journeys.length)
    event = np.flatnonzero(wanted[journeys.touchpoint] & (owner >= 0))
    event = event[time[event] >= first[chosen][owner[event]]]
    who = owner[event]
    if ages == "elapsed":
        age = (time[event] - first[chosen][who]) // (_DAYS[unit] * DAY)
    else:
        age = np.searchsorted(clock.edge, time[event], side="right") - 1 - cohort[who]
    last = periods + look_ahead
    table = np.zeros((len(chosen), last + 1), dtype=bool)
    inside = age <= last
    table[who[inside], age[inside]] = True
    latest = np.full(len(chosen), -1, dtype=np.int64)
    np.maximum.at(latest, who, age)
    reach = np.cumsum(np.pad(table, ((0, 0), (1, 0))), axis=1)
    came = reach[:, look_ahead + 1 :] > reach[:, : periods + 1]
    return came, latest[:, None] >= np.arange(periods + 1)
