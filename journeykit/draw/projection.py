"""Where the data end and a model goes on alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journeykit.draw.basics import INK, QUIET

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def mark_projection(ax: Axes, begin: float) -> None:
    """Draw a dotted line where the projection begins, and say so at its foot."""
    ax.axvline(begin, color=QUIET, linewidth=1, linestyle=":")
    ax.annotate(
        "projected",
        (begin, 0.02),
        xycoords=ax.get_xaxis_transform(),
        xytext=(4, 0),
        textcoords="offset points",
        color=INK,
        fontsize=8,
    )
