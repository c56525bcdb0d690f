"""Pictures of states: shares stacked over time, stays, days, and who goes where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_known
from journeykit.draw import (
    PALETTE,
    GraphEdge,
    GraphNode,
    axes,
    flow_graph,
    flow_order,
    interval_bars,
    percent_axis,
    step_curve,
    tidy,
)
from journeykit.draw.charts import shortened
from journeykit.draw.flows import legend_below
from journeykit.survival.states.grouping import ever
from journeykit.survival.states.moving import rates_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.survival.states.results import Occupancy, Sojourns, TimeInStates
    from journeykit.survival.states.spells import Multistate

HIDDEN = "(few, not shown)"
_GREY = "#dde3e9"


def _group(found: Occupancy | Sojourns, group: str | None) -> pd.DataFrame:
    if group is None:
        group = found.groups[0]
    check_known("group", [group], found.groups, what="groups that are shown")
    return found.frame[found.frame["group"] == group]


def _titled(ax: Axes, found: Occupancy | Sojourns, rows: pd.DataFrame) -> None:
    if len(found.groups) > 1:
        ax.set_title(shortened(rows["group"].iloc[0]), loc="left", fontsize=10)


def draw_occupancy(found: Occupancy, group: str | None, ax: Axes | None) -> Axes:
    """Stack the states in their order, first at the bottom; hidden ones are the rest on top."""
    rows = _group(found, group)
    table = rows.pivot_table(
        index="time_days", columns="state", values="estimate", dropna=False, observed=False
    )
    table = table[list(found.states)].dropna(axis=0, how="all")
    shown = [state for state in found.states if table[state].notna().all()]
    ax = axes(ax, height=4.0)
    time = table.index.to_numpy()
    bottom = np.zeros(len(time))
    keys, labels = [], []
    for number, state in enumerate(shown):
        top = bottom + table[state].to_numpy()
        color = PALETTE[number % len(PALETTE)]
        keys.append(ax.fill_between(time, bottom, top, step="post", color=color, linewidth=0))
        labels.append(state)
        bottom = top
    if len(shown) < len(found.states):
        keys.append(ax.fill_between(time, bottom, 1, step="post", color=_GREY, linewidth=0))
        labels.append(HIDDEN)
    ax.set_xlim(min(time[0], time[-1] - 1e-9), time[-1])
    ax.set_ylim(0, 1)
    percent_axis(ax, "y")
    ax.set_xlabel("days since the start")
    ax.set_ylabel("share of customers")
    _titled(ax, found, rows)
    tidy(ax)
    legend_below(ax, keys, labels)
    return ax


def draw_sojourns(found: Sojourns, group: str | None, ax: Axes | None) -> Axes:
    """Draw how long stays last, a curve a state, while at least `small_cell` are under risk."""
    rows = _group(found, group)
    lasting = rows[(rows["source"] == rows["target"]) & rows["estimate"].notna()]
    ax = axes(ax, height=4.0)
    labels = []
    for number, state in enumerate(lasting["source"].unique()):
        curve = lasting[lasting["source"] == state]
        curve = curve[curve["n_at_risk"] >= found.small_cell]
        step_curve(
            np.concatenate([[0.0], curve["time_days"]]),
            np.concatenate([[1.0], curve["estimate"]]),
            np.concatenate([[np.nan], curve["conf_low"]]),
            np.concatenate([[np.nan], curve["conf_high"]]),
            ax=ax,
            label=state,
            color=PALETTE[number % len(PALETTE)],
        )
        labels.append(state)
    ax.set_xlim(left=0)
    ax.set_ylim(0, 1.02)
    percent_axis(ax, "y")
    ax.set_xlabel("days since coming into the state")
    ax.set_ylabel("still in it")
    _titled(ax, found, rows)
    legend_below(ax, list(ax.lines), labels)
    return ax


def draw_time(found: TimeInStates, ax: Axes | None) -> Axes:
    """Draw the mean days in each state with their intervals."""
    rows = found.frame[found.frame["estimate"].notna()]
    many = len(found.groups) > 1
    labels = [
        f"{state}, {group}" if many else state
        for group, state in zip(rows["group"], rows["state"], strict=True)
    ]
    ax = interval_bars(labels, rows["estimate"], rows["conf_low"], rows["conf_high"], ax=ax)
    ax.set_xlabel(f"mean days up to day {rows['time_days'].iloc[0]:,.4g}")
    return ax


def draw_states(data: Multistate, ax: Axes | None, *, small_cell: int) -> Axes:
    """Draw states from top to bottom, moves with their share of all moves out of the state."""
    frame = rates_of(data, "target", by=None, confidence=0.95, small_cell=small_cell).frame
    moves = frame[frame["n"].notna()]
    total = data.frame.dropna(subset=["target"]).groupby("source", observed=True).size()
    weights = np.zeros((len(data.states), len(data.states)))
    place = {state: code for code, state in enumerate(data.states)}
    for move in moves.itertuples():
        weights[place[move.source], place[move.target]] = move.n
    order = list(range(len(data.states))) if data.ladder else flow_order(weights).tolist()
    row = {data.states[code]: number for number, code in enumerate(order)}
    n = ever(data.spells(), len(data.states))
    nodes = [
        GraphNode(
            data.states[code],
            f"{n[code]:,} customers" if n[code] >= small_cell else f"fewer than {small_cell}",
        )
        for code in order
    ]
    edges = [
        GraphEdge(row[move.source], row[move.target], move.n / total[move.source], int(move.n))
        for move in moves.itertuples()
    ]
    return flow_graph(nodes, edges, ax=ax)
