"""Shares of states and probabilities over time, days in states, stays, hazards and rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from journeykit.checks import check_choice
from journeykit.draw import (
    PALETTE,
    GraphEdge,
    GraphNode,
    axes,
    flow_graph,
    interval_bars,
    percent_axis,
    step_curve,
    tidy,
)
from journeykit.draw.charts import shortened
from journeykit.draw.flows import legend_below
from journeykit.errors import ArgumentError, NoPictureError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.survival.states.results import (
        Census,
        Hazards,
        Occupancy,
        Probabilities,
        Rates,
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


def _title(ax: Axes, found: StatesResult, group: str, what: str = "") -> None:
    parts = [what] * bool(what) + [group] * (len(found.groups) > 1)
    if parts:
        ax.set_title(shortened(", ".join(parts)), loc="left", fontsize=10)


def _while_seen(found: StatesResult, mine: pd.DataFrame, begin: float) -> pd.DataFrame:
    """Return the rows of times just before which at least `small_cell` customers are seen.

    And those of the beginning, before which nobody is.
    """
    seen = mine.groupby("time_days")["n_at_risk"].transform("sum").astype(float)
    drawn = seen >= found.small_cell
    some = mine.loc[drawn, "estimate"].notna().any()
    mine = mine[drawn | (mine["time_days"] == begin)]
    if not some:
        raise NoPictureError(
            f"Every state is hidden, or fewer than {found.small_cell} customers are seen, so there "
            "is nothing to draw."
        )
    return mine


def draw_occupancy(found: Occupancy, group: str | None, ax: Axes | None) -> Axes:
    """Stack the states in their order; hidden ones are the grey rest on top."""
    group, mine = _of_group(found, group)
    mine = _while_seen(found, mine, 0.0)
    shares = mine["estimate"].to_numpy(dtype=float).reshape(-1, len(found.states))
    seen = ~np.isnan(shares).all(axis=1)
    time = mine["time_days"].to_numpy()[:: len(found.states)][seen]
    shares = shares[seen]
    shown = np.flatnonzero(~np.isnan(shares).all(axis=0))
    ax = axes(ax, height=4.0)
    bottom, keys, labels = np.zeros(len(time)), [], []
    for state in shown.tolist():
        top = bottom + shares[:, state]
        color = PALETTE[state % len(PALETTE)]
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


def draw_census(found: Census, group: str | None, ax: Axes | None) -> Axes:
    """Draw a bar for every state on the last date."""
    group, mine = _of_group(found, group)
    last = mine["event_time"].max()
    mine = mine[(mine["event_time"] == last) & mine["share"].notna()]
    if mine.empty:
        raise NoPictureError("Every state is hidden, so there is nothing to draw.")
    bars = (mine[name].astype(float) for name in ("share", "conf_low", "conf_high"))
    ax = interval_bars(mine["state"].tolist(), *bars, ax=ax)
    ax.set_xlim(left=0)
    percent_axis(ax, "x")
    ax.set_xlabel(f"share of customers\non {last:%Y-%m-%d}")
    _title(ax, found, group)
    return ax


def draw_history(found: Census, group: str | None, ax: Axes | None) -> Axes:
    """Stack the numbers in each state over the dates, states in their order."""
    group, mine = _of_group(found, group)
    if mine["event_time"].nunique() < 2:
        raise NoPictureError("A history needs at least two dates; name more in `on`.")
    counts = mine["n"].to_numpy(dtype=float, na_value=np.nan).reshape(-1, len(found.states)).T
    share = mine["share"].to_numpy(dtype=float, na_value=np.nan).reshape(counts.T.shape).T
    colors = [PALETTE[code % len(PALETTE)] for code in range(len(found.states))]
    labels = list(found.states)
    if np.isnan(counts).any():
        # A count that is hidden is not none: the share of any other tells of how many.
        everyone = np.where(share > 0, counts / np.where(share > 0, share, 1), np.nan)
        total = np.fmax.reduce(everyone, axis=0)
        counts = np.vstack([np.nan_to_num(counts), total - np.nansum(counts, axis=0)])
        colors.append(_HIDDEN)
        labels.append("not shown")
    ax = axes(ax, height=4.0)
    dates = mine["event_time"].to_numpy()[:: len(found.states)]
    layers = ax.stackplot(dates, counts, colors=colors, linewidth=0)
    ax.set_xlim(dates[0], dates[-1])
    ax.set_ylim(bottom=0)
    ax.set_ylabel("customers")
    locator = AutoDateLocator(maxticks=7)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    _title(ax, found, group)
    tidy(ax)
    legend_below(ax, layers, labels)
    return ax


def draw_probabilities(
    found: Probabilities, method: str, group: str | None, ax: Axes | None
) -> Axes:
    """Draw a curve and band for every state, from when all are in one."""
    group, mine = _of_group(found, group)
    check_choice("method", method, tuple(mine["method"].unique()))
    source, since = mine["source"].iloc[0], mine["since_days"].iloc[0]
    mine = _while_seen(found, mine[mine["method"] == method], since)
    mine = mine[mine["estimate"].notna()]
    ax = axes(ax, height=4.0)
    labels = [state for state in found.states if (mine["target"] == state).any()]
    for state in labels:
        rows = mine[(mine["target"] == state) & (mine["time_days"] > since)]
        _curve(ax, found.states, state, rows, begin=(since, float(state == source)))
    ax.set_xlim(left=since)
    ax.set_ylim(0, 1)
    percent_axis(ax, "y")
    ax.set_xlabel("days since the start")
    ax.set_ylabel("probability")
    _title(ax, found, group, f"in {source} on day {since:g}")
    legend_below(ax, list(ax.lines), labels)
    return ax


def _curve(
    ax: Axes,
    names: Sequence[str],
    name: str,
    rows: pd.DataFrame,
    begin: tuple[float, float],
) -> None:
    """Add a curve with its band; a name has the same colour in every picture of the same names."""
    step_curve(
        np.concatenate([[begin[0]], rows["time_days"]]),
        np.concatenate([[begin[1]], rows["estimate"].astype(float)]),
        np.concatenate([[np.nan], rows["conf_low"].astype(float)]),
        np.concatenate([[np.nan], rows["conf_high"].astype(float)]),
        ax=ax,
        label=name,
        color=PALETTE[list(names).index(name) % len(PALETTE)],
    )


def draw_hazards(found: Hazards, source: str | None, group: str | None, ax: Axes | None) -> Axes:
    """Draw the moves out of one state while at least `small_cell` are in it."""
    group, mine = _of_group(found, group)
    mine = mine[mine["estimate"].notna() & (mine["n_at_risk"] >= found.small_cell)]
    if mine.empty:
        raise NoPictureError(
            f"Every move is hidden, or fewer than {found.small_cell} customers are in the state it "
            "leaves, so there is nothing to draw."
        )
    if source is None:
        source = mine["source"].iloc[0]
    check_choice("source", source, tuple(mine["source"].unique()))
    mine = mine[mine["source"] == source]
    ax = axes(ax, height=4.0)
    labels = list(mine["target"].unique())
    for state in labels:
        rows = mine[mine["target"] == state]
        _curve(ax, found.states, state, rows, begin=(rows["time_days"].iloc[0], np.nan))
    # A band can be very wide where few are left: the curves must stay readable.
    ax.set_ylim(0, 1.6 * float(mine["estimate"].max()))
    ax.set_xlim(left=0)
    ax.set_xlabel("days since the start")
    ax.set_ylabel("cumulative hazard")
    _title(ax, found, group, f"moves from {source} to")
    legend_below(ax, list(ax.lines), labels)
    return ax


def draw_rates(found: Rates, group: str | None, ax: Axes | None) -> Axes:
    """Draw a bar for every move."""
    group, mine = _of_group(found, group)
    mine = mine[mine["estimate"].notna()]
    if mine.empty:
        raise NoPictureError("Every move is hidden, so there is nothing to draw.")
    key = mine.columns[2]
    arrow = " \u2192 " if key == "target" else ": "
    names = [f"{a}{arrow}{b}" for a, b in zip(mine["source"], mine[key], strict=True)]
    bars = (mine[name].astype(float) * 100 for name in ("estimate", "conf_low", "conf_high"))
    ax = interval_bars(names, *bars, ax=ax)
    ax.set_xlim(left=0)
    ax.tick_params(axis="y", labelsize=8)
    ax.set_xlabel("moves a day\nof 100 customers\nin the state", fontsize=9)
    _title(ax, found, group)
    return ax


def draw_flow(found: Rates, group: str | None, ax: Axes | None) -> Axes:
    """Draw the states one under the other, and arrows as wide as moves between them are many."""
    group, mine = _of_group(found, group)
    if "target" not in mine:
        raise ArgumentError("Only `transitions` lead from state to state; draw `moves` by `plot`.")
    shown = mine[mine["estimate"].notna()]
    if shown.empty:
        raise NoPictureError("Every move is hidden, so there is nothing to draw.")
    place = {state: number for number, state in enumerate(found.states)}
    days = mine.groupby("source")["days"].first()
    nodes = [
        GraphNode(state, f"{days[state]:,.0f} customer days" if state in days else "")
        for state in found.states
    ]
    edges = [
        GraphEdge(
            place[row.source], place[row.target], float("nan"), int(row.n),
            f"{100 * float(row.estimate):.2g} ({100 * float(row.conf_low):.2g}\u2013"
            f"{100 * float(row.conf_high):.2g})",
        )
        for row in shown.itertuples()
    ]  # fmt: skip
    ax = flow_graph(nodes, edges, ax=ax)
    hidden = len(mine) - len(shown)
    few = f";\n{hidden} with few customers not shown" if hidden else ""
    ax.set_xlabel(f"moves a day of 100 customers in the state{few}", fontsize=8)
    _title(ax, found, group)
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
    for state in labels:
        _curve(ax, labels, state, mine[mine["source"] == state], begin=(0.0, 1.0))
    ax.set_xlim(left=0)
    ax.set_ylim(0, 1)
    percent_axis(ax, "y")
    ax.set_xlabel("days since they came into it")
    ax.set_ylabel("still there")
    _title(ax, found, group)
    legend_below(ax, list(ax.lines), labels)
    return ax
