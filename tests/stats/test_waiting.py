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
    # with two or three clusters the t quantile is too wide for any bound but 0
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


def test_intervals_of_medians_cover() -> None:
    """1,000 worlds: 150 customers of 1 to 6 waits, slow ones and fast ones, a third censored.

    Waits are log-normal with median exp(3) and end in one of two ways whatever their length.
    """
    rng = np.random.default_rng(11)
    covered, plain, n_censored, n = np.zeros(2), 0, 0, 0
    for _ in range(1000):
        customer = np.repeat(np.arange(150), rng.integers(1, 7, 150))
        own = rng.normal(3, 0.7, 150)[customer]
        wait = (np.exp(own + rng.normal(0, 0.7, len(own))) * 1e6).astype(np.int64)
        watched = rng.exponential(70e6, len(own)).astype(np.int64)
        order = np.argsort(np.minimum(wait, watched))
        time, customer = np.minimum(wait, watched)[order], customer[order]
        event = (wait < watched)[order]
        group = np.zeros(len(time), dtype=np.int64)
        weight = censoring_weights(group, time, event, ~event)
        this_way = event & (rng.random(len(time)) < 0.6)
        for kind, rows in enumerate([np.ones(len(time), dtype=bool), this_way]):
            waits = Waits(group[rows], time[rows], weight[rows], customer[rows])
            found = wait_quantiles(waits, np.full(rows.sum(), kind == 0), [0.5], confidence=0.95)
            covered[kind] += found.low[0] <= np.exp(3) * 1e6 <= found.high[0]
        one_each = Waits(group, time, weight, np.arange(len(time)))
        found = wait_quantiles(one_each, np.ones(len(time), dtype=bool), [0.5], confidence=0.95)
        plain += found.low[0] <= np.exp(3) * 1e6 <= found.high[0]
        n_censored, n = n_censored + (~event).sum(), n + len(event)
    assert 0.3 < n_censored / n < 0.37
    assert (covered / 1000 >= 0.93).all(), covered
    assert (covered / 1000 <= 0.97).all(), covered
    # as if every wait were of a customer of its own
    assert plain / 1000 < 0.9
