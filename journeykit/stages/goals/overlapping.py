"""Which journeys customers make besides which, and for how much of the time both are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.stages.goals.kernels import shared_time
from journeykit.stats import ClusterSums, clustered_wilson_interval, wilson_interval
from journeykit.stats.disclosure import emptied, small

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.stages.goals.cutting import GoalCases


def overlaps(cases: GoalCases, /, *, small_cell: int, confidence: float) -> pd.DataFrame:
    """Tabulate for every two kinds how many customers have both, and when both are open.

    Returns
    -------
    DataFrame
        One row a `source` and a `target` that differ: `n`, customers with a case of the source;
        `n_event`, of those with one of the target too; `share conf_low conf_high`, of customers
        (Wilson's); `time_share time_low time_high`, the share of the open time of the source
        during which the same customer has a case of the target open (clustered by customer);
        what rests on less than `small_cell` customers is missing.
    """
    ids, who = np.unique(cases.customer, return_inverse=True)
    n_kinds = len(cases.names)
    has = np.zeros((len(ids), n_kinds), dtype=np.int64)
    has[who, cases.kind] = 1
    both = has.T @ has
    time = _shared(cases, who, len(ids))
    source, target = np.nonzero(~np.eye(n_kinds, dtype=bool))
    n, n_both = both[source, source], both[source, target]
    low, high = wilson_interval(n_both, n, confidence=confidence)
    s, x, ss, sx, xx, some, less = np.moveaxis(time[source, target], -1, 0)
    sums = ClusterSums(s, x, ss, sx, xx, n, np.minimum(some, less))
    time_low, time_high = clustered_wilson_interval(sums, confidence=confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, time_share = n_both / n, s / x
    names = np.array(cases.names, dtype=object)
    frame = pd.DataFrame(
        {
            "source": names[source],
            "target": names[target],
            "n": n,
            "n_event": n_both,
            "share": share,
            "conf_low": low,
            "conf_high": high,
            "time_share": time_share,
            "time_low": time_low,
            "time_high": time_high,
        }
    )
    few = small(np.diag(both), small_cell)
    rest = np.diag(both)[:, None] - both
    risky = small(both, small_cell) | small(rest, small_cell)
    # What is hidden in one direction must not be told by the other.
    hidden = (few[:, None] | few | risky | risky.T)[source, target]
    shares = ("n_event", "share", "conf_low", "conf_high", "time_share", "time_low", "time_high")
    return emptied(frame, {"n": few[source], **dict.fromkeys(shares, hidden)})


def _shared(cases: GoalCases, who: NDArray[np.int64], n_customers: int) -> NDArray[np.float64]:
    """Return sums of the time that two kinds are open together; see `shared_time`."""
    n_kinds = len(cases.names)
    cell = who * n_kinds + cases.kind
    order = np.lexsort((cases.begin, cell))
    first = np.searchsorted(cell[order], np.arange(n_customers * n_kinds + 1))
    found: NDArray[np.float64] = shared_time(cases.begin[order], cases.end[order], first, n_kinds)
    return found
