"""Kinds as ribbons: the representative of each, one block a step."""

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


def _label(row: pd.Series) -> str:
    text = f"{row['group']}: {row['share']:.0%} ({row['conf_low']:.0%}-{row['conf_high']:.0%})"
    if np.isnan(row["stability"]):
        return text
    verdict = "" if row["is_stable"] else ", not stable"
    return f"{text}\nstability {row['stability']:.2f}{verdict}"
