"""Charts that several families share."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw.basics import INK, PALETTE, QUIET, axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

_LONGEST_LABEL = 44
_WRAPPED = 38
_LINES = 3


def shortened(label: str, most: int = _LONGEST_LABEL) -> str:
    """Cut a label in its middle; dollar signs are text here, never formulas."""
    if len(label) > most:
        half = (most - 1) // 2
        label = f"{label[:half]}\u2026{label[-half:]}"
    return label.replace("$", r"\$")


def wrapped(label: str) -> str:
    """Break a label over up to three lines; what is longer still loses its middle."""
    lines = textwrap.wrap(shortened(label, _WRAPPED * _LINES - 8), _WRAPPED)
    return "\n".join(lines[:_LINES])


def interval_bars(
    labels: Sequence[str],
    estimate: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    ax: Axes | None = None,
    color: str = PALETTE[0],
) -> Axes:
    """Draw horizontal bars with their intervals, the first on top."""
    values, lower, upper = (np.asarray(a, dtype=float) for a in (estimate, low, high))
    names = [wrapped(label) for label in labels]
    lines = sum(max(1, 0.72 * (name.count("\n") + 1)) for name in names)
    ax = axes(ax, height=max(1.6, 0.34 * lines + 0.9))
    at = np.arange(len(labels))
    ax.barh(at, values, color=color, alpha=0.85, height=0.62)
    ax.hlines(at, lower, upper, color=INK, linewidth=1.6)
    ax.set_yticks(at, names)
    ax.invert_yaxis()
    return tidy(ax, grid="x")


def step_curve(
    time: ArrayLike,
    estimate: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    ax: Axes,
    label: str,
    color: str,
) -> Axes:
    """Draw a step function that holds its value until the next time, with its band."""
    ax.step(time, estimate, where="post", color=color, linewidth=1.8, label=shortened(label))
    ax.fill_between(time, low, high, step="post", color=color, alpha=0.18, linewidth=0)
    return tidy(ax, grid="y")


def heat_map(
    table: ArrayLike,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    ax: Axes | None = None,
    percent: bool = True,
) -> Axes:
    """Draw a table of shares; every cell that is not empty carries its number."""
    values = np.asarray(table, dtype=float)
    # Narrow figures are enlarged on a page, letters and all.
    size = (max(3.0, 0.34 * len(rows) + 1.6), max(6.0, 0.55 * len(columns) + 2.2))
    ax = axes(ax, height=size[0], width=size[1])
    ax.imshow(np.nan_to_num(values), cmap="Blues", vmin=0, aspect="auto")
    dark = 0.6 * np.nanmax(values, initial=0)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and value > 0:
            text = f"{value:.0%}" if percent else f"{value:,.0f}"
            color = "white" if value > dark else INK
            ax.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    return _labelled(ax, rows, columns)


def signed_map(
    table: ArrayLike,
    *,
    texts: Mapping[tuple[int, int], str],
    rows: Sequence[str],
    columns: Sequence[str],
    ax: Axes | None = None,
) -> Axes:
    """Draw a table of numbers of both signs, of one colour each; `texts` by row and column."""
    values = np.asarray(table, dtype=float)
    size = (max(3.0, 0.42 * len(rows) + 1.8), max(6.0, 0.7 * len(columns) + 2.2))
    ax = axes(ax, height=size[0], width=size[1])
    most = max(float(np.nanmax(np.abs(values), initial=0.0)), 1e-9)
    ax.imshow(np.nan_to_num(values), cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto")
    for (row, column), text in texts.items():
        color = "white" if abs(values[row, column]) > 0.6 * most else INK
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    return _labelled(ax, rows, columns)


def _labelled(ax: Axes, rows: Sequence[str], columns: Sequence[str]) -> Axes:
    """Name the rows and columns of a table."""
    ax.set_xticks(
        np.arange(len(columns)), [shortened(c, 24) for c in columns], rotation=40, ha="right"
    )
    ax.set_yticks(np.arange(len(rows)), [shortened(r, 24) for r in rows])
    for side in ax.spines.values():
        side.set_color(QUIET)
    return ax
