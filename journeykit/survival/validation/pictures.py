"""Pictures of how good predictions are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw import PALETTE, QUIET, axes, percent_axis, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def draw_calibration(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw observed against predicted risk, a colour a day."""
    ax = axes(ax, height=4.4, width=4.8)
    days = frame["time_days"].unique()
    for number, day in enumerate(days):
        rows = frame[(frame["time_days"] == day) & frame["estimate"].notna()]
        color = PALETTE[number % len(PALETTE)]
        ax.vlines(rows["predicted"], rows["conf_low"], rows["conf_high"], color=color, alpha=0.6)
        ax.plot(
            rows["predicted"],
            rows["estimate"],
            "o-",
            color=color,
            markersize=5,
            linewidth=1,
            label=f"by day {day:,.4g}",
        )
    top = np.nanmax(frame[["predicted", "estimate", "conf_high"]].to_numpy(), initial=0.0)
    top = min(1.02, 1.05 * top)
    ax.plot([0, top], [0, top], color=QUIET, linewidth=1, zorder=0)
    ax.set_xlim(0, top)
    ax.set_ylim(0, top)
    ax.set_aspect("equal")
    percent_axis(ax, "x")
    percent_axis(ax, "y")
    ax.set_xlabel("predicted to leave")
    ax.set_ylabel("left")
    ax.legend(frameon=False, loc="upper left")
    return tidy(ax, grid="y")


def draw_brier(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw the Brier score by day beside that of one risk for all."""
    ax = axes(ax)
    lines = (("brier_null", QUIET, "one risk for all"), ("brier", PALETTE[0], "predictions"))
    for measure, color, label in lines:
        rows = frame[(frame["measure"] == measure) & frame["time_days"].notna()]
        ax.plot(rows["time_days"], rows["estimate"], "o-", color=color, markersize=4, label=label)
        if measure == "brier":
            _band(ax, rows, color)
    ax.set_ylim(bottom=0)
    ax.set_xlim(left=0)
    ax.set_xlabel("days since the start")
    ax.set_ylabel("Brier score, 0 is perfect")
    ax.legend(frameon=False, loc="lower right")
    return tidy(ax, grid="y")


def draw_area(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw the AUC by day; 0.5 is chance."""
    ax = axes(ax)
    rows = frame[frame["measure"] == "auc"]
    ax.axhline(0.5, color=QUIET, linewidth=1)
    ax.annotate(
        "chance",
        (1, 0.5),
        xycoords=ax.get_yaxis_transform(),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=QUIET,
    )
    ax.plot(rows["time_days"], rows["estimate"], "o-", color=PALETTE[0], markersize=4)
    _band(ax, rows, PALETTE[0])
    ax.set_ylim(min(0.45, np.nanmin(rows["conf_low"].to_numpy(), initial=0.45)), 1.0)
    ax.set_xlim(left=0)
    ax.set_xlabel("days since the start")
    ax.set_ylabel("AUC")
    return tidy(ax, grid="y")


def _band(ax: Axes, rows: pd.DataFrame, color: str) -> None:
    """Draw the intervals: a band, or a line where there is one day."""
    if len(rows) > 1:
        ax.fill_between(
            rows["time_days"],
            rows["conf_low"],
            rows["conf_high"],
            color=color,
            alpha=0.18,
            linewidth=0,
        )
    else:
        ax.vlines(rows["time_days"], rows["conf_low"], rows["conf_high"], color=color)
