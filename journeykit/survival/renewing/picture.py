"""Pictures of contracts renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator

from journeykit.draw import PALETTE, axes, percent_axis, tidy
from journeykit.draw.charts import shortened
from journeykit.draw.projection import mark_projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.renewing.projecting import Retention

#: Groups that can be told apart in one picture.
_MOST = len(PALETTE)


def draw_retention(retention: Retention, ax: Axes | None) -> Axes:
    """Draw retention seen as dots and modelled as lines, dashed where it is projected."""
    ax = axes(ax)
    begins: set[float] = set()
    groups = list(dict.fromkeys(retention.frame["group"]))
    for number, group in enumerate(groups[:_MOST]):
        color = PALETTE[number]
        rows = retention.frame[retention.frame["group"] == group]
        period, ahead = rows["period"].to_numpy(), rows["projected"].to_numpy()
        used = int((~ahead).sum())
        estimate = rows["estimate"].to_numpy()
        ax.plot(period, rows["value"], "o", color=color, markersize=4)
        ax.plot(period[:used], estimate[:used], color=color, label=shortened(group))
        ax.plot(period[used - 1 :], estimate[used - 1 :], "--", color=color)
        ax.fill_between(
            period, rows["conf_low"], rows["conf_high"], color=color, alpha=0.18, linewidth=0
        )
        if ahead.any():
            begins.add(float(period[used - 1]))
    for begin in sorted(begins):
        mark_projection(ax, begin)
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    percent_axis(ax, "y")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("renewals (dots: seen, lines: model)")
    ax.set_ylabel("still there")
    if len(groups) > 1:
        ax.legend(frameon=False)
    return tidy(ax, grid="y")
