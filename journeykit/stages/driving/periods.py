"""Stays in a stage cut into periods: when each begins, and what was met before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.journeys.durations import DAY
from journeykit.stages.moments import last_of_instant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.stages.following import Entries

    Numbers = NDArray[np.int64]


class Stays(NamedTuple):
    """Stays in stages, in order of customers and times; arrays of one length.

    `who` is the journey, `rung` the place on the ladder, `begin` and `end` microseconds: `end` is
    the next move, or far away; `up` says that it leads to a higher rung.
    """

    who: Numbers
    rung: Numbers
    begin: Numbers
    end: Numbers
    up: NDArray[np.bool_]


class Periods(NamedTuple):
    """Customers' periods in one stage, one stay after another.

    Attributes
    ----------
    length : int
        Microseconds of a period.
    who, begin, first, offset : arrays, shape (n_stays,)
        Journey, when the stay began, number of its first period here and the row of that.
    stay : array, shape (n_rows,)
    start : array, shape (n_rows,)
        When each period begins.
    since : array, shape (n_rows,)
        Microseconds since the stay began.
    event : array of bool, shape (n_rows,)
        Whether the customer moves up in the period.
    """

    length: int
    who: Numbers
    begin: Numbers
    first: Numbers
    offset: Numbers
    stay: Numbers
    start: Numbers
    since: Numbers
    event: NDArray[np.bool_]

    @property
    def customer(self) -> Numbers:
        """Journey of each row."""
        return self.who[self.stay]


def stays_of(steps: Entries, /) -> Stays:
    """Join entries into stays: an entry into the stage in which a customer is begins none."""
    who, time, rung = steps.take(last_of_instant(steps))
    changed = np.ones(len(who), dtype=bool)
    changed[1:] = (np.diff(who) != 0) | (np.diff(rung) != 0)
    who, time, rung = who[changed], time[changed], rung[changed]
    more = np.zeros(len(who), dtype=bool)
    more[:-1] = np.diff(who) == 0
    end = np.where(more, np.roll(time, -1), np.iinfo(np.int64).max // 2)
    return Stays(who, rung, time, end, more & (np.roll(rung, -1) > rung))


def periods_of(
    stays: Stays, /, *, rung: int, period_days: float, since: Numbers, until: Numbers
) -> Periods:
    """Cut the stays in a stage into periods of one length, counted from the beginning of each stay.

    A period is kept where it begins at or after `since` and ends before `until`, both of shape
    (n_journeys,): what is cut by the end of watching is left out, moves in it included, for who
    moves must not be kept longer than who stays. A move at the end of a period is in it.
    """
    length = max(1, round(period_days * DAY))
    here = stays.rung == rung
    who, begin, end, up = stays.who[here], stays.begin[here], stays.end[here], stays.up[here]
    first = np.maximum(-((begin - since[who]) // length), 0)
    lasts = -((begin - end) // length)
    whole = (until[who] - 1 - begin) // length
    n = np.maximum(np.minimum(lasts, whole) - first, 0)
    offset = np.concatenate([[0], np.cumsum(n)])
    stay = np.repeat(np.arange(len(n)), n)
    number = np.arange(offset[-1]) - offset[stay] + first[stay]
    event = np.zeros(len(stay), dtype=bool)
    seen = up & (n > 0) & (lasts <= whole)
    event[offset[1:][seen] - 1] = True
    gone = number * length
    return Periods(length, who, begin, first, offset, stay, begin[stay] + gone, gone, event)


def met_before(
    periods: Periods, who: Numbers, time: Numbers, /, *, effect_days: float
) -> NDArray[np.int64]:
    """Count the events in the last `effect_days` before each period begins, strictly before it."""
    return _counted(periods, *_pairs(periods, who, time), round(effect_days * DAY))


def steps_before(periods: Periods, who: Numbers, time: Numbers, /) -> NDArray[np.int64]:
    """Count the events between the beginning of the stay and each period's, both excluded."""
    stay, when = _pairs(periods, who, time)
    after = when > periods.begin[stay]
    return _counted(periods, stay[after], when[after], None)


def _pairs(periods: Periods, who: Numbers, time: Numbers) -> tuple[Numbers, Numbers]:
    """Join every event with every stay of its customer."""
    low, high = (np.searchsorted(periods.who, who, side=side) for side in ("left", "right"))
    n = high - low
    event = np.repeat(np.arange(len(who)), n)
    stay = np.arange(len(event)) - np.repeat(np.cumsum(n) - n, n) + low[event]
    return stay, time[event]


def _counted(periods: Periods, stay: Numbers, when: Numbers, effect: int | None) -> Numbers:
    """Add one to all periods of a stay that begin in (when, when + effect]."""
    n = np.diff(periods.offset)[stay]
    gone = when - periods.begin[stay]
    low = np.maximum(gone // periods.length + 1 - periods.first[stay], 0)
    high = n
    if effect is not None:
        high = np.minimum((gone + effect) // periods.length + 1 - periods.first[stay], n)
    kept = low < high
    change = np.zeros(len(periods.stay) + 1, dtype=np.int64)
    np.add.at(change, (periods.offset[stay] + low)[kept], 1)
    np.subtract.at(change, (periods.offset[stay] + high)[kept], 1)
    return np.cumsum(change[:-1])
