"""The look: colours told apart by colour-blind readers and in grey, few lines, no boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import matplotlib.pyplot as plt
from matplotlib.ticker import PercentFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1f2933"
QUIET = "#9aa5b1"
#: Okabe and Ito's colours without yellow, dark enough for lines on white.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5c5c5c")


def axes(ax: Axes | None, *, height: float = 3.6, width: float = 6.4) -> Axes:
    """Return `ax`, or the Axes of a new figure of that size in inches."""
    if ax is not None:
        return ax
    _, new = plt.subplots(figsize=(width, height), layout="constrained")
    return new


def tidy(ax: Axes, *, grid: Literal["x", "y"] | None = None) -> Axes:
    """Take away what carries no information."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(QUIET)
    ax.tick_params(colors=INK, length=3)
    if grid:
        ax.grid(axis=grid, color="#e4e7eb", linewidth=0.8)
        ax.set_axisbelow(True)
    return ax


def percent_axis(ax: Axes, axis: Literal["x", "y"]) -> None:
    """Write shares as whole per cent where the span allows it."""
    target = ax.xaxis if axis == "x" else ax.yaxis
    low, high = target.get_view_interval()
    target.set_major_formatter(PercentFormatter(1.0, decimals=0 if high - low > 0.05 else 1))
