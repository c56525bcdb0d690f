from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeykit.attribution.dividends import shapley_values
from journeykit.attribution.permuting import FEWEST_BLOCKS, orders_of_block, sampled_values


def along(worth: NDArray[np.float64], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """Look the worths of b games up as players join, shape (p, b, m + 1)."""
    masks = np.cumsum(1 << orders, axis=1)
    masks = np.concatenate([np.zeros((len(orders), 1), dtype=np.int64), masks], axis=1)
    return worth[:, masks].transpose(1, 0, 2)


@given(st.integers(1, 9), st.integers(0, 100), st.integers(0, 100))
def test_every_player_takes_every_place_of_a_block_twice(m: int, block: int, seed: int) -> None:
    orders = orders_of_block(m, block, seed=seed)
    assert (np.sort(orders, axis=1) == np.arange(m)).all()
    for place in orders.T:
        assert np.bincount(place, minlength=m).tolist() == [2] * m
    assert (orders[m:] == orders[:m, ::-1]).all()


def test_values_sum_to_what_there_is_and_repeat_with_the_seed() -> None:
    worth = np.random.default_rng(1).normal(size=(3, 1 << 7))
    one, same, other = (
        sampled_values(lambda orders: along(worth, orders), 7, permutations=300, seed=seed)
        for seed in (1, 1, 2)
    )
    assert one.n_blocks == 22
    assert one.value.sum(axis=1) == pytest.approx(worth[:, -1] - worth[:, 0], abs=1e-12)
    assert (one.value == same.value).all()
    assert (one.value != other.value).all()


def test_at_least_ten_blocks_are_drawn() -> None:
    worth = np.random.default_rng(1).normal(size=(1, 1 << 4))
    found = sampled_values(lambda orders: along(worth, orders), 4, permutations=1, seed=0)
    assert found.n_blocks == FEWEST_BLOCKS == 10


def test_intervals_cover_the_exact_values() -> None:
    m = 6
    worth = np.random.default_rng(5).normal(size=(1, 1 << m)) ** 3
    exact = shapley_values(worth)
    covered = []
    for seed in range(400):
        found = sampled_values(lambda orders: along(worth, orders), m, permutations=240, seed=seed)
        low, high = found.interval(0.95)
        covered.append((low <= exact) & (exact <= high))
    # 400 runs: 95 % within 4 standard errors of a share, .044.
    assert np.mean(covered, axis=0)[0] == pytest.approx(np.full(m, 0.95), abs=0.044)


def test_additive_games_have_no_error() -> None:
    m = 5
    worth = ((np.arange(1 << m)[:, None] >> np.arange(m) & 1) @ np.arange(1.0, 6.0))[None]
    found = sampled_values(lambda orders: along(worth, orders), m, permutations=1, seed=0)
    assert found.value[0] == pytest.approx(np.arange(1.0, 6.0))
    assert found.error[0] == pytest.approx(np.zeros(m), abs=1e-12)
