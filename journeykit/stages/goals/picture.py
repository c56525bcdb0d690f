"""The portfolio as a table of small pictures: one row a kind, readable on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.draw import INK, PALETTE, QUIET, axes
from journeykit.draw.charts import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Left ends and width of the three columns, in shares of the width.
_AT = (0.0, 0.35, 0.70)
_WIDE = 0.29
_HEADS = ("cases", "reach the goal", "time to the goal")
_UNITS = (
    ("s", 1 / 86400, 1 / 1440),
    ("min", 1 / 1440, 1 / 24),
    ("h", 1 / 24, 2),
    ("days", 1, np.inf),
)
_LONGEST = 46


def spoken(days: float) -> str:
    """Write a span of days in seconds, minutes, hours or days, with two digits."""
    if not np.isfinite(days):
        return "not reached"
    unit, size, _ = next(row for row in _UNITS if days < row[2])
    return f"{days / size:.2g} {unit}" if days / size < 100 else f"{days / size:,.0f} {unit}"


def portfolio_table(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw by kind how many cases there are, how many reach the goal, and how long those take.

    Bars of cases are of one scale; the track of success runs from 0 to 100 % and carries the
    interval; the track of time is logarithmic, of one scale, with the middle half of the times.
    """
    n = len(frame)
    ax = axes(ax, height=max(1.6, 0.78 * n + 0.5), width=4.8)
    for at, head in zip(_AT, _HEADS, strict=True):
        ax.text(at, -0.42, head, fontsize=9, color=INK, alpha=0.75, va="center")
    spans = frame[["time_q25", "time_q75", "time_days"]].to_numpy(dtype=float, na_value=np.nan)
    spans = spans[np.isfinite(spans) & (spans > 0)]
    ends = (spans.min() / 2, spans.max() * 2) if len(spans) else (0.5, 2.0)
    most = float(frame["n"].max()) if frame["n"].notna().any() else 1.0
    for row, (_, kind) in enumerate(frame.iterrows()):
        ax.text(
            0, row, shortened(str(kind["title"]), _LONGEST), fontsize=10, color=INK, va="center"
        )
        if pd.isna(kind["n"]):
            ax.text(0, row + 0.42, "too few customers to show", fontsize=9, color=INK, va="center")
            continue
        _volume(ax, row + 0.5, kind, most)
        _success(ax, row + 0.5, kind)
        _time(ax, row + 0.5, kind, ends)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(n - 0.05, -0.75)
    ax.axis("off")
    return ax


def _volume(ax: Axes, y: float, kind: pd.Series, most: float) -> None:
    width = _WIDE * float(kind["n"]) / max(most, 1.0)
    ax.barh(y + 0.14, width, left=_AT[0], height=0.13, color=PALETTE[0])
    _say(ax, 0, y, f"{int(kind['n']):,}")


def _success(ax: Axes, y: float, kind: pd.Series) -> None:
    if pd.isna(kind["success"]):
        _say(ax, 1, y, "not observed")
        return
    low, share, high = (
        _AT[1] + _WIDE * float(kind[key]) for key in ("success_low", "success", "success_high")
    )
    y_bar = y + 0.14
    ax.hlines(y_bar, _AT[1], _AT[1] + _WIDE, color=QUIET, linewidth=1)
    ax.barh(y_bar, share - _AT[1], left=_AT[1], height=0.13, color=PALETTE[0], alpha=0.55)
    ax.hlines(y_bar, low, high, color=INK, linewidth=2)
    said = f"{kind['success']:.0%}" if kind["success"] >= 0.1 else f"{kind['success']:.1%}"
    _say(ax, 1, y, f"{said} in {kind['horizon_days']:.3g} days")


def _time(ax: Axes, y: float, kind: pd.Series, ends: tuple[float, float]) -> None:
    if pd.isna(kind["time_days"]):
        _say(ax, 2, y, "not observed")
        return
    low, middle, high = (
        _AT[2] + _WIDE * _placed(float(kind[key]), ends)
        for key in ("time_q25", "time_days", "time_q75")
    )
    y_bar = y + 0.14
    ax.hlines(y_bar, _AT[2], _AT[2] + _WIDE, color=QUIET, linewidth=1)
    ax.hlines(y_bar, low, high, color=PALETTE[0], linewidth=6, alpha=0.45)
    ax.plot([middle], [y_bar], "o", color=PALETTE[0], markersize=5)
    _say(ax, 2, y, f"half in {spoken(float(kind['time_days']))}")


def _placed(days: float, ends: tuple[float, float]) -> float:
    """Return where a time stands between the ends of the logarithmic track; 0 at its beginning."""
    if not np.isfinite(days):
        return 1.0
    return float(np.log(max(days, ends[0]) / ends[0]) / np.log(ends[1] / ends[0]))


def _say(ax: Axes, column: int, y: float, text: str) -> None:
    ax.text(_AT[column], y - 0.13, text, fontsize=9, color=INK, va="center")
