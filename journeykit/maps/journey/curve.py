"""The map as one picture: how people feel from stage to stage, and how many are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw import INK, PALETTE, QUIET, axes, tidy
from journeykit.draw.charts import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.maps.journey.mapping import JourneyMap


def draw_map(found: JourneyMap, ax: Axes | None = None, /) -> Axes:
    """Draw mean scores with intervals over the stages, and the share of people as bars below.

    Stages in which nobody answered have no point, and the line is broken there.
    """
    ax = axes(ax, height=3.2, width=max(5.0, 1.1 * len(found.stages)))
    at = np.arange(len(found.stages))
    people, mood = (
        found.frame[found.frame["row"] == row].set_index("stage").reindex(list(found.stages))
        for row in ("people", "sentiment")
    )
    ax.axhline(0, color=QUIET, linewidth=1)
    share = people["estimate"].fillna(0).to_numpy()
    ax.bar(at, 0.5 * share, bottom=-1.55, color=PALETTE[0], alpha=0.3, width=0.7)
    for place, (shown, text) in enumerate(zip(share, people["n"], strict=True)):
        if shown > 0:
            ax.text(place, -1.53 + 0.5 * shown, f"{text:,}", ha="center", va="bottom", color=INK)
    known = mood["estimate"].notna().to_numpy()
    ax.plot(at, mood["estimate"], color=PALETTE[0], linewidth=2, marker="o")
    ax.vlines(
        at[known], mood["conf_low"][known], mood["conf_high"][known], color=INK, linewidth=1.4
    )
    ax.set_xticks(at, [shortened(stage) for stage in found.stages])
    ax.set_yticks([-1, 0, 1], ["worst", "0", "best"])
    ax.set_ylim(-1.6, 1.1)
    ax.set_ylabel("mean score; bars: people")
    return tidy(ax)
