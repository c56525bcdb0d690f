from __future__ import annotations

import numpy as np
import pytest

from journeykit.errors import ArgumentError
from journeykit.stats.bootstrap import accelerated_interval


def test_symmetric_draws_give_percentiles() -> None:
    draws = np.linspace(-1, 1, 399)[:, None]
    low, high = accelerated_interval(draws, np.zeros(1))
    # The 10th and the 390th of 399.
    assert (low[0], high[0]) == pytest.approx((draws[9, 0], draws[389, 0]), abs=1e-6)


def test_agrees_with_scipys_bca_of_a_mean() -> None:
    from scipy.stats import bootstrap

    rng = np.random.default_rng(1)
    sample = rng.exponential(size=60)
    theirs = bootstrap(
        (sample,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2)
    )
    draws = theirs.bootstrap_distribution[:, None]
    low, high = accelerated_interval(draws, np.array([sample.mean()]))
    assert low[0] == pytest.approx(theirs.confidence_interval.low, abs=0.02)
    assert high[0] == pytest.approx(theirs.confidence_interval.high, abs=0.02)


def test_few_events_are_covered() -> None:
    """1,000 worlds of 20 events expected among many: percentiles miss on one side."""
    rng = np.random.default_rng(3)
    covered = 0
    for n in rng.poisson(20, 1000):
        draws = rng.poisson(n, (400, 1)) + rng.uniform(-0.5, 0.5, (400, 1))
        low, high = accelerated_interval(draws, np.array([float(n)]))
        covered += low[0] <= 20 <= high[0]
    assert 0.93 <= covered / 1000 <= 0.97


def test_draws_that_do_not_vary_tell_nothing() -> None:
    low, high = accelerated_interval(np.ones((9, 2)), np.ones(2))
    assert np.isnan([low, high]).all()
    with pytest.raises(ArgumentError, match="`confidence`"):
        accelerated_interval(np.ones((9, 2)), np.ones(2), confidence=2)


@pytest.mark.parametrize("sign", [1, -1])
def test_very_skewed_draws_have_bounds_in_order(sign: int) -> None:
    # acceleration times the quantile exceeds 1: the bounds changed places, 0.39 and 0.23
    draws = sign * np.random.default_rng(0).lognormal(0, 2, 400)[:, None]
    middle = np.median(draws, axis=0)
    low, high = accelerated_interval(draws, middle)
    assert low[0] < middle[0] < high[0]
    assert (high[0] == draws.max()) if sign > 0 else (low[0] == draws.min())
