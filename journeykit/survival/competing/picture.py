"""Incidences on top of each other, or as curves with their bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from journeykit.draw import PALETTE, axes, percent_axis, step_curve, tidy
from journeykit.draw.charts import shortened
from journeykit.draw.flows import legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.competing.results import CumulativeIncidences

#: Points a curve needs at most to look the same on paper.
_POINTS = 1_000
_STYLES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")
STAYED = "#dde3e9"


def _thinned(rows: pd.DataFrame, least: int) -> pd.DataFrame:
    """Return the rows with enough under risk, and of these as many as can be told apart."""
    drawn = rows[rows["n_at_risk"] >= least]
    step = -(-len(drawn) // _POINTS) or 1
    return pd.concat([drawn.iloc[:-1:step], drawn.iloc[-1:]])


def draw_stacked(found: CumulativeIncidences, group: str, ax: Axes | None) -> Axes:
    """Stack the ends from the bottom and those still there on top: together everyone."""
    ax = axes(ax, height=4.0)
    bottom: np.ndarray | None = None
    keys, labels = [], []
    for number, cause in enumerate(found.causes):
        rows = _thinned(found.of(group, cause), found.small_cell)
        time = np.concatenate([[0.0], rows["time_days"]])
        share = np.concatenate([[0.0], rows["estimate"]])
        bottom = np.zeros(len(time)) if bottom is None else bottom
        area = ax.fill_between(
            time,
            bottom,
            bottom + share,
            step="post",
            color=PALETTE[number % len(PALETTE)],
            linewidth=0,
        )
        bottom = bottom + share
        keys.append(area)
        labels.append(cause)
    assert bottom is not None
    keys.append(ax.fill_between(time, bottom, 1, step="post", color=STAYED, linewidth=0))
    labels.append("still there")
    ax.set_xlim(0, max(time[-1], 1e-9))
    ax.set_ylim(0, 1)
    percent_axis(ax, "y")
    ax.set_xlabel("days since the start")
    ax.set_ylabel("share of customers")
    if len(found.groups) > 1:
        ax.set_title(shortened(group), loc="left", fontsize=10)
    tidy(ax)
    legend_below(ax, keys, labels)
    return ax


def draw_incidences(found: CumulativeIncidences, groups: tuple[str, ...], ax: Axes | None) -> Axes:
    """Draw a curve and band for every end (its colour) and group (its line)."""
    ax = axes(ax, height=4.0)
    labels = []
    for line, group in enumerate(groups):
        for number, cause in enumerate(found.causes):
            rows = _thinned(found.of(group, cause), found.small_cell)
            labels.append(cause if len(groups) == 1 else f"{cause}, {group}")
            step_curve(
                np.concatenate([[0.0], rows["time_days"]]),
                np.concatenate([[0.0], rows["estimate"]]),
                np.concatenate([[np.nan], rows["conf_low"]]),
                np.concatenate([[np.nan], rows["conf_high"]]),
                ax=ax,
                label=labels[-1],
                color=PALETTE[number % len(PALETTE)],
            )
            ax.lines[-1].set_linestyle(_STYLES[line % len(_STYLES)])
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    percent_axis(ax, "y")
    ax.set_xlabel("days since the start")
    ax.set_ylabel("have come to it")
    legend_below(ax, list(ax.lines), labels)
    return ax
