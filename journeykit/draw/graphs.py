"""A graph of who follows whom that stays readable on a narrow page.

The nodes stand one under the other, so that their labels cannot overlap however long they are.
Steps onwards bend on the left, steps back on the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.draw.basics import INK, PALETTE, axes
from journeykit.draw.fitting import fitted, inches_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox
    from numpy.typing import ArrayLike, NDArray

_SIZE, _SHARE_SIZE = 8.0, 7.0
#: Inches a node takes, and of its height what the box around its two lines does.
_ROW, _BOX = 0.56, 0.36
_LABEL_ROOM = 0.44
_WIDEST = 7.0


class GraphNode(NamedTuple):
    """A name, and a line in small print under it."""

    label: str
    note: str = ""


class GraphEdge(NamedTuple):
    """A step from node to node, by position: its share of what leaves, and its weight.

    `label` is written on it; by default the share.
    """

    source: int
    target: int
    share: float
    n: int
    label: str = ""


class _Curve(NamedTuple):
    """Control points of a cubic Bezier curve, shape (4, 2), in data coordinates."""

    points: NDArray[np.float64]

    def at(self, t: float) -> tuple[float, float]:
        weights = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
        x, y = weights @ self.points
        return float(x), float(y)


def flow_order(weights: ArrayLike) -> NDArray[np.int64]:
    """Order nodes so that most weight flows downwards.

    By the trophic level h of MacKay, Johnson and Sansom (2020): the least-squares solution of
    h[target] - h[source] = 1 over all steps, weighted. Ties keep their order.
    """
    w = np.asarray(weights, dtype=float)
    w = w - np.diag(np.diag(w))
    laplacian = np.diag((w + w.T).sum(axis=1)) - w - w.T
    imbalance = w.sum(axis=0) - w.sum(axis=1)
    level = np.linalg.lstsq(laplacian, imbalance, rcond=None)[0]
    return np.argsort(np.round(level, 9), kind="stable")


def flow_graph(
    nodes: Sequence[GraphNode],
    edges: Sequence[GraphEdge],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw nodes from top to bottom in the given order, and edges as wide as their weight.

    Every edge carries its label or share. An edge from a node to itself is told in the node's note.
    """
    ax = axes(ax, height=_ROW * max(len(nodes), 2) + 0.9)
    ax.set_xlim(-1, 1)
    ax.set_ylim(max(len(nodes), 1) - 0.4, -0.6)
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    width, _ = inches_of(ax)
    boxes = [_draw_node(ax, row, node, width) for row, node in enumerate(nodes)]
    half = [box.width / 2 for box in boxes]
    onwards = [edge for edge in edges if edge.source != edge.target]
    heaviest = max((edge.n for edge in onwards), default=1)
    curves = _curves(onwards, half)
    taken = [box.transformed(ax.transData) for box in boxes]
    for edge, curve in zip(onwards, curves, strict=True):
        _draw_edge(ax, curve, 0.8 + (_WIDEST - 0.8) * edge.n / heaviest, edge)
    for edge, curve in sorted(zip(onwards, curves, strict=True), key=lambda pair: -pair[0].n):
        taken.append(_write_share(ax, curve, edge, taken))
    return ax


def _draw_node(ax: Axes, row: int, node: GraphNode, width: float) -> Bbox:
    """Write a node and return its box in data coordinates."""
    from matplotlib.patches import FancyBboxPatch
    from matplotlib.transforms import Bbox

    room = width * _LABEL_ROOM
    name = fitted(node.label, room, size=_SIZE)
    note = fitted(node.note, room, size=_SHARE_SIZE)
    texts = [
        ax.text(
            0, row - (0.13 if note else 0), name,
            ha="center", va="center", fontsize=_SIZE, color=INK, zorder=4,
        )
    ]  # fmt: skip
    if note:
        texts.append(
            ax.text(
                0, row + 0.17, note,
                ha="center", va="center", fontsize=_SHARE_SIZE, color="#52606d", zorder=4,
            )
        )  # fmt: skip
    to_data = ax.transData.inverted()
    extent = Bbox.union([_extent(text) for text in texts]).transformed(to_data)
    half = abs(extent.width) / 2 + 0.03
    box = Bbox.from_extents(-half, row - 0.36, half, row + 0.36)
    ax.add_patch(
        FancyBboxPatch(
            (box.x0, box.y0), box.width, box.height, boxstyle="round,pad=0,rounding_size=0.06",
            mutation_aspect=4, facecolor="white", edgecolor="#9aa5b1", linewidth=0.8, zorder=3,
        )
    )  # fmt: skip
    return box


def _curves(edges: Sequence[GraphEdge], half: Sequence[float]) -> list[_Curve]:
    """Bend every edge out to its side, the longer the further; ends at a node are spread."""
    ports = _ports(edges)
    longest = max((abs(edge.target - edge.source) for edge in edges), default=1)
    curves = []
    for edge, (leave, arrive) in zip(edges, ports, strict=True):
        side = -1 if edge.target > edge.source else 1
        span = abs(edge.target - edge.source)
        begin, end = half[edge.source], half[edge.target] + 0.02
        inner = max(half[min(edge.source, edge.target) : max(edge.source, edge.target) + 1])
        # A cubic reaches three quarters of the way to its control points.
        reach = inner + 0.06 + (0.93 - inner) * (span / longest) ** 0.7
        control = max(reach + (reach - (begin + end) / 2) / 3, begin, end)
        curves.append(
            _Curve(
                np.array(
                    [
                        (side * begin, edge.source + leave),
                        (side * control, edge.source + leave),
                        (side * control, edge.target + arrive),
                        (side * end, edge.target + arrive),
                    ]
                )
            )
        )
    return curves


def _ports(edges: Sequence[GraphEdge]) -> list[tuple[float, float]]:
    """Spread where edges leave and arrive over the height of the boxes, so that few cross."""
    ends: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for number, edge in enumerate(edges):
        side = -1 if edge.target > edge.source else 1
        ends.setdefault((edge.source, side), []).append((edge.target, number, 0))
        ends.setdefault((edge.target, side), []).append((edge.source, number, 1))
    ports = [[0.0, 0.0] for _ in edges]
    for (node, _), meeting in ends.items():
        # Long edges bend outside short ones: they leave above them and arrive below them.
        above = sorted((m for m in meeting if m[0] < node), key=lambda m: -m[0])
        below = sorted((m for m in meeting if m[0] > node), key=lambda m: -m[0])
        for rank, (_, number, end) in enumerate([*above, *below]):
            ports[number][end] = -0.24 + 0.48 * (rank + 0.5) / len(meeting)
    return [(leave, arrive) for leave, arrive in ports]


def _draw_edge(ax: Axes, curve: _Curve, width: float, edge: GraphEdge) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    onwards = edge.target > edge.source
    path = Path(curve.points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    ax.add_patch(
        FancyArrowPatch(
            path=path, arrowstyle="-|>", mutation_scale=7 + width, linewidth=width,
            color=PALETTE[0] if onwards else PALETTE[1], alpha=0.55, capstyle="butt",
            shrinkA=0, shrinkB=0, zorder=2,
        )
    )  # fmt: skip


def _write_share(ax: Axes, curve: _Curve, edge: GraphEdge, taken: Sequence[Bbox]) -> Bbox:
    """Write the share on the curve where it is free, nearest to its middle."""
    text = ax.text(
        0, 0, edge.label or f"{edge.share:.0%}",
        ha="center", va="center", fontsize=_SHARE_SIZE, color=INK, zorder=5,
        bbox={"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.85},
    )  # fmt: skip
    best, least = 0.5, np.inf
    for away in np.arange(0, 0.42, 0.03):
        for t in (0.5 - away, 0.5 + away):
            text.set_position(curve.at(t))
            box = _extent(text)
            overlap = sum(_overlap(box, other) for other in taken) + _outside(ax, box)
            if overlap < least:
                best, least = t, overlap
            if least == 0:
                break
        if least == 0:
            break
    text.set_position(curve.at(best))
    return _extent(text)


def _extent(text: Text) -> Bbox:
    """Return the pixels a text takes, its box included."""
    patch = text.get_bbox_patch()
    box = text.get_window_extent()
    return box if patch is None else box.padded(2)


def _overlap(a: Bbox, b: Bbox) -> float:
    wide = min(a.x1, b.x1) - max(a.x0, b.x0)
    high = min(max(a.y0, a.y1), max(b.y0, b.y1)) - max(min(a.y0, a.y1), min(b.y0, b.y1))
    return float(wide * high) if wide > 0 and high > 0 else 0.0


def _outside(ax: Axes, box: Bbox) -> float:
    """Return how far a text reaches over the sides of the axes, in pixels squared."""
    whole = ax.get_window_extent()
    return float((max(whole.x0 - box.x0, 0) + max(box.x1 - whole.x1, 0)) * box.height)
