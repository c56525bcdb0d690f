"""Pictures of buying again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw import INK, PALETTE, axes, tidy
from journeykit.draw.projection import mark_projection

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.survival.buying.expecting import PurchasesAhead
    from journeykit.survival.buying.fitting import PurchaseCounts
    from journeykit.survival.buying.tracking import Tracking


def draw_purchase_counts(counts: PurchaseCounts, ax: Axes | None) -> Axes:
    """Draw customers by number of repeat purchases, seen beside expected."""
    ax = axes(ax)
    frame = counts.frame
    at = np.arange(len(frame))
    ax.bar(at - 0.2, frame["n"], width=0.4, color=PALETTE[0], label="seen")
    ax.bar(at + 0.2, frame["expected"], width=0.4, color=PALETTE[1], label="expected")
    ax.set_xticks(at, _short(frame["group"]))
    ax.set_xlabel("repeat purchases")
    ax.set_ylabel("customers")
    ax.legend(frameon=False)
    return tidy(ax, grid="y")


def draw_purchases_ahead(ahead: PurchasesAhead, ax: Axes | None) -> Axes:
    """Draw purchases per customer by number of purchases so far."""
    frame = ahead.frame.iloc[:-1]
    ax = axes(ax)
    at, n = np.arange(len(frame)), frame["n"].to_numpy()
    estimate, low, high = (
        frame[name].to_numpy() / n for name in ("estimate", "predict_low", "predict_high")
    )
    ax.vlines(at, low, high, color=PALETTE[0], alpha=0.35, linewidth=8, label="with chance")
    low, high = (frame[name].to_numpy() / n for name in ("conf_low", "conf_high"))
    ax.vlines(at, low, high, color=INK, linewidth=1.6)
    ax.plot(at, estimate, "o", color=PALETTE[0], label="expected")
    if "value" in frame:
        ax.plot(at, frame["value"] / n, "D", color=PALETTE[1], markersize=5, label="came")
    ax.set_xticks(at, _short(frame["group"]))
    ax.set_ylim(bottom=0)
    ax.set_xlabel("repeat purchases so far")
    ax.set_ylabel("purchases per customer")
    ax.legend(frameon=False, loc="upper left")
    return tidy(ax, grid="y")


def draw_tracking(tracking: Tracking, ax: Axes | None) -> Axes:
    """Draw cumulative repeat purchases; what is projected is dashed, beyond a line."""
    ax = axes(ax)
    frame = tracking.frame
    time = frame["time_days"].to_numpy()
    ahead = frame["projected"].to_numpy()
    ax.plot(time, frame["value"], color=INK, linewidth=1.8, label="seen")
    ax.fill_between(
        time, frame["conf_low"], frame["conf_high"], color=PALETTE[1], alpha=0.2, linewidth=0
    )
    begin = int((~ahead).sum())
    ax.plot(time[:begin], frame["estimate"][:begin], color=PALETTE[1], label="model, fitted")
    if ahead.any():
        shown = slice(max(begin - 1, 0), None)
        estimate = frame["estimate"][shown]
        ax.plot(time[shown], estimate, "--", color=PALETTE[1], label="model, projected")
        mark_projection(ax, float(time[max(begin - 1, 0)]))
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("days since the first customer came")
    ax.set_ylabel("repeat purchases so far")
    ax.legend(frameon=False, loc="upper left")
    return tidy(ax, grid="y")


def _short(groups: pd.Series) -> list[str]:
    return [group.replace(" or more", "+") for group in groups]
