"""Person-time and events by calendar week and time since the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.leaving_risk.stretches import Rows

#: Microseconds at the beginning of the first Monday of 1970.
_MONDAY = 4 * DAY
#: Person-days below which a sum of differences is rounding.
NOTHING = 1e-6
#: Rows looked at together.
_ROWS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class PersonTime:
    """Person-days and events of cells, by calendar week.

    Attributes
    ----------
    rows : Rows
    since : int
        Microseconds at which the first week begins.
    step : int
        Microseconds of a week.
    days, events : arrays of float64, shape (n_cells, n_weeks)
    """

    rows: Rows
    since: int
    step: int
    days: NDArray[np.float64]
    events: NDArray[np.float64]

    def week_of(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the week (begin, end] of each time, and 0 for the first begin itself."""
        return np.maximum(-(-(time - self.since) // self.step) - 1, 0)


def person_time(rows: Rows, /, *, calendar_days: float) -> PersonTime:
    """Add up person-days and events by cell and week; weeks begin on Mondays, UTC.

    Every row adds the time after its begin and takes away the time after its end, so no row is
    cut: time O(rows + cells * weeks).
    """
    step = round(calendar_days * DAY)
    first = int(rows.begin.min())
    since = _MONDAY + (first - _MONDAY) // step * step
    weeks = -(-(int(rows.end.max()) - since) // step)
    cells, shape = len(rows.band), (len(rows.band), weeks)
    partial, whole = np.zeros(cells * weeks), np.zeros(cells * weeks)
    for low in range(0, len(rows.owner), _ROWS):
        part = slice(low, low + _ROWS)
        cell = rows.cell[part].astype(np.int64) * weeks
        for time, sign in ((rows.begin[part], 1.0), (rows.end[part], -1.0)):
            week = np.minimum((time - since) // step, weeks - 1)
            rest = (since + (week + 1) * step - time) / DAY
            partial += sign * np.bincount(cell + week, rest, len(partial))
            whole += sign * np.bincount(cell + week, minlength=len(whole))
    before = np.cumsum(whole.reshape(shape), axis=1) - whole.reshape(shape)
    days: NDArray[np.float64] = partial.reshape(shape) + before * (step / DAY)
    left = rows.event
    week = -(-(rows.end[left] - since) // step) - 1
    at = rows.cell[left].astype(np.int64) * weeks + week
    events = np.bincount(at, minlength=cells * weeks).astype(np.float64).reshape(shape)
    days[(days < NOTHING) & (events == 0)] = 0.0
    np.maximum(days, NOTHING, out=days, where=events > 0)
    return PersonTime(rows, since, step, days, events)
