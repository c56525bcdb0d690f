"""Pictures of what happens again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.draw import INK, PALETTE, axes, step_curve
from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.recurring.mean_count import MeanCount

#: Points a curve needs at most to look the same on paper.
_POINTS = 2_000
#: Points below the axis at which the numbers under risk begin, and from row to row.
_TOP, _ROW = -36, 12


def draw_mean_count(curves: MeanCount, ax: Axes | None) -> Axes:
    """Draw every group while at least `small_cell` are under risk, and never beyond its data."""
    ax = axes(ax, height=3.6 + 0.17 * len(curves.groups))
    for number, group in enumerate(curves.groups):
        rows = curves.of(group)
        drawn = rows[rows["n_at_risk"] >= curves.small_cell]
        step = -(-len(drawn) // _POINTS) or 1
        shown = pd.concat([drawn.iloc[::step], drawn.iloc[-1:]])
        step_curve(
            np.concatenate([[0.0], shown["time_days"]]),
            np.concatenate([[0.0], shown["estimate"]]),
            np.concatenate([[np.nan], shown["conf_low"]]),
            np.concatenate([[np.nan], shown["conf_high"]]),
            ax=ax,
            label=group,
            color=PALETTE[number % len(PALETTE)],
        )
    ax.set_ylim(bottom=0)
    ax.set_xlim(left=0)
    ax.set_xlabel("days since the start")
    ax.set_ylabel("times per customer")
    if len(curves.groups) > 1:
        ax.legend(frameon=False)
    _numbers_at_risk(curves, ax)
    return ax


def _numbers_at_risk(curves: MeanCount, ax: Axes) -> None:
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    at = np.rint(np.array(ticks) * DAY).astype(np.int64)
    many = len(curves.groups) > 1
    _below(ax, 0, "under risk", x=low, color=INK)
    for number, group in enumerate(curves.groups):
        color = PALETTE[number % len(PALETTE)] if many else INK
        for tick, n in zip(ticks, curves.watched[group].at_risk(at), strict=True):
            text = f"{n:,}" if n == 0 or n >= curves.small_cell else f"<{curves.small_cell}"
            _below(ax, number + 1, text, x=tick, color=color)


def _below(ax: Axes, row: int, text: str, *, x: float, color: str) -> None:
    """Write under the axis at a distance in points, so that the layout knows what to leave free."""
    ax.annotate(
        text,
        (x, 0),
        xycoords=ax.get_xaxis_transform(),
        xytext=(0, _TOP - _ROW * row),
        textcoords="offset points",
        annotation_clip=False,
        fontsize=8,
        color=color,
        ha="center" if row else "left",
        va="top",
    )
