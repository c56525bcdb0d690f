from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.stats import wilson_interval
from journeykit.stats.aalen_johansen import cumulative_incidence
from journeykit.stats.incidence import (
    incidence_at,
    incidence_by,
    incidence_ratio,
    incidence_share,
)


def _random(seed: int, n: int = 400):
    rng = np.random.default_rng(seed)
    ended, censored = rng.exponential(10, n), rng.exponential(15, n)
    end = np.where(ended <= censored, rng.integers(1, 3, n), 0)
    return np.minimum(ended, censored), end


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(0, 10),
)
def test_influences_sum_to_zero_and_their_squares_to_the_variance(drawn, horizon) -> None:
    time, end = np.array(drawn).T
    found = cumulative_incidence(time, end, n_ends=3)
    part = incidence_by(time, end, of=2, horizon=horizon)
    assert part.influence.sum() == pytest.approx(0, abs=1e-12)
    at = np.searchsorted(found.time, horizon, side="right") - 1
    if at < 0:
        assert part.estimate == 0
    else:
        # The error from influences is the one from the formula.
        assert part.estimate == pytest.approx(found.estimate[at, 1])
        error = np.sqrt((part.influence**2).sum())
        assert error == pytest.approx(found.std_error[at, 1], abs=1e-7)


def test_without_censoring_it_is_wilsons_interval() -> None:
    time, end = np.array([1, 2, 3, 8, 9]), np.array([1, 1, 2, 1, 2])
    found = incidence_at(time, end, of=1, horizon=5)
    assert found.estimate == pytest.approx(2 / 5)
    assert (found.low, found.high) == pytest.approx(tuple(map(float, wilson_interval(2, 5))))
    assert (found.undecided, found.half_time) == (0, 1)
    none = incidence_at(time, end, of=1, horizon=0.5)
    assert (none.low, none.high) == pytest.approx(tuple(map(float, wilson_interval(0, 5))))
    every = incidence_at(time[:2], end[:2], of=1)
    assert (every.low, every.high) == pytest.approx(tuple(map(float, wilson_interval(2, 2))))


def test_a_ratio_without_censoring_is_the_share_among_those_before() -> None:
    first, second = np.array([1, 1, 1, 2, 2, 2]), np.array([1, 1, 2, 2, 2, 2])
    time = np.arange(1, 7)
    whole, part = incidence_by(time, first, of=1), incidence_by(time + 1, second, of=1)
    found = incidence_ratio(part, whole)
    assert found.estimate == pytest.approx(2 / 3)
    assert (found.low, found.high) == pytest.approx(tuple(map(float, wilson_interval(2, 3))))


def test_what_nobody_can_know_is_in_the_upper_bound() -> None:
    # One comes at 1; of the other three nobody is watched to 5.
    found = incidence_at([1, 2, 3, 4], [1, 0, 0, 0], of=1, horizon=5)
    assert found.estimate == pytest.approx(1 / 4)
    assert found.undecided == pytest.approx(3 / 4)
    assert found.high == 1
    assert incidence_at([1, 2, 3, 5], [1, 0, 0, 0], of=1, horizon=5).undecided == 0
    assert np.isnan(incidence_at([], [], of=1).estimate)


def test_observations_doubled_within_customers_tell_no_more() -> None:
    time, end = _random(5, 200)
    once = incidence_by(time, end, of=1, horizon=8.0)
    twice = incidence_by(np.tile(time, 2), np.tile(end, 2), of=1, horizon=8.0)
    single = incidence_share(once)
    double = incidence_share(twice, cluster=np.tile(np.arange(200), 2))
    assert double.estimate == pytest.approx(single.estimate)
    assert double.std_error == pytest.approx(single.std_error * np.sqrt(200 / 199))
    assert double.high - double.low == pytest.approx(single.high - single.low, rel=0.04)


def test_who_came_to_another_end_is_known_not_to_have_come_to_this_one() -> None:
    time, end = np.ones(50, dtype=np.int64), np.full(50, 2)
    high = float(wilson_interval(0, 50).high)
    assert incidence_at(time, end, of=1, horizon=9).high == pytest.approx(high)
    assert cumulative_incidence(time, end, n_ends=2).intervals(0).high == pytest.approx(high)
    # Half left at 1, of the others one was watched on: what becomes of them is hardly known.
    time, end = np.repeat([1, 2, 9], [50, 49, 1]), np.repeat([2, 0, 0], [50, 49, 1])
    high = float(wilson_interval(0, 1).high) / 2
    assert incidence_at(time, end, of=1, horizon=9).high == pytest.approx(high)


def test_a_rare_end_among_frequent_ones_is_covered() -> None:
    rng, rare, covered = np.random.default_rng(3), 0.03, 0
    for _ in range(500):
        kind = rng.choice([1, 2, 0], 60, p=[rare, 0.7, 0.27])
        came, watched = rng.uniform(0, 10, 60), rng.uniform(0, 20, 60)
        seen = (came <= watched) & (kind > 0)
        time = np.where(seen, came, watched)
        found = incidence_at(time, np.where(seen, kind, 0), of=1, horizon=10)
        covered += found.low <= rare <= found.high
    assert 0.93 <= covered / 500 <= 0.99
