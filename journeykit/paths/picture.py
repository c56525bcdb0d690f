"""The graph of the main roads: which nodes and edges are drawn, and what becomes of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.counts.transitions import ENTRY, EXIT, UNSEEN
from journeykit.draw import GraphEdge, GraphNode, flow_graph, flow_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.counts import TransitionCounts

OTHER = "(other)"
#: Stands for a share that would tell of the few who went another way.
MOST = "most"
#: With entry, unseen, (other) and exit at most twelve nodes.
_TOUCHPOINTS = 8


class Roads(NamedTuple):
    """What a graph draws of order-1 steps.

    `nodes` from top to bottom; `edges` between them; `n_drawn` of `n_known` steps whose end is
    known are drawn, `n_kinds` pairs of touchpoints occur, `n_open` steps have no known end.
    """

    nodes: list[GraphNode]
    edges: list[GraphEdge]
    n_drawn: int
    n_known: int
    n_kinds: int
    n_open: int


def main_roads(counts: TransitionCounts, *, edges: int, small_cell: int) -> Roads:
    """Choose the most frequent steps between the most frequent touchpoints, the rest pooled.

    The share of an edge is missing where fewer than `small_cell` customers went any other way.
    """
    labels, place = _nodes(counts)
    table, customers, others = _tables(counts, labels, place)
    known = counts.gram[:, 1] <= len(counts.names)
    leaving = table.sum(axis=1)
    code = np.argsort(-table, axis=None, kind="stable")[:edges]
    source, target = np.unravel_index(code, table.shape)
    drawn = (table[source, target] > 0) & (customers[source, target] >= small_cell)
    source, target = source[drawn], target[drawn]
    chosen = np.zeros_like(table)
    chosen[source, target] = table[source, target]
    most = (chosen > 0) & (others > 0) & (others < small_cell)
    share = np.where(most, np.nan, table / np.maximum(leaving, 1)[:, None])
    order = [at for at in flow_order(table) if chosen[at].any() or chosen[:, at].any()]
    row = {at: number for number, at in enumerate(order)}
    return Roads(
        nodes=[GraphNode(labels[at], _note(at, table, chosen, most, small_cell)) for at in order],
        edges=[
            GraphEdge(row[a], row[b], float(share[a, b]), int(table[a, b]))
            for a, b in zip(source.tolist(), target.tolist(), strict=True)
        ],
        n_drawn=int(chosen.sum()),
        n_known=int(table.sum()),
        n_kinds=int(known.sum()),
        n_open=int(counts.n[~known].sum()),
    )


def draw_roads(roads: Roads, ax: Axes | None) -> Axes:
    """Draw them, and say under the picture what is left out."""
    ax = flow_graph(roads.nodes, roads.edges, ax=ax)
    for text in ax.texts:
        if text.get_text() == f"{np.nan:.0%}":
            text.set_text(MOST)
    share = roads.n_drawn / roads.n_known if roads.n_known else 0.0
    still = f"; {roads.n_open:,} steps still open" if roads.n_open else ""
    ax.set_xlabel(
        f"{len(roads.edges)} of {roads.n_kinds:,} kinds of step,\n"
        f"{share:.0%} of {roads.n_known:,} steps{still}\n"
        "blue onwards, orange back, \u21bb the same again",
        fontsize=8,
    )
    return ax


def _nodes(counts: TransitionCounts) -> tuple[list[str], NDArray[np.int64]]:
    """Return the labels of all nodes, and the node of each code before a step and after it."""
    m = len(counts.names)
    volume = counts.matrix()[:, :m].sum(axis=0)
    shown = np.argsort(-volume, kind="stable")[: min(_TOUCHPOINTS, int((volume > 0).sum()))]
    labels = [ENTRY, UNSEEN, *(counts.names[code] for code in shown), OTHER, EXIT]
    place = np.full((2, m + 1), len(labels) - 2, dtype=np.int64)
    place[:, shown] = 2 + np.arange(len(shown))
    place[1, m] = len(labels) - 1
    before = np.append(place[0, :m], [0, 1])
    return labels, np.stack([before, np.append(place[1], [-1])])


def _tables(
    counts: TransitionCounts, labels: list[str], place: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return steps between nodes, the customers who made them, and those who went another way.

    Where touchpoints are pooled, these are the fewest and the most that it can be.
    """
    known = counts.gram[:, 1] <= len(counts.names)
    at = place[0][counts.gram[known, 0]], place[1][counts.gram[known, 1]]
    table = np.zeros((len(labels), len(labels)), dtype=np.int64)
    customers = np.zeros_like(table)
    np.add.at(table, at, counts.n[known])
    np.maximum.at(customers, at, counts.cell[known, 1])
    others = table.sum(axis=1, keepdims=True) - table
    named = ~np.isin(at, labels.index(OTHER)).any(axis=0)
    others[at[0][named], at[1][named]] = n_otherwise(counts)[known][named]
    return table, customers, others


def n_otherwise(counts: TransitionCounts) -> NDArray[np.int64]:
    """Count, by cell, the customers who made another known step from its context.

    0 where the cell itself is no known step.
    """
    known = counts.gram[:, -1] <= len(counts.names)
    others = np.zeros(len(known), dtype=np.int64)
    # Contexts are the sorted distinct ones of known steps.
    _, at = np.unique(counts.gram[known, :-1], axis=0, return_inverse=True)
    others[known] = counts.total[at.reshape(-1), 1] - counts.cell[known, 4]
    return others


def _note(
    at: int,
    table: NDArray[np.int64],
    chosen: NDArray[np.int64],
    most: NDArray[np.bool_],
    small_cell: int,
) -> str:
    """Say how often a node is followed by itself, and by what is not drawn."""
    leaving = int(table[at].sum())
    again, rest = int(chosen[at, at]), leaving - int(chosen[at].sum())
    told = []
    if again:
        told.append(f"\u21bb {MOST if most[at, at] else f'{again / leaving:.0%}'}")
    if rest:
        few = most[at].any() or rest < small_cell
        told.append("other ways" if few else f"other ways {rest / leaving:.0%}")
    return ", ".join(told)
