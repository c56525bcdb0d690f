"""Kinds by their representatives: as ribbons, one block a step, and as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw import INK, PALETTE, QUIET, axes, tidy
from journeykit.draw.charts import shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_STEPS = 24
_OTHER = "(other)"


def draw_kinds(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw one ribbon a group; touchpoints beyond the palette are grey.

    Groups that are not stable are pale. Ribbons longer than 24 steps end in an ellipsis.
    """
    from matplotlib.patches import Patch

    paths = [text.split(" > ") if text else [] for text in frame["representative"]]
    shown = [path[:_STEPS] for path in paths]
    names, counts = np.unique([step for path in shown for step in path], return_counts=True)
    common = [str(name) for name in names[np.argsort(-counts, kind="stable")][: len(PALETTE)]]
    color = dict(zip(common, PALETTE, strict=False))
    ax = axes(ax, height=max(2.0, 0.55 * len(frame) + 1.2), width=8.0)
    for row, (path, whole, stable) in enumerate(
        zip(shown, paths, frame["is_stable"] | (len(frame) == 1), strict=True)
    ):
        colors = [color.get(step, QUIET) for step in path]
        ax.barh(
            np.full(len(path), row),
            np.full(len(path), 0.92),
            left=np.arange(len(path)),
            height=0.6,
            align="center",
            color=colors,
            alpha=0.95 if stable else 0.35,
        )
        if len(whole) > _STEPS:
            ax.text(_STEPS + 0.1, row, "\u2026", va="center", color=INK)
    ax.set_yticks(np.arange(len(frame)), [_label(row) for _, row in frame.iterrows()])
    ax.set_ylim(len(frame) - 0.5, -0.5)
    ax.set_xlabel("step of the most typical journey")
    if common:
        handles = [Patch(color=color[name], label=shortened(name, 28)) for name in common]
        if len(names) > len(common):
            handles.append(Patch(color=QUIET, label=_OTHER))
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return tidy(ax)


def draw_lines(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw each group's representative as a smooth line over order and touchpoint.

    Touchpoints stand from above in the mean order in which they come, lines are as wide as their
    group is large, and those that share a touchpoint pass it a little apart. Between two steps a
    line never leaves the band between their touchpoints (monotone cubic pieces).
    """
    from scipy.interpolate import PchipInterpolator

    paths = [text.split(" > ")[:_STEPS] if text else [] for text in frame["representative"]]
    place: dict[str, list[int]] = {}
    for path in paths:
        for at, name in enumerate(path):
            place.setdefault(name, []).append(at)
    names = sorted(place, key=lambda name: (float(np.mean(place[name])), name))
    height = {name: at for at, name in enumerate(names)}
    ax = axes(ax, height=max(2.0, 0.36 * len(names) + 1.2), width=7.2)
    ax.hlines(range(len(names)), -0.3, max(map(len, paths), default=1) - 0.7, color="#e4e7eb")
    for row, (path, (_, group)) in enumerate(zip(paths, frame.iterrows(), strict=True)):
        if not path:
            continue
        shift = 0.3 * ((row + 0.5) / len(paths) - 0.5)
        y = np.array([height[name] for name in path]) + shift
        step = np.arange(len(path), dtype=float)
        colour = PALETTE[row % len(PALETTE)]
        width = 1.2 + 5 * float(group["share"])
        if len(path) > 1:
            fine = np.linspace(0, len(path) - 1, 24 * (len(path) - 1) + 1)
            ax.plot(fine, PchipInterpolator(step, y)(fine), color=colour, linewidth=width)
        ax.plot(step, y, "o", color=colour, markersize=width + 2)
        ax.plot([], [], color=colour, linewidth=width, label=_label(group).replace("\n", ", "))
    ax.set_yticks(range(len(names)), [shortened(name, 28) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("step of the most typical journey")
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.18), frameon=False)
    return tidy(ax)


def _label(row: pd.Series) -> str:
    text = f"{row['group']}: {row['share']:.0%} ({row['conf_low']:.0%}-{row['conf_high']:.0%})"
    if np.isnan(row["stability"]):
        return text
    verdict = "" if row["is_stable"] else ", not stable"
    return f"{text}\nstability {row['stability']:.2f}{verdict}"
