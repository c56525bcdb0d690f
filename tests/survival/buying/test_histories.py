from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival.buying import (
    PurchaseHistories,
    purchase_histories,
    purchase_histories_from_frame,
)


def made(
    customers: list[list[tuple[float, str, float]]],
    *,
    since: float | list[float] = 0,
    until: float | list[float] = 100,
    clock: str = "day",
) -> Journeys:
    """Journeys of (day, touchpoint, value), watched in [since, until), window [0, 100)."""
    names = tuple(sorted({name for events in customers for _, name, _ in events}))
    events = [event for customer in customers for event in customer]
    n = len(customers)
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(name) for _, name, _ in events], dtype=np.uint8),
        start=np.cumsum([0, *map(len, customers)]),
        time=(np.array([day for day, _, _ in events]) * DAY).astype(np.int64),
        observed_from=(np.broadcast_to(since, n) * DAY).astype(np.int64),
        observed_to=(np.broadcast_to(until, n) * DAY).astype(np.int64),
        columns={"sales": np.array([value for _, _, value in events])},
        window=(0, 100 * DAY),
        clock=clock,
    )


SHOP = [
    [(5, "buy", 10), (5, "buy", 1), (9, "ad", 0), (15, "buy", 20), (15, "buy", 4), (45, "buy", 6)],
    [(30, "buy", 7)],
    [(60, "buy", 8)],
    [(3, "ad", 0)],
]


def counted(histories: PurchaseHistories) -> list[tuple[float, ...]]:
    columns = ["customer_id", "frequency", "recency_days", "observed_days"]
    return [tuple(row) for row in histories.frame[columns].itertuples(index=False, name=None)]


def test_orders_of_a_day_are_one_purchase() -> None:
    found = purchase_histories(made(SHOP), orders=["buy"], value="sales")
    # Day 99 is the last whole day of watching.
    assert counted(found) == [(0, 2, 40, 94), (1, 0, 0, 69), (2, 0, 0, 39)]
    assert found.frame["mean_value"].tolist() == pytest.approx([15, np.nan, np.nan], nan_ok=True)
    assert dict(found.left_out) == {"without a purchase": 1}
    assert "1 of them again (33.3%), 2 repeat purchases" in found.summary()


def test_the_holdout_is_kept_apart() -> None:
    found = purchase_histories(made(SHOP), orders=["buy"], value="sales", holdout_from=40 * DAY)
    assert counted(found) == [(0, 1, 10, 34), (1, 0, 0, 9)]
    assert found.frame["holdout_frequency"].tolist() == [1, 0]
    assert found.frame["holdout_days"].tolist() == [60, 60]
    assert found.frame["mean_value"].iloc[0] == 24
    assert found.left_out["first purchase in the holdout"] == 1


def test_who_may_have_bought_before() -> None:
    journeys = made(SHOP, since=[0, 20, 0, 0])
    found = purchase_histories(journeys, orders=["buy"])
    assert found.frame["edge"].tolist() == [True, False, True]
    assert "2 may have bought before the window" in found.summary()
    washed = purchase_histories(journeys, orders=["buy"], washout_days=30)
    assert washed.frame["customer_id"].tolist() == [1, 2]
    assert washed.left_out["may have bought before the window"] == 1


def test_days_are_those_of_the_time_zone() -> None:
    # 21:30 and 22:30 UTC are one day there, and two where clocks are two hours ahead.
    at = [(180 + 21.5 / 24, "buy", 1.0), (180 + 22.5 / 24, "buy", 1.0)]
    journeys = made([at], until=200, clock="instant").replace(window=(0, 200 * DAY))
    utc, ahead = (
        purchase_histories(journeys, orders=["buy"], timezone=zone).frame["frequency"].iloc[0]
        for zone in ("UTC", "Etc/GMT-2")
    )
    assert (utc, ahead) == (0, 1)


def test_counts_equal_btyds(cdnow: PurchaseHistories, cdnow_table: pd.DataFrame) -> None:
    frame = cdnow.frame
    assert frame["frequency"].tolist() == cdnow_table["x"].tolist()
    assert (frame["recency_days"] / 7).tolist() == pytest.approx(cdnow_table["t.x"].tolist())
    assert (frame["observed_days"] / 7).tolist() == pytest.approx(cdnow_table["T.cal"].tolist())
    assert frame["holdout_frequency"].tolist() == cdnow_table["x.star"].tolist()
    assert set(frame["holdout_days"]) == {273}


def test_what_is_refused_of_journeys() -> None:
    journeys = made(SHOP)
    with pytest.raises(MappingError, match="`orders` names touchpoints that do not exist: 'by'"):
        purchase_histories(journeys, orders=["by"])
    with pytest.raises(MappingError, match="`value` names event columns that do not exist"):
        purchase_histories(journeys, orders=["buy"], value="price")
    with pytest.raises(NotObservedError, match="until when customers are watched"):
        purchase_histories(journeys.replace(observed_to=None), orders=["buy"])
    with pytest.raises(ArgumentError, match="counts whole customers"):
        purchase_histories(journeys.sessions("1d"), orders=["buy"])
    with pytest.raises(DataError, match="3 first purchase in the holdout"):
        purchase_histories(journeys, orders=["buy"], holdout_from=1 * DAY)
    returned = made([[(5, "buy", 3.0), (6, "buy", -3.0)]])
    with pytest.raises(DataError, match="1 of 2 are missing or negative"):
        purchase_histories(returned, orders=["buy"], value="sales")


def test_what_is_refused_of_tables() -> None:
    good = pd.DataFrame(
        {"frequency": [0, 2], "recency_days": [0.0, 30.0], "observed_days": [90.0, 60.0]}
    )
    assert len(purchase_histories_from_frame(good).frame) == 2
    with pytest.raises(MappingError, match="`frame` names columns that do not exist: 'x'"):
        purchase_histories_from_frame(good, frequency="x")
    with pytest.raises(DataError, match="must hold whole numbers; 1 of 2 rows do not"):
        purchase_histories_from_frame(good.assign(frequency=[0, 1.5]))
    with pytest.raises(DataError, match="must be 0 where there is no repeat purchase"):
        purchase_histories_from_frame(good.assign(recency_days=[1, 30]))
    with pytest.raises(DataError, match="and at most 'observed_days'; 1 of 2"):
        purchase_histories_from_frame(good.assign(observed_days=[90, 20]))
    with pytest.raises(DataError, match="must hold numbers of at least 0"):
        purchase_histories_from_frame(good.assign(observed_days=[90, np.nan]))
    with pytest.raises(DataError, match="must hold numbers; got"):
        purchase_histories_from_frame(good.assign(observed_days=["a", "b"]))
    with pytest.raises(DataError, match="Every customer must have one row"):
        purchase_histories_from_frame(good.assign(who=1), customer_id="who")
    with pytest.raises(ArgumentError, match="belong together"):
        purchase_histories_from_frame(good, holdout_days=10)
    with pytest.raises(DataError, match="has no rows"):
        purchase_histories_from_frame(good.iloc[:0])
