"""Intervals of shares: the bootstrap over customers, one pass for any model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.attribution.drawing import drawers_of, sums_of
from journeykit.checks import check_fraction, check_whole
from journeykit.stats.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy import sparse

    from journeykit.attribution.touch_paths import TouchPaths

#: Replicates are drawn in blocks that keep within 64 MB, and mostly within a cache.
_BLOCK, _AT_ONCE = 1 << 23, 256


def check_bootstrap(*, replicates: int, seed: int, confidence: float) -> None:
    """Check the arguments that every bootstrap takes."""
    check_whole("replicates", replicates, least=2)
    check_whole("seed", seed)
    check_fraction("confidence", confidence)


def replicated(
    paths: TouchPaths,
    statistics: sparse.csr_array,
    shares: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    replicates: int,
    seed: int,
) -> NDArray[np.float64]:
    """Recompute shares on bootstrap samples of the customers.

    Parameters
    ----------
    paths : TouchPaths
    statistics : sparse array, shape (n_rows, k)
        What one journey of each row adds to the k sums that `shares` needs.
    shares : callable
        From sums, shape (b, k), to shares, shape (b, s); NaN where a sample tells nothing.

    Returns
    -------
    array of float64, shape (replicates, s)
    """
    size = max(1, min(_AT_ONCE, _BLOCK // statistics.shape[1]))
    drawers = drawers_of(paths.n, paths.customers)
    blocks = (range(begin, min(begin + size, replicates)) for begin in range(0, replicates, size))
    return np.concatenate(
        [shares(sums_of(drawers, statistics, block, seed=seed)) for block in blocks]
    )


def percentile_interval(draws: NDArray[np.float64], *, confidence: float) -> Interval:
    """Bound each column by the quantiles of its draws, shape (replicates, s).

    Missing draws are left out. Missing where the draws do not vary: the bootstrap then knows
    nothing of how far the share could move.
    """
    bounds = np.full((2, draws.shape[1]), np.nan)
    levels = [(1 - confidence) / 2, (1 + confidence) / 2]
    known = np.isfinite(draws)
    some = known.any(axis=0)
    # Of R draws, the k-th stands for k / (R + 1): with R of 200 any other rule covers less.
    bounds[:, some] = np.nanquantile(draws[:, some], levels, axis=0, method="weibull")
    # Shares are at most 1: what differs by less than 1e-12 differs by rounding alone.
    bounds[:, bounds[1] - bounds[0] < 1e-12] = np.nan
    return Interval(bounds[0], bounds[1])
