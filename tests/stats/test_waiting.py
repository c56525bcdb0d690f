from __future__ import annotations

import numpy as np
import pytest

from journeykit.stats.waiting import (
    DENSE_CODES,
    Waits,
    censoring_weights,
    numbered,
    sorted_by_code,
    wait_quantiles,
)


def test_weights_are_one_over_the_chance_to_be_seen() -> None:
    group = np.array([0, 0, 0, 0, 1, 1, 1])
    time = np.array([1, 2, 2, 3, 5, 6, 7])
    event = np.array([False, True, False, True, False, False, True])
    censored = np.array([True, False, True, False, True, False, False])
    weights = censoring_weights(group, time, event, censored)
    # group 0: G = 3/4 before 2; at 2 the event goes first, of two left one is censored: 3/8
    assert weights == pytest.approx([0, 4 / 3, 0, 8 / 3, 0, 0, 3 / 2])


def test_quantiles_worked_by_hand() -> None:
    # 2 3 5+ 7 | 1 1 4, of customers 0 0 1 2 | 3 3 4
    time = np.array([2, 3, 5, 7, 1, 1, 4])
    event = np.array([True, True, False, True, True, True, True])
    group = np.array([0, 0, 0, 0, 1, 1, 1])
    weight = censoring_weights(group, time, event, ~event)
    assert weight == pytest.approx([1, 1, 0, 2, 1, 1, 1])
    rows = Waits(group, time, weight, np.array([0, 0, 1, 2, 3, 3, 4]))
    found = wait_quantiles(rows, np.ones(7, dtype=bool), [0.25, 0.5, 0.75], confidence=0.95)
    assert found.times.T.tolist() == [[2, 3, 7], [1, 1, 4]]
    assert found.n_customers.tolist() == [3, 2]
    # influence on the half gone by 3: 1/8 (1 - 1/4), then 1/6 - (1/16 + 1/9)/2, twice -(...)/2;
    # with two clusters or three t is too wide for any bound but 0
    assert found.low.tolist() == [0, 0]
    assert np.isnan(found.high).all()


def test_bounds_of_a_median_without_censoring_are_order_statistics() -> None:
    from scipy.special import stdtrit

    n = 400
    rows = Waits(np.zeros(n, dtype=np.int64), np.arange(1, n + 1), np.ones(n), np.arange(n))
    for all_end in (True, False):
        found = wait_quantiles(rows, np.full(n, all_end), [0.5], confidence=0.95)
        half_width = stdtrit(n - 1, 0.975) * np.sqrt(0.25 / (n - 1))
        assert found.times.tolist() == [[200]]
        assert found.low.tolist() == [np.ceil(n * (0.5 - half_width))]
        assert found.high.tolist() == [np.ceil(n * (0.5 + half_width))]


def test_numbers_of_codes_few_or_many() -> None:
    for codes in (np.array([7, 2, 7, 9]), np.array([7, 2, 7, DENSE_CODES + 5])):
        distinct, number = numbered(codes)
        assert distinct.tolist() == sorted(set(codes.tolist()))
        assert distinct[number].tolist() == codes.tolist()
        assert sorted_by_code(codes, np.array([3, 2, 1, 0])).tolist() == [1, 2, 0, 3]
