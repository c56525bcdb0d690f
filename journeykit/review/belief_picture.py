"""Beliefs drawn: where each is true, what is observed with its interval, and the verdict."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from journeykit.draw import INK, PALETTE, QUIET, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.review.judging import Beliefs

_COLOURS = {"true": PALETTE[2], "false": PALETTE[1], "cannot tell": PALETTE[6]}
_BAND = "#e4e7eb"
#: Metrics that are shares, and the scale of those that have one of their own.
SHARES = ("share", "reach", "stage", "positive", "retention")
_SCALES = {"sentiment": (-1.0, 1.0)}


def number(metric: str, value: float, /) -> str:
    """Write a number of a metric: shares as per cent, days with their unit."""
    if np.isinf(value):
        return "not reached"
    if metric in SHARES:
        return f"{value:.1%}" if 0 < abs(value) < 0.1 else f"{value:.0%}"
    return f"{value:,.0f} days" if metric == "median_days" else f"{value:+.2f}"


def draw_beliefs(beliefs: Beliefs, ax: Axes | None) -> Axes:
    """Draw one row a belief, each on its own scale, ends of the scale written at its ends."""
    frame = beliefs.frame
    ax = axes(ax, height=0.72 * len(frame) + 1.0, width=8.4)
    for at, row in enumerate(frame.itertuples()):
        _row(ax, at, row)
    labels = [textwrap.fill(_cut(str(claim)), 44) for claim in frame["claim"]]
    ax.set_yticks(np.arange(len(frame)), labels, fontsize=8)
    ax.set_ylim(len(frame) - 0.4, -0.6)
    ax.set_xlim(-0.03, 1.62)
    ax.set_xticks([])
    for side in ("top", "right", "bottom", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0, colors=INK)
    ax.set_xlabel(
        "grey: where the claim is true   |: threshold   \u25cb: what people have in mind\n"
        f"\u25cf: observed, with its {100 * beliefs.confidence:.3g} % interval",
        fontsize=8,
        loc="left",
    )
    return ax


def _cut(claim: str) -> str:
    claim = claim if len(claim) <= 88 else f"{claim[:87]}\u2026"
    return claim.replace("$", r"\$")


def _scale(row: Any) -> tuple[float, float]:
    """Return the ends of a row's scale."""
    if row.metric in SHARES:
        return 0.0, 1.0
    if row.metric in _SCALES:
        return _SCALES[row.metric]
    ends = np.array([row.estimate, row.conf_high, row.true_from, row.true_to, row.believed])
    ends = ends[np.isfinite(ends)]
    return 0.0, 1.15 * float(ends.max(initial=1.0))


def _row(ax: Axes, at: int, row: Any) -> None:
    low, high = _scale(row)

    def x(value: float) -> float:
        return float(np.clip((value - low) / (high - low), 0, 1))

    colour = _COLOURS[row.verdict]
    ax.hlines(at, 0, 1, color=QUIET, linewidth=0.8, zorder=1)
    left, right = x(row.true_from), x(row.true_to)
    ax.barh(at, right - left, left=left, height=0.42, color=_BAND, zorder=0)
    for threshold in (row.true_from, row.true_to):
        if np.isfinite(threshold):
            ax.vlines(x(threshold), at - 0.26, at + 0.26, color=INK, linewidth=1.6, zorder=2)
    if np.isfinite(row.believed):
        ax.plot(x(row.believed), at, "o", mfc="white", mec=INK, ms=5, zorder=2)
    if not np.isnan(row.estimate):
        ax.hlines(at, x(row.conf_low), x(row.conf_high), color=colour, linewidth=3, zorder=3)
        ax.plot(x(row.estimate), at, "o", color=colour, ms=6, zorder=4)
    for end, place, align in ((low, 0.0, "left"), (high, 1.0, "right")):
        ax.text(place, at + 0.44, number(row.metric, end), fontsize=6, color=QUIET, ha=align)
    ax.text(1.04, at - 0.02, row.verdict, color=colour, weight="bold", fontsize=9, va="bottom")
    ax.text(1.04, at + 0.06, _observed(row), color=INK, fontsize=7, va="top")


def _observed(row: Any) -> str:
    """Write what is observed beside the verdict, or why it is not."""
    if np.isnan(row.estimate) and np.isnan(row.conf_low):
        return textwrap.fill(str(row.reason), 34)
    low, high = (number(row.metric, bound) for bound in (row.conf_low, row.conf_high))
    middle = "not reached" if np.isnan(row.estimate) else number(row.metric, row.estimate)
    return f"{middle} ({low} to {high})\nof {row.n:,.0f} {row.unit}"
