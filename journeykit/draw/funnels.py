"""Funnels as bars with intervals, and cohorts as a triangle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw.basics import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import shortened, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


def funnel_bars(
    labels: Sequence[str],
    groups: Sequence[str],
    share: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    notes: Sequence[Sequence[str]],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw a bar with its interval for each step and group, steps from top to bottom.

    Parameters
    ----------
    labels, groups : sequences of str
    share, low, high : arrays of shape (groups, steps)
        Nothing is drawn where they are empty.
    notes : sequence of sequence of str
        Written behind each bar.
    """
    many = len(groups)
    ax = axes(ax, height=max(1.8, 0.36 * len(labels) * (1 + 0.6 * (many - 1)) + 1.0))
    thick = 0.8 / many
    for g, group in enumerate(groups):
        at = np.arange(len(labels)) - 0.4 + thick * (g + 0.5)
        color = PALETTE[g % len(PALETTE)]
        ax.barh(at, share[g], color=color, alpha=0.85, height=thick * 0.92, label=shortened(group))
        ax.hlines(at, low[g], high[g], color=INK, linewidth=1.6)
        for place, value, top, note in zip(at, share[g], high[g], notes[g], strict=True):
            if np.isfinite(value) or np.isfinite(top):
                ends = np.nanmax([value, top])
                ax.annotate(
                    note, (ends, place), (4, 0), textcoords="offset points", va="center",
                    fontsize=8, color=INK,
                )  # fmt: skip
    ax.set_yticks(np.arange(len(labels)), [wrapped(label) for label in labels])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.22)
    ax.set_xticks(np.linspace(0, 1, 6))
    percent_axis(ax, "x")
    if many > 1:
        ax.legend(frameon=False, loc="lower right")
    return tidy(ax, grid="x")


def cohort_triangle(
    table: NDArray[np.float64],
    complete: NDArray[np.bool_],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    ax: Axes | None = None,
) -> Axes:
    """Draw shares by cohort and age; ages not yet watched whole are hatched, unseen ones empty."""
    from matplotlib.patches import Rectangle

    ax = axes(ax, height=max(2.0, 0.32 * len(rows) + 1.2), width=max(4.0, 0.5 * len(columns) + 2.4))
    ax.imshow(np.ma.masked_invalid(table), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        if not np.isfinite(value):
            continue
        color = "white" if value > 0.6 else INK
        ax.text(column, row, f"{value:.0%}", ha="center", va="center", fontsize=7, color=color)
        if not complete[row, column]:
            corner = (column - 0.5, row - 0.5)
            ax.add_patch(
                Rectangle(corner, 1, 1, fill=False, hatch="///", edgecolor=QUIET, linewidth=0)
            )
    ax.set_xticks(np.arange(len(columns)), [shortened(c, 24) for c in columns])
    ax.set_yticks(np.arange(len(rows)), [shortened(r, 34) for r in rows])
    for side in ax.spines.values():
        side.set_color(QUIET)
    return ax
