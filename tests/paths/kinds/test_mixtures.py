from __future__ import annotations

import numpy as np
import pytest

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths.kinds import mixtures
from journeykit.paths.kinds.nulls import one_chain, simulated
from journeykit.paths.kinds.sequences import observe
from journeykit.paths.kinds.stability import jaccard
from tests.paths.kinds.generated import of_chains


def test_steps_with_an_unseen_end_are_none() -> None:
    # a b, then nothing known; of one customer the beginning is unseen too.
    journeys = Journeys(
        names=("a", "b"),
        touchpoint=np.array([0, 1, 0, 1], dtype=np.uint8),
        start=np.array([0, 2, 4]),
        time=np.array([0, 1, 0, 1]) * DAY,
        observed_from=np.array([-DAY, -2 * DAY]),
        observed_to=np.array([9, 9]) * DAY,
        window=(-2 * DAY, 9 * DAY),
    )
    table = mixtures.step_table(observe(journeys, within_days=None))
    total = np.bincount(table.cell, weights=table.count)
    steps = dict(zip(zip(table.source, table.target, strict=True), total, strict=True))
    # Code 2 is the entry; nobody is known to have left.
    assert steps == {(0, 1): 2, (2, 0): 1}


def test_the_likelihood_is_that_of_its_own_parameters() -> None:
    journeys, _ = of_chains(200, 2, seed=1, names=4)
    table = mixtures.step_table(observe(journeys, within_days=None))
    fitted = mixtures.fit(table, np.ones(200), 2, seed=3, starts=3)
    counts = np.zeros((200, len(table.source)))
    rows = np.repeat(np.arange(200), np.diff(table.start))
    counts[rows, table.cell] = table.count
    each = counts @ fitted.log_step + np.log(fitted.share)
    likelihood = np.log(np.exp(each).sum(axis=1)).sum()
    assert fitted.log_likelihood == pytest.approx(likelihood)
    posterior = np.exp(each) / np.exp(each).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.probability, posterior, atol=1e-9)
    # Probabilities of what follows sum to one.
    total = np.bincount(table.source, weights=np.exp(fitted.log_step[:, 0]))
    assert total[total > 0] == pytest.approx(1)
    # Four touchpoints and entry: rows less one each, twice, and one share.
    assert table.parameters(2) == 2 * (len(table.source) - 5) + 1


def test_one_group_is_maximum_likelihood() -> None:
    journeys, _ = of_chains(100, 1, seed=1, names=3)
    table = mixtures.step_table(observe(journeys, within_days=None))
    fitted = mixtures.fit(table, np.ones(100), 1, seed=0, starts=1)
    n = np.bincount(table.cell, weights=table.count)
    share = n / np.bincount(table.source, weights=n)[table.source]
    np.testing.assert_allclose(np.exp(fitted.log_step[:, 0]), share)
    assert fitted.log_likelihood == pytest.approx(float((n * np.log(share)).sum()))


def test_the_null_keeps_lengths_ends_and_steps() -> None:
    journeys, _ = of_chains(4_000, 1, seed=2, names=4)
    observed = observe(journeys, within_days=None)
    chain = one_chain(observed)
    assert chain.order == 1
    drawn = next(simulated(observed, chain, runs=1, seed=1))
    assert (drawn.sequences.length == observed.sequences.length).all()
    assert (drawn.hash == observed.hash).all()
    one, other = (mixtures.step_table(data) for data in (observed, drawn))
    n, again = (np.bincount(t.cell, weights=t.count) for t in (one, other))
    assert (one.source == other.source).all()
    # Steps are as frequent as in the data, within four standard errors or so.
    assert (np.abs(n - again) < 6 * np.sqrt(n) + 5).all()


def test_a_walk_ends_where_it_can() -> None:
    # b is always last: given its length, a walk may reach it at the end only.
    paths = [[0] * k + [1] for k in (1, 2, 3, 4)] * 25
    journeys = Journeys(
        names=("a", "b"),
        touchpoint=np.concatenate(paths).astype(np.uint8),
        start=np.concatenate([[0], np.cumsum([len(path) for path in paths])]),
    )
    observed = observe(journeys, within_days=None)
    drawn = next(simulated(observed, one_chain(observed), runs=1, seed=1))
    last = drawn.sequences.start[1:] - 1
    assert (drawn.sequences.touchpoint[last] == 1).all()
    assert drawn.sequences.touchpoint.sum() == 100


def test_memory_of_two_steps_is_seen() -> None:
    # What follows is what came before the last with probability .9.
    rng = np.random.default_rng(4)
    table = rng.integers(0, 3, (600, 12))
    for at in range(2, 12):
        table[:, at] = np.where(rng.random(600) < 0.9, table[:, at - 2], table[:, at])
    journeys = Journeys(
        names=("a", "b", "c"),
        touchpoint=table.astype(np.uint8).ravel(),
        start=np.arange(601) * 12,
    )
    observed = observe(journeys, within_days=None)
    chain = one_chain(observed)
    assert chain.order == 2
    drawn = next(simulated(observed, chain, runs=1, seed=1))
    again = drawn.sequences.touchpoint.reshape(600, 12)
    assert (again[:, 2:] == again[:, :-2]).mean() == pytest.approx(
        (table[:, 2:] == table[:, :-2]).mean(), abs=0.02
    )


def test_jaccard_by_hand() -> None:
    label, other = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 1, 0, 0, 0, 0])
    present = np.array([True, True, True, True, True, False])
    # {0 1 2} and {0 1}: 2 of 3; {3 4} and {2 3 4}: 2 of 3.
    assert jaccard(label, other, present, 2).tolist() == pytest.approx([2 / 3, 2 / 3])
