"""Pictures of what the firm sends: content by stage, and the fatigue curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from journeykit.draw import INK, PALETTE, QUIET, axes, heat_map, percent_axis, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def fatigue_curve(
    frame: pd.DataFrame,
    fatigue: pd.Series,
    recent_days: float,
    response_days: float,
    ax: Axes | None,
    /,
) -> Axes:
    """Draw the response by recent sends, inside customers; a line where the fall begins."""
    ax = axes(ax)
    ax.vlines(frame["recent"], frame["conf_low"], frame["conf_high"], color=QUIET, linewidth=3)
    ax.plot(frame["recent"], frame["estimate"], color=PALETTE[0], marker="o", linewidth=1.6)
    if pd.notna(fatigue["knee"]):
        ax.axvspan(fatigue["conf_low"], fatigue["conf_high"], color=PALETTE[1], alpha=0.15)
        ax.axvline(fatigue["knee"], color=PALETTE[1], linewidth=1.8)
        title = f"response falls beyond {fatigue['knee']:g} recent sends"
    else:
        title = str(fatigue["verdict"])
    ax.set_title(title, loc="left", fontsize=11, color=INK)
    # A level that few reach must not flatten all others.
    top = np.nanmax(frame["estimate"].to_numpy(dtype=float), initial=0.01)
    ax.set_ylim(0, 1.35 * top)
    percent_axis(ax, "y")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(f"sends to the customer in the {recent_days:g} days before")
    ax.set_ylabel(f"respond within {response_days:g} days")
    return tidy(ax, grid="y")


def coverage_map(frame: pd.DataFrame, ax: Axes | None, /) -> Axes:
    """Draw who of a stage's customers met which content; gaps and few customers are written."""
    stages = list(dict.fromkeys(frame["stage"]))
    contents = list(dict.fromkeys(frame["content"]))
    table = frame.pivot_table(index="stage", columns="content", values="estimate", dropna=False)
    table = table.reindex(index=stages, columns=contents)
    ax = heat_map(table.to_numpy(dtype=float), rows=stages, columns=contents, ax=ax)
    for row in frame[frame["gap"] | frame["estimate"].isna()].itertuples():
        place = contents.index(row.content), stages.index(row.stage)
        word, color = ("gap", PALETTE[1]) if row.gap else ("few", QUIET)
        ax.text(*place, word, ha="center", va="center", fontsize=9, color=color)
    ax.set_xlabel("share of the stage's customers who met it there")
    return ax
