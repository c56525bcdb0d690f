from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter, KaplanMeierFitter

from journeykit.errors import DataError
from journeykit.stats import wilson_interval
from journeykit.stats.aalen_johansen import (
    cumulative_incidence,
    incidence_at,
    incidence_by,
    incidence_ratio,
    incidence_share,
)

# Six watched: one comes at 1, one leaves at 2, one is censored at 2, one comes at 3, two at 4.
TIME = np.array([1, 2, 2, 3, 4, 4])
END = np.array([1, 2, 0, 1, 1, 0])


def _random(seed: int, n: int = 400):
    rng = np.random.default_rng(seed)
    ended, censored = rng.exponential(10, n), rng.exponential(15, n)
    end = np.where(ended <= censored, rng.integers(1, 3, n), 0)
    return np.minimum(ended, censored), end


def test_ties_and_censoring_by_hand() -> None:
    found = cumulative_incidence(TIME, END, n_ends=2)
    assert found.time.tolist() == [1, 2, 3, 4]
    assert found.n_at_risk.tolist() == [6, 5, 3, 2]
    assert found.n_event.tolist() == [[1, 0], [0, 1], [1, 0], [1, 0]]
    assert found.n_censored.tolist() == [0, 1, 0, 1]
    # S: 5/6, 4/6, 4/9, 2/9; ends come before the censoring at the same time.
    assert found.surviving == pytest.approx([5 / 6, 4 / 6, 4 / 9, 2 / 9])
    assert found.estimate[:, 0] == pytest.approx([1 / 6, 1 / 6, 1 / 6 + 2 / 9, 1 / 6 + 4 / 9])
    assert found.estimate[:, 1] == pytest.approx([0, 1 / 6, 1 / 6, 1 / 6])


def test_late_entry_by_hand() -> None:
    # The third is under risk in (1, 2]: not at time 1.
    found = cumulative_incidence([1, 2, 2], [1, 1, 0], n_ends=1, entry=[-1, -1, 1])
    assert found.n_at_risk.tolist() == [2, 2]
    assert found.estimate[:, 0] == pytest.approx([1 / 2, 3 / 4])
    with pytest.raises(DataError, match="1 of 3 end before they begin to be watched"):
        cumulative_incidence([1, 2, 2], [1, 1, 0], n_ends=1, entry=[-1, -1, 2])


@pytest.mark.parametrize("seed", [1, 2])
def test_lifelines_agrees_to_the_twelfth_digit(seed: int) -> None:
    time, end = _random(seed)
    found = cumulative_incidence(time, end, n_ends=2)
    for kind in (1, 2):
        peer = AalenJohansenFitter(calculate_variance=True).fit(time, end, event_of_interest=kind)
        at = np.searchsorted(found.time, peer.cumulative_density_.index[1:], side="right") - 1
        shares = peer.cumulative_density_.iloc[1:, 0].to_numpy()
        variance = np.asarray(peer.variance_).ravel()[1:]
        assert found.estimate[at, kind - 1] == pytest.approx(shares, abs=1e-12)
        # Where the last one under risk comes, lifelines divides by nobody.
        known = np.isfinite(variance)
        assert known.sum() >= len(time) - 1
        ours = found.std_error[at, kind - 1] ** 2
        assert ours[known] == pytest.approx(variance[known], abs=1e-12)


def test_one_end_is_kaplan_meier_late_entries_too() -> None:
    time, end = _random(3)
    entry = time * np.random.default_rng(4).uniform(0, 0.5, len(time))
    found = cumulative_incidence(time, end > 0, n_ends=1, entry=entry)
    peer = KaplanMeierFitter().fit(time, end > 0, entry=entry)
    at = np.searchsorted(peer.survival_function_.index, found.time)
    kept = peer.survival_function_.iloc[at, 0].to_numpy()
    assert found.surviving == pytest.approx(kept, abs=1e-9)
    assert 1 - found.estimate[:, 0] == pytest.approx(kept, abs=1e-9)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(0, 10),
)
def test_ends_and_survival_sum_to_one(drawn, horizon) -> None:
    time, end = np.array(drawn).T
    found = cumulative_incidence(time, end, n_ends=3)
    assert found.estimate.sum(axis=1) + found.surviving == pytest.approx(np.ones(len(found.time)))
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
