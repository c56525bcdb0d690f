"""The touchpoint matrix as a heat map: what is known as colour and number, what is not hatched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.maps.touchpoints import grouping
from journeykit.maps.touchpoints.touching import PER_DAYS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.maps.touchpoints.matrix import TouchpointMatrix

#: Narrow enough that letters stay readable on a phone.
_WIDTH = 4.9
#: Column of each choice; whether it is a share; whether unobserved parts make it a lower bound.
_CHOICES = {
    "reach": ("share", True, True),
    "frequency": ("frequency", False, True),
    "score": ("score", False, False),
    "positive": ("positive", True, False),
    "next_stage": ("next_stage", True, False),
}
_SAID = {
    grouping.UNSEEN: "not\nobserved",
    grouping.UNSAID: "not said",
    grouping.NONE_HERE: "no events\nhere",
}


def matrix_chart(matrix: TouchpointMatrix, shown: str, ax: Axes | None) -> Axes:
    """Draw one number of each cell; channels are rows, phases columns."""
    from journeykit.draw import INK, QUIET, axes
    from journeykit.draw.charts import shortened

    frame = matrix.frame
    column, _, _ = _CHOICES[shown]
    channels = list(dict.fromkeys(frame["channel"]))
    phases = list(dict.fromkeys(frame["phase"]))
    ax = axes(ax, height=0.52 * len(channels) + 1.7, width=_WIDTH)
    values = np.full((len(channels), len(phases)), np.nan)
    at = [(channels.index(row.channel), phases.index(row.phase)) for row in frame.itertuples()]
    for place, value in zip(at, frame[column], strict=True):
        values[place] = value
    low = -1 if shown == "score" else 0
    most = 1.0 if shown == "score" else max(float(np.nanmax(values, initial=0)), 1e-9)
    ax.imshow(
        np.ma.masked_invalid(values), vmin=low, vmax=most, aspect="auto",
        cmap="PuOr_r" if shown == "score" else "Blues",
    )  # fmt: skip
    for place, (_, row) in zip(at, frame.iterrows(), strict=True):
        _cell(ax, place, row, shown, dark=0.6 * most)
    ax.set_xticks(np.arange(len(phases)), [shortened(phase, 14) for phase in phases])
    ax.set_yticks(np.arange(len(channels)), [shortened(name, 18) for name in channels])
    ax.tick_params(colors=INK, length=0, labelsize=10)
    ax.set_xlim(-0.5, len(phases) - 0.5)
    ax.set_ylim(len(channels) - 0.5, -0.5)
    for side in ax.spines.values():
        side.set_color(QUIET)
    ax.set_xlabel(_caption(matrix, shown), fontsize=9)
    return ax


def _cell(ax: Axes, place: tuple[int, int], row: pd.Series, shown: str, *, dark: float) -> None:
    """Write a cell: its number, or why there is none."""
    from matplotlib.patches import Rectangle

    from journeykit.draw import INK, QUIET

    column, percent, least = _CHOICES[shown]
    value, y, x = row[column], *place
    if np.isfinite(value) and not (value == 0 and row["observed"] == grouping.NONE_HERE):
        number = f"{value:.0%}" if percent else f"{value:.2g}"
        if percent and 0 < value < 0.01:
            number = "<1%"
        bound = "\u2265 " if least and row["observed"] == grouping.PARTLY else ""
        color = "white" if abs(value) > dark else INK
        ax.text(x, y, bound + number, ha="center", va="center", fontsize=11, color=color)
        return
    hidden = row["observed"] in (grouping.UNSEEN, grouping.UNSAID)
    if hidden and shown not in ("score", "positive"):
        ax.add_patch(
            Rectangle((x - 0.5, y - 0.5), 1, 1, hatch="////", facecolor="none", edgecolor=QUIET,
                      linewidth=0)
        )  # fmt: skip
    word = _why_empty(row, shown)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.9}
    ax.text(x, y, word, ha="center", va="center", fontsize=8.5, color=INK, bbox=box)


def _why_empty(row: pd.Series, shown: str) -> str:
    """Say why a cell has no number."""
    counted = {"score": "n_answers", "positive": "n_answers", "next_stage": "n_moments"}
    if shown in ("score", "positive") or (shown in counted and row["observed"] not in _SAID):
        return "too few" if pd.isna(row[counted[shown]]) else "none"
    return _SAID.get(row["observed"], "too few")


def _caption(matrix: TouchpointMatrix, shown: str) -> str:
    n = matrix.n_customers
    texts = {
        "reach": f"share of {n:,} customers with at least one touch",
        "frequency": f"touches in {PER_DAYS} days of each customer reached",
        "score": "average answer, from -1 to 1",
        "positive": "share of the answers that are positive",
        "next_stage": f"come into a higher stage within {matrix.horizon_days:g} days",
    }
    partly = (matrix.frame["observed"] == grouping.PARTLY).any()
    note = "\n\u2265: some touchpoints there leave no events" if partly else ""
    blank = "\nblank: no such touchpoint in the catalogue"
    return texts[shown] + (note if _CHOICES[shown][2] else "") + blank
