"""Curves, rates and restricted means, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.draw import INK, PALETTE, QUIET, axes, interval_bars, percent_axis, step_curve, tidy
from journeykit.draw.charts import shortened, wrapped
from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.curves.grouped import GroupedCurves
    from journeykit.survival.curves.hazards import NelsonAalen, SmoothedHazard
    from journeykit.survival.curves.means import RestrictedMeanDifferences, RestrictedMeans
    from journeykit.survival.curves.survival import KaplanMeier

#: Points a curve needs at most to look the same on paper.
_POINTS = 2_000
#: Points below the axis at which the numbers under risk begin, and from row to row.
_TOP, _ROW = -36, 12


def draw_curves(curves: KaplanMeier, ax: Axes | None) -> Axes:
    """Draw every group while at least `small_cell` are under risk, and never beyond its data."""
    ax = _steps(curves, ax, begin=1.0)
    ax.set_ylim(0, 1.02)
    percent_axis(ax, "y")
    return _labelled(curves, ax, "still there")


def draw_cumulative_hazards(curves: NelsonAalen, ax: Axes | None) -> Axes:
    """Draw every group while at least `small_cell` are under risk, and never beyond its data."""
    ax = _steps(curves, ax, begin=0.0)
    ax.set_ylim(bottom=0)
    return _labelled(curves, ax, "cumulative hazard")


def draw_smoothed_hazard(hazard: SmoothedHazard, ax: Axes | None) -> Axes:
    """Draw the rate of every group with its band."""
    ax = axes(ax)
    groups = list(dict.fromkeys(hazard.frame["group"]))
    top = 0.0
    for number, group in enumerate(groups):
        rows = hazard.frame[hazard.frame["group"] == group].sort_values("time_days")
        color = PALETTE[number % len(PALETTE)]
        days = rows["time_days"]
        ax.plot(days, rows["estimate"], color=color, linewidth=1.8, label=shortened(str(group)))
        ax.fill_between(
            days, rows["conf_low"], rows["conf_high"], color=color, alpha=0.18, linewidth=0
        )
        # A band can be very wide at the ends, where few are left: the curves must stay readable.
        top = max(top, float(np.nan_to_num(rows["estimate"]).max(initial=0.0)))
    ax.set_ylim(0, 2 * top if top > 0 else None)
    ax.set_xlim(left=0)
    ax.set_xlabel("days since the start")
    ax.set_ylabel("rate of leaving, a day")
    if len(groups) > 1:
        ax.legend(frameon=False)
    return tidy(ax, grid="y")


def draw_means(means: RestrictedMeans, ax: Axes | None) -> Axes:
    """Draw a bar for every group that has a mean."""
    rows = means.frame[means.frame["reason"] == ""]
    ax = interval_bars(
        rows["group"].tolist(), rows["estimate"], rows["conf_low"], rows["conf_high"], ax=ax
    )
    ax.set_xlim(0, means.horizon_days)
    ax.set_xlabel(f"days stayed,\nof the first {means.horizon_days:,g}")
    return ax


def draw_differences(differences: RestrictedMeanDifferences, ax: Axes | None) -> Axes:
    """Draw a point with its interval for every pair that can be compared."""
    rows = differences.frame.dropna(subset=["std_error"])
    labels = [f"{row.group} against {row.reference}" for row in rows.itertuples()]
    ax = _forest(labels, rows, ax)
    ax.set_xlabel(f"days stayed longer,\nof the first {differences.horizon_days:,g}")
    return ax


def _forest(labels: Sequence[str], rows: pd.DataFrame, ax: Axes | None) -> Axes:
    names = [wrapped(label) for label in labels]
    lines = sum(name.count("\n") + 1 for name in names)
    ax = axes(ax, height=max(1.6, 0.3 * lines + 0.9))
    at = np.arange(len(names))
    ax.axvline(0, color=QUIET, linewidth=1.2)
    ax.hlines(at, rows["conf_low"], rows["conf_high"], color=INK, linewidth=1.6)
    ax.plot(rows["estimate"], at, "o", color=PALETTE[0], markersize=6)
    ax.set_yticks(at, names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    return tidy(ax, grid="x")


def _steps(curves: GroupedCurves, ax: Axes | None, *, begin: float) -> Axes:
    ax = axes(ax, height=3.6 + 0.17 * len(curves.groups))
    for number, group in enumerate(curves.groups):
        rows = curves.of(group)
        drawn = rows[rows["n_at_risk"] >= curves.small_cell]
        step = -(-len(drawn) // _POINTS) or 1
        shown = pd.concat([drawn.iloc[::step], drawn.iloc[-1:]])
        step_curve(
            np.concatenate([[0.0], shown["time_days"]]),
            np.concatenate([[begin], shown["estimate"]]),
            np.concatenate([[np.nan], shown["conf_low"]]),
            np.concatenate([[np.nan], shown["conf_high"]]),
            ax=ax,
            label=group,
            color=PALETTE[number % len(PALETTE)],
        )
    return ax


def _labelled(curves: GroupedCurves, ax: Axes, what: str) -> Axes:
    ax.set_xlim(left=0)
    ax.set_xlabel("days since the start")
    ax.set_ylabel(what)
    if len(curves.groups) > 1:
        ax.legend(frameon=False)
    _numbers_at_risk(curves, ax)
    return ax


def _numbers_at_risk(curves: GroupedCurves, ax: Axes) -> None:
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
