"""Pictures of channel integration: the scorecard, and which channel follows which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.draw import INK, QUIET, axes, heat_map, tidy
from journeykit.draw.charts import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

_SHADES = {"in-flow": "#0072b2", "out-flow": "#0072b2"}


def scorecard(frame: pd.DataFrame, isolated: Sequence[str], ax: Axes | None, /) -> Axes:
    """Draw a table of the measures, each cell as long as its number within its column."""
    measures = list(dict.fromkeys(frame["measure"]))
    channels = list(dict.fromkeys(frame["channel"]))
    ax = axes(ax, height=0.5 * len(channels) + 1.2, width=6.4)
    table = frame.set_index(["channel", "measure"])
    known = table["estimate"].dropna()
    for at, measure in enumerate(measures):
        bits = measure == "confusion"
        column = [known.get((channel, measure), np.nan) for channel in channels]
        most = np.nanmax([*column, 1e-9]) if bits else 1.0
        color = _SHADES.get(measure, "#d55e00")
        for row, value in enumerate(column):
            if np.isfinite(value):
                ax.barh(row, 0.9 * value / most, left=at, height=0.62, color=color, alpha=0.35)
                text = f"{value:.1f}" if bits else f"{value:.0%}"
            else:
                touched = table["n"].get((channels[row], measure), 0)
                text = "none" if touched is not pd.NA and touched == 0 else "too few"
            ink = INK if np.isfinite(value) else QUIET
            ax.text(at + 0.04, row, text, va="center", fontsize=10, color=ink)
    titles = [f"{name}\n(bits)" if name == "confusion" else name.replace(" ", "\n", 1)
              for name in measures]  # fmt: skip
    ax.set_xticks(np.arange(len(measures)) + 0.04, titles, ha="left")
    ax.xaxis.tick_top()
    names = [f"{shortened(name, 24)}\n(isolated)" if name in isolated else shortened(name, 24)
             for name in channels]  # fmt: skip
    ax.set_yticks(np.arange(len(channels)), names)
    ax.set_xlim(0, len(measures))
    ax.invert_yaxis()
    tidy(ax)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return ax


def handoff_map(frame: pd.DataFrame, ax: Axes | None, within_days: float, /) -> Axes:
    """Draw shares of the row's touches by what follows."""
    rows = list(dict.fromkeys(frame["source"]))
    columns = [*rows, *(name for name in dict.fromkeys(frame["target"]) if name not in rows)]
    columns = sorted(columns, key=lambda name: (name.startswith("("), columns.index(name)))
    table = frame.pivot_table(index="source", columns="target", values="estimate", dropna=False)
    table = table.reindex(index=rows, columns=columns)
    ax = heat_map(table.to_numpy(dtype=float), rows=rows, columns=columns, ax=ax)
    ax.set_xlabel(f"next touch within {within_days:g} days")
    ax.set_ylabel("after a touch in")
    return ax
