"""Who left by calendar month, worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.counts import periods
from journeykit.errors import NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import Inactivity, leaving, lifetimes, lifetimes_from_frame


def watched(*customers: list[float]) -> Journeys:
    """Days (from 1 January 1970) on which customers did something, watched for 90 days."""
    return Journeys(
        names=("act",),
        touchpoint=np.zeros(sum(map(len, customers)), dtype=np.uint8),
        start=np.cumsum([0, *map(len, customers)]),
        time=(np.concatenate(customers) * DAY).astype(np.int64),
        customer_id=pa.array([f"c{number}" for number in range(len(customers))]),
        observed_from=np.zeros(len(customers), dtype=np.int64),
        observed_to=np.full(len(customers), 90 * DAY, dtype=np.int64),
        window=(0, 90 * DAY),
    )


def test_worked_by_hand() -> None:
    stays = list(np.arange(2.0, 90, 5))
    journeys = watched(
        stays,
        [5.0, 10.0],  # left on 11 January: not there when any month began
        [20.0, 35.0],  # there on 1 February (day 31), left on the 5th
        [20.0, 35.0, 60.0],  # silent from day 35 on: left in February, and came back
        [40.0, 45.0, 62.0, 68.0],  # came in February; there on 1 March (day 59), left on day 68
    )
    lives = lifetimes(journeys, churn=Inactivity(threshold_days=20))
    counts = leaving(lives, periods=periods(journeys))
    # 1 January: nobody yet. 1 February: the first, third and fourth. 1 March: the fifth; the first,
    # too, but sight of it is lost in March.
    assert counts.n.tolist()[:3] == [0, 3, 1]
    assert counts.n_event.tolist()[:3] == [0, 2, 1]
    # Everybody is followed up to day 70 (90 less the threshold): of March, not to its end.
    assert counts.periods.complete.tolist()[:2] == [True, True]
    assert not counts.periods.complete[2:].any()


def test_lifetimes_without_a_calendar_are_refused() -> None:
    frame = pd.DataFrame({"time": [3.0, 4.0], "status": [1, 0]})
    lives = lifetimes_from_frame(frame)
    with pytest.raises(NotObservedError, match="`origin_time`; these lifetimes have none"):
        leaving(lives, periods=periods(watched([1.0, 50.0])))
