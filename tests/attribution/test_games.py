from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeykit import attribution
from journeykit.attribution.games import asked, by_set, every_set, name_of, rates
from journeykit.attribution.touch_paths import touch_paths
from journeykit.errors import ArgumentError
from tests.attribution.example import OUTCOMES
from tests.attribution.test_coalition import COUNTS, counted, random_paths


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=15)
def test_merging_rows_keeps_every_sum_by_set(seed: int, m: int) -> None:
    paths = touch_paths(counted(random_paths(seed, m, 30)))
    merged = by_set(paths)
    expected: dict[tuple[frozenset[int], bool], NDArray[np.float64]] = {}
    for k in range(len(paths.n)):
        have = frozenset(paths.touch[paths.start[k] : paths.start[k + 1]].tolist())
        key = (have, bool(paths.converted[k]))
        expected[key] = expected.get(key, np.zeros(2)) + np.array([paths.n[k], paths.value[k]])
    assert len(merged.n) == len(expected)
    for k in range(len(merged.n)):
        have = merged.touch[merged.start[k] : merged.start[k + 1]].tolist()
        assert len(have) == len(set(have))
        key = (frozenset(have), bool(merged.converted[k]))
        assert [merged.n[k], merged.value[k]] == expected[key].tolist()


def test_customers_stay_with_their_sets() -> None:
    paths = touch_paths(OUTCOMES)
    merged = by_set(paths)
    assert merged.customers is not None
    assert merged.customers.journeys.sum(axis=1).tolist() == merged.n.tolist()
    assert paths.reach().tolist() == merged.reach().tolist()
    drawn, whole = (each.resample(range(3), seed=1).sum(axis=0) for each in (merged, paths))
    assert drawn.tolist() == whole.tolist()


def test_rates_along_orders_are_those_of_all_sets() -> None:
    merged = by_set(touch_paths(counted(random_paths(2, 4, 20))))
    game = rates(merged)
    sums = game.sums(merged.n, merged.n.astype(float))[None]
    worth = game.over_all_sets(sums, lambda table: table)
    orders = np.array([[2, 0, 3, 1], [1, 3, 0, 2]])
    masks = np.concatenate([[[0], [0]], np.cumsum(1 << orders, axis=1)], axis=1)
    assert game.along(sums)(orders)[:, 0] == pytest.approx(worth[0][masks])


def test_sets_are_listed_by_bits() -> None:
    assert every_set(2).tolist() == [[False, False], [True, False], [False, True], [True, True]]


def test_games_are_named() -> None:
    def hazard(sets: NDArray[np.bool_], channels: tuple[str, ...]) -> NDArray[np.float64]:
        return sets.sum(axis=1)

    assert name_of("rate") == "rate"
    assert name_of(hazard) == "hazard"
    assert name_of(lambda sets, channels: sets.sum(axis=1)) == "given"
    assert name_of(partial(hazard)) == "given"


@pytest.mark.parametrize(
    ("game", "message"),
    [
        (lambda sets, channels: 1.0, "for 4 sets it returned shape \\(\\)"),
        (lambda sets, channels: sets.sum(axis=0), "for 4 sets it returned shape \\(2,\\)"),
        (
            lambda sets, channels: np.where(sets.any(axis=1), 1.0, np.nan),
            "for 4 sets it returned shape \\(4,\\), 1 of them not finite",
        ),
    ],
)
def test_worths_that_are_none_are_refused(game: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        attribution.shapley(COUNTS, game=game)  # type: ignore[arg-type]


def test_worths_may_have_values_beside_them() -> None:
    worth = asked(lambda sets, channels: sets * [1.0, 5.0], every_set(2), ("a", "b"))
    assert worth.tolist() == [[0, 1, 0, 1], [0, 0, 5, 5]]


def test_errors_within_a_game_are_its_own() -> None:
    def broken(sets: NDArray[np.bool_], channels: tuple[str, ...]) -> NDArray[np.float64]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attribution.shapley(COUNTS, game=broken)
