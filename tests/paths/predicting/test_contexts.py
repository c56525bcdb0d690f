from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from journeykit.counts import transition_counts
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths.predicting.contexts import context_levels, located_contexts, steps_of
from tests.strategies import journeys

# visit cart buy | visit buy | (no event) | visit cart: four customers
JOURNEYS = Journeys(
    names=("buy", "cart", "visit"),
    touchpoint=np.array([2, 1, 0, 2, 0, 2, 1], dtype=np.uint16),
    start=np.array([0, 3, 5, 5, 7]),
)


def test_steps_worked_by_hand() -> None:
    steps = steps_of(JOURNEYS)
    assert steps.following.tolist() == [2, 1, 0, 3, 2, 0, 3, 2, 1, 3]
    assert steps.lag(1).tolist() == [3, 2, 1, 0, 3, 2, 0, 3, 2, 1]
    assert steps.lag(2).tolist() == [3, 3, 2, 1, 3, 3, 2, 3, 3, 2]
    assert steps.customer.tolist() == [0, 0, 0, 0, 1, 1, 1, 3, 3, 3]


def test_what_is_not_known_has_no_code() -> None:
    watched = JOURNEYS.replace(
        time=np.array([1, 2, 3, 4, 5, 1, 8]) * DAY,
        observed_from=np.array([0, 3, 0, 0]) * DAY,
        observed_to=np.full(4, 10 * DAY),
        window=(0, 10 * DAY),
    )
    steps = steps_of(watched)
    assert steps.following.tolist() == [2, 1, 0, -1, 2, 0, -1, 2, 1, -1]
    assert steps.lag(1).tolist() == [-1, 2, 1, 0, 3, 2, 0, -1, 2, 1]
    levels = context_levels(steps, max_order=2)
    # The first journey's second step knows one touchpoint, not two.
    assert [level.context[1] >= 0 for level in levels] == [True, True, False]
    assert [level.cell[3] for level in levels] == [-1, -1, -1]


@given(journeys(timed=False), st.integers(1, 3))
def test_cells_are_those_of_transition_counts(drawn: Journeys, order: int) -> None:
    level = context_levels(steps_of(drawn), max_order=order)[order]
    n = np.bincount(level.cell, minlength=level.n_cells)
    counts = transition_counts(drawn, order=order)
    assert sorted(n.tolist()) == sorted(counts.n.tolist())
    total = np.bincount(level.context, minlength=level.n_contexts)
    assert sorted(total.tolist()) == sorted(counts.total[:, 0].tolist())


@given(journeys(), st.integers(1, 4))
def test_contexts_are_found_again(drawn: Journeys, order: int) -> None:
    steps = steps_of(drawn)
    levels = context_levels(steps, max_order=order)
    at = np.arange(len(steps.following))
    found = located_contexts(steps, at, [level.key for level in levels])
    assert found.T.tolist() == [level.context.tolist() for level in levels]


def test_cells_know_the_cell_one_shorter() -> None:
    steps = steps_of(JOURNEYS)
    shorter, longer = context_levels(steps, max_order=2)[1:]
    assert longer.cell_parent[longer.cell].tolist() == shorter.cell.tolist()
