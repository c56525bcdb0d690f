"""Intervals of ratios of sums over customers: touches by days watched, and average scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.stats import wilson_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Bounded(NamedTuple):
    """Estimates and their bounds, arrays of one shape; NaN where nothing is known."""

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class _Ratio(NamedTuple):
    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    clusters: NDArray[np.int64]


def ratio_interval(
    group: NDArray[np.int64],
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    /,
    *,
    n_groups: int,
    confidence: float,
) -> Bounded:
    """Bound sum x / sum m of each group of customers, both above 0.

    The variance is the linearised one, C/(C-1) sum (x_c - r m_c)^2 / (sum m)^2, and the interval
    r exp(+-t se / r) with Student's t of C - 1 degrees of freedom: a ratio above 0 is skewed. With
    one customer, or where all have the same ratio, the bounds are NaN: nothing tells the spread.

    Parameters
    ----------
    group : array of whole numbers, shape (c,)
        Group of each customer.
    above, below : arrays, shape (c,)
        x and m.
    """
    r = _ratio(group, above, below, n_groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = _student(r.clusters, confidence) * r.std_error / r.estimate
        told = (half > 0) & np.isfinite(half)
        low, high = r.estimate * np.exp(-half), r.estimate * np.exp(half)
    return Bounded(r.estimate, np.where(told, low, np.nan), np.where(told, high, np.nan))


def score_interval(
    group: NDArray[np.int64],
    summed: NDArray[np.float64],
    answers: NDArray[np.float64],
    /,
    *,
    n_groups: int,
    confidence: float,
) -> Bounded:
    """Bound the average of scores from -1 to 1, of which a customer may give several.

    Brought to p = (1 + score) / 2, the interval is Student's on the scale of log p / (1 - p) with
    the linearised standard error of clusters, so it never leaves -1 to 1. With one customer, or
    where all have said the same, it is Wilson's of as many answers as there are customers.

    Parameters
    ----------
    group, summed, answers : arrays, shape (c,)
        Group of each customer, the sum of the scores and their number.
    """
    r = _ratio(group, (summed + answers) / 2, answers, n_groups)
    p = r.estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.log(p / (1 - p))
        half = _student(r.clusters, confidence) * r.std_error / (p * (1 - p))
        bounds = [1 / (1 + np.exp(-(middle + sign * half))) for sign in (-1, 1)]
    told = np.isfinite(middle) & np.isfinite(half) & (half > 0)
    edge = wilson_interval(p * r.clusters, r.clusters, confidence=confidence)
    low, high = (np.where(told, a, b) for a, b in zip(bounds, edge, strict=True))
    return Bounded(2 * p - 1, 2 * low - 1, 2 * high - 1)


def _ratio(
    group: NDArray[np.int64],
    x: NDArray[np.float64],
    m: NDArray[np.float64],
    n_groups: int,
) -> _Ratio:
    """Return sum x / sum m by group with the linearised standard error."""

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(group, weights=values, minlength=n_groups).astype(np.float64)

    clusters = np.bincount(group, minlength=n_groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(total(m) > 0, total(x) / total(m), np.nan)
        # Two passes: squares of sums would lose a small spread to rounding.
        spread = total((x - ratio[group] * m) ** 2)
        variance = clusters / (clusters - 1) * spread / total(m) ** 2
    flat = spread <= 1e-18 * np.maximum(total(x**2), 1e-300)
    return _Ratio(ratio, np.where(flat, 0.0, np.sqrt(variance)), clusters)


def _student(clusters: NDArray[np.int64], confidence: float) -> NDArray[np.float64]:
    from scipy.special import stdtrit

    quantile = stdtrit(np.maximum(clusters - 1, 1), (1 + confidence) / 2)
    return np.where(clusters > 1, quantile, np.nan)
