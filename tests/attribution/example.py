"""Five customers whose credits can be worked by hand; watched for 100 days, lookback 10 days."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY

# ann: mail web buy(100) on days 1 2 3, at the edge; web buy(50) on days 20 21
# bob: web web mail buy(30) on days 20 to 23; buy(7) on day 25, without a touch
# cid: mail on day 30, abandoned
# dan: web mail on days 40 41, abandoned
# eve: web on day 95, still open
CUSTOMERS = Journeys(
    names=("buy", "mail", "web"),
    touchpoint=np.array([1, 2, 0, 2, 0, 2, 2, 1, 0, 0, 1, 2, 1, 2], dtype=np.uint8),
    start=np.array([0, 5, 10, 11, 13, 14]),
    time=np.array([1, 2, 3, 20, 21, 20, 21, 22, 23, 25, 30, 40, 41, 95]) * DAY,
    customer_id=pa.array(["ann", "bob", "cid", "dan", "eve"]),
    observed_from=np.zeros(5, dtype=np.int64),
    observed_to=np.full(5, 100 * DAY),
    columns={"price": np.array([0, 0, 100, 0, 50, 0, 0, 0, 30, 7, 0, 0, 0, 0])},
    window=(0, 100 * DAY),
)
OUTCOMES = CUSTOMERS.outcomes(conversion=["buy"], lookback_days=10, value="price")


def reordered(journeys: Journeys, order: list[int]) -> Journeys:
    """Put customers in another order; needs one journey a customer."""
    event = np.concatenate([np.arange(*journeys.start[k : k + 2]) for k in order])
    assert journeys.time is not None
    return journeys.replace(
        touchpoint=journeys.touchpoint[event],
        start=np.concatenate([[0], np.cumsum(journeys.length[order])]),
        time=journeys.time[event],
        customer_id=journeys.customer_id.take(pa.array(order)),
        columns={name: column[event] for name, column in journeys.columns.items()},
    )
