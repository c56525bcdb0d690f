"""One coloured line a journey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw.basics import INK, axes, tidy
from journeykit.draw.colours import place_colours
from journeykit.draw.flows import legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

_HEIGHT = 0.82


def ribbon_chart(
    *,
    line: ArrayLike,
    begin: ArrayLike,
    end: ArrayLike,
    place: Sequence[str],
    touchpoints: Sequence[str],
    edges: tuple[str, str, str],
    more: Mapping[int, tuple[float, str]],
    ax: Axes | None = None,
) -> Axes:
    """Draw pieces from `begin` to `end` on numbered lines, coloured by place.

    A piece without length, such as the last event of a line in time, is drawn as a thin mark.
    `more` maps lines to a position and a text to write there.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.ticker import MaxNLocator

    row, left, right = (np.asarray(values, dtype=float) for values in (line, begin, end))
    n_lines = int(row.max()) + 1
    ax = axes(ax, height=min(7.5, max(2.4, 0.1 * n_lines + 1.8)))
    span = float(right.max() - left.min()) or 1.0
    right = np.maximum(right, left + span * 0.004)
    places = [*touchpoints, *edges]
    fills = place_colours(places, edges)
    names = np.asarray(place, dtype=object)
    there = [name for name in places if (names == name).any()]
    for name in there:
        at = names == name
        low, high = row[at] - _HEIGHT / 2, row[at] + _HEIGHT / 2
        corners = np.stack(
            [
                np.stack([left[at], left[at], right[at], right[at]], axis=1),
                np.stack([low, high, high, low], axis=1),
            ],
            axis=2,
        )
        fill = fills[name]
        ax.add_collection(
            PolyCollection(
                list(corners),
                facecolor=fill.face,
                edgecolor="white" if fill.edge == "none" else fill.edge,
                linewidth=0.3,
                hatch=fill.hatch,
            )
        )
    for number, (x, text) in more.items():
        ax.text(x + 0.01 * span, number, text, va="center", fontsize=6, color=INK)
    ax.set_xlim(float(left.min()), float(right.max()) + (0.05 * span if more else 0))
    ax.set_ylim(n_lines - 0.4, -0.6)
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    tidy(ax)
    ax.spines["left"].set_visible(False)
    legend_below(ax, [fills[name].key() for name in there], there)
    return ax
