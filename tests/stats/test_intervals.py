from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from journeykit.errors import ArgumentError
from journeykit.stats import (
    ClusterSums,
    cluster_effective_n,
    clustered_wilson_interval,
    esty_interval,
    wilson_interval,
)


def test_wilson_equals_statsmodels() -> None:
    n_event, n = np.array([0, 1, 5, 30, 30]), np.array([20, 30, 40, 60, 30])
    wanted = proportion_confint(n_event, n, alpha=0.1, method="wilson")
    low, high = wilson_interval(n_event, n, confidence=0.9)
    assert low == pytest.approx(wanted[0], abs=1e-12)
    assert high == pytest.approx(wanted[1], abs=1e-12)


def test_wilson_of_nobody_is_not_a_number() -> None:
    low, high = wilson_interval([0], [0])
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_confidence_must_be_a_fraction() -> None:
    with pytest.raises(
        ArgumentError, match="`confidence` must lie strictly between 0 and 1; got 95"
    ):
        wilson_interval([1], [2], confidence=95)


def sums_of(x: np.ndarray, m: np.ndarray) -> ClusterSums:
    """Customers run along the last axis."""
    return ClusterSums(
        n_event=x.sum(axis=-1),
        n=m.sum(axis=-1),
        event_squares=(x * x).sum(axis=-1),
        event_cross=(x * m).sum(axis=-1),
        squares=(m * m).sum(axis=-1),
        n_customers=(m > 0).sum(axis=-1),
        n_rarer=np.minimum((x > 0).sum(axis=-1), (x < m).sum(axis=-1)),
    )


def test_customers_who_count_once_are_worth_themselves() -> None:
    x, m = np.array([1, 0, 1, 1, 0]), np.ones(5, dtype=int)
    assert cluster_effective_n(sums_of(x, m)) == 5


def test_one_customer_is_worth_one_observation() -> None:
    x, m = np.array([4]), np.array([10])
    assert cluster_effective_n(sums_of(x, m)) <= 1


def test_effective_n_worked_by_hand() -> None:
    # two customers: 2 of 2 and 0 of 2. p = 1/2, v = 2/1 * (1 + 1) / 16 = 1/4, p(1-p)/v = 1;
    # z = 1.959964, t with 1 degree of freedom = 12.706205: shrunk by (z/t)^2 = 0.0237940
    x, m = np.array([2, 0]), np.array([2, 2])
    assert cluster_effective_n(sums_of(x, m)) == pytest.approx(0.0237940, rel=1e-5)


def test_clustered_interval_covers_where_the_plain_one_does_not() -> None:
    """1,000 worlds, 200 customers with 5 steps each, share 0.3 with customers' own shares Beta."""
    rng = np.random.default_rng(7)
    own = rng.beta(0.9, 2.1, size=(1000, 200))
    x = rng.binomial(5, own)
    m = np.full_like(x, 5)
    total = x.sum(axis=1)
    low, high = clustered_wilson_interval(sums_of(x, m))
    plain_low, plain_high = wilson_interval(total, np.full(1000, 1000))
    covered = ((low <= 0.3) & (high >= 0.3)).mean()
    plain = ((plain_low <= 0.3) & (plain_high >= 0.3)).mean()
    assert 0.93 <= covered <= 0.97
    # Steps of a customer correlate by 1 / (0.9 + 2.1 + 1), so the design effect is 1 + 4 / 4 = 2
    # and the plain interval covers P(|Z| < 1.96 / sqrt 2) = 83.4 %; 0.03 is 2.5 standard errors.
    assert plain == pytest.approx(0.834, abs=0.03)


@pytest.mark.parametrize(
    ("customers", "share", "spread"), [(100, 0.05, 5.0), (300, 0.02, 5.0), (30, 0.1, 5.0)]
)
def test_a_small_share_of_unequal_customers_is_covered(
    customers: int, share: float, spread: float
) -> None:
    """2,000 worlds; sizes geometric with mean 5, customers' own shares Beta. At least 93 %."""
    rng = np.random.default_rng(23)
    m = rng.geometric(0.2, size=(2000, customers))
    own = rng.beta(share * spread, (1 - share) * spread, size=m.shape)
    x = rng.binomial(m, own)
    low, high = clustered_wilson_interval(sums_of(x, m))
    inside = (low <= share) & (share <= high)
    assert inside.mean() >= 0.93


def test_esty_worked_by_hand() -> None:
    # n = 100, 30 kinds once, 10 twice: 0.3, variance (30 * 0.7 + 20) / 10^4 = 0.0041
    estimate, low, high = esty_interval(100, 30, 10)
    assert estimate == pytest.approx(0.3)
    assert low == pytest.approx(0.3 - 1.959964 * 0.0041**0.5, rel=1e-6)
    assert high == pytest.approx(0.3 + 1.959964 * 0.0041**0.5, rel=1e-6)


def test_esty_at_its_edge_is_wilsons() -> None:
    estimate, low, high = esty_interval(50, 50, 0)
    assert estimate == 1
    assert low == pytest.approx(float(wilson_interval(50, 50).low))
    assert high == 1


def test_good_turing_finds_the_unseen_mass() -> None:
    """1,000 worlds, n = 500 from 300 kinds with Zipf weights: the truth is inside in 93-97 %."""
    rng = np.random.default_rng(11)
    weight = 1 / np.arange(1, 301)
    weight /= weight.sum()
    counts = rng.multinomial(500, weight, size=1000)
    unseen = (weight * (counts == 0)).sum(axis=1)
    inside = 0
    for row, truth in zip(counts, unseen, strict=True):
        interval = esty_interval(500, int((row == 1).sum()), int((row == 2).sum()))
        inside += interval.low <= truth <= interval.high
    assert 0.93 <= inside / 1000 <= 0.97


def test_clusters_added_up_by_hand() -> None:
    # 2 of 3, 0 of 2 and 1 of 1: two clusters have any event, two have any observation that is none.
    sums = ClusterSums.of_clusters([2, 0, 1], [3, 2, 1])
    assert sums == ClusterSums(
        n_event=3, n=6, event_squares=5, event_cross=7, squares=14, n_customers=3, n_rarer=2
    )
