"""Survival curves with the numbers at risk below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.draw import INK, PALETTE, axes, percent_axis, step_curve, tidy
from journeykit.journeys.durations import DAY
from journeykit.survival.lives import CENSORED, LEFT, LEFT_OUT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.curves import KaplanMeier
    from journeykit.survival.lives import LifetimesAudit

#: Points a curve needs at most to look the same on paper.
_POINTS = 2_000
#: Points below the axis at which the numbers under risk begin, and from row to row.
_TOP, _ROW = -36, 12


def draw_curves(curves: KaplanMeier, ax: Axes | None) -> Axes:
    """Draw every group while at least `small_cell` are under risk, and never beyond its data."""
    ax = axes(ax, height=3.6 + 0.17 * len(curves.groups))
    for number, group in enumerate(curves.groups):
        rows = curves.of(group)
        drawn = rows[rows["n_at_risk"] >= curves.small_cell]
        step = -(-len(drawn) // _POINTS) or 1
        shown = pd.concat([drawn.iloc[::step], drawn.iloc[-1:]])
        step_curve(
            np.concatenate([[0.0], shown["time_days"]]),
            np.concatenate([[1.0], shown["estimate"]]),
            np.concatenate([[np.nan], shown["conf_low"]]),
            np.concatenate([[np.nan], shown["conf_high"]]),
            ax=ax,
            label=group,
            color=PALETTE[number % len(PALETTE)],
        )
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    percent_axis(ax, "y")
    ax.set_xlabel("days since the start")
    ax.set_ylabel("still there")
    if len(curves.groups) > 1:
        ax.legend(frameon=False)
    _numbers_at_risk(curves, ax)
    return ax


def draw_population(audit: LifetimesAudit, ax: Axes | None) -> Axes:
    """Draw the lines of the audit that together are all customers, with their numbers."""
    step = audit.frame["step"]
    lines = audit.frame[step.isin([LEFT, CENSORED]) | step.str.startswith(LEFT_OUT)]
    ax = axes(ax, height=0.34 * len(lines) + 0.9)
    bars = ax.barh(range(len(lines)), lines["n"], color=PALETTE[0], height=0.62)
    ax.bar_label(bars, [f"{n:,}" for n in lines["n"]], padding=3, color=INK, fontsize=9)
    ax.set_yticks(range(len(lines)), lines["step"])
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set_xlabel("customers")
    return tidy(ax, grid="x")


def _numbers_at_risk(curves: KaplanMeier, ax: Axes) -> None:
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    at = np.rint(np.array(ticks) * DAY).astype(np.int64)
    many = len(curves.groups) > 1
    _below(ax, 0, "under risk", x=low, color=INK)
    for number, group in enumerate(curves.groups):
        color = PALETTE[number % len(PALETTE)] if many else INK
        for tick, n in zip(ticks, curves.tables[group].at_risk_just_before(at), strict=True):
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
