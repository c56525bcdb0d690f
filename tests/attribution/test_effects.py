from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.attribution.chain import CONVENTIONS, Convention, chain_of, flow, matrices
from journeykit.attribution.effects import chain_effects, effects_of
from journeykit.attribution.touch_paths import touch_paths
from journeykit.counts import path_counts_from_frame
from tests.attribution.small_chains import met_by_converting, table

SEEDS = range(12)
FULL = 5


@pytest.mark.parametrize("order", [1, 2, 3, FULL])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_effects_are_those_of_every_journey_followed(order: int, convention: Convention) -> None:
    for seed in SEEDS:
        counts = table(seed)
        paths = touch_paths(counts)
        won = met_by_converting(counts, order)
        channels = range(len(paths.channels))
        lost = effects_of(paths, order=order, removal="to_null", convention=convention).effect
        alone = effects_of(paths, order=order, removal="reconnect", convention=convention).effect
        met = [sum(p for held, p in won.items() if c in held) for c in channels]
        assert lost == pytest.approx(met, abs=1e-12)
        assert lost.sum() == pytest.approx(sum(len(held) * p for held, p in won.items()))
        assert alone == pytest.approx([won.get(frozenset({c}), 0) for c in channels], abs=1e-12)
        assert (alone <= lost + 1e-12).all()


def test_effects_are_the_fundamental_matrix_formula() -> None:
    for seed in SEEDS:
        paths = touch_paths(table(seed))
        chain = chain_of(paths, order=2)
        p = matrices(chain)
        n = np.linalg.inv(np.eye(chain.n_states) - p.q.toarray())
        wins, reached = n @ p.converts, p.entry @ n
        for channel, effect in enumerate(chain_effects(paths, chain, "to_null").effect):
            a = np.flatnonzero(chain.contains[:, channel])
            first = np.linalg.solve(n[np.ix_(a, a)].T, reached[a])
            assert effect == pytest.approx(first @ wins[a] / (p.entry @ wins), abs=1e-12)


def test_at_full_order_effects_are_participation() -> None:
    for seed in SEEDS:
        paths = touch_paths(table(seed))
        full = effects_of(paths, order=FULL, removal="to_null", convention="padded")
        seen = effects_of(paths, order=1, removal="participation", convention="padded")
        assert full.effect == pytest.approx(seen.effect, abs=1e-12)
        assert np.abs(full.slope - seen.slope).max() < 1e-12


def test_a_channel_never_seen_with_a_conversion_gets_nothing_at_full_order() -> None:
    frame = pd.DataFrame({"path": ["a", "a > b", "c > b > a"], "yes": [3, 2, 0], "no": [5, 4, 1]})
    paths = touch_paths(path_counts_from_frame(frame, conversions="yes", nulls="no"))
    by_order = [
        effects_of(paths, order=order, removal="to_null", convention="padded").effect[2]
        for order in (1, 2, 3)
    ]
    # c leads to b; at order 1 b still leads to conversions.
    assert by_order[0] > 0.05
    assert by_order[1:] == [0, 0]


def test_order_two_worked_by_hand() -> None:
    # Histories: a (4 to ab, 1 to null), b (3 to ba, 1 to yes, 1 to null), ab (2 yes, 2 null),
    # ba (1 yes, 2 null). h(a) = 4/5 * 1/2, h(b) = 1/5 + 3/5 * 1/3 = 2/5, each entered by 5 of 10.
    frame = pd.DataFrame(
        {"path": ["a > b", "a", "b > a", "b"], "yes": [2, 0, 1, 1], "no": [2, 1, 2, 1]}
    )
    paths = touch_paths(path_counts_from_frame(frame, conversions="yes", nulls="no"))
    chain = chain_of(paths, order=2)
    assert (chain.n_states, chain_of(paths, order=2, convention="k_gram").n_states) == (4, 4)
    whole = flow(matrices(chain), np.ones(4, dtype=bool))
    assert whole.rate == pytest.approx(0.4)
    assert sorted(whole.wins) == pytest.approx([1 / 3, 0.4, 0.4, 0.5])
    assert chain_effects(paths, chain, "to_null").effect == pytest.approx([3 / 4, 1])
    assert chain_effects(paths, chain, "reconnect").effect == pytest.approx([0, 1 / 4])


def test_k_grams_need_fewer_states() -> None:
    paths = touch_paths(table(1, rows=30, longest=7))
    padded, k_gram = (chain_of(paths, order=3, convention=c).n_states for c in CONVENTIONS)
    assert k_gram < padded
