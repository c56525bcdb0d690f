"""Hazard ratios on one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from journeykit.draw import INK, PALETTE, QUIET, axes, tidy
from journeykit.draw.charts import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.regression.model import CoxModel


def draw_hazard_ratios(model: CoxModel, ax: Axes | None) -> Axes:
    """Draw each hazard ratio with its interval on a logarithmic axis, the first on top.

    Ratios that are hidden or infinite have no mark; their line says so.
    """
    frame = model.frame
    names = [wrapped(name) for name in model.names]
    lines = sum(max(1, 0.72 * (name.count("\n") + 1)) for name in names)
    ax = axes(ax, height=max(1.8, 0.36 * lines + 1.0))
    at = np.arange(len(frame))
    shown = np.isfinite(frame["estimate"].to_numpy(dtype=float))
    ax.axvline(1, color=QUIET, linewidth=1)
    ax.hlines(
        at[shown],
        frame["hazard_ratio_low"][shown],
        frame["hazard_ratio_high"][shown],
        color=INK,
        linewidth=1.6,
    )
    ax.plot(frame["hazard_ratio"][shown], at[shown], "o", color=PALETTE[0], markersize=6)
    ax.set_xscale("log")
    _ratio_ticks(ax)
    for row in at[~shown]:
        why = "no finite estimate" if model.names[row] in model.infinite else "too few to show"
        ax.text(1, row, f" {why}", va="center", color=INK, fontsize=8)
    ax.set_yticks(at, names)
    ax.set_ylim(len(frame) - 0.4, -0.6)
    ax.set_xlabel(f"hazard ratio with {model.confidence:.0%} interval")
    return tidy(ax, grid="x")


def _ratio_ticks(ax: Axes) -> None:
    """Write ratios as plain numbers, few enough to be read."""
    low, high = ax.get_xlim()
    wide = high / low > 30
    ax.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
