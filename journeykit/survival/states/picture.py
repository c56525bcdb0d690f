"""Shares of states on top of each other, days in them, and how long stays last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_choice
from journeykit.draw import PALETTE, axes, interval_bars, percent_axis, step_curve, tidy
from journeykit.draw.charts import shortened
from journeykit.draw.flows import legend_below
from journeykit.errors import NoPictureError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.survival.states.results import (
        Occupancy,
        Sojourns,
        StatesResult,
        TimeInStates,
    )

_HIDDEN = "#dde3e9"


def _of_group(found: StatesResult, group: str | None) -> tuple[str, pd.DataFrame]:
    """Return the rows of a group; by default the first."""
    if group is None:
        group = found.groups[0]
    check_choice("group", group, found.groups)
    return group, found.frame[found.frame["group"] == group]


def _title(ax: Axes, found: StatesResult, group: str) -> None:
    if len(found.groups) > 1:
        ax.set_title(shortened(group), loc="left", fontsize=10)


def draw_occupancy(found: Occupancy, group: str | None, ax: Axes | None) -> Axes:
    """Stack the states in their order; hidden ones are the grey rest on top."""
    group, mine = _of_group(found, group)
    shares = mine["estimate"].to_numpy(dtype=float).reshape(-1, len(found.states))
    seen = ~np.isnan(shares).all(axis=1)
    if not seen.any():
        raise NoPictureError("Every state is hidden or not seen, so there is nothing to draw.")
    time = mine["time_days"].to_numpy()[:: len(found.states)][seen]
    shares = shares[seen]
    shown = np.flatnonzero(~np.isnan(shares).all(axis=0))
    ax = axes(ax, height=4.0)
    bottom, keys, labels = np.zeros(len(time)), [], []
    for number, state in enumerate(shown.tolist()):
        top = bottom + shares[:, state]
        color = PALETTE[number % len(PALETTE)]
        keys.append(ax.fill_between(time, bottom, top, step="post", color=color, linewidth=0))
        labels.append(found.states[state])
        bottom = top
    if len(shown) < len(found.states):
        keys.append(ax.fill_between(time, bottom, 1, step="post", color=_HIDDEN, linewidth=0))
        labels.append("not shown")
    ax.set_xlim(time[0], max(time[-1], time[0] + 1e-9))
    ax.set_ylim(0, 1)
    percent_axis(ax, "y")
    ax.set_xlabel("days since the start")
    ax.set_ylabel("share of customers")
    _title(ax, found, group)
    tidy(ax)
    legend_below(ax, keys, labels)
    return ax


def draw_time(found: TimeInStates, ax: Axes | None) -> Axes:
    """Draw a bar for every state of every group."""
    rows = found.frame.dropna(subset="estimate")
    if rows.empty:
        raise NoPictureError("Every state is hidden, so there is nothing to draw.")
    names = [
        state if len(found.groups) == 1 else f"{group}: {state}"
        for group, state in zip(rows["group"], rows["state"], strict=True)
    ]
    ax = interval_bars(names, rows["estimate"], rows["conf_low"], rows["conf_high"], ax=ax)
    ax.set_xlabel(f"mean days in it until day {rows['time_days'].iloc[0]:g}")
    return ax


def draw_sojourns(found: Sojourns, group: str | None, ax: Axes | None) -> Axes:
    """Draw a curve and band for every state."""
    group, mine = _of_group(found, group)
    mine = mine[(mine["source"] == mine["target"]) & mine["estimate"].notna()]
    if mine.empty:
        raise NoPictureError("Every state is hidden, so there is nothing to draw.")
    ax = axes(ax, height=4.0)
    labels = list(mine["source"].unique())
    for number, state in enumerate(labels):
        rows = mine[mine["source"] == state]
        step_curve(
            np.concatenate([[0.0], rows["time_days"]]),
            np.concatenate([[1.0], rows["estimate"]]),
            np.concatenate([[np.nan], rows["conf_low"]]),
            np.concatenate([[np.nan], rows["conf_high"]]),
            ax=ax,
            label=state,
            color=PALETTE[number % len(PALETTE)],
        )
    ax.set_xlim(left=0)
    ax.set_ylim(0, 1)
    percent_axis(ax, "y")
    ax.set_xlabel("days since they came into it")
    ax.set_ylabel("still there")
    _title(ax, found, group)
    legend_below(ax, list(ax.lines), labels)
    return ax
