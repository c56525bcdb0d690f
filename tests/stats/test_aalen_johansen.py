from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter, KaplanMeierFitter

from journeykit.errors import DataError
from journeykit.stats.aalen_johansen import cumulative_incidence

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


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=40))
def test_ends_and_survival_sum_to_one(drawn) -> None:
    time, end = np.array(drawn).T
    found = cumulative_incidence(time, end, n_ends=3)
    assert found.estimate.sum(axis=1) + found.surviving == pytest.approx(np.ones(len(found.time)))
