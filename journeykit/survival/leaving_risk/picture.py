"""The hazard around a touchpoint, and hazard ratios with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from journeykit.draw import INK, PALETTE, QUIET, axes, tidy
from journeykit.draw.charts import wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.leaving_risk.after_touch import TouchpointHazard
    from journeykit.survival.leaving_risk.ever_met import ImmortalTime
    from journeykit.survival.leaving_risk.ranking import RiskOfLeaving

#: Ratios further from 1 are drawn as reaching the edge.
_FARTHEST = 100.0
#: Ratios to write, the coarsest first.
_SAID = (
    (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100),
    (0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 3, 4),
    (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5),
)
#: The hazard is written for as many customers and days.
_PER = 1_000.0


def draw_hazard(hazard: TouchpointHazard, ax: Axes | None) -> Axes:
    """Draw a step a window with its interval, and the hazard of comparable time as a line."""
    ax = axes(ax)
    frame = hazard.frame
    edges = np.append(frame["from_days"].to_numpy(), frame["to_days"].iloc[-1])
    for name, color, width, style, label in (
        ("estimate", PALETTE[0], 2.0, "-", "after the touch"),
        ("reference", INK, 1.5, "--", "comparable time without a recent touch"),
    ):
        values = _per(frame[name])
        ax.stairs(values, edges, baseline=None, color=color, lw=width, ls=style, label=label)
    low, high = _per(frame["conf_low"]), _per(frame["conf_high"])
    shown = np.isfinite(low)
    for at in np.flatnonzero(shown):
        ax.fill_between(edges[at : at + 2], low[at], high[at], color=PALETTE[0], alpha=0.18, lw=0)
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"days since the {hazard.since} {_text(hazard.touchpoints[0])}")
    ax.set_ylabel(f"leave a day, of {_PER:,.0f} there")
    ax.legend(frameon=False, loc="upper right", fontsize=9)
    return tidy(ax, grid="y")


def draw_windows(hazard: TouchpointHazard, ax: Axes | None) -> Axes:
    """Draw the ratios of all windows of several touchpoints, a colour a window."""
    frame = hazard.frame
    series = [
        (f"day {low:g} to {high:g}", rows)
        for (low, high), rows in frame.groupby(["from_days", "to_days"], sort=False)
    ]
    return _forest(
        ax,
        hazard.touchpoints,
        series,
        ("ratio_low", "ratio_high"),
        "times the hazard of leaving, by days after the touch",
    )


def draw_ranking(risk: RiskOfLeaving, ax: Axes | None) -> Axes:
    """Draw the ratios of all touchpoints, a colour a lag."""
    frame = risk.frame
    names = tuple(dict.fromkeys(frame["touchpoint"]))
    series = [
        (_lag_text(lag, risk.window_days), frame[frame["lag_days"] == lag]) for lag in risk.lags
    ]
    label = "times the hazard of leaving, by days after the touch"
    return _forest(ax, names, series, ("conf_low", "conf_high"), label)


def draw_designs(trap: ImmortalTime, ax: Axes | None) -> Axes:
    """Draw the ratios of the designs; what must not be used is grey."""
    frame = trap.frame.assign(touchpoint=trap.frame["design"])
    sound = frame["sound"].to_numpy(dtype=bool)
    series = [("wrong", frame[~sound]), ("right", frame[sound])]
    label = f"times the hazard of leaving, {_text(trap.touchpoint)}"
    names = tuple(frame["design"])
    return _forest(ax, names, series, ("conf_low", "conf_high"), label, colors=(QUIET, PALETTE[0]))


def _forest(
    ax: Axes | None,
    names: Sequence[str],
    series: Sequence[tuple[str, pd.DataFrame]],
    bounds: tuple[str, str],
    label: str,
    *,
    colors: Sequence[str] = PALETTE,
) -> Axes:
    """Draw ratios by name on a logarithmic axis, the series of a name below each other."""
    ax = axes(ax, height=max(1.8, 0.16 * len(names) * (len(series) + 1.2) + 1.1))
    place = {name: at for at, name in enumerate(names)}
    step = 0.8 / max(len(series), 3)
    for number, (text, rows) in enumerate(series):
        color = colors[number % len(colors)]
        ratio, low, high = (
            np.clip(rows[name].to_numpy(dtype=float), 1 / _FARTHEST, _FARTHEST)
            for name in ("hazard_ratio", *bounds)
        )
        at = np.array([place[name] for name in rows["touchpoint"]], dtype=float)
        at += (number - (len(series) - 1) / 2) * step
        ax.hlines(at, low, high, color=color, linewidth=1.6)
        ax.plot(ratio, at, "o", color=color, markersize=5, label=text)
    ax.axvline(1.0, color=INK, linewidth=1.0)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    _few_ticks(ax)
    ax.set_yticks(range(len(names)), [wrapped(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel(label)
    if len(series) > 1:
        ax.legend(
            frameon=False,
            fontsize=8,
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.2,
            columnspacing=1.0,
            handletextpad=0.2,
            ncols=3,
        )
    return tidy(ax, grid="x")


def _few_ticks(ax: Axes) -> None:
    """Write ratios that people say: halves, doubles, fives."""
    low, high = ax.get_xlim()
    for said in _SAID:
        inside = [value for value in said if low <= value <= high]
        if len(inside) >= 4:
            break
    ax.set_xticks(inside)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()


def _lag_text(lag: float, window: float) -> str:
    return f"day {lag:g} to {window:g}"


def _per(values: pd.Series) -> NDArray[np.float64]:
    return np.asarray(values.to_numpy(dtype=float, na_value=np.nan) * _PER)


def _text(name: str) -> str:
    return name.replace("$", r"\$")
