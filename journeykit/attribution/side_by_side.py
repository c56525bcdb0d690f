"""The picture of models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.attribution.disagreement import NO_CHANNEL, label_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: Channels drawn one by one: each has a line a model.
_DRAWN = 12
#: Beyond as many models as there are colours the next marker is taken.
_MARKERS = "os^vD"
_STEP = 0.8


def side_by_side(frame: pd.DataFrame, ranges: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw one group a channel: a band from lowest to highest, a point a model, a diamond."""
    from journeykit.draw import INK, axes, percent_axis, tidy
    from journeykit.draw.charts import shortened

    shares, ranges = _folded(frame, ranges)
    models = shares["model"].unique().tolist()
    channels = ranges["channel"].tolist()
    ax = axes(ax, height=max(2.2, (0.11 * len(models) + 0.24) * len(channels) + 1.1))
    at = np.arange(len(channels))
    left, width = ranges["lowest"].to_numpy(), ranges["width"].to_numpy()
    ax.barh(at, width, left=left, height=0.9, color="#e4e7eb", label="range over models", zorder=0)
    for number, model in enumerate(models):
        _points(ax, shares[shares["model"] == model], channels, number, len(models))
    if ranges["increment"].notna().any():
        ax.hlines(at, ranges["experiment_low"], ranges["experiment_high"], color=INK, linewidth=2)
        ax.plot(
            ranges["experiment_share"], at, "D", color=INK, markersize=8, linestyle="none",
            label="experiment", zorder=5,
        )  # fmt: skip
    ax.set_yticks(at, [shortened(name) for name in channels])
    ax.set_ylim(len(channels) - 0.5, -0.5)
    ax.set_xlabel(f"share of conversions\n{_elsewhere(frame, models)}")
    bounds = [shares[["share", "conf_low"]], ranges[["experiment_low"]]]
    least = min(float(np.nanmin(part.to_numpy(dtype=float), initial=0.0)) for part in bounds)
    ax.set_xlim(left=1.05 * least)
    if least < 0:
        ax.axvline(0, color=INK, linewidth=0.8)
    percent_axis(ax, "x")
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8)
    return tidy(ax, grid="x")


def _points(ax: Axes, part: pd.DataFrame, channels: list[str], number: int, models: int) -> None:
    """Draw one model's points and intervals, a little below those of the model before."""
    from journeykit.draw import PALETTE

    told = part.set_index("channel").reindex(channels)
    at = np.arange(len(channels)) + _STEP * ((number + 0.5) / models - 0.5)
    color = PALETTE[number % len(PALETTE)]
    marker = _MARKERS[number // len(PALETTE) % len(_MARKERS)]
    ax.hlines(at, told["conf_low"], told["conf_high"], color=color, linewidth=1.4, alpha=0.7)
    ax.plot(
        told["share"], at, marker, color=color, markersize=4.5, linestyle="none",
        label=part["model"].iloc[0], clip_on=False,
    )  # fmt: skip


def _folded(frame: pd.DataFrame, ranges: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add the smallest channels up beyond those drawn, without intervals or experiments."""
    import pandas as pd

    frame = frame.assign(channel=frame["channel"].map(label_of))
    frame, ranges = (part[part["channel"] != NO_CHANNEL] for part in (frame, ranges))
    channels = ranges["channel"].tolist()
    if len(channels) <= _DRAWN:
        return frame, ranges
    small = channels[_DRAWN:]
    name = f"({len(small):,} other channels)"
    little = frame["channel"].isin(small)
    total = frame[little].groupby("model", sort=False)["share"].sum(min_count=1)
    row = {"lowest": total.min(), "highest": total.max(), "width": total.max() - total.min()}
    together = total.reset_index().assign(channel=name)
    folded = ranges.set_index("channel")
    folded = folded.reindex([*channels[:_DRAWN], name])
    folded.loc[name, list(row)] = list(row.values())
    return pd.concat([frame[~little], together]), folded.reset_index()


def _elsewhere(frame: pd.DataFrame, models: list[str]) -> str:
    """Say what is given to no channel, which would dwarf them all: the bars and it make up 1."""
    without = frame[frame["channel"].map(label_of) == NO_CHANNEL]
    share = without.groupby("model", sort=False)["share"].sum().reindex(models, fill_value=0.0)
    least, most = share.min(), share.max()
    if least == most:
        return f"to no channel: {least:.1%}"
    return f"to no channel: {least:.1%} ({share.idxmin()}) to {most:.1%} ({share.idxmax()})"
