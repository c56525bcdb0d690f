from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from journeykit.attribution import CalibratedCredits, budget, calibrate, costs, hazard, rules
from journeykit.attribution.experiments.curves import fit, fitted_band
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError
from tests.attribution.example import OUTCOMES
from tests.attribution.experiments.example import JOURNEYS, credits_of, experiments

SPEND = pd.DataFrame({"channel": ["mail", "ads", "shop"], "cost": [100.0, 400.0, 50.0]})
PLAN = pd.DataFrame({"channel": ["mail", "ads"], "cost": [400.0, 100.0]})
LEVELS = pd.DataFrame(
    {
        "channel": "mail",
        "period": ["a", "b", "c"],
        "cost": [25.0, 100.0, 400.0],
        "increment": [20.0, 40.0, 80.0],
        "std_error": [1.0, 1.0, 1.0],
    }
)


def calibrated(*models: str) -> CalibratedCredits:
    return calibrate(credits_of(*models), experiments(mail=(40.0, 10.0), ads=(90.0, 15.0)))


def test_declared_elasticity_worked_by_hand() -> None:
    got = budget(calibrated(), SPEND, PLAN, elasticity=0.5).frame.set_index("channel")
    # Four times the money: twice the increment, and its interval.
    mail = got.loc["mail", ["conversions", "new_conversions", "conf_low", "conf_high"]]
    assert mail.tolist() == pytest.approx([40, 80, 80 - 39.1993, 80 + 39.1993], abs=1e-3)
    added = got.loc["mail", ["added", "added_low", "added_high"]]
    assert added.tolist() == pytest.approx([40, 40 - 19.5996, 40 + 19.5996], abs=1e-3)
    assert got.loc["ads", "new_conversions"] == 45
    assert got.loc["ads", "added"] == -45
    # The total: experiments are independent.
    total = got.loc["(total)", ["cost", "new_cost", "added", "added_low"]]
    half = 1.959964 * np.hypot(10, 7.5)
    assert total.tolist() == pytest.approx([550, 550, -5, -5 - half], abs=1e-3)
    assert not got.loc["mail", "within_data"]
    assert got.loc["shop", "within_data"]


def test_a_range_of_elasticities_gives_the_widest_interval() -> None:
    got = budget(calibrated(), SPEND, PLAN, elasticity=(0.25, 0.75)).frame.set_index("channel")
    low, high = 40 - 19.5996, 40 + 19.5996
    mail = got.loc["mail", ["new_conversions", "conf_low", "conf_high", "added_low"]]
    expected = [80, low * 4**0.25, high * 4**0.75, low * (4**0.25 - 1)]
    assert mail.tolist() == pytest.approx(expected, abs=1e-3)
    by_name = budget(
        calibrated(), SPEND, PLAN, elasticity={"mail": (0.25, 0.75), "ads": 0.5, "shop": 1}
    ).frame.set_index("channel")
    assert by_name.loc["mail"].equals(got.loc["mail"])
    assert by_name.loc["ads", "added"] == -45
    # The total is no narrower than any true elasticities would make it.
    for elasticity in (0.25, 0.5, 0.75):
        one = budget(calibrated(), SPEND, PLAN, elasticity=elasticity).frame.iloc[-1]
        assert got.loc["(total)", "added_low"] <= one["added_low"]
        assert got.loc["(total)", "added_high"] >= one["added_high"]


def test_nothing_changes_nothing_is_added_whatever_is_not_known() -> None:
    plan = pd.DataFrame({"channel": ["shop"], "cost": [50.0]})
    got = budget(calibrated(), SPEND, plan, elasticity=(0.1, 0.9)).frame.set_index("channel")
    assert (got[["added", "added_low", "added_high"]] == 0).all(axis=None)
    assert got.loc["shop", "new_conversions"] == 400
    assert np.isnan(got.loc["shop", "conf_low"])
    assert np.isnan(got.loc["(total)", "conf_low"])
    # Channels without a cost stay, and are part of the total.
    assert got.loc["web", "new_conversions"] == 50
    assert got.loc["(total)", "conversions"] == 40 + 90 + 400 + 50 + 150 + 100
    # Without money there is no increment.
    nothing = budget(calibrated(), SPEND, PLAN.assign(cost=0.0), elasticity=0.5).frame
    assert nothing.set_index("channel").loc["mail", ["new_conversions", "conf_high"]].tolist() == [
        0, 0
    ]  # fmt: skip


def test_untested_channels_share_their_error() -> None:
    five = experiments(mail=(60.0, 10.0), ads=(90.0, 15.0), web=(30.0, 10.0), shop=(200.0, 12.0))
    spend = pd.DataFrame({"channel": ["sms", "fair"], "cost": [100.0, 100.0]})
    got = budget(
        calibrate(credits_of(), five), spend, spend.assign(cost=400.0), elasticity=0.5
    ).frame.set_index("channel")
    parts = got.loc[["sms", "fair"]]
    width = (parts["added_high"] - parts["added_low"]).sum()
    assert got.loc["(total)", "added_high"] - got.loc["(total)", "added_low"] == pytest.approx(
        width
    )


def test_levels_give_the_elasticity() -> None:
    got = budget(calibrated(), SPEND, PLAN, elasticity=(0.1, 1), levels=LEVELS)
    mail = got.frame.set_index("channel").loc["mail"]
    # 20, 40, 80 at 25, 100, 400: elasticity .5 exactly, whatever the calibrated increment is.
    assert mail["conversions"] == pytest.approx(40, rel=1e-3)
    assert mail["new_conversions"] == pytest.approx(80, rel=1e-3)
    assert mail["elasticity_low"] < 0.5 < mail["elasticity_high"]
    assert mail["elasticity_high"] - mail["elasticity_low"] < 0.1
    assert mail["within_data"]
    # About one error of the highest level.
    assert mail["conf_high"] - mail["conf_low"] == pytest.approx(2 * 1.96, rel=0.1)


def test_intervals_of_fitted_curves_cover() -> None:
    random = np.random.default_rng(9)
    cost, error = np.array([50.0, 100.0, 150.0, 300.0]), np.array([8.0, 8.0, 10.0, 12.0])
    covered = 0
    for _ in range(1000):
        shown = 6 * cost**0.5 + error * random.normal(size=4)
        fitted = fit(cost, shown, error, (0.01, 1.0))
        band = fitted_band(fitted, 200.0 ** fitted.elasticity[:, None], 1.959964)
        covered += bool(band.low[0] <= 6 * 200**0.5 <= band.high[0])
    assert 0.93 <= covered / 1000 <= 0.97


def test_levels_off_the_curve_are_told() -> None:
    jumping = LEVELS.assign(increment=[80.0, 20.0, 80.0])
    with pytest.warns(JourneyKitWarning, match="'mail' do not lie on one curve"):
        budget(calibrated(), SPEND, PLAN, elasticity=(0.1, 1), levels=jumping)


def test_hazard_is_taken_and_its_baseline_is_no_channel() -> None:
    credits_ = hazard(JOURNEYS, conversion=["buy"], half_life_days=3.0)
    told = credits_.frame.set_index("channel")
    spend = pd.DataFrame({"channel": ["ads", "mail"], "cost": [10.0, 10.0]})
    got = budget(credits_, spend, spend.assign(cost=40.0), elasticity=0.5).frame
    assert got["channel"].tolist() == ["ads", "mail", "(total)"]
    both = told.loc[["ads", "mail"]]
    assert got["new_conversions"][:2].tolist() == pytest.approx((2 * both["conversions"]).tolist())
    # The interval is that of conversions, not that of the share.
    assert got["conf_low"][:2].tolist() == pytest.approx((2 * both["conversions_low"]).tolist())
    # Errors of one fit add up in full.
    assert got["conf_low"][2] == pytest.approx(2 * both["conversions_low"].sum())
    warned = replace(credits_, warnings=("Credits may not be what channels add.",))
    same = budget(warned, spend, spend, elasticity=0.5)
    assert same.summary().endswith("declared form; warnings on the credits: 1")
    assert same.warnings == warned.warnings
    assert costs(credits_, spend).frame["roas"].isna().all()


def test_shares_are_refused() -> None:
    with pytest.raises(ArgumentError, match="must rest on what channels add.*got Credits.*calibr"):
        budget(rules(OUTCOMES), SPEND, PLAN, elasticity=0.5)  # type: ignore[arg-type]
    # A number of the model alone is a share too.
    with pytest.raises(ArgumentError, match="cost of 'shop' must stay as it is: how far the model"):
        budget(calibrated(), SPEND, SPEND.assign(cost=1.0), elasticity=0.5)


def test_several_models_must_be_told_apart() -> None:
    both = calibrated("last", "first")
    with pytest.raises(ArgumentError, match="`model` must name the one .* 'last', 'first'"):
        budget(both, SPEND, PLAN, elasticity=0.5)
    assert len(budget(both, SPEND, PLAN, elasticity=0.5, model="first").frame) == 8
    with pytest.raises(MappingError, match="`model` names models that do not exist: 'linear'"):
        budget(both, SPEND, PLAN, elasticity=0.5, model="linear")


@pytest.mark.parametrize("elasticity", [0, 1.1, (0.5, 0.2), (0.1, 0.2, 0.3), True, "a"])
def test_elasticity_must_lie_above_0_and_at_most_1(elasticity: object) -> None:
    with pytest.raises(ArgumentError, match="`elasticity` must be a number above 0 and at most 1"):
        budget(calibrated(), SPEND, PLAN, elasticity=elasticity)  # type: ignore[arg-type]


def test_wrong_costs_and_levels_are_refused() -> None:
    made = calibrated()
    with pytest.raises(ArgumentError, match="every channel with a cost; without: ads, shop"):
        budget(made, SPEND, PLAN, elasticity={"mail": 0.5})
    with pytest.raises(MappingError, match="`elasticity` names channels with a cost that do not"):
        budget(made, SPEND, PLAN, elasticity={"post": 0.5})
    with pytest.raises(
        MappingError, match="`plan` names channels of which no increment is known: 'web'"
    ):
        budget(made, SPEND, pd.DataFrame({"channel": ["web"], "cost": [1.0]}), elasticity=0.5)
    with pytest.raises(DataError, match="greater than 0; 'shop' has 0"):
        budget(made, SPEND.assign(cost=[1.0, 2, 0]), PLAN, elasticity=0.5)
    with pytest.raises(DataError, match="at least two different costs a channel; 'mail' has one"):
        budget(made, SPEND, PLAN, elasticity=0.5, levels=LEVELS.assign(cost=5.0))
    with pytest.raises(DataError, match="one row a channel and period; 'mail' has several for a"):
        budget(made, SPEND, PLAN, elasticity=0.5, levels=LEVELS.assign(period="a"))
    with pytest.raises(MappingError, match="`levels` names channels with a cost that do not"):
        budget(made, SPEND, PLAN, elasticity=0.5, levels=LEVELS.assign(channel="post"))


def test_summary_and_picture() -> None:
    got = budget(calibrated(), SPEND, PLAN, elasticity=(0.25, 0.75))
    total = got.frame.iloc[-1]
    assert got.summary() == (
        f"+0 of spend: -5.0 conversions ({total['added_low']:+,.1f} to {total['added_high']:+,.1f})"
        ", if the response curve has the declared form"
    )
    ax = got.plot()
    assert len([part for part in ax.collections if isinstance(part, PolyCollection)]) == 2
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    # Curves begin at nothing and pass through the present increment.
    assert drawn["mail"][0] == 0
    curve = got.curves[got.curves["channel"] == "ads"]
    assert np.interp(400, curve["cost"], curve["conversions"]) == pytest.approx(90, rel=1e-3)
    empty = budget(calibrated(), SPEND.iloc[2:], SPEND.iloc[2:], elasticity=0.5)
    assert not len(empty.curves)
    assert empty.plot(ax) is ax
