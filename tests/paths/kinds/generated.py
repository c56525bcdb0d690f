"""Journeys of planted kinds, and of one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journeykit.journeys import Journeys


def of_chains(
    customers: int, kinds: int, *, seed: int, names: int = 8, spread: float = 0.3, mean: int = 10
) -> tuple[Journeys, NDArray[np.int64]]:
    """Draw journeys of that many Markov chains (rows Dirichlet), and each customer's kind."""
    rng = np.random.default_rng(seed)
    steps = rng.dirichlet(np.full(names, spread), size=(kinds, names)).cumsum(axis=2)
    first = rng.dirichlet(np.ones(names), size=kinds).cumsum(axis=1)
    kind = rng.integers(0, kinds, customers)
    length = np.minimum(rng.geometric(1 / mean, customers), 60)
    table = np.zeros((customers, length.max()), dtype=np.int64)
    table[:, 0] = (rng.random(customers)[:, None] > first[kind]).sum(axis=1)
    for at in range(1, table.shape[1]):
        chances = steps[kind, np.minimum(table[:, at - 1], names - 1)]
        table[:, at] = (rng.random(customers)[:, None] > chances).sum(axis=1)
    rows = np.minimum(table, names - 1)[np.arange(table.shape[1]) < length[:, None]]
    return _journeys(rows, length, names), kind


def of_prototypes(
    customers: int, kinds: int, *, seed: int, names: int = 8, noise: float = 0.3
) -> tuple[Journeys, NDArray[np.int64]]:
    """Draw journeys that follow one of some plans, with steps left out, added and changed."""
    rng = np.random.default_rng(seed)
    plans = _plans(rng, kinds, names)
    kind = rng.integers(0, kinds, customers)
    lived = []
    for one in kind:
        path = []
        for step in plans[one]:
            what = rng.choice(4, p=[1 - noise, noise / 3, noise / 3, noise / 3])
            path += [[step], [], [rng.integers(names)], [step, rng.integers(names)]][what]
        lived.append(path or [plans[one][0]])
    length = np.array([len(path) for path in lived])
    return _journeys(np.concatenate(lived), length, names), kind


def plans_of(kinds: int, *, seed: int, names: int = 8) -> list[list[str]]:
    """Return the plans that `of_prototypes` draws journeys from."""
    plans = _plans(np.random.default_rng(seed), kinds, names)
    return [[f"t{step:02d}" for step in plan] for plan in plans]


def _plans(rng: np.random.Generator, kinds: int, names: int) -> list[NDArray[np.int64]]:
    return [rng.integers(0, names, rng.integers(6, 12)) for _ in range(kinds)]


def _journeys(steps: NDArray[np.int64], length: NDArray[np.int64], names: int) -> Journeys:
    return Journeys(
        names=tuple(f"t{number:02d}" for number in range(names)),
        touchpoint=steps.astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(length)]).astype(np.int64),
        customer_id=pa.array(np.arange(len(length)) + 1000),
    )


def shuffled(journeys: Journeys, *, seed: int) -> Journeys:
    """Return the same journeys with the customers in another order."""
    order = np.random.default_rng(seed).permutation(len(journeys))
    length = journeys.length[order]
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    at = np.repeat(journeys.start[order] - start[:-1], length) + np.arange(start[-1])
    return Journeys(
        names=journeys.names,
        touchpoint=journeys.touchpoint[at],
        start=start,
        customer_id=journeys.customer_id.take(pa.array(order)),
    )


def adjusted_rand(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """Return Hubert and Arabie's adjusted Rand index."""
    _, left = np.unique(one, return_inverse=True)
    _, right = np.unique(other, return_inverse=True)
    table = np.zeros((left.max() + 1, right.max() + 1))
    np.add.at(table, (left, right), 1)
    pairs = lambda n: float((n * (n - 1) / 2).sum())  # noqa: E731
    rows, columns = pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / pairs(np.array([len(left)]))
    most = (rows + columns) / 2
    return 1.0 if most == expected else (pairs(table) - expected) / (most - expected)
