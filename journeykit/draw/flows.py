"""Who goes where from step to step: columns of places, bands between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.draw.basics import INK, axes
from journeykit.draw.colours import place_colours
from journeykit.draw.fitting import fitted, inches_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_GAP = 0.018
_NODE = 0.13
_SIZE = 7.0
_MOST = 7
#: Room in inches that a name beside its place needs; the legend names it in any case.
_NAME_WIDTH, _LINE = 0.55, 0.115


class _Bands(NamedTuple):
    """Heights: ``share[s, p]`` of place p at step s, ``flow[s, p, q]`` from it to q at s + 1."""

    places: list[str]
    share: NDArray[np.float64]
    flow: NDArray[np.float64]


def flow_chart(
    links: pd.DataFrame,
    *,
    touchpoints: Sequence[str],
    edges: tuple[str, str, str],
    first_is_zero: bool,
    least: int = 1,
    ax: Axes | None = None,
) -> Axes:
    """Draw links ``step source target n share`` as bands between columns of places.

    Every column is as high as all that is counted. A touchpoint keeps its colour; those beyond
    the first seven join the first of `edges` (other, left or entry, open or unseen), which are
    always there. Numbers stand where there is room for them, and where `n` is at least `least`.
    """
    ax = axes(ax, height=4.4)
    bands = _bands(links, touchpoints[:_MOST], edges)
    colours = place_colours(bands.places, edges)
    total = links["n"].sum() / max(links["share"].sum(), 1e-300)
    tops = _tops(bands.share)
    steps = len(bands.share)
    for step in range(steps):
        for place, name in enumerate(bands.places):
            if bands.share[step, place] > 0:
                box = colours[name]
                ax.add_patch(box.bar(step, tops[step, place], _NODE, bands.share[step, place]))
    _draw_links(ax, bands, tops, [colours[name].face for name in bands.places])
    ax.set_xlim(-0.08, steps - 1 + 0.62)
    # The first column stands highest; gaps are part of the picture, never of the heights.
    ax.set_ylim(1 + _GAP * len(bands.places) + 0.01, -0.01)
    first = int(links["step"].min()) + (0 if first_is_zero else 1)
    ax.set_xticks(np.arange(steps) + _NODE / 2, [str(first + step) for step in range(steps)])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    ax.tick_params(length=0, colors=INK, labelsize=9)
    legend_below(ax, [colours[name].key() for name in bands.places], bands.places)
    _labels(ax, bands, tops, least / total)
    return ax


def _bands(links: pd.DataFrame, shown: Sequence[str], edges: tuple[str, str, str]) -> _Bands:
    places = [*shown, *edges]
    number = {name: index for index, name in enumerate(places)}
    source, target = (
        links[name].map(lambda place: number.get(place, len(shown))).to_numpy(dtype=np.int64)
        for name in ("source", "target")
    )
    step = (links["step"] - links["step"].min()).to_numpy(dtype=np.int64)
    flow = np.zeros((int(step.max()) + 1, len(places), len(places)))
    np.add.at(flow, (step, source, target), links["share"].to_numpy())
    at = np.concatenate([flow.sum(axis=2), flow[-1:].sum(axis=1)])
    return _Bands(places, at, flow)


def _tops(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stack the places of every column from 0 downwards, with gaps between those there are."""
    height = at + np.where(at > 0, _GAP, 0)
    return np.cumsum(height, axis=1) - height


def _draw_links(ax: Axes, bands: _Bands, tops: NDArray[np.float64], faces: Sequence[str]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    for step, flow in enumerate(bands.flow):
        leave = tops[step][:, None] + np.cumsum(flow, axis=1) - flow
        arrive = tops[step + 1][None, :] + np.cumsum(flow, axis=0) - flow
        a, b = step + _NODE, step + 1.0
        middle = (a + b) / 2
        for source, target in np.argwhere(flow > 0):
            y, z, h = leave[source, target], arrive[source, target], flow[source, target]
            outline = [
                (a, y), (middle, y), (middle, z), (b, z),
                (b, z + h), (middle, z + h), (middle, y + h), (a, y + h), (a, y),
            ]  # fmt: skip
            ax.add_patch(
                PathPatch(
                    Path(outline, codes), facecolor=faces[source], alpha=0.32, edgecolor="none"
                )
            )


def _labels(ax: Axes, bands: _Bands, tops: NDArray[np.float64], least: float) -> None:
    """Write shares, and names where they fit, into the bands beside each place."""
    width, height = inches_of(ax)
    low, high = ax.get_xlim()
    room = (1 - _NODE) * width / (high - low) * 0.9
    bottom, top = ax.get_ylim()
    for (step, place), share in np.ndenumerate(bands.share):
        lines = share * height / (bottom - top) / _LINE
        if share < least or share <= 0 or lines < 1:
            continue
        text = f"{share:.0%}"
        last = step == len(bands.share) - 1
        space = room * (0.55 if last else 1)
        if lines >= 2 and space >= _NAME_WIDTH:
            text = f"{fitted(bands.places[place], space, size=_SIZE)}\n{text}"
        ax.text(
            step + _NODE * 1.25,
            float(tops[step, place] + share / 2),
            text,
            va="center",
            fontsize=_SIZE,
            color=INK,
            linespacing=1.0,
        )


def legend_below(ax: Axes, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """Put a legend under `ax`, in as many columns as its width holds."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    width = float(figure.get_size_inches()[0]) * 0.95
    columns = max(2, int(width / 1.9))
    # Below the numbers of the axis, and below its name where it has one.
    inches = float(figure.get_size_inches()[1]) * ax.get_position().height
    below = (0.55 if ax.get_xlabel() else 0.4) / inches
    room = width / columns - 0.5
    names = [fitted(label, room, size=_SIZE + 0.5) for label in labels]
    ax.legend(
        handles,
        names,
        loc="upper center",
        bbox_to_anchor=(0.5, -below),
        ncols=columns,
        frameon=False,
        fontsize=_SIZE + 0.5,
        handlelength=1.1,
        handleheight=0.9,
        columnspacing=1.0,
        labelcolor=INK,
        borderaxespad=0.4,
    )
