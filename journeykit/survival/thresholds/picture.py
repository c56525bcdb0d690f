"""Return by silence, and what thresholds do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.thresholds.result import ChurnThreshold, ThresholdSensitivity


def draw_threshold(found: ChurnThreshold, ax: Axes | None) -> Axes:
    """Draw the probability with its interval, the level, and where it is first below."""
    ax = axes(ax)
    frame = found.frame
    days = frame["time_days"].to_numpy()
    ax.fill_between(
        days, frame["conf_low"], frame["conf_high"], color=PALETTE[0], alpha=0.2, linewidth=0
    )
    ax.plot(days, frame["estimate"], color=PALETTE[0], marker="o", markersize=3)
    ax.axhline(found.return_probability, color=QUIET, linestyle="--", linewidth=1)
    if np.isfinite(found.threshold_days):
        ax.axvline(found.threshold_days, color=INK, linewidth=1)
        ax.annotate(
            f"{found.threshold_days:g} days",
            (found.threshold_days, 1),
            xycoords=ax.get_xaxis_transform(),
            xytext=(4, -4),
            textcoords="offset points",
            va="top",
            color=INK,
            fontsize=9,
        )
    ax.set_ylim(0, min(1.0, max(0.1, np.nanmax(frame["conf_high"], initial=0.1)) * 1.05))
    ax.set_xlim(left=0)
    percent_axis(ax, "y")
    ax.set_xlabel("days of silence")
    ax.set_ylabel(f"return within {found.within_days:g} days")
    return tidy(ax, grid="y")


def draw_sensitivity(found: ThresholdSensitivity, ax: Axes | None) -> Axes:
    """Draw the shares by threshold."""
    ax = axes(ax)
    frame = found.frame
    lines = {
        "churned": "share_churned",
        "of these seen again": "share_returned",
        "cannot be told at the end": "share_undecidable",
    }
    for number, (label, column) in enumerate(lines.items()):
        style = ("-", "--", ":")[number]
        ax.plot(frame["time_days"], frame[column], style, color=PALETTE[number], label=label)
    for day in frame.loc[frame["chosen"], "time_days"]:
        ax.axvline(day, color=INK, linewidth=1)
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    percent_axis(ax, "y")
    ax.set_xlabel("threshold, days of silence")
    ax.set_ylabel("customers")
    ax.legend(frameon=False)
    return tidy(ax, grid="y")
