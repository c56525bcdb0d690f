from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, GuardError, JourneyKitWarning
from journeykit.survival.buying import (
    PurchaseHistories,
    customer_value,
    purchase_histories_from_frame,
    repeat_purchase,
    spending,
)
from journeykit.survival.buying.order_values import _log_likelihood
from tests.survival.buying.test_repeat import world


def shop(
    rng: np.random.Generator, n: int, *, p: float, q: float, gamma: float
) -> PurchaseHistories:
    seen, _ = world(rng, n)
    rate = rng.gamma(q, 1 / gamma, n)
    mean = rng.gamma(np.maximum(p * seen.x, 1e-9), 1 / rate) / np.maximum(seen.x, 1)
    frame = pd.DataFrame(
        {
            "frequency": seen.x.astype(int),
            "recency_days": 7 * seen.last,
            "observed_days": 7 * seen.end,
            "mean": mean,
        }
    )
    return purchase_histories_from_frame(frame, mean_value="mean")


def test_the_published_fit(cdnow: PurchaseHistories) -> None:
    # Fader, Hardie (2013), on the 946 customers who bought again.
    found = spending(cdnow)
    assert found.frame["parameter"].tolist() == ["p", "q", "gamma"]
    assert found.frame["estimate"].tolist() == pytest.approx([6.25, 3.74, 15.44], abs=0.006)
    assert found.left_out == 0
    assert found.mean == pytest.approx(35.2, abs=0.1)
    assert -0.1 < found.correlation < 0.15


def test_customers_are_drawn_to_the_mean_of_all(cdnow: PurchaseHistories) -> None:
    found = spending(cdnow)
    each = found.customers()["estimate"]
    frame = cdnow.frame
    once = frame["frequency"] == 0
    assert each[once].to_numpy() == pytest.approx(found.mean)
    again = frame[~once]
    own, drawn = again["mean_value"].to_numpy(), each[~once].to_numpy()
    p, q, _ = found.at.parameters
    weight = (q - 1) / (p * again["frequency"].to_numpy() + q - 1)
    assert drawn == pytest.approx(weight * found.mean + (1 - weight) * own)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    x, total = np.array([1.0, 3.0, 20.0]), np.array([12.0, 200.0, 640.0])
    theta = np.log([2.0, 3.0, 20.0])
    _, slopes = _log_likelihood(theta, x, total)
    for at, h in enumerate(1e-6 * np.eye(3)):
        up, down = (_log_likelihood(theta + move, x, total)[0] for move in (h, -h))
        assert slopes[at] == pytest.approx((up - down) / 2e-6, rel=1e-6)


def test_value_is_purchases_times_their_mean(cdnow: PurchaseHistories) -> None:
    repeat, spent = repeat_purchase(cdnow), spending(cdnow)
    found = customer_value(repeat, spent, horizon_days=273, margin=0.3)
    each = repeat.customers(horizon_days=273).frame["estimate"] * spent.customers()["estimate"]
    every = found.frame.iloc[-1]
    assert every["estimate"] == pytest.approx(0.3 * each.sum())
    assert found.frame["estimate"].iloc[:-1].sum() == pytest.approx(every["estimate"])
    assert every["conf_low"] < every["estimate"] < every["conf_high"]
    later = customer_value(repeat, spent, horizon_days=273, margin=0.3, yearly_discount=0.15)
    factor = later.frame["estimate"].iloc[-1] / every["estimate"]
    assert 1.15 ** (-273 / 365.25) < factor < 1
    assert factor == pytest.approx(1.15 ** (-0.5 * 273 / 365.25), abs=0.01)


def test_value_that_goes_with_frequency_is_said() -> None:
    rng = np.random.default_rng(5)
    made = shop(rng, 1500, p=4, q=4, gamma=20).frame
    frame = made.assign(mean=made["mean_value"] * (1 + made["frequency"]))
    dearer = purchase_histories_from_frame(frame, mean_value="mean")
    with pytest.warns(JourneyKitWarning, match="taken for independent, but their correlation is 0"):
        spending(dearer)


def test_parameters_and_value_are_recovered() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = spending(shop(np.random.default_rng(6), 20_000, p=6, q=4, gamma=15))
    truth = np.array([6, 4, 15])
    frame = found.frame
    off = (np.log(frame["estimate"]) - np.log(truth)) / (frame["std_error"] / frame["estimate"])
    assert (off.abs() < 4).all()
    assert found.mean == pytest.approx(30, rel=0.03)


def test_what_is_refused(cdnow: PurchaseHistories) -> None:
    bare = purchase_histories_from_frame(
        cdnow.frame[["frequency", "recency_days", "observed_days"]]
    )
    with pytest.raises(ArgumentError, match="`spending` needs values"):
        spending(bare)
    free = purchase_histories_from_frame(cdnow.frame.assign(free=0.0), mean_value="free")
    with pytest.raises(DataError, match="bought again for a value above 0; got 0 of 2,357"):
        spending(free)
    repeat, spent = repeat_purchase(bare), spending(cdnow)
    with pytest.raises(ArgumentError, match="must be of the same histories"):
        customer_value(repeat, spent, horizon_days=90)
    with pytest.raises(ArgumentError, match="`yearly_discount` must be at least 0; got -0.1"):
        customer_value(repeat_purchase(cdnow), spent, horizon_days=90, yearly_discount=-0.1)
    heavy = shop(np.random.default_rng(7), 3000, p=3, q=0.8, gamma=10)
    with pytest.raises(GuardError, match="must be finite; q = 0"):
        spending(heavy)
