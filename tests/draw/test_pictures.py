"""Pictures stay readable: no label lies over another, wide or narrow, whatever the names are."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from journeykit.counts import transition_counts
from journeykit.draw import GraphEdge, GraphNode, flow_graph, flow_order
from journeykit.draw.fitting import fitted, text_width
from journeykit.journeys import Journeys
from journeykit.paths import step_table, transitions
from journeykit.paths.picture import main_roads

LONG = "Beratungsgespräch in der Filiale {} am Marktplatz mit $x_{{1}}$ und <b>Termin</b>"
SHORT = "touch {:02d}"


def world(name: str, seed: int) -> Journeys:
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet(np.full(20, 0.4))
    touchpoint = rng.choice(20, 4000, p=chance)
    # some follow each other, some repeat, so that edges of all kinds are among the drawn ones
    follow = rng.random(3999) < 0.4
    touchpoint[1:][follow] = (touchpoint[:-1][follow] + rng.integers(0, 3, follow.sum())) % 20
    return Journeys(
        names=tuple(name.format(number) for number in range(10, 30)),
        touchpoint=touchpoint.astype(np.uint8),
        start=np.arange(0, 4001, 8),
    )


def drawn(width: float, height: float) -> Axes:
    _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax


def extents(ax: Axes) -> list[Bbox]:
    ax.figure.draw_without_rendering()
    return [text.get_window_extent() for text in ax.texts]


def overlapping(boxes: list[Bbox]) -> list[tuple[int, int]]:
    """Return the pairs of boxes that share more than the rim of a letter."""
    return [
        (i, j)
        for (i, a), (j, b) in combinations(enumerate(boxes), 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]


@pytest.mark.parametrize("width", [6.4, 3.6])
@pytest.mark.parametrize("name", [SHORT, LONG])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_labels_of_the_graph_do_not_overlap(width: float, name: str, seed: int) -> None:
    ax = drawn(width, 6.8)
    transitions(world(name, seed)).graph(ax, edges=14)
    boxes = extents(ax)
    assert len(boxes) > 16
    assert overlapping(boxes) == []
    whole = ax.figure.bbox
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 for box in boxes)


@pytest.mark.parametrize("width", [6.4, 3.6])
@pytest.mark.parametrize("name", [SHORT, LONG])
def test_labels_of_the_flow_do_not_overlap(width: float, name: str) -> None:
    ax = drawn(width, 4.6)
    step_table(world(name, 4)).plot(ax)
    boxes = extents(ax)
    legend = [text.get_window_extent() for text in ax.get_legend().get_texts()]
    assert len(boxes) > 12
    assert overlapping(boxes + legend) == []
    whole = ax.figure.bbox
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 + 1 for box in boxes + legend)


@pytest.mark.parametrize("edges", [1, 5, 12, 400])
def test_what_the_graph_leaves_out_is_told(edges: int) -> None:
    counts = transition_counts(world(SHORT, 5))
    roads = main_roads(counts, edges=edges, small_cell=1)
    assert sum(edge.n for edge in roads.edges) == roads.n_drawn
    assert roads.n_known == counts.n.sum() == 4500
    # at every node the edges that leave it and the other ways are all
    told = {node.label: node.note for node in roads.nodes}
    for row, node in enumerate(roads.nodes):
        leaving = sum(edge.share for edge in roads.edges if edge.source == row)
        rest = f"other ways {1 - leaving:.0%}"
        assert (rest in told[node.label]) == (leaving < 1 - 1e-9 and node.label != "(exit)")
    if edges == 400:
        assert roads.n_drawn == roads.n_known


def test_rare_steps_are_left_out_on_demand() -> None:
    counts = transition_counts(world(SHORT, 6))
    rare = main_roads(counts, edges=400, small_cell=40)
    n = dict(zip(map(tuple, counts.gram.tolist()), counts.cell[:, 1].tolist(), strict=True))
    assert 0 < len(rare.edges) < len(main_roads(counts, edges=400, small_cell=1).edges)
    names = [*counts.names, "(exit)"]
    for edge in rare.edges:
        source, target = (rare.nodes[at].label for at in (edge.source, edge.target))
        if source in names and target in names:
            assert n[names.index(source), names.index(target)] >= 40


def test_flow_runs_downwards() -> None:
    # 0 -> 2 -> 1 -> 3, and a little back
    weights = np.zeros((4, 4))
    weights[0, 2], weights[2, 1], weights[1, 3], weights[1, 2] = 10, 8, 7, 1
    assert flow_order(weights).tolist() == [0, 2, 1, 3]


def test_edges_are_as_wide_as_they_are_frequent() -> None:
    nodes = [GraphNode("a"), GraphNode("b"), GraphNode("c", "\u21bb 10%")]
    edges = [GraphEdge(0, 1, 0.5, 100), GraphEdge(1, 2, 0.25, 50), GraphEdge(2, 0, 0.1, 10)]
    ax = flow_graph(nodes, [*edges, GraphEdge(2, 2, 0.1, 99)])
    arrows = [patch for patch in ax.patches if hasattr(patch, "get_arrowstyle")]
    assert [arrow.get_linewidth() for arrow in arrows] == pytest.approx([7, 3.9, 1.42])
    # onwards on the left, back on the right
    sides = [np.sign(arrow.get_path().vertices[1, 0]) for arrow in arrows]
    assert sides == [-1, -1, 1]
    assert [text.get_text() for text in ax.texts[-3:]] == ["50%", "25%", "10%"]


def test_labels_are_cut_to_their_room() -> None:
    assert fitted("short", 1.0, size=8) == "short"
    cut = fitted("W" * 60, 1.0, size=8)
    assert "\u2026" in cut
    assert text_width(cut, 8) <= 1
    # a dollar sign is text: it is drawn as such, and measured as wide as an S
    assert fitted("$5", 1.0, size=8) == r"\$5"
    assert text_width(r"\$5", 8) == text_width("S5", 8)


def test_a_graph_without_edges_is_empty() -> None:
    few = world(SHORT, 7).take(np.arange(3))
    ax = transitions(few).graph(small_cell=10)
    ax.figure.draw_without_rendering()
    assert [*ax.texts, *ax.patches] == []
    assert ax.get_xlabel().startswith("0 of ")
