"""Intervals on the scale on which an estimate is nearly normal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Where an estimate lives: in (0, 1), above 0, or anywhere.
Scale = Literal["share", "positive", "plain"]


class Bounds(NamedTuple):
    """Standard error, lower and upper bound."""

    std_error: float
    conf_low: float
    conf_high: float


def bounded(
    estimate: float, influence: NDArray[np.float64], scale: Scale, confidence: float, /
) -> Bounds:
    """Bound an estimate by what each customer adds to it, on the logit, log or its own scale.

    The variance is the sum of squares of `influence`, the derivatives in the customers' weights. It
    is itself estimated, the worse the more few customers decide: the quantile is Student's, with
    the degrees of freedom of a chi-squared variable that varies as much as that sum,
    2 S2^2 / (S4 - S2^2 / n) with S2 and S4 the sums of squares and of fourth powers. Bounds are
    missing where the estimate is at the edge of its scale: there the error tells nothing.
    """
    squares = influence**2
    variance, n = float(squares.sum()), len(influence)
    error = float(np.sqrt(variance))
    if not np.isfinite(estimate) or not np.isfinite(error):
        return Bounds(np.nan, np.nan, np.nan)
    noise = float((squares**2).sum()) - variance**2 / n
    freedom = 2 * variance**2 / noise if noise > 1e-12 * variance**2 else np.inf
    half = float(stats.t.isf((1 - confidence) / 2, min(max(freedom, 1.0), 1e9))) * error
    if scale == "plain":
        return Bounds(error, estimate - half, estimate + half)
    if estimate <= 0 or (scale == "share" and estimate >= 1):
        return Bounds(error, np.nan, np.nan)
    if scale == "positive":
        stretch = np.exp(half / estimate)
        return Bounds(error, float(estimate / stretch), float(estimate * stretch))
    middle = np.log(estimate / (1 - estimate))
    reach = half / (estimate * (1 - estimate))
    low, high = 1 / (1 + np.exp(-(middle + np.array([-reach, reach]))))
    return Bounds(error, float(low), float(high))
