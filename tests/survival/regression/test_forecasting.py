from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError
from journeykit.survival import Lifetimes, kaplan_meier, lifetimes_from_frame
from journeykit.survival.regression import CoxModel, cox, forecasting

# Events at 1 (x = 1) and 2 (x = 0) and a censoring at 3 (x = 1): exp(b) = 1 / sqrt(2).
WORKED = pd.DataFrame({"time": [1, 2, 3], "status": [1, 1, 0], "x": [1, 0, 1]})


def world(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x, region = rng.normal(size=n), rng.choice(["north", "south"], n)
    wait = np.ceil(rng.exponential(20 / np.exp(0.6 * x + (region == "north"))))
    return pd.DataFrame(
        {
            "time": np.minimum(wait, 40),
            "status": (wait < 40).astype(int),
            "x": x,
            "plan": rng.choice(["basic", "gold"], n),
            "region": region,
        }
    )


def lives(frame: pd.DataFrame) -> Lifetimes:
    return lifetimes_from_frame(frame, covariates=["x", "plan", "region"])


def fitted() -> CoxModel:
    return cox(lives(world()), covariates=["x", "plan"], strata=["region"])


def test_baseline_worked_by_hand() -> None:
    model = cox(lifetimes_from_frame(WORKED, covariates=["x"]), covariates=["x"], small_cell=1)
    baseline = model.baseline().frame
    r = 1 / np.sqrt(2)
    hazard = np.cumsum([1 / (2 * r + 1), 1 / (r + 1)])
    assert baseline["group"].tolist() == ["all", "all"]
    assert baseline["time_days"].tolist() == [1, 2]
    assert baseline["n_at_risk"].tolist() == [3, 2]
    assert baseline["n_event"].tolist() == [1, 1]
    assert baseline["cumulative_hazard"].tolist() == pytest.approx(hazard)
    assert baseline["estimate"].tolist() == pytest.approx(np.exp(-hazard))
    # x = 0 is the reference; V = 1 / sum of p (1 - p); q = minus the sum of p times hazard.
    p = np.array([2 * r / (2 * r + 1), r / (r + 1)])
    step = np.array([1 / (2 * r + 1), 1 / (r + 1)])
    variance = np.cumsum(step**2) + np.cumsum(p * step) ** 2 / (p * (1 - p)).sum()
    assert baseline["hazard_std_error"].tolist() == pytest.approx(np.sqrt(variance))
    assert baseline["std_error"].tolist() == pytest.approx(np.exp(-hazard) * np.sqrt(variance))
    half = 1.959963984540054 * np.sqrt(variance) / hazard
    assert baseline["conf_low"].tolist() == pytest.approx(np.exp(-hazard * np.exp(half)))
    assert baseline["conf_high"].tolist() == pytest.approx(np.exp(-hazard * np.exp(-half)))


def test_the_reference_stands_at_first_levels_zeros_and_means() -> None:
    model, frame = fitted(), world()
    at = {"x": frame["x"].mean(), "plan": "basic"}
    pd.testing.assert_frame_equal(model.baseline().frame, model.baseline(at).frame)
    person = pd.DataFrame({**at, "region": ["north", "south"]})
    assert model.linear_predictor(person) == pytest.approx([0, 0], abs=1e-12)
    moved = model.linear_predictor(person.assign(x=person["x"] + 2, plan="gold"))
    assert moved == pytest.approx(2 * model.coefficients[0] + model.coefficients[1])


def test_predictions_are_the_baseline_of_each_customer_and_end_with_the_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, frame = fitted(), world()
    assert frame["time"].max() == 40
    whole = model.survival_at(frame, at_days=[0, 5, 40, 41]).frame
    assert len(whole) == 4 * len(frame)
    assert whole["customer_id"].tolist()[:5] == [0, 0, 0, 0, 1]
    first = whole[whole["customer_id"] == 0].set_index("time_days")
    one = {"x": frame["x"].iloc[0], "plan": frame["plan"].iloc[0]}
    curve = model.baseline(one).frame
    mine = curve[curve["group"] == f"region={frame['region'].iloc[0]}"]
    at_5 = mine[mine["time_days"] <= 5].iloc[-1]
    for name in ("estimate", "std_error", "conf_low", "conf_high"):
        assert first.loc[5, name] == pytest.approx(at_5[name])
    assert first.loc[0, ["estimate", "std_error"]].tolist() == [1, 0]
    assert np.isnan(first.loc[0, "conf_low"])
    assert first.loc[41, ["estimate", "std_error", "conf_low", "conf_high"]].isna().all()
    np.testing.assert_allclose(first["linear_predictor"], model.linear_predictor(frame)[0])
    monkeypatch.setattr(forecasting, "_CHUNK", 60)
    pd.testing.assert_frame_equal(model.survival_at(frame, at_days=[0, 5, 40, 41]).frame, whole)
    np.testing.assert_allclose(model.linear_predictor(lives(frame)), model.linear_predictor(frame))
    named = model.survival_at(lives(frame), at_days=[5]).frame
    assert named["customer_id"].tolist() == list(range(200))


def test_without_effects_predictions_are_the_curve_of_all() -> None:
    # As many events and as long under risk with and without: the estimate is 0.
    frame = pd.DataFrame({"time": [1, 2, 3, 4] * 2, "status": 1, "x": [0] * 4 + [1] * 4})
    model = cox(
        lifetimes_from_frame(frame, covariates=["x"]),
        covariates=["x"],
        ties="breslow",
        small_cell=1,
    )
    assert model.coefficients[0] == pytest.approx(0, abs=1e-12)
    table = kaplan_meier(lifetimes_from_frame(frame), small_cell=1).frame
    hazard = np.cumsum(table["n_event"] / table["n_at_risk"])
    assert model.baseline().frame["cumulative_hazard"].tolist() == pytest.approx(hazard.tolist())


def test_small_strata_are_not_shown() -> None:
    frame = world()
    frame.loc[:5, "region"] = "isle"
    model = cox(lives(frame), covariates=["x"], strata=["region"])
    baseline = model.baseline()
    assert baseline.suppressed == ("region=isle",)
    assert set(baseline.frame["group"]) == {"region=north", "region=south"}
    ax = baseline.plot()
    assert ax.get_legend_handles_labels()[1] == ["region=north", "region=south"]
    shown = baseline.frame[baseline.frame["n_at_risk"] >= 10].groupby("group")["estimate"].last()
    assert np.asarray(ax.lines[0].get_ydata())[-1] == shown["region=north"]
    few = cox(lives(frame), covariates=["x"], strata=["region"], small_cell=150)
    with pytest.raises(ArgumentError, match="No stratum has 150 customers or more"):
        few.baseline()


def test_what_cannot_be_predicted_is_said() -> None:
    model, frame = fitted(), world()
    with pytest.raises(ArgumentError, match="`at_days` must be one or more days of at least 0"):
        model.survival_at(frame, at_days=[-1])
    with pytest.raises(ArgumentError, match=r"`at_days` must be one or more .* got \[\]"):
        model.survival_at(frame, at_days=[])
    with pytest.raises(MappingError, match="`covariates` names columns that do not exist: 'plan'"):
        model.survival_at(frame.drop(columns="plan"), at_days=[1])
    with pytest.raises(MappingError, match="`strata` names columns that do not exist: 'region'"):
        model.survival_at(frame.drop(columns="region"), at_days=[1])
    with pytest.raises(DataError, match="1 of 200 are not, such as 'region=west'"):
        model.survival_at(frame.assign(region=["west", *frame["region"][1:]]), at_days=[1])
    with pytest.raises(DataError, match="'plan' must hold one of 'basic', 'gold'; 200 of 200"):
        model.survival_at(frame.assign(plan="silver"), at_days=[1])
    with pytest.raises(MappingError, match="covariates of the model that do not exist: 'y'"):
        model.baseline({"y": 1})


@pytest.mark.parametrize("never", ["basic", "silver"])
def test_a_level_of_which_nobody_left_is_not_known_to_stay(never: str) -> None:
    frame = world()
    frame["plan"] = np.random.default_rng(1).choice(["basic", "gold", "silver"], len(frame))
    frame.loc[frame["plan"] == never, "status"] = 0
    with pytest.warns(JourneyKitWarning, match="No finite hazard ratio"):
        model = cox(lives(frame), covariates=["x", "plan"])
    found = model.survival_at(frame, at_days=20).frame
    stays = (frame["plan"] == never).to_numpy()
    errors = ["std_error", "conf_low", "conf_high"]
    assert found.loc[stays, errors].isna().all(axis=None)
    assert found.loc[~stays, errors].notna().all(axis=None)
    assert model.baseline({"plan": never}).frame["conf_high"].isna().all()
    assert model.baseline({"plan": "gold"}).frame["conf_high"].notna().all()
