"""Do as many leave as were predicted to: customers in bins of predicted risk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.counts import life_counts
from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.survival.curves import product_limit
from journeykit.survival.curves.tables import life_table
from journeykit.survival.validation.watched import Watched

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Calibration(Result):
    """``time_days bin n n_event n_at_risk predicted estimate conf_low conf_high``, a row a bin.

    Bins hold about equally many customers, in order of predicted risk; `predicted` is their mean
    risk of having left by the day and `estimate` the share that had, 1 - Kaplan-Meier, with the
    log(-log) interval; `n_event` left by then and `n_at_risk` were in sight afterwards. The
    estimate is empty where nobody of the bin was in sight for so long.
    """

    rows: ClassVar[str] = "bins"

    def summary(self) -> str:
        """Return how many intervals hold the predicted risk."""
        told = self.frame.dropna(subset=["conf_low"])
        held = told["predicted"].between(told["conf_low"], told["conf_high"])
        return f"{int(held.sum())} of {len(told)} bins left as predicted, within their intervals"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what was observed against what was predicted; on the diagonal both are one."""
        from journeykit.survival.validation.pictures import draw_calibration

        return draw_calibration(self.frame, ax)


def calibration_bins(
    people: Watched,
    risk: NDArray[np.float64],
    day: float,
    /,
    *,
    bins: int,
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    """Return the frame of `Calibration` at one day."""
    code = risk_bins(risk, bins=bins, small_cell=small_cell)
    n_bins = int(code.max()) + 1
    # Counts keep their groups in the order of the alphabet.
    groups = tuple(f"{number:09d}" for number in range(n_bins))
    time = round(day * DAY)
    # What happens after the day does not matter, and few times are quick to count.
    counts = life_counts(
        people.entry,
        np.minimum(people.exit, time + 1),
        people.event & (people.exit <= time),
        group=code,
        groups=groups,
    )
    records = []
    for number in range(n_bins):
        table = life_table(counts, number)
        curve = product_limit(table.n_at_risk, table.n_event, confidence=confidence)
        row = int(np.searchsorted(table.time, time, side="right")) - 1
        mine = code == number
        after = int((people.exit[mine] > time).sum())
        found = [np.nan] * 3
        if time <= table.time[-1]:
            found = [0.0, np.nan, np.nan]
            if row >= 0:
                found = [1 - float(part[row]) for part in (curve[0], curve[3], curve[2])]
        n_event = int((people.event[mine] & (people.exit[mine] <= time)).sum())
        predicted = float(risk[mine].mean())
        records.append((day, number + 1, int(mine.sum()), n_event, after, predicted, *found))
    own = ["time_days", "bin", "n", "n_event", "n_at_risk", "predicted"]
    return pd.DataFrame.from_records(records, columns=[*own, "estimate", "conf_low", "conf_high"])


def risk_bins(risk: NDArray[np.float64], /, *, bins: int, small_cell: int) -> NDArray[np.int64]:
    """Cut customers into bins of about equal size, those of one risk together.

    No bin has fewer than `small_cell` customers, unless all together are fewer.
    """
    values, place = np.unique(risk, return_inverse=True)
    size = np.bincount(place)
    wanted = max(len(risk) / bins, small_cell)
    number, filled, code = 0, 0, np.empty(len(values), dtype=np.int64)
    if len(values) > 10 * bins:
        # Of many different risks, each is a small part of a bin.
        middle = np.cumsum(size) - size / 2
        many = max(1, int(len(risk) // wanted))
        code = np.minimum((middle * many / len(risk)).astype(np.int64), many - 1)
        return np.asarray(code[place])
    for at, more in enumerate(size):
        code[at] = number
        filled += more
        if filled >= wanted:
            number, filled = number + 1, 0
    if filled and filled < small_cell and number > 0:
        code[code == number] = number - 1
    return np.asarray(code[place])
