"""Hazard ratios on one axis, and a coefficient over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from journeykit.draw import INK, PALETTE, QUIET, axes, tidy
from journeykit.draw.charts import shortened, wrapped
from journeykit.survival.regression.smooth import spline_through

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.survival.regression.proportionality import ProportionalHazards

#: Points that a picture shows at most.
_POINTS = 2_000


class Ratios(Protocol):
    """A model of hazard ratios."""

    @property
    def frame(self) -> pd.DataFrame:
        """One row a coefficient."""

    @property
    def confidence(self) -> float:
        """Level of the intervals."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""

    @property
    def infinite(self) -> tuple[str, ...]:
        """Those without a finite estimate."""


def draw_hazard_ratios(model: Ratios, ax: Axes | None, *, what: str = "hazard ratio") -> Axes:
    """Draw each hazard ratio with its interval on a logarithmic axis, the first on top.

    Ratios that are hidden or infinite have no mark; their line says so.
    """
    frame = model.frame
    names = [wrapped(name) for name in model.names]
    lines = sum(max(1, 0.72 * (name.count("\n") + 1)) for name in names)
    ax = axes(ax, height=max(1.8, 0.36 * lines + 1.0))
    at = np.arange(len(frame))
    shown = np.isfinite(frame["estimate"].to_numpy(dtype=float))
    ax.axvline(1, color=QUIET, linewidth=1)
    ax.hlines(
        at[shown],
        frame["ratio_low"][shown],
        frame["ratio_high"][shown],
        color=INK,
        linewidth=1.6,
    )
    ax.plot(frame["hazard_ratio"][shown], at[shown], "o", color=PALETTE[0], markersize=6)
    ax.set_xscale("log")
    _ratio_ticks(ax)
    for row in at[~shown]:
        why = "no finite estimate" if model.names[row] in model.infinite else "too few to show"
        ax.text(1, row, f" {why}", va="center", color=INK, fontsize=8)
    ax.set_yticks(at, names)
    ax.set_ylim(len(frame) - 0.4, -0.6)
    ax.set_xlabel(f"{what} with {model.confidence:.0%} interval")
    return tidy(ax, grid="x")


def _ratio_ticks(ax: Axes) -> None:
    """Write ratios as plain numbers, few enough to be read."""
    low, high = ax.get_xlim()
    wide = high / low > 30
    ax.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def draw_coefficient_over_time(
    test: ProportionalHazards, coefficient: str, ax: Axes | None
) -> Axes:
    """Draw what events say about a coefficient over time, a spline with its band, the estimate."""
    model = test.model
    points = test.residuals(coefficient)
    ax = axes(ax)
    step = -(-len(points.time_days) // _POINTS)
    ax.plot(
        points.time_days[::step],
        points.coefficient[::step],
        "o",
        color=QUIET,
        markersize=2.5,
        alpha=0.5,
        markeredgewidth=0,
    )
    days = np.linspace(points.time_days[0], points.time_days[-1], 200)
    curve = spline_through(points.time_days, points.coefficient, days, confidence=model.confidence)
    ax.plot(days, curve.estimate, color=PALETTE[0], linewidth=1.8)
    ax.fill_between(
        days, curve.conf_low, curve.conf_high, color=PALETTE[0], alpha=0.18, linewidth=0
    )
    estimate = model.coefficients[model.names.index(coefficient)]
    ax.axhline(estimate, color=PALETTE[1], linewidth=1.2, linestyle="--")
    # Single events lie far out; what matters is where most of them are.
    low, high = np.quantile(points.coefficient, [0.02, 0.98])
    ends = [low, high, estimate, *curve.conf_low, *curve.conf_high]
    room = 0.05 * (max(ends) - min(ends))
    ax.set_ylim(min(ends) - room, max(ends) + room)
    ax.set_xlabel("days since the start")
    ax.set_ylabel(f"log hazard ratio of\n{shortened(coefficient)}")
    return tidy(ax, grid="y")
