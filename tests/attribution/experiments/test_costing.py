from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from journeykit.attribution import calibrate, costs, rules
from journeykit.attribution.experiments.costing import AVERAGE_WARNING
from journeykit.errors import ArgumentError, DataError, MappingError
from tests.attribution.example import OUTCOMES
from tests.attribution.experiments.example import credits_of, experiments

SPEND = pd.DataFrame(
    {"channel": ["mail", "ads", "shop", "free", "radio"], "cost": [500.0, 4000, 0, 30, 70]}
)


def test_costs_worked_by_hand() -> None:
    got = costs(credits_of(), SPEND, value_per_conversion=20)
    frame = got.frame.set_index("channel")
    assert frame["cpa"][["mail", "ads", "shop"]].to_dict() == {"mail": 5, "ads": 20, "shop": 0}
    assert frame["roas"][["mail", "ads"]].to_dict() == {"mail": 4, "ads": 1}
    # Bounds of the share, of 1,000 conversions.
    low, high = credits_of().frame.set_index("channel").loc["mail", ["conf_low", "conf_high"]]
    bounds = ["cpa_low", "cpa_high", "roas_low", "roas_high"]
    expected = [500 / (1000 * high), 500 / (1000 * low), 20000 * low / 500, 20000 * high / 500]
    assert frame.loc["mail", bounds].tolist() == pytest.approx(expected)
    assert got.summary() == (
        f"cost of a credited conversion: last from 5.00 (mail) to 20.00 (ads). {AVERAGE_WARNING}"
    )


def test_cost_without_credit_and_credit_without_cost_are_shown() -> None:
    frame = costs(credits_of(), SPEND, value_per_conversion=20).frame.set_index("channel")
    assert set(frame.index) == {"ads", "fair", "free", "mail", "shop", "sms", "web", "radio"}
    assert frame.loc[["free", "radio"], "cpa"].tolist() == [np.inf, np.inf]
    assert frame.loc[["free", "radio"], "roas"].tolist() == [0, 0]
    assert frame.loc[["web", "sms"], ["cost", "cpa", "roas"]].isna().all(axis=None)
    assert frame.loc["web", "conversions"] == 50
    # Nothing was paid: no return on it.
    assert np.isnan(frame.loc["shop", "roas"])


def test_no_touch_has_no_cost() -> None:
    frame = costs(rules(OUTCOMES), pd.DataFrame({"channel": ["web"], "cost": [10.0]})).frame
    none = frame[frame["channel"] == "(no touch)"]
    assert none["conversions"].sum() > 0
    assert none[["cost", "cpa", "roas"]].isna().all(axis=None)
    with pytest.raises(ArgumentError, match=r"'\(no touch\)' stands for what no channel did"):
        costs(rules(OUTCOMES), pd.DataFrame({"channel": ["(no touch)"], "cost": [10.0]}))


def test_costs_of_increments_have_no_upper_bound_where_nothing_may_be_added() -> None:
    tests = experiments(mail=(40.0, 10.0), ads=(40.0, 40.0), shop=(-90.0, 10.0))
    spend = pd.DataFrame({"channel": ["mail", "ads", "shop", "web"], "cost": [400.0, 400, 90, 10]})
    frame = costs(calibrate(credits_of(), tests), spend, value_per_conversion=10).frame
    frame = frame.set_index("channel")
    columns = ["cpa", "cpa_low", "cpa_high"]
    assert frame.loc["mail", columns].tolist() == pytest.approx(
        [10, 400 / 59.59964, 400 / 20.40036], rel=1e-5
    )
    assert frame.loc["ads", columns].tolist() == pytest.approx([10, 400 / 118.39855, np.inf])
    assert frame.loc["shop", columns].tolist() == [np.inf] * 3
    assert frame.loc["shop", "roas"] == -10
    assert frame.loc["ads", "roas_low"] < 0
    # An interval that is not known stays so.
    assert frame.loc["web", "cpa"] == pytest.approx(0.2)
    assert frame.loc["web", columns[1:]].isna().all()


def test_bounds_of_the_cost_cover_as_those_of_the_conversions() -> None:
    random = np.random.default_rng(5)
    names = [f"c{number:04d}" for number in range(1000)]
    shown = 20 + 12 * random.normal(size=1000)
    tests = pd.DataFrame({"channel": names, "increment": shown, "std_error": 12.0})
    spend = pd.DataFrame({"channel": names, "cost": 300.0})
    frame = calibrate(credits_of(buys=dict.fromkeys(names, 1)), tests).frame
    # One experiment alone: that many together would tell the mean.
    alone = calibrate(credits_of(buys={"c0000": 1}), tests.iloc[:1])
    many = replace(alone, frame=frame.assign(conversions=shown))
    got = costs(many, spend).frame
    covered = (got["cpa_low"] <= 15) & (got["cpa_high"] >= 15)
    assert 0.93 <= covered.mean() <= 0.97
    # The half of them whose increment may be 0 has no upper bound.
    assert np.isinf(got["cpa_high"]).mean() == pytest.approx((shown < 12 * 1.96).mean(), abs=0.002)


def test_returns_are_bounded_only_by_shares_of_values_or_a_declared_worth() -> None:
    spend = pd.DataFrame({"channel": ["web"], "cost": [10.0]})
    by_number = costs(rules(OUTCOMES, models=["linear"]), spend).frame.set_index("channel")
    by_value = costs(rules(OUTCOMES, models=["linear"], share_of="value"), spend).frame
    by_value = by_value.set_index("channel")
    assert by_number.loc["web", "roas"] == by_value.loc["web", "roas"]
    assert np.isfinite(by_number.loc["web", "cpa_low"])
    assert np.isnan(by_number.loc["web", "roas_low"])
    assert np.isnan(by_value.loc["web", "cpa_low"])
    assert by_value.loc["web", "roas_low"] < by_value.loc["web", "roas"]
    with pytest.raises(ArgumentError, match="must be left out where the shares are of values"):
        costs(rules(OUTCOMES, share_of="value"), spend, value_per_conversion=3)


def test_values_that_the_data_has_none_of_are_missing() -> None:
    frame = costs(credits_of(), SPEND).frame
    assert frame[["value", "roas", "roas_low"]].isna().all(axis=None)


def test_picture_shows_open_ends() -> None:
    tests = experiments(mail=(40.0, 10.0), ads=(40.0, 40.0))
    spend = pd.DataFrame({"channel": ["mail", "ads"], "cost": [400.0, 400]})
    ax = costs(calibrate(credits_of("last", "first"), tests), spend).plot()
    arrows = [line for line in ax.lines if line.get_marker() == ">"]
    assert [len(line.get_xdata()) for line in arrows] == [1, 1]
    nothing = costs(credits_of(), pd.DataFrame({"channel": ["radio"], "cost": [1.0]}))
    assert nothing.plot().get_xlabel() == "cost of a credited conversion, on average"
    assert "not known, as no channel has both" in nothing.summary()


@pytest.mark.parametrize(
    ("spend", "error", "message"),
    [
        ({"channel": ["mail"]}, MappingError, "without: cost"),
        ({"channel": ["mail"], "cost": [-1]}, DataError, "at least 0; 'mail' has -1"),
        ({"channel": ["mail", "mail"], "cost": [1, 2]}, DataError, "'mail' has several"),
    ],
)
def test_wrong_costs_are_refused(
    spend: dict[str, list[object]], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        costs(credits_of(), pd.DataFrame(spend))
    with pytest.raises(ArgumentError, match="`value_per_conversion` must be a number greater"):
        costs(credits_of(), SPEND, value_per_conversion=0)
