"""The pictures of a plan's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw import INK, PALETTE, axes, percent_axis, tidy
from journeykit.draw.charts import shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: More bars than this are not read; the frame has them all.
_DRAWN = 24
_PARTS = (("honoured", PALETTE[0], "in time"), ("late", PALETTE[5], "late"),
          ("never", PALETTE[1], "never"))  # fmt: skip
#: Room for the name of a rule, in bars, and the longest name.
_HEAD, _LONGEST = 0.9, 84


def draw_rules(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw under each rule a bar of shares a group, with the interval of the share in time."""
    told = frame[frame["honoured"].notna()]
    shown = told.head(_DRAWN)
    rule = shown["rule"].to_numpy(dtype=object)
    heads = np.ones(len(rule), dtype=bool)
    heads[1:] = rule[1:] != rule[:-1]
    at = np.arange(len(shown)) + _HEAD * np.cumsum(heads)
    deep = float(at[-1]) if len(at) else 1.0
    ax = axes(ax, height=0.3 * deep + 1.5, width=7.4)
    for name, y in zip(rule[heads], at[heads], strict=True):
        ax.text(0, y - 0.48, shortened(name, _LONGEST), color=INK, fontsize=9, va="bottom")
    _bars(ax, shown, at)
    bounds = shown[["honoured_low", "honoured_high"]].to_numpy(dtype=float)
    ax.hlines(at + 0.36, bounds[:, 0], bounds[:, 1], color=INK, linewidth=1.6)
    ax.set_yticks(at, [_label(row) for row in shown.itertuples()])
    ax.set_ylim(deep + 0.7, -0.3)
    ax.set_xlim(0, 1)
    percent_axis(ax, "x")
    cut = f"\nthe first {_DRAWN} of {len(told)} bars" if len(told) > _DRAWN else ""
    ax.set_xlabel(f"share of those that were due; line: interval of the share in time{cut}")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=9)
    return tidy(ax)


def _bars(ax: Axes, shown: pd.DataFrame, at: np.ndarray) -> None:
    left = np.zeros(len(shown))
    for name, colour, said in _PARTS:
        share = shown[name].to_numpy(dtype=float)
        ax.barh(at, share, left=left, color=colour, height=0.6, label=said)
        for place in np.flatnonzero(share >= 0.07).tolist():
            ax.text(
                left[place] + share[place] / 2, at[place], f"{share[place]:.0%}", color="white",
                ha="center", va="center", fontsize=8,
            )  # fmt: skip
        left += share


def _label(row: object) -> str:
    n, group = row.n, row.group  # type: ignore[attr-defined]
    return f"{n:,} due" if group == "all" else f"{shortened(group, 24)} ({n:,})"
