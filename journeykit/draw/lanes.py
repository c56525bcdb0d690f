"""A plan above, lived ways below: where they agree, and marks where they do not.

Narrow enough for a phone: steps stand side by side under their turned names, ways one under the
other, each as a line that is the wider the more go it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

from journeykit.draw.basics import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import shortened
from journeykit.draw.fitting import fitted, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

#: Colour, marker and word of each sign.
_MARKS = {
    "+": (PALETTE[5], "P", "extra"),
    "~": (PALETTE[3], "^", "out of order"),
    "!": (PALETTE[1], "X", "failed"),
    "-": (QUIET, "o", "missing"),
}
_TYPES = {"extra": "+", "irregular": "~", "failed": "!", "missing": "-"}
_SIZE, _SMALL = 8.0, 7.5
_WIDTH, _ROW, _NAMES = 4.2, 0.34, 1.25
_LEFT = 1.1


class Lane(NamedTuple):
    """A lived way: its share of all, its number, its moves, and what is written beside it.

    A move is a sign and a name. Signs: empty as planned, ``+`` extra, ``~`` irregular, ``!``
    failed, ``-`` missing. Without a `note`, the share is written.
    """

    share: float
    n: int
    moves: tuple[tuple[str, str], ...]
    note: str = ""


class Block(NamedTuple):
    """Steps from `first` to `last` that belong together, and the word for how."""

    first: int
    last: int
    word: str


def plan_lanes(
    steps: Sequence[str],
    lanes: Sequence[Lane],
    rates: Mapping[tuple[str, str], float],
    *,
    blocks: Sequence[Block] = (),
    optional: Sequence[str] = (),
    lived: str = "lived",
    rest: float = 0.0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the plan, the rates of deviations at each step, and the ways that are lived.

    Parameters
    ----------
    steps : sequence of str
        In the order of the plan.
    lanes : sequence of Lane
        The first on top.
    rates : mapping of (type, step) to float
        Shares of cases; extra ones by touchpoint.
    blocks, optional
        What is written under the plan; steps that may be left out are drawn hollow.
    lived : str
        What is written above the ways.
    rest : float
        Share of all other ways; it is written below.
    """
    kinds = [kind for kind in ("missing", "irregular", "failed") if _any(rates, kind)]
    extras = sorted(
        ((share, name) for (kind, name), share in rates.items() if kind == "extra"), reverse=True
    )[:4]
    depth = 1 + bool(blocks) + len(kinds) + len(lanes) + bool(rest) + len(extras) + 3.4
    new = ax is None
    ax = axes(ax, height=_NAMES + _ROW * depth, width=max(_WIDTH, _LEFT + 0.42 * len(steps)))
    size = ax.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    column = (size[0] - _LEFT - 0.3) / max(len(steps), 1) if new else 0.5
    left = -_LEFT / column
    _plan(ax, steps, blocks, set(optional), left)
    row = 1.0 + 0.8 * bool(blocks)
    for kind in kinds:
        row = _rates(ax, steps, rates, kind, row, left)
    row += 0.4
    _say(ax, left, row, lived, color=INK)
    row += 0.9
    for lane in lanes:
        _lane(ax, steps, lane, row, left)
        row += 1
    if rest > 0:
        _say(ax, left, row, f"{_percent(rest)}  other ways")
        row += 1
    for share, name in extras:
        color, marker, _ = _MARKS["+"]
        ax.plot([left + 0.12], [row], marker=marker, color=color, markersize=6, clip_on=False)
        text = fitted(name, size[0] - 1.4, size=_SIZE)
        _say(ax, left + 0.35, row, f"{_percent(share)}  {text}")
        row += 0.8
    _legend(ax, row + 0.35, left, len(steps))
    ax.set_xlim(left, len(steps) - 0.35)
    ax.set_ylim(row + 1.0, -0.6 - _NAMES / _ROW)
    ax.axis("off")
    return ax


def _any(rates: Mapping[tuple[str, str], float], kind: str) -> bool:
    return any(one == kind for one, _ in rates)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"


def _say(ax: Axes, x: float, y: float, text: str, *, color: str = INK) -> None:
    ax.text(x, y, text, fontsize=_SIZE, color=color, va="center", ha="left", clip_on=False)


def _plan(
    ax: Axes, steps: Sequence[str], blocks: Sequence[Block], optional: set[str], left: float
) -> None:
    """Draw the planned steps and their names."""
    ax.plot([0, len(steps) - 1], [0, 0], color=INK, linewidth=2.5, solid_capstyle="round")
    for at, name in enumerate(steps):
        face = "white" if name in optional else INK
        ax.plot([at], [0], "o", markersize=11, color=INK, markerfacecolor=face, zorder=3)
        label = fitted(name, 1.35, size=_SIZE)
        ax.text(
            at - 0.1, -0.7, label, rotation=66, rotation_mode="anchor", fontsize=_SIZE, color=INK,
            ha="left", va="bottom",
        )  # fmt: skip
    _say(ax, left, 0, "planned")
    for block in blocks:
        ax.plot([block.first - 0.25, block.last + 0.25], [0.62, 0.62], color=QUIET, linewidth=1.5)
        ax.text(
            (block.first + block.last) / 2, 0.95, block.word, fontsize=_SMALL, color=INK,
            ha="center", va="center",
        )  # fmt: skip


def _rates(
    ax: Axes,
    steps: Sequence[str],
    rates: Mapping[tuple[str, str], float],
    kind: str,
    row: float,
    left: float,
) -> float:
    """Write the rates of one type under the steps, and return the next row."""
    color, marker, word = _MARKS[_TYPES[kind]]
    face = "white" if kind == "missing" else color
    ax.plot(
        [left + 0.12], [row], marker=marker, color=color, markerfacecolor=face, markersize=6,
        clip_on=False,
    )  # fmt: skip
    _say(ax, left + 0.35, row, "order" if kind == "irregular" else word)
    for at, name in enumerate(steps):
        share = rates.get((kind, name))
        text = "\u00b7" if share is None or np.isnan(share) else _percent(share)
        ax.text(
            at, row, text, fontsize=_SMALL, ha="center", va="center",
            color=QUIET if share is None else INK,
        )  # fmt: skip
    return row + 0.8


def _lane(ax: Axes, steps: Sequence[str], lane: Lane, row: float, left: float) -> None:
    """Draw one way: a line through what came, marks where it departs from the plan."""
    place = {name: at for at, name in enumerate(steps)}
    at, beside = -1.0, 0
    points: list[float] = []
    for sign, name in lane.moves:
        if sign in ("", "-") and name in place:
            at, beside = float(place[name]), 0
            if sign:
                _mark(ax, at, row, sign)
                continue
            points.append(at)
            ax.plot([at], [row], "o", markersize=7, color=PALETTE[0], zorder=3)
            continue
        beside += 1
        x = at + (0.5 if beside == 1 else 0.5 + 0.16 * (beside - 1))
        if sign == "~" and name in place:
            _mark(ax, float(place[name]), row, "-")
            if abs(place[name] - x) > 0.1:
                ax.annotate(
                    "", xy=(x, row - 0.12), xytext=(place[name], row - 0.12),
                    arrowprops={
                        "arrowstyle": "-", "color": _MARKS["~"][0], "linestyle": ":",
                        "connectionstyle": "arc3,rad=0.45" if place[name] > x else
                        "arc3,rad=-0.45",
                    },
                )  # fmt: skip
        _mark(ax, x, row, sign)
        points.append(x)
    if points:
        width = 1 + 7 * lane.share
        ax.plot(
            [min(points), max(points)], [row, row], color=PALETTE[4], linewidth=width, zorder=1,
            solid_capstyle="round",
        )  # fmt: skip
    _say(ax, left, row, lane.note or _percent(lane.share))


def _mark(ax: Axes, x: float, y: float, sign: str) -> None:
    color, marker, _ = _MARKS[sign]
    face = "white" if sign == "-" else color
    ax.plot(
        [x], [y], marker=marker, color=color, markerfacecolor=face, markersize=7, zorder=4,
        markeredgewidth=1.4 if sign == "-" else 0.4,
    )  # fmt: skip


def _legend(ax: Axes, row: float, left: float, n_steps: int) -> None:
    """Say what the marks mean, in one line."""
    room = (n_steps - 0.4 - left) / 5
    told = [("o", PALETTE[0], PALETTE[0], "planned")]
    told += [
        (marker, color, "white" if word == "missing" else color, word)
        for color, marker, word in _MARKS.values()
    ]
    shares = np.array([text_width(word, _SMALL) + 0.2 for *_, word in told])
    x = left + np.concatenate([[0], np.cumsum(shares / shares.sum() * room * 5)[:-1]])
    for at, (marker, color, face, word) in zip(x, told, strict=True):
        ax.plot(
            [at + 0.1], [row], marker=marker, color=color, markerfacecolor=face, markersize=5.5,
            clip_on=False,
        )  # fmt: skip
        ax.text(at + 0.28, row, word, fontsize=_SMALL, color=INK, va="center", clip_on=False)


def rate_dots(
    labels: Sequence[str],
    kinds: Sequence[str],
    estimate: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    label: str = "share of closed cases",
    ax: Axes | None = None,
) -> Axes:
    """Draw shares with their intervals, marked by type of deviation."""
    ax = effect_dots(labels, kinds, estimate, low, high, label=label, ax=ax)
    ax.set_xlim(left=0)
    # Ticks in steps that whole per cents can write.
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    percent_axis(ax, "x")
    return ax


def effect_dots(
    labels: Sequence[str],
    kinds: Sequence[str],
    estimate: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    label: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw estimates with their intervals against zero, marked by type of deviation."""
    values, lower, upper = (np.asarray(a, dtype=float) for a in (estimate, low, high))
    ax = axes(ax, height=max(1.8, 0.32 * len(values) + 1.3), width=5.2)
    at = np.arange(len(values))
    ax.axvline(0, color=QUIET, linewidth=1)
    ax.hlines(at, lower, upper, color=INK, linewidth=1.4)
    for kind in dict.fromkeys(kinds):
        color, marker, word = _MARKS[_TYPES[kind]]
        those = np.array([one == kind for one in kinds])
        face = "white" if kind == "missing" else color
        ax.plot(
            values[those], at[those], linestyle="none", marker=marker, color=color, markersize=7,
            markerfacecolor=face, label=word, zorder=3,
        )  # fmt: skip
    ax.set_yticks(at, [shortened(name, 30) for name in labels])
    ax.invert_yaxis()
    ax.set_xlabel(label)
    if len(values):
        ax.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=8,
            handletextpad=0.1, columnspacing=0.9, borderaxespad=0.1,
        )  # fmt: skip
    return tidy(ax, grid="x")
