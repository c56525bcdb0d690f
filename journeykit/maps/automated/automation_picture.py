"""Pictures of automation: who acts where, and what follows."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_COLORS = {"automated": PALETTE[0], "human": PALETTE[5], "customer": "#d5dae0"}
_NARROW = 0.07


def shares(frame: pd.DataFrame, ax: Axes | None, /) -> Axes:
    """Draw one bar a channel and stage, cut by actor; by touchpoint where there is neither."""
    parts = frame[frame["level"].isin(["all", "channel", "stage"])]
    if set(parts["level"]) == {"all"}:
        parts = frame[frame["level"] != "all"]
    keys = list(dict.fromkeys(zip(parts["level"], parts["name"], strict=True)))
    gaps = np.cumsum([0, *(0.6 * (a[0] != b[0]) for a, b in itertools.pairwise(keys))])
    place = dict(zip(keys, np.arange(len(keys)) + gaps, strict=True))
    ax = axes(ax, height=0.38 * len(keys) + 1.1)
    left = dict.fromkeys(keys, 0.0)
    for actor, color in _COLORS.items():
        mine = parts[(parts["actor"] == actor) & parts["estimate"].notna()]
        for row in mine.itertuples():
            key = (row.level, row.name)
            ax.barh(place[key], row.estimate, left=left[key], height=0.72, color=color)
            if row.estimate >= _NARROW:
                ink = "white" if actor == "automated" else INK
                ax.text(left[key] + row.estimate / 2, place[key], f"{row.estimate:.0%}",
                        ha="center", va="center", fontsize=9, color=ink)  # fmt: skip
            left[key] += row.estimate
        ax.barh([0], [0], color=color, label=actor)
    ax.set_yticks(list(place.values()), [_label(*key) for key in keys])
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    percent_axis(ax, "x")
    ax.set_xlabel("share of touches")
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3, frameon=False)
    return tidy(ax)


def _label(level: str, name: str) -> str:
    return "all touches" if level == "all" else shortened(name, 24)


def differences(frame: pd.DataFrame, horizon_days: float | None, ax: Axes | None, /) -> Axes:
    """Draw machines less humans: inside strata with interval, plain shares as crosses."""
    shown = frame[frame["estimate"].notna()] if len(frame) else frame
    if len(shown) == 2:  # one part is all of them
        shown = shown[shown["name"] != "(all)"]
    ax = axes(ax, height=max(1.8, 0.42 * len(shown) + 1.3))
    at = np.arange(len(shown))
    ax.axvline(0, color=QUIET, linewidth=1)
    if len(shown):
        ax.hlines(at, shown["conf_low"], shown["conf_high"], color=INK, linewidth=1.4)
        ax.scatter(shown["estimate"], at, color=PALETTE[0], s=42, zorder=3, label="equal strata")
        ax.scatter(shown["crude"], at, color=PALETTE[1], marker="x", s=42, zorder=3,
                   label="plain shares")  # fmt: skip
        ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2, frameon=False)
        labels = [
            f"{shortened(row.name, 28) if row.name != '(all)' else 'all of them'}\n"
            f"({int(row.n_exposed):,} by machines)"
            for row in shown.itertuples(index=False)
        ]
        ax.set_yticks(at, labels)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.margins(x=0.08)
    percent_axis(ax, "x")
    within = "" if horizon_days is None else f" within {horizon_days:g} days"
    ax.set_xlabel(f"outcome{within}:\nmachines less humans, points")
    return tidy(ax, grid="x")
