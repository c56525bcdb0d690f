"""Who left by calendar month: by hand, flat where nothing changes, not biased by sight."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from journeykit.counts import Periods, periods
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import EndTouchpoint, Inactivity, leaving


def watched(*customers: list[float], until: float | np.ndarray = 90) -> Journeys:
    """Days (from 1 January 1970) on which customers did something, watched until a day."""
    n = len(customers)
    return Journeys(
        names=("act",),
        touchpoint=np.zeros(sum(map(len, customers)), dtype=np.uint8),
        start=np.cumsum([0, *map(len, customers)]),
        time=(np.concatenate(customers) * DAY).astype(np.int64),
        customer_id=pa.array([f"c{number:07}" for number in range(n)]),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=(np.broadcast_to(until, n) * DAY).astype(np.int64),
        window=(0, int(np.max(until) * DAY)),
    )


def months(n: int) -> Periods:
    """Periods of 30 days."""
    edge = np.arange(n + 1) * 30 * DAY
    return Periods((date(1970, 1, 1),) * (n + 1), edge, np.ones(n, dtype=bool))


def test_worked_by_hand() -> None:
    journeys = watched(
        list(np.arange(2.0, 90, 5)),
        [5.0, 10.0],  # left on 11 January: not there when any month began
        [20.0, 35.0],  # there on 1 February (day 31), left on the 5th
        [20.0, 35.0, 60.0],  # silent from day 35 on, came back on day 60: left in February only
        [40.0, 45.0, 50.0, 62.0],  # came in February; there on 1 March (day 59)
    )
    counts = leaving(journeys, churn=Inactivity(threshold_days=20), periods=periods(journeys))
    # 1 January: nobody yet. 1 February: the first, third and fourth. Of March only what happens up
    # to day 70 (90 less the threshold) can be known.
    assert counts.n.tolist()[:2] == [0, 3]
    assert counts.n_event.tolist()[:2] == [0, 2]
    assert counts.periods.complete.tolist()[:2] == [True, True]
    assert not counts.periods.complete[2:].any()


def test_who_came_back_is_there_again() -> None:
    # Silent from day 10 to 65 and from day 75 on: there on days 0 to 10 and 65 to 75.
    journeys = watched([0.0, 10.0, 65.0, 75.0], until=200)
    counts = leaving(journeys, churn=Inactivity(threshold_days=20), periods=months(5))
    assert counts.n.tolist() == [1, 0, 0, 0, 0]
    assert counts.n_event.tolist() == [1, 0, 0, 0, 0]
    journeys = watched([0.0, 10.0, 55.0, 65.0], until=200)
    counts = leaving(journeys, churn=Inactivity(threshold_days=20), periods=months(5))
    assert counts.n.tolist() == [1, 0, 1, 0, 0]
    assert counts.n_event.tolist() == [1, 0, 1, 0, 0]


def test_who_is_last_seen_as_a_period_begins_leaves_in_it() -> None:
    # On a day clock activity is at the very beginning of days, and so of months.
    journeys = watched([20.0, 30.0], [30.0], [0.0, 30.0], until=200)
    counts = leaving(journeys, churn=Inactivity(threshold_days=20), periods=months(3))
    assert counts.n.tolist() == [0, 1, 0]
    assert counts.n_event.tolist() == [0, 1, 0]
    daily = Periods((date(1970, 1, 1),) * 41, np.arange(41) * DAY, np.ones(40, dtype=bool))
    counts = leaving(watched([20.0, 30.0], until=200), churn=Inactivity(20), periods=daily)
    assert np.flatnonzero(counts.n).tolist() == list(range(20, 31))
    assert np.flatnonzero(counts.n_event).tolist() == [30]


def test_where_nothing_changes_it_stays_as_it_is() -> None:
    """Customers who act by chance and never leave: no month has more silences than another."""
    rng = np.random.default_rng(6)
    customers = []
    for _ in range(20_000):
        gaps = rng.exponential(10, size=90)
        customers.append(np.cumsum(gaps)[np.cumsum(gaps) < 400].tolist() or [1.0])
    journeys = watched(*customers, until=400)
    counts = leaving(journeys, churn=Inactivity(threshold_days=30), periods=months(12))
    share = counts.n_event[2:] / counts.n[2:]
    # A silence begins after an act with chance exp(-3); 20,000 customers: errors of .0023.
    assert share.max() - share.min() < 0.012
    assert counts.n[2:].min() > 0.9 * counts.n[2:].max()


def test_those_lost_from_sight_bias_nothing() -> None:
    """A tenth leaves in each month; sight of each customer is lost at a time of its own."""
    rng = np.random.default_rng(7)
    n = 40_000
    left = rng.geometric(0.1, size=n) * 30 - rng.uniform(0, 30, size=n)
    until = rng.uniform(60, 240, size=n)
    journeys = watched(*[[0.0]] * n, until=until)
    both = Journeys(
        names=("act", "bye"),
        touchpoint=np.tile(np.array([0, 1], dtype=np.uint8), n),
        start=np.arange(n + 1) * 2,
        time=(np.column_stack([np.zeros(n), left]).ravel() * DAY).astype(np.int64),
        customer_id=journeys.customer_id,
        observed_from=journeys.observed_from,
        observed_to=journeys.observed_to,
        window=(0, 300 * DAY),
    )
    kept = both.time < np.repeat(both.observed_to, 2)  # type: ignore[operator,arg-type]
    seen = both.replace(
        time=both.time[kept],  # type: ignore[index]
        touchpoint=both.touchpoint[kept],
        start=np.concatenate([[0], np.cumsum(kept.reshape(n, 2).sum(axis=1))]),
    )
    counts = leaving(seen, churn=EndTouchpoint("bye"), periods=months(8))
    share = counts.n_event[:7] / counts.n[:7]
    error = np.sqrt(0.09 / counts.n[:7])
    assert (np.abs(share - 0.1) < 4 * error).all(), share
    assert counts.n[:7].min() > 500
    assert share[0] == pytest.approx(0.1, abs=0.01)
