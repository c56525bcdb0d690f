"""From which channel customers go to which, how fast, and how often they are lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.counts.kernels import clustered_cells
from journeykit.journeys.durations import DAY
from journeykit.maps.rates import rates, without_small
from journeykit.stats import ClusterSums, clustered_wilson_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.maps.channels.following import Touches

#: What follows where the customer touches nothing within the time.
NOTHING = "(nothing)"


def handoffs(touches: Touches, /, *, small_cell: int, confidence: float) -> pd.DataFrame:
    """Count what follows the touches of each channel within the time, nothing included.

    Of touches watched for the whole time: `estimate`, the share of the source's that go on to the
    target, with an interval that adds up customers. `median_days` is the median time of those
    steps; `drop` the share of them after which the customer touches nothing within the time, of
    those watched so long again.

    Returns
    -------
    pandas.DataFrame
        ``source target n n_source n_customers estimate conf_low conf_high median_days n_dropped
        n_watched drop drop_low drop_high``, one row a pair that occurs.
    """
    n_channels = len(touches.channels)
    base = n_channels + 1
    kept = np.flatnonzero(touches.ahead)
    cell = touches.channel[kept] * base + touches.next_channel[kept]
    customer = touches.customer[kept]
    begins = np.flatnonzero(np.diff(customer, prepend=-1))
    context = np.repeat(np.arange(n_channels), base)
    cells, contexts = clustered_cells(
        cell,
        context,
        np.ones(len(context), dtype=bool),
        np.append(begins, len(cell)),
        np.arange(len(begins)),
        len(context),
        n_channels,
    )
    n, who, squares, cross, only = cells.T
    n_source, source_customers, source_squares = contexts[context].T
    rarer = np.minimum(who, source_customers - only)
    sums = ClusterSums(n, n_source, squares, cross, source_squares, source_customers, rarer)
    low, high = clustered_wilson_interval(sums, confidence=confidence)
    met = np.flatnonzero(n)
    names = np.array([*touches.channels, NOTHING], dtype=object)
    frame = pd.DataFrame(
        {
            "source": names[met // base],
            "target": names[met % base],
            "n": n[met],
            "n_source": n_source[met],
            "n_customers": who[met],
            "estimate": n[met] / n_source[met],
            "conf_low": low[met],
            "conf_high": high[met],
        }
    )
    frame = frame.assign(
        median_days=_medians(touches, kept, cell, met, base), **_drops(touches, met, confidence)
    )
    hide = [column for column in frame.columns[2:] if column != "n_source"]
    return without_small(frame, hide=hide, small_cell=small_cell)


def _medians(
    touches: Touches,
    kept: NDArray[np.int64],
    cell: NDArray[np.int64],
    met: NDArray[np.int64],
    base: int,
) -> NDArray[np.float64]:
    """Return the median gap of each pair in days; nothing has none."""
    gap = touches.gap[kept]
    order = np.lexsort((gap, cell))
    begin = np.searchsorted(cell[order], met)
    size = np.searchsorted(cell[order], met, side="right") - begin
    middle = (gap[order[begin + (size - 1) // 2]] / DAY + gap[order[begin + size // 2]] / DAY) / 2
    return np.where(met % base == base - 1, np.nan, middle)


def _drops(
    touches: Touches, met: NDArray[np.int64], confidence: float
) -> dict[str, NDArray[np.generic]]:
    """Return how often nothing follows the target of each pair."""
    base = len(touches.channels) + 1
    # The step ends at the next event, which must itself be watched long enough.
    step = np.flatnonzero(touches.next_channel[:-1] < base - 1)
    step = step[touches.ahead[step + 1]]
    cell = touches.channel[step] * base + touches.next_channel[step]
    lost = touches.next_channel[step + 1] == base - 1
    found = rates(
        cell, lost, touches.customer[step], n_groups=base * (base - 1), confidence=confidence
    )
    return {
        "n_dropped": found.n_event[met],
        "n_watched": found.n[met],
        "drop": found.estimate[met],
        "drop_low": found.conf_low[met],
        "drop_high": found.conf_high[met],
    }
