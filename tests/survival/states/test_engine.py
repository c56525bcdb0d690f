"""Errors of few under risk, presence and intervals of events, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma

from journeykit.journeys.durations import DAY
from journeykit.survival.states import multistate_from_frame
from journeykit.survival.states.bounds import event_interval
from journeykit.survival.states.engine import Shares, Spells, distinct, presence, shares


def shared(rows: list[tuple[float, float, int, int]], days: list[float]) -> Shares:
    """Follow one customer a row from state 0 of two."""
    table = np.array(rows)
    start, stop = (np.rint(table[:, k] * DAY).astype(np.int64) for k in (0, 1))
    source, target = table[:, 2].astype(np.int64), table[:, 3].astype(np.int64)
    spells = Spells(start, stop, source, target, np.arange(len(rows)))
    return shares(spells, 2, np.rint(np.array(days) * DAY).astype(np.int64), from_state=0)


def test_the_spread_is_the_unbiased_variance_of_a_binomial() -> None:
    # One of four moves on day 1; then one of the three on day 2.
    found = shared([(0, 1, 0, 1), (0, 2, 0, 1), (0, 3, 0, -1), (0, 3, 0, -1)], [1, 2])
    assert found.std_error[0, 0] ** 2 == pytest.approx(1 * 3 / 4**3, abs=1e-12)
    assert found.spread[0, 0] ** 2 == pytest.approx(1 * 3 / (4**2 * 3), abs=1e-12)
    carried = (2 / 3) ** 2 * 1 / 16
    added = (3 / 4) ** 2 * 1 * 2 / (3**2 * 2)
    assert found.spread[1, 0] ** 2 == pytest.approx(carried + added, abs=1e-12)


def test_the_spread_of_one_under_risk_is_not_none() -> None:
    found = shared([(0, 1, 0, 1), (1, 3, 0, -1)], [1, 2])
    assert found.std_error[:, 0].tolist() == [0, 0]
    assert found.spread[:, 0].tolist() == [1, 1]


def test_presence_by_hand() -> None:
    start, stop = np.array([0, 0, 5]) * DAY, np.array([2, 4, 6]) * DAY
    found = presence(start, stop, np.array([1, 2, 3, 4, 5, 6, 9]) * DAY)
    assert found.days.tolist() == pytest.approx([1, 2, 3, 4, 4, 5, 5])
    assert found.customer_days.tolist() == pytest.approx([2, 4, 5, 6, 6, 7, 7])
    assert found.per_customer.tolist() == pytest.approx([0.5, 1, 2, 3, 3, 4, 4])


def test_distinct_is_unique() -> None:
    values = np.random.default_rng(1).integers(0, 50, 200)
    assert distinct(values).tolist() == np.unique(values).tolist()
    assert distinct(values[:0]).tolist() == []


@pytest.mark.parametrize("n", [1, 4, 30])
def test_a_count_is_bounded_with_half_an_event_more(n: int) -> None:
    low, high = event_interval(
        n / 50, n / 50**2, step=1 / 50, step_square=1 / 50**2, confidence=0.9
    )
    assert low == pytest.approx(gamma.ppf(0.05, n + 0.5) / 50, rel=1e-12)
    assert high == pytest.approx(gamma.ppf(0.95, n + 0.5) / 50, rel=1e-12)


def test_no_event_begins_at_0_and_nobody_there_at_nothing() -> None:
    low, high = event_interval(
        [0, 0], [0, 0], step=[0.1, np.nan], step_square=[0.01, np.nan], confidence=0.95
    )
    assert low[0] == 0
    assert high[0] == pytest.approx(gamma.ppf(0.975, 0.5) / 10)
    assert np.isnan([low[1], high[1]]).all()


def test_no_move_of_a_group_is_bounded_by_three_over_its_days() -> None:
    rows = [(who, 0, 5, "a", "b" if who % 2 else None, "xy"[who % 2]) for who in range(20)]
    columns = ["customer_id", "start", "stop", "source", "target", "group"]
    data = multistate_from_frame(pd.DataFrame(rows, columns=columns), groups=["group"])
    rates = data.transitions(by="group", small_cell=1).frame.set_index("group")
    assert rates.loc["x", ["n", "estimate", "conf_low"]].tolist() == [0, 0, 0]
    assert rates.loc["x", "conf_high"] == pytest.approx(-np.log(0.05) / 50)
