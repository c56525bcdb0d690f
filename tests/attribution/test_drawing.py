from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import chi2, poisson

from journeykit.attribution.drawing import _MOST, _tables, drawers_of, rows_of, sums_of
from journeykit.attribution.touch_paths import Customers
from journeykit.stats import mix, poisson_weights


@pytest.fixture
def customers() -> Customers:
    """300 customers in 40 rows, some in several, some of those twice."""
    random = np.random.default_rng(5)
    times = (random.random((40, 300)) < 0.05) * random.integers(1, 3, (40, 300))
    return Customers(sparse.csr_array(times.astype(np.float64)), mix(np.arange(300)))


def test_customers_weigh_what_their_hash_says(customers: Customers) -> None:
    n = customers.journeys.sum(axis=1).astype(np.int64)
    weights = [poisson_weights(customers.hashed, replicate=r, seed=9) for r in range(3, 20)]
    expected = customers.journeys @ np.stack(weights, axis=1)
    drawn = rows_of(drawers_of(n, customers), range(3, 20), seed=9)
    assert drawn.tolist() == expected.tolist()


def test_tables_give_every_number_the_weight_of_the_hash() -> None:
    ends, guide = _tables()
    number = np.concatenate(
        [ends[1, :19] - np.uint64(1), ends[1, :19], mix(np.arange(10_000)) >> np.uint64(11)]
    )
    number = number[number < 2**53]
    by_uniform = np.searchsorted(
        np.cumsum(np.cumprod([1.0, *(1 / k for k in range(1, 20))])) / np.e,
        number.astype(np.float64) * 2.0**-53,
        side="right",
    )
    assert np.searchsorted(ends[1], number, side="right").tolist() == by_uniform.tolist()
    for end, begins in zip(ends, guide, strict=True):
        cell = np.arange(len(begins), dtype=np.uint64) << np.uint64(41)
        assert begins.tolist() == np.searchsorted(end, cell, side="right").tolist()
        assert end[-1] == 2**53


@pytest.mark.parametrize("mean", [0, 1, 2, 7, _MOST, _MOST + 1, 500])
def test_rows_are_poisson(mean: int) -> None:
    n = np.full(400, mean)
    drawn = rows_of(drawers_of(n, None), range(250), seed=2)
    if mean == 0:
        assert not drawn.any()
        return
    edges = np.unique(poisson.ppf(np.linspace(0.02, 0.98, 25), mean))
    expected = np.diff(poisson.cdf(edges, mean), prepend=0, append=1) * drawn.size
    seen = np.bincount(np.searchsorted(edges, drawn.ravel()), minlength=len(edges) + 1)
    statistic = ((seen - expected) ** 2 / expected).sum()
    assert statistic < chi2.ppf(0.9999, len(edges))


def test_rows_and_samples_are_drawn_apart() -> None:
    drawn = rows_of(drawers_of(np.ones(200, dtype=np.int64), None), range(2_000), seed=1)
    for table in (
        drawn,
        rows_of(drawers_of(np.ones(2_000, dtype=np.int64), None), range(200), seed=1).T,
    ):
        between = np.corrcoef(table)[np.triu_indices(200, 1)]
        # Of 19,900 correlations with a standard error of 1 / sqrt(2,000).
        assert np.abs(between).max() < 4.8 / np.sqrt(2_000)
        assert between.std() == pytest.approx(1 / np.sqrt(2_000), rel=0.03)
    other = rows_of(drawers_of(np.ones(200, dtype=np.int64), None), range(2_000), seed=3)
    assert abs(np.corrcoef(drawn.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(drawn.size)


@pytest.mark.parametrize("by_customer", [True, False])
def test_sums_are_those_of_the_rows(customers: Customers, by_customer: bool) -> None:
    random = np.random.default_rng(3)
    n = random.integers(0, 90, 40)
    drawers = drawers_of(n, customers if by_customer else None)
    statistics = sparse.csr_array(random.random((40, 7)) * (random.random((40, 7)) < 0.3))
    expected = (statistics.T @ rows_of(drawers, range(30), seed=4)).T
    np.testing.assert_allclose(
        sums_of(drawers, statistics, range(30), seed=4), expected, rtol=1e-13
    )


def test_samples_do_not_depend_on_the_blocks_they_are_drawn_in() -> None:
    drawers = drawers_of(np.array([1, 3, 200]), None)
    whole = rows_of(drawers, range(10), seed=6)
    parts = [rows_of(drawers, block, seed=6) for block in (range(4), range(4, 10))]
    assert whole.tolist() == np.concatenate(parts, axis=1).tolist()
