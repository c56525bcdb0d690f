from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import matplotlib.pyplot as plt
import pytest

from journeykit.draw.basics import axes
from journeykit.draw.lanes import Block, Lane, effect_dots, plan_lanes, rate_dots

STEPS = ["search", "look", "buy"]
LANES = [
    Lane(0.7, 70, (("", "search"), ("", "look"), ("", "buy"))),
    Lane(0.2, 20, (("+", "(other)"), ("", "search"), ("-", "look"), ("!", "buy"), ("", "buy"))),
    Lane(0.1, 10, (("", "search"), ("~", "buy"), ("", "look")), note="9 min"),
]


def _drawn(**given: object) -> plt.Axes:
    rates = {("missing", "look"): 0.2, ("failed", "buy"): 0.041, ("extra", "help"): 0.2}
    ax = plan_lanes(STEPS, LANES, rates, rest=0.05, **given)  # type: ignore[arg-type]
    ax.figure.draw_without_rendering()
    return ax


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_all_shares_are_written() -> None:
    ax = _drawn(blocks=[Block(0, 1, "any order")], optional=["look"])
    texts = [text.get_text() for text in ax.texts]
    assert {"20%", "4.1%", "70%", "9 min", "5.0%  other ways", "20%  help", "any order"} <= set(
        texts
    )
    assert {*STEPS, "planned", "missing", "failed", "extra", "out of order"} <= set(texts)


def test_it_is_as_wide_as_a_phone_and_nothing_is_cut_off() -> None:
    ax = _drawn()
    figure = ax.figure
    assert figure.get_figwidth() <= 4.3
    for text in ax.texts:
        box = text.get_window_extent()
        assert box.x0 >= -1
        assert box.x1 <= figure.bbox.width + 1
        assert box.y1 <= figure.bbox.height + 1


def test_lanes_do_not_overlap() -> None:
    ax = _drawn()
    rows = [
        t.get_window_extent()
        for t in ax.texts
        if t.get_text() in ("70%", "9 min", "5.0%  other ways")
    ]
    for above, below in pairwise(rows):
        assert above.y0 > below.y1


def test_dots_are_marked_by_type() -> None:
    ax = rate_dots(["a", "b"], ["extra", "missing"], [0.1, 0.2], [0.05, 0.1], [0.2, 0.3])
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["extra", "missing"]
    assert ax.get_xlim()[0] == 0


@pytest.mark.parametrize("n", [0, 1])
def test_dots_may_be_few(n: int) -> None:
    ax = effect_dots(["a"] * n, ["failed"] * n, [1.0] * n, [0.5] * n, [2.0] * n, label="minutes")
    assert len(ax.get_yticks()) == n


def test_it_draws_on_given_axes() -> None:
    given = axes(None)
    assert plan_lanes(STEPS, LANES, {}, ax=given) is given
