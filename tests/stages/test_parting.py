"""Passion points taken apart: by hand, against brute force, and what is not observed says so."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.simulate.world import world
from journeykit.stages import PassionPoints, passion_parts, passion_points
from journeykit.stages.parting.moments import (
    Answers,
    compared_means,
    median_interval,
    visits_of,
)
from journeykit.survival import EndAttribute
from tests.truth.moved_on import LADDER, MOVERS, NO_ORDERS, PARTS

MINUTE = DAY // 1440


@pytest.fixture(scope="module")
def shop() -> Journeys:
    return world(customers=6000, seed=4, parts=PARTS, settings=NO_ORDERS).journeys()


@pytest.fixture(scope="module")
def points(shop: Journeys) -> PassionPoints:
    return passion_points(shop, LADDER, horizon_days=10, sent=MOVERS)


def test_visits_by_hand() -> None:
    journeys = Journeys(
        names=("a",),
        touchpoint=np.zeros(6, dtype=np.uint8),
        start=np.array([0, 4, 4, 6]),
        time=np.array([0, 10, 40, 71, 5, 6]) * MINUTE,
    )
    found = visits_of(journeys, 30)
    assert found.depth.tolist() == [3, 3, 3, 1, 2, 2]
    assert found.dwell.tolist()[:2] == [10, 30]
    assert np.isnan(found.dwell).tolist() == [False, False, True, True, False, True]


def test_answers_belong_to_the_touch_before_them() -> None:
    journeys = Journeys(
        names=("a", "b"), touchpoint=np.array([0], dtype=np.uint8), start=np.array([0, 1, 1]),
        time=np.array([0]), customer_id=["x", "y"],
    )  # fmt: skip
    said = pd.DataFrame(
        {
            "customer_id": ["x", "x", "y", "x", "nobody"],
            "event_time": pd.to_datetime([5, 9, 5, 5, 5], unit="h", utc=True),
            "touchpoint": ["a", "a", "a", "b", "a"],
            "score": [0.5, -1.0, 1.0, 0.2, 0.0],
        }
    )
    answers = Answers.of(journeys, said, 0.25)
    who, code = np.array([0, 0, 0, 1, 0]), np.array([0, 0, 0, 0, 1])
    time = np.array([0, 5, 6, 10, 0]) * DAY // 24
    assert answers.after(who, code, time) == pytest.approx(
        [0.5, 0.5, -1.0, np.nan, 0.2], nan_ok=True
    )


def test_means_of_customers_who_count_once_are_welch_like() -> None:
    random = np.random.default_rng(1)
    value, mine = random.normal(3, 1, 60), np.arange(60) < 25
    found = compared_means(value, mine, np.arange(60), 0.95)
    here, there = value[mine], value[~mine]
    assert found.estimate == pytest.approx(here.mean())
    from scipy import stats

    low, high = stats.t.interval(0.95, 24, here.mean(), stats.sem(here))
    assert (found.low, found.high) == pytest.approx((low, high))
    spread = np.sqrt(25 / 24 * (here.var() / 25 + there.var() / 35))
    half = stats.t.ppf(0.975, 24) * spread
    assert found.difference == pytest.approx(here.mean() - there.mean())
    assert found.difference_high - found.difference == pytest.approx(half)


def test_the_interval_of_a_median_is_of_order_statistics() -> None:
    assert median_interval(np.arange(1.0, 21.0), 0.95) == (10.5, 6.0, 15.0)
    middle, low, high = median_interval(np.array([1.0, 2.0, 3.0]), 0.95)
    assert middle == 2
    assert np.isnan([low, high]).all()
    assert np.isnan(median_interval(np.array([np.nan]), 0.95)).all()


def test_points_have_parts_targets_and_channels(shop: Journeys, points: PassionPoints) -> None:
    catalogue = SimpleNamespace(channel_of=lambda name: f"channel of {name}")
    targets = {("engagement", "call_sales"): 0.01, ("familiarity", "call_sales"): 0.99}
    found = passion_parts(
        points, shop, LADDER, which="tested", catalogue=catalogue, targets=targets
    )
    rows = found.points.set_index(["stage", "touchpoint"])
    assert rows.loc[("engagement", "call_sales"), "kpi_verdict"] == "met"
    assert rows.loc[("familiarity", "call_sales"), "kpi_verdict"] == "missed"
    assert (rows["kpi_verdict"] == "no target").sum() == len(rows) - 2
    assert rows.loc[("engagement", "call_sales"), "best_channel"] == "channel of call_sales"
    assert (rows["needed_content"] == "cannot tell").all()
    assert (rows["leaving_reading"] == "not observed").all()
    said = found.frame[found.frame["part"] == "sentiment"]
    assert (said["evidence"] == "not observed").all()
    assert said["estimate"].isna().all()
    depth = found.frame[found.frame["part"] == "depth"]
    assert (depth["estimate"] >= 1).all()
    assert "not observed" in found.summary()
    ax = found.plot()
    assert any("not observed" in text.get_text() for text in ax.texts)


def test_what_was_said_is_averaged(shop: Journeys, points: PassionPoints) -> None:
    events = shop.to_frame()[["customer_id", "event_time", "touchpoint"]]
    calls = events[events["touchpoint"] == "call_sales"]
    said = calls.assign(score=0.25)
    found = passion_parts(points, shop, LADDER, sentiment=said).frame
    mine = found[(found["part"] == "sentiment") & (found["touchpoint"] == "call_sales")]
    assert (mine["n_known"] == mine["n"]).all()
    assert mine["estimate"].to_numpy() == pytest.approx(0.25)
    assert set(mine["evidence"]) == {"survey"}
    few = passion_parts(points, shop, LADDER, sentiment=said.head(2), small_cell=10**6).frame
    assert few.loc[few["n_known"].isna(), "estimate"].isna().all()


def test_loss_is_the_risk_of_leaving(points: PassionPoints, shop: Journeys) -> None:
    with pytest.raises(ArgumentError, match="`points` must be those of these journeys"):
        passion_parts(points, shop.sample(50, seed=1), LADDER)
    ended = passion_parts(points, shop, LADDER, churn=EndAttribute("no_such")).points
    assert (ended["leaving_reading"] == "not observed").all()


def test_what_must_hold(points: PassionPoints, shop: Journeys) -> None:
    with pytest.raises(ArgumentError, match="`which` must be"):
        passion_parts(points, shop, LADDER, which="all")
    with pytest.raises(ArgumentError, match="`targets` must be shares from 0 to 1; got 2"):
        passion_parts(points, shop, LADDER, targets={("engagement", "call_sales"): 2})
    with pytest.raises(MappingError, match="score"):
        passion_parts(points, shop, LADDER, sentiment=pd.DataFrame({"customer_id": []}))
    with pytest.raises(ArgumentError, match="`loss_days` must be"):
        passion_parts(points, shop, LADDER, loss_days=0)
