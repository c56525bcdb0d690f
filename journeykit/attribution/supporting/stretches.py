"""Time after, before and away from the touches of one channel, within each customer's stretches.

A stretch is a few whole weeks of one customer, cut in two: moments that another touch of the
channel follows within the window, and moments that none follows. Only moments of one part are
compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.attribution.supporting.watching import time_watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.supporting.watching import Watched

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

WEEK_DAYS = 7
AWAY, AFTER = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What happens after a channel's touches and away from them; s strata, k names.

    Attributes
    ----------
    who, stretch : arrays of int64, shape (s,)
        Customer of each stratum, and its stretch of the calendar.
    time : array of float64, shape (s, 2, 7)
        Microseconds away from and after touches, by weekday.
    events : array of int64, shape (s, 2, k)
        Touches of each name away from and after them.
    touches : array of int64, shape (s,)
        Touches of the channel whose window begins in the stratum.
    weekday_time, weekday_events : arrays, shapes (7,) and (7, k)
        Time away from touches, and what happened in it, of all customers.
    """

    who: Ints
    stretch: Ints
    time: Floats
    events: Ints
    touches: Ints
    weekday_time: Floats
    weekday_events: Ints


class _Grid(NamedTuple):
    """Where strata begin and end.

    Attributes
    ----------
    stretch : array of int64, shape (d,)
        Stretch of each calendar day.
    first : array of int64, shape (stretches + 1,)
        First day of each stretch.
    key : array of int64, shape (c,)
        Increasing: customer times stretches + stretch, of cells in which a touch works.
    lo, hi : arrays of int64, shape (customers,)
        Moments at which it is known what came within the window before and what comes after.
    """

    stretch: Ints
    first: Ints
    key: Ints
    lo: Ints
    hi: Ints

    @property
    def n(self) -> int:
        return len(self.first) - 1

    def cell(self, who: Ints, day: Ints) -> Ints:
        """Return the cell of a customer and day, -1 where there is none."""
        if not len(self.key):
            return np.full(len(who), -1)
        wanted = who * self.n + self.stretch[day]
        at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        return np.where(self.key[at] == wanted, at, -1)


def compared(data: Watched, channel: int, /, *, window: int, stretch_days: int) -> Compared:
    """Sort the time and the events of all customers by the touches of a channel.

    Parameters
    ----------
    data : Watched
    channel : int
    window : int
        Microseconds.
    stretch_days : int
        Whole weeks, in days.
    """
    grid = _grid(data, channel, window=window, stretch_days=stretch_days)
    time, hidden = _times(data, channel, grid, window=window)
    total = time_watched(grid.lo, grid.hi, data.day)
    weekday_time = np.bincount(data.weekday, total, minlength=WEEK_DAYS) - hidden
    events, touches, weekday_events = _events(data, channel, grid, window=window)
    keep = time[:, AFTER].sum(axis=1) > 0
    return Compared(
        who=np.repeat(grid.key // grid.n, 2)[keep],
        stretch=np.repeat(grid.key % grid.n, 2)[keep],
        time=time[keep],
        events=events[keep],
        touches=touches[keep],
        weekday_time=weekday_time,
        weekday_events=weekday_events,
    )


def _grid(data: Watched, channel: int, *, window: int, stretch_days: int) -> _Grid:
    """Find the customers' stretches in which something may come after a touch."""
    # Day 0 of the count is a Monday, so that stretches are whole calendar weeks.
    number = np.arange(len(data.weekday)) + data.weekday[0]
    stretch = number // stretch_days
    first = np.searchsorted(stretch, np.arange(stretch[-1] + 2))
    lo = data.begin + window + data.spell
    hi = np.maximum(data.end - window, lo)
    is_touch = data.code == channel
    who, time = data.who[is_touch], data.time[is_touch]
    ends = (np.minimum(end, data.day[-1] - 1) for end in (time, time + data.spell + window))
    inside = [np.searchsorted(data.day, end, "right") - 1 for end in ends]
    reach = int((stretch[inside[1]] - stretch[inside[0]]).max(initial=0))
    cells = [
        who * len(first[1:]) + np.minimum(stretch[inside[0]] + step, stretch[inside[1]])
        for step in range(reach + 1)
    ]
    return _Grid(stretch, first, np.unique(np.concatenate(cells)), lo, hi)


def _times(data: Watched, channel: int, grid: _Grid, *, window: int) -> tuple[Floats, Floats]:
    """Return the time of each stratum, shape (2 cells, 2, 7), and that near touches by weekday."""
    is_touch = data.code == channel
    who, time, spell = data.who[is_touch], data.time[is_touch], data.spell
    # What begins and ends where: a touch follows, is now, is past; a cell; a day.
    marks = [
        (who, time - window, (1, 0, 0, 0)),
        (who, time, (-1, 1, 0, 0)),
        (who, time + spell, (0, -1, 1, 0)),
        (who, time + spell + window, (0, 0, -1, 0)),
    ]
    customer, number = grid.key // grid.n, grid.key % grid.n
    marks += [
        (customer, data.day[grid.first[number]], (0, 0, 0, 1)),
        (customer, data.day[grid.first[number + 1]], (0, 0, 0, -1)),
    ]
    days = grid.first[number + 1] - grid.first[number]
    within = np.repeat(grid.first[number], days) + _ranks(days)
    marks.append((np.repeat(customer, days), data.day[within], (0, 0, 0, 0)))
    of = np.concatenate([mark[0] for mark in marks])
    at = np.concatenate([mark[1] for mark in marks])
    change = np.repeat(
        np.array([mark[2] for mark in marks], dtype=np.int8),
        [len(mark[0]) for mark in marks],
        axis=0,
    )
    order = np.lexsort([at, of])
    of, at = of[order], at[order]
    follows, now, past, here = (
        np.cumsum(change[order, column], dtype=np.int64)[:-1] > 0 for column in range(4)
    )
    begin = np.maximum(at[:-1], grid.lo[of[:-1]])
    length = np.maximum(np.minimum(at[1:], grid.hi[of[:-1]]) - begin, 0)
    use = here & (of[:-1] == of[1:]) & (length > 0)
    day = np.searchsorted(data.day, at[:-1][use], "right") - 1
    cell, length, weekday = grid.cell(of[:-1][use], day), length[use], data.weekday[day]
    follows, now, past = follows[use], now[use], past[use]
    near = now | past
    hidden = np.bincount(weekday[near], length[near], minlength=WEEK_DAYS).astype(np.float64)
    place = ((2 * cell + follows) * 2 + past) * WEEK_DAYS + weekday
    size = 4 * WEEK_DAYS * len(grid.key)
    sums = np.bincount(place[~now], length[~now], minlength=size).astype(np.float64)
    return sums.reshape(-1, 2, WEEK_DAYS), hidden


def _ranks(length: Ints) -> Ints:
    """Count 0, 1, ... within runs of the lengths given."""
    return np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)


def _events(data: Watched, channel: int, grid: _Grid, *, window: int) -> tuple[Ints, Ints, Ints]:
    """Return events (2 cells, 2, k), touches (2 cells,) and events away by weekday (7, k)."""
    k, who, time = len(data.names), data.who, data.time
    before, after = neighbours(data, channel)
    use = (time >= grid.lo[who]) & (time < grid.hi[who])
    past = (before > 0) & (before >= data.spell) & (before < data.spell + window)
    follows = (after > 0) & (after <= window)
    now = (before == 0) | (after == 0) | (data.code == channel)
    day = np.searchsorted(data.day, time, "right") - 1
    there = use & ~now
    away = there & ~past
    weekday = np.bincount(data.weekday[day[away]] * k + data.code[away], minlength=WEEK_DAYS * k)
    cell = np.full(len(who), -1)
    cell[there] = grid.cell(who[there], day[there])
    use = cell >= 0
    place = ((2 * cell[use] + follows[use]) * 2 + past[use]) * k + data.code[use]
    events = np.bincount(place, minlength=4 * k * len(grid.key)).reshape(-1, 2, k)
    touches = _touches(data, channel, grid, after, window=window)
    return events, touches, weekday.reshape(WEEK_DAYS, k)


def _touches(data: Watched, channel: int, grid: _Grid, after: Ints, *, window: int) -> Ints:
    """Count touches by the stratum of the moment right after them, shape (2 cells,)."""
    is_touch = data.code == channel
    who, time = data.who[is_touch], data.time[is_touch] + data.spell
    rest = after[is_touch] - data.spell
    use = (time >= grid.lo[who]) & (time < grid.hi[who]) & ((after[is_touch] < 0) | (rest > 0))
    who, time, rest = who[use], time[use], rest[use]
    day = np.searchsorted(data.day, time, "right") - 1
    follows = (rest > 0) & (rest <= window)
    place = 2 * grid.cell(who, day) + follows
    return np.bincount(place, minlength=2 * len(grid.key))


def neighbours(data: Watched, channel: int, /) -> tuple[Ints, Ints]:
    """Return the time since the touch of a channel before each event, and until the next.

    -1 where the customer has none; one of the two is 0 at the very time of a touch. Touches
    themselves look at the others of their channel.

    Returns
    -------
    (array of int64, array of int64), each of shape (n,)
    """
    n, is_touch = len(data.who), data.code == channel
    at = np.arange(n)
    last = np.maximum.accumulate(np.where(is_touch, at, -1))
    following = np.minimum.accumulate(np.where(is_touch, at, n)[::-1])[::-1]
    # A touch is not its own neighbour.
    last = np.where(is_touch, np.concatenate([[-1], last[:-1]]), last)
    following = np.where(is_touch, np.concatenate([following[1:], [n]]), following)
    before = _apart(data, last, last >= 0)
    after = _apart(data, np.minimum(following, n - 1), following < n)
    return before, after


def _apart(data: Watched, other: Ints, known: NDArray[np.bool_]) -> Ints:
    known = known & (data.who[other] == data.who)
    return np.where(known, np.abs(data.time - data.time[other]), -1)
