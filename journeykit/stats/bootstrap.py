"""Intervals from bootstrap draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_fraction
from journeykit.stats.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray


def accelerated_interval(
    draws: NDArray[np.float64], estimate: NDArray[np.float64], /, *, confidence: float = 0.95
) -> Interval:
    """Bound estimates by quantiles of their draws, bias-corrected and accelerated (BCa).

    The levels of the quantiles are moved by z0, how far the estimate is from the draws' median,
    and by a, a sixth of the draws' skewness, which for a sum over customers is Efron's
    acceleration. Where few customers decide, plain percentiles miss on the side the draws lean to.

    Parameters
    ----------
    draws : array of float64, shape (n_draws, ...)
    estimate : array of float64, shape (...)
    confidence : float in (0, 1)

    Returns
    -------
    Interval
        Missing where the draws do not vary: the bootstrap then knows nothing of how far the
        estimate could move.

    References
    ----------
    Efron (1987), Better bootstrap confidence intervals, JASA 82.
    """
    check_fraction("confidence", confidence)
    from scipy.special import ndtr, ndtri

    n = len(draws)
    flat, middle = draws.reshape(n, -1), np.asarray(estimate, dtype=float).ravel()
    spread = flat.std(axis=0)
    bounds = np.full((2, flat.shape[1]), np.nan)
    half = float(ndtri((1 + confidence) / 2))
    for column in np.flatnonzero(spread > 1e-12):
        drawn = flat[:, column]
        below = (drawn < middle[column]).sum() + (drawn == middle[column]).sum() / 2
        z0 = ndtri((below + 0.5) / (n + 1))
        a = float(((drawn - drawn.mean()) ** 3).mean() / spread[column] ** 3) / 6
        z = z0 + np.array([-half, half])
        # With very skewed draws the correction runs off to infinity before z: no draw is beyond.
        room = 1 - a * z
        beyond = np.where(z > 0, np.inf, -np.inf)
        levels = ndtr(z0 + np.where(room > 0, z / np.where(room > 0, room, 1), beyond))
        # Of n draws, the k-th stands for k / (n + 1).
        bounds[:, column] = np.quantile(drawn, levels, method="weibull")
    low, high = bounds.reshape(2, *draws.shape[1:])
    return Interval(low, high)
