"""Intervals of rates and cumulative hazards, which are sums over events of one over some n."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaincinv

from journeykit.stats.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def event_interval(
    estimate: ArrayLike,
    variance: ArrayLike,
    /,
    *,
    step: ArrayLike,
    step_square: ArrayLike,
    confidence: float,
    variance_above: ArrayLike | None = None,
) -> Interval:
    """Bound a sum over events by quantiles of gamma distributions of its mean and variance.

    For a Poisson count they are those with half an event more than counted, between the exact
    bounds and those of the count itself: exact bounds cover too often, and far too often where
    there are few events. For sums of unequal steps the half event more is half of a mean step.

    Parameters
    ----------
    estimate, variance : arrays of one shape
    step, step_square : arrays of that shape
        Mean size, and mean square, of what one more event would add. NaN where nothing could be.
    confidence : float in (0, 1)
    variance_above : array, optional
        Variance for the upper bound, where less is known of what did not happen.

    References
    ----------
    Fay, Feuer (1997), Confidence intervals for directly standardized rates, Statistics in
    Medicine 16; Fay, Kim (2017), Confidence intervals for directly standardized rates using mid-p
    gamma intervals, Biometrical Journal 59.
    """
    value, low_variance = (np.asarray(part, dtype=np.float64) for part in (estimate, variance))
    tail = (1 - confidence) / 2
    above = low_variance if variance_above is None else np.asarray(variance_above)
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = value**2 / low_variance + 0.5
        low = gammaincinv(shape, tail) * low_variance / value
        mean = value + np.asarray(step) / 2
        spread = above + np.asarray(step_square) / 2
        high = gammaincinv(mean**2 / spread, 1 - tail) * spread / mean
    none = np.where(np.isnan(high), np.nan, 0.0)
    return Interval(np.where(value > 0, np.minimum(low, value), none), np.maximum(high, value))
