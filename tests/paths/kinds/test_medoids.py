from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.paths.kinds.medoids import Partition, partition, silhouette_width


def distances_of(points: list[int]) -> np.ndarray:
    at = np.array(points, dtype=float)
    return np.abs(at[:, None] - at)


def test_two_heaps_by_hand() -> None:
    distance = distances_of([0, 1, 2, 10, 11, 12])
    found = partition(distance, np.ones(6), 2)
    assert found.medoid.tolist() == [1, 4]
    assert found.label.tolist() == [0, 0, 0, 1, 1, 1]
    # Of item 0: a = (1 + 2) / 2, b = (10 + 11 + 12) / 3; likewise the others.
    inside, outside = np.array([1.5, 1, 1.5]), np.array([11, 10, 9])
    width = ((outside - inside) / outside).mean()
    assert silhouette_width(distance, np.ones(6), found) == pytest.approx(width)


points = st.lists(st.integers(0, 60), min_size=5, max_size=10, unique=True)


@given(points, st.integers(1, 3), st.integers(0, 1000))
@settings(max_examples=60)
def test_no_single_swap_is_better(at: list[int], groups: int, seed: int) -> None:
    distance = distances_of(at)
    weight = np.random.default_rng(seed).integers(1, 5, len(at)).astype(float)
    found = partition(distance, weight, groups)

    def total(medoids: tuple[int, ...]) -> float:
        return float((distance[list(medoids)].min(axis=0) * weight).sum())

    here = total(tuple(found.medoid))
    for medoids in combinations(range(len(at)), groups):
        if len(set(medoids) - set(found.medoid.tolist())) == 1:
            assert total(medoids) >= here - 1e-9


@given(points, st.integers(0, 1000))
@settings(max_examples=30)
def test_a_weight_is_that_many_items(at: list[int], seed: int) -> None:
    weight = np.random.default_rng(seed).integers(1, 4, len(at))
    label = np.arange(len(at)) % 2
    once = Partition(np.array([0, 1]), label)
    many = Partition(np.array([0, 1]), np.repeat(label, weight))
    repeated = distances_of(np.repeat(at, weight).tolist())
    assert silhouette_width(distances_of(at), weight.astype(float), once) == pytest.approx(
        silhouette_width(repeated, np.ones(len(repeated)), many)
    )


def test_items_without_weight_are_no_medoids() -> None:
    found = partition(distances_of([0, 1, 2]), np.array([1.0, 0.0, 1.0]), 1)
    assert found.medoid.tolist() != [1]
    assert len(found.label) == 3
