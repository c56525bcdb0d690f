"""What became of the customers, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journeykit.draw import INK, PALETTE, axes, tidy
from journeykit.survival.lives import CENSORED, LEFT, LEFT_OUT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.lives import LifetimesAudit


def draw_population(audit: LifetimesAudit, ax: Axes | None) -> Axes:
    """Draw the lines of the audit that together are all customers, with their numbers."""
    step = audit.frame["step"]
    lines = audit.frame[step.isin([LEFT, CENSORED]) | step.str.startswith(LEFT_OUT)]
    ax = axes(ax, height=0.34 * len(lines) + 0.9)
    bars = ax.barh(range(len(lines)), lines["n"], color=PALETTE[0], height=0.62)
    ax.bar_label(bars, [f"{n:,}" for n in lines["n"]], padding=3, color=INK, fontsize=9)
    ax.set_yticks(range(len(lines)), lines["step"])
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set_xlabel("customers")
    return tidy(ax, grid="x")
