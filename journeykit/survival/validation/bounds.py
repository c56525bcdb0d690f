"""Intervals on the scale on which an estimate is nearly normal."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

#: Where an estimate lives: in (0, 1), above 0, or anywhere.
Scale = Literal["share", "positive", "plain"]


class Bounds(NamedTuple):
    """Lower and upper."""

    low: float
    high: float


def bounded(estimate: float, error: float, scale: Scale, confidence: float, /) -> Bounds:
    """Bound an estimate by its standard error, on the logit, log or its own scale.

    Missing where the estimate is at the edge of its scale: there the error tells nothing.
    """
    half = float(stats.norm.isf((1 - confidence) / 2)) * error
    if not np.isfinite(half):
        return Bounds(np.nan, np.nan)
    if scale == "plain":
        return Bounds(estimate - half, estimate + half)
    if estimate <= 0 or (scale == "share" and estimate >= 1):
        return Bounds(np.nan, np.nan)
    if scale == "positive":
        stretch = np.exp(half / estimate)
        return Bounds(float(estimate / stretch), float(estimate * stretch))
    middle = np.log(estimate / (1 - estimate))
    reach = half / (estimate * (1 - estimate))
    low, high = 1 / (1 + np.exp(-(middle + np.array([-reach, reach]))))
    return Bounds(float(low), float(high))
