"""Pictures of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def draw_ratios(frame: pd.DataFrame, ratio: str, label: str, ax: Axes | None) -> Axes:
    """Draw ratios and their intervals on a logarithmic scale, 1 being no difference."""
    told = frame[frame[ratio].notna()]
    at = np.arange(len(told))
    ax = axes(ax, height=max(1.8, 0.36 * len(told) + 1.0))
    ax.axvline(1, color=QUIET, linewidth=1)
    ax.hlines(at, told["ratio_low"], told["ratio_high"], color=INK, linewidth=1.6)
    ax.plot(told[ratio], at, "o", color=PALETTE[0], markersize=7)
    ax.set_yticks(at, [wrapped(term) for term in told["term"]])
    ax.invert_yaxis()
    ax.margins(y=0.12)
    ax.set_xscale("log")
    _few_ticks(ax)
    ax.set_xlabel(label)
    return tidy(ax, grid="x")


def draw_comparison(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw by how much each AIC is above the lowest."""
    ax = axes(ax, height=0.4 * len(frame) + 1.0)
    bars = ax.barh(range(len(frame)), frame["delta_aic"], color=PALETTE[0], height=0.6)
    ax.bar_label(bars, [f"{gap:,.1f}" for gap in frame["delta_aic"]], padding=3, color=INK)
    ax.set_yticks(range(len(frame)), frame["distribution"])
    ax.invert_yaxis()
    ax.margins(x=0.14)
    ax.set_xlabel("AIC above the lowest")
    return tidy(ax, grid="x")


def draw_periods(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw what share of those under risk left in each period, and what the model says."""
    ax = axes(ax)
    ax.plot(frame["time_days"], frame["observed"], "o", color=QUIET, markersize=4, label="observed")
    ax.plot(frame["time_days"], frame["estimate"], color=PALETTE[0], linewidth=1.8, label="model")
    ax.set_ylim(bottom=0)
    ax.set_xlim(left=0)
    percent_axis(ax, "y")
    ax.set_xlabel("days since the start, end of the period")
    ax.set_ylabel("leave in the period")
    ax.legend(frameon=False)
    return tidy(ax, grid="y")


def _few_ticks(ax: Axes) -> None:
    """Write a handful of plain numbers along a logarithmic axis."""
    low, high = ax.get_xlim()
    nice = np.array([a * 10.0**b for b in range(-6, 7) for a in (1, 2, 5)])
    inside = nice[(nice >= low) & (nice <= high)]
    if len(inside) < 3:
        inside = np.array(MaxNLocator(5).tick_values(low, high))
        inside = inside[(inside >= low) & (inside <= high) & (inside > 0)]
    step = -(-len(inside) // 7)
    ax.set_xticks(inside[::step])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
