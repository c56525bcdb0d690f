"""Person-time and events by calendar period and time since the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.errors import ArgumentError
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
#: Numbers in one table of person-days: 0.8 GB.
_MOST = 100_000_000


@dataclass(frozen=True, slots=True, eq=False)
class PersonTime:
    """Person-days and events of cells, by calendar period.

    Attributes
    ----------
    rows : Rows
    since : int
        Microseconds at which the first period begins.
    step : int
        Microseconds of a period.
    days, events : arrays of float64, shape (n_cells, n_periods)
    """

    rows: Rows
    since: int
    step: int
    days: NDArray[np.float64]
    events: NDArray[np.float64]

    def period_of(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the period (begin, end] of each time, and 0 for the first begin itself."""
        return np.maximum(-(-(time - self.since) // self.step) - 1, 0)


def person_time(rows: Rows, /, *, calendar_days: float) -> PersonTime:
    """Add up person-days and events by cell and period; periods begin on Mondays, UTC.

    Every row adds the time after its begin and takes away the time after its end, so no row is
    cut: time O(rows + cells * periods).

    Raises
    ------
    ArgumentError
        When cells and periods are more than fit into memory.
    """
    step = round(calendar_days * DAY)
    first = int(rows.begin.min())
    since = _MONDAY + (first - _MONDAY) // step * step
    periods = -(-(int(rows.end.max()) - since) // step)
    cells, shape = len(rows.band), (len(rows.band), periods)
    if cells * periods > _MOST:
        raise ArgumentError(
            f"Too much to hold at once: {cells:,} combinations of touchpoints and bands on "
            f"{periods:,} periods of the calendar. Raise `calendar_days`, such as to 7, or name "
            "fewer in `touchpoints`."
        )
    partial, whole = np.zeros(cells * periods), np.zeros(cells * periods)
    for low in range(0, len(rows.owner), _ROWS):
        part = slice(low, low + _ROWS)
        cell = rows.cell[part].astype(np.int64) * periods
        for time, sign in ((rows.begin[part], 1.0), (rows.end[part], -1.0)):
            period = np.minimum((time - since) // step, periods - 1)
            rest = (since + (period + 1) * step - time) / DAY
            partial += sign * np.bincount(cell + period, rest, len(partial))
            whole += sign * np.bincount(cell + period, minlength=len(whole))
    before = np.cumsum(whole.reshape(shape), axis=1) - whole.reshape(shape)
    days: NDArray[np.float64] = partial.reshape(shape) + before * (step / DAY)
    left = rows.event
    period = -(-(rows.end[left] - since) // step) - 1
    at = rows.cell[left].astype(np.int64) * periods + period
    events = np.bincount(at, minlength=cells * periods).astype(np.float64).reshape(shape)
    days[(days < NOTHING) & (events == 0)] = 0.0
    np.maximum(days, NOTHING, out=days, where=events > 0)
    return PersonTime(rows, since, step, days, events)
