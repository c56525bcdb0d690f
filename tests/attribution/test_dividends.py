from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeykit.attribution.dividends import over_subsets, pair_interactions, shapley_values

SEEDS = st.integers(0, 2**32 - 1)


def brute(worth: NDArray[np.float64], m: int) -> NDArray[np.float64]:
    total, orders = np.zeros(m), list(permutations(range(m)))
    for order in orders:
        have = 0
        for i in order:
            total[i] += worth[have | 1 << i] - worth[have]
            have |= 1 << i
    return total / len(orders)


@given(st.integers(0, 6), SEEDS)
@settings(max_examples=30)
def test_values_equal_all_permutations_and_sum_to_the_worth_of_all(m: int, seed: int) -> None:
    worth = np.random.default_rng(seed).normal(size=(2, 1 << m))
    values = shapley_values(worth)
    assert values == pytest.approx(np.stack([brute(row, m) for row in worth]), abs=1e-10)
    assert values.sum(axis=1) == pytest.approx(worth[:, -1] - worth[:, 0])


def test_twenty_players_lose_nothing_to_rounding() -> None:
    worth = np.random.default_rng(2).normal(size=(1, 1 << 20))
    values = shapley_values(worth)
    assert values.sum() == pytest.approx(worth[0, -1] - worth[0, 0], abs=1e-12)


@given(st.integers(2, 6), SEEDS)
@settings(max_examples=30)
def test_pairs_equal_the_definition(m: int, seed: int) -> None:
    v = np.random.default_rng(seed).normal(size=1 << m)
    index = pair_interactions(v[None])[0]
    for i in range(m):
        for j in range(i):
            two, total = 1 << i | 1 << j, 0.0
            for have in (have for have in range(1 << m) if not have & two):
                s = have.bit_count()
                gain = v[have | two] - v[have | 1 << i] - v[have | 1 << j] + v[have]
                total += factorial(s) * factorial(m - s - 2) / factorial(m - 1) * gain
            assert index[i, j] == pytest.approx(total, abs=1e-10)
            assert index[j, i] == pytest.approx(total, abs=1e-10)
    assert np.isnan(np.diag(index)).all()


def test_a_pair_that_only_wins_together_has_all_the_interaction() -> None:
    worth = np.zeros((1, 8))
    worth[0, [3, 7]] = 10
    index = pair_interactions(worth)[0]
    assert index[0, 1] == 10
    assert index[0, 2] == index[1, 2] == 0


@given(st.integers(0, 6), SEEDS)
@settings(max_examples=20)
def test_sums_over_subsets(m: int, seed: int) -> None:
    table = np.random.default_rng(seed).normal(size=(2, 1 << m))
    sets = np.arange(1 << m)
    inside = (sets[:, None] & ~sets[None, :]) == 0
    assert over_subsets(table) == pytest.approx(table @ inside, abs=1e-10)
