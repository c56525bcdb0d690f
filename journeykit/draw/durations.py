"""Durations from milliseconds to years on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw.basics import INK, PALETTE, axes, tidy
from journeykit.draw.charts import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

_TICKS = {
    0.001: "1 ms", 0.01: "10 ms", 0.1: "0.1 s", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min",
    3600: "1 h", 36_000: "10 h", 86_400: "1 day", 864_000: "10 days", 8_640_000: "100 days",
    86_400_000: "1,000 days",
}  # fmt: skip


def duration_bars(
    labels: Sequence[str],
    *,
    median: ArrayLike,
    band: tuple[ArrayLike, ArrayLike],
    interval: tuple[ArrayLike, ArrayLike],
    ax: Axes | None = None,
) -> Axes:
    """Draw medians in seconds with their intervals over the bands of the middle half.

    The axis is logarithmic; zero stands at its left end, a bound that is not reached at its right.
    """
    ax = axes(ax, height=max(1.6, 0.34 * len(labels) + 0.9))
    middle, low, high, lower, upper = (
        np.asarray(values, dtype=float) for values in (median, *band, *interval)
    )
    everything = np.concatenate([middle, low, high, lower, upper])
    positive = everything[np.isfinite(everything) & (everything > 0)]
    left, right = (positive.min() / 1.5, positive.max() * 1.5) if len(positive) else (0.5, 2.0)
    at = np.arange(len(labels))

    def placed(values: np.ndarray, missing: float) -> np.ndarray:
        return np.maximum(np.where(np.isnan(values), missing, values), left)

    ax.hlines(at, placed(low, left), placed(high, right), color=PALETTE[0], alpha=0.3, linewidth=9)
    ax.hlines(at, placed(lower, left), placed(upper, right), color=INK, linewidth=1.6)
    ax.plot(placed(middle, right), at, "o", color=PALETTE[0], markersize=5)
    ax.set_xscale("log")
    ax.set_xlim(left, right)
    ticks = [tick for tick in _TICKS if left <= tick <= right]
    if len(ticks) > 1:
        ax.set_xticks(ticks, [_TICKS[tick] for tick in ticks], rotation=30, ha="right")
        ax.minorticks_off()
    ax.set_yticks(at, [wrapped(label) for label in labels])
    ax.invert_yaxis()
    return tidy(ax, grid="x")
