"""Intervals of shares when of some customers it is not known yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_fraction
from journeykit.stats.intervals import Interval, wilson_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Halvings of an interval shorter than 1: to the last digit.
_HALVINGS = 60


def bounded_wilson_interval(
    n_event: ArrayLike, n_unknown: ArrayLike, n: ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Bound a share whatever the unknown outcomes are.

    With x events and u unknown outcomes among n customers the share lies between that of x and
    that of x + u. The lower bound is Wilson's of x, the upper one Wilson's of x + u, both at the
    critical value c of Imbens and Manski: Phi(c + u / (n se)) - Phi(-c) = `confidence`, with se the
    larger standard error of both shares. Without unknown outcomes it is Wilson's interval; with
    many the share can be near one bound only, and c is that of a one-sided interval. Coverage is at
    least `confidence` (asymptotically), and equal to it when all, or none, of the unknown outcomes
    turn out to be events.

    Parameters
    ----------
    n_event, n_unknown, n : arrays of one shape
        Customers with the event, with an unknown outcome, and all.
    confidence : float in (0, 1)

    Returns
    -------
    Interval
        NaN where `n` is 0.

    References
    ----------
    Imbens, Manski (2004), Confidence intervals for partially identified parameters,
    Econometrica 72.
    """
    check_fraction("confidence", confidence)
    least, total = np.asarray(n_event, dtype=np.float64), np.asarray(n, dtype=np.float64)
    most = least + np.asarray(n_unknown, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.maximum(least * (total - least), most * (total - most)) / total**3)
        width = np.where(most > least, (most - least) / total / error, 0.0)
    level = _level(width, confidence)
    pairs = [
        (wilson_interval(a, t, confidence=c).low, wilson_interval(b, t, confidence=c).high)
        for a, b, t, c in zip(*map(np.ravel, (least, most, total, level)), strict=True)
    ]
    low, high = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return Interval(low.reshape(least.shape), high.reshape(least.shape))


def _level(width: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    """Return the level of the two-sided interval whose critical value is Imbens and Manski's."""
    from scipy.special import ndtr, ndtri

    low = np.full(width.shape, ndtri(confidence))
    high = np.full(width.shape, ndtri((1 + confidence) / 2))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = ndtr(middle + width) - ndtr(-middle) >= confidence
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    level: NDArray[np.float64] = 2 * ndtr(high) - 1
    return np.where(width == 0, confidence, level)
