from __future__ import annotations

import numpy as np
import pytest

from journeykit.attribution import chain as module
from journeykit.attribution.chain import chain_of, flow, matrices
from journeykit.attribution.touch_paths import touch_paths
from tests.attribution.example import OUTCOMES
from tests.attribution.small_chains import steps, table


@pytest.mark.parametrize("order", [1, 2, 4])
def test_steps_are_counted_as_one_reads_them(order: int) -> None:
    for seed in range(5):
        counts = table(seed)
        chain = chain_of(touch_paths(counts), order=order)
        expected = [n for following in steps(counts, order).values() for n in following.values()]
        assert sorted(chain.count) == sorted(n for n in expected if n)
        assert chain.n_states == len(steps(counts, order)) - 1


def test_an_unseen_beginning_has_no_history() -> None:
    # Of ann's mail web buy the first touch may not have been the first: at order 2 only
    # (mail web) -> buy is known of it, at order 3 nothing.
    paths = touch_paths(OUTCOMES)
    edge = int(np.flatnonzero(paths.edge)[0])
    taken = [int((chain_of(paths, order=k).row == edge).sum()) for k in (1, 2, 3)]
    assert taken == [2, 1, 0]
    assert [int(chain_of(paths, order=k).final[edge]) >= 0 for k in (1, 2, 3)] == [
        True, True, False,
    ]  # fmt: skip


def test_many_codes_are_sorted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = touch_paths(table(3, rows=30, longest=7))
    tabled = chain_of(paths, order=4)
    monkeypatch.setattr(module, "_TABLE", 0)
    ordered = chain_of(paths, order=4)
    assert (tabled.cell == ordered.cell).all()
    assert (tabled.contains == ordered.contains).all()


@pytest.mark.parametrize("rounds", [5000, 3])
def test_a_series_solves_like_the_factors(monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    for seed in range(8):
        chain = chain_of(touch_paths(table(seed, rows=20, longest=7)), order=1 + seed % 3)
        kept = ~chain.contains[:, seed % 2]
        p = matrices(chain)
        factored = flow(p, kept)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_FACTORED", 0)
            # After 3 terms it gives up and factorises.
            patch.setattr(module, "_ROUNDS", rounds)
            summed = flow(p, kept)
        assert summed.rate == pytest.approx(factored.rate, rel=1e-13)
        assert summed.wins == pytest.approx(factored.wins, rel=1e-12)
        assert summed.visits == pytest.approx(factored.visits, rel=1e-12)
