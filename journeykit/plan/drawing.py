"""The pictures of a plan's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw import INK, PALETTE, axes, percent_axis, tidy
from journeykit.draw.charts import wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: More bars than this are not read; the frame has them all.
_DRAWN = 24
_PARTS = (("honoured", PALETTE[0], "in time"), ("late", PALETTE[5], "late"),
          ("never", PALETTE[1], "never"))  # fmt: skip


def draw_rules(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw a bar of shares a rule and group, with the interval of the share in time."""
    told = frame[frame["honoured"].notna()]
    shown = told.head(_DRAWN)
    labels = [_label(row) for row in shown.itertuples()]
    lines = sum(1 + label.count("\n") for label in labels)
    ax = axes(ax, height=max(1.9, 0.24 * lines + 1.3), width=7.4)
    at = np.arange(len(shown))
    left = np.zeros(len(shown))
    for name, colour, said in _PARTS:
        share = shown[name].to_numpy(dtype=float)
        ax.barh(at, share, left=left, color=colour, height=0.62, label=said)
        for place in np.flatnonzero(share >= 0.07).tolist():
            ax.text(
                left[place] + share[place] / 2, place, f"{share[place]:.0%}", color="white",
                ha="center", va="center", fontsize=8,
            )  # fmt: skip
        left += share
    bounds = shown[["honoured_low", "honoured_high"]].to_numpy(dtype=float)
    ax.hlines(at + 0.24, bounds[:, 0], bounds[:, 1], color=INK, linewidth=1.6)
    ax.set_yticks(at, labels)
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    percent_axis(ax, "x")
    cut = f"; first {_DRAWN} of {len(told)}" if len(told) > _DRAWN else ""
    ax.set_xlabel(f"share of those that were due (their number); line: interval of in time{cut}")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=9)
    return tidy(ax)


def _label(row: object) -> str:
    group = "" if row.group == "all" else f", {row.group}"  # type: ignore[attr-defined]
    return wrapped(f"{row.rule}{group} ({row.n:,})")  # type: ignore[attr-defined]
