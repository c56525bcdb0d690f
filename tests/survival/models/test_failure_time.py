"""Accelerated failure time: R's numbers, lifelines, laws and messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError
from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.models import (
    AcceleratedFailureTime,
    accelerated_failure_time,
    compare_distributions,
)
from journeykit.survival.models.laws import DISTRIBUTIONS, DistributionName

COVARIATES = ["age", "female", "ph.ecog"]


def expected(shared: Path, oracle: str) -> pd.DataFrame:
    table = pd.read_csv(
        shared / "oracles/survival/expected.csv", dtype={"at": str}, keep_default_na=False
    )
    found = table[table["oracle"] == oracle].copy()
    found["value"] = found["value"].astype(float)
    assert len(found)
    return found


def read(shared: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles/survival/inputs" / f"{name}.csv")


def found_value(model: AcceleratedFailureTime, quantity: str, at: str) -> float:
    terms = model.frame.set_index("term")
    if quantity == "coef":
        return float(terms.loc[at, "estimate"])
    if quantity == "se":
        return float(terms.loc["log(scale)" if at == "Log(scale)" else at, "std_error"])
    if quantity == "scale":
        return model.scale
    return model.log_likelihood if at == "model" else model.log_likelihood_null


@pytest.mark.parametrize("distribution", ["weibull", "lognormal", "exponential"])
def test_lung_equals_r(shared: Path, distribution: DistributionName) -> None:
    lung = read(shared, "lung_complete")
    lives = lifetimes_from_frame(lung, event="event", covariates=COVARIATES)
    model = accelerated_failure_time(lives, covariates=COVARIATES, distribution=distribution)
    rows = expected(shared, f"aft_lung_{distribution}")
    for row in rows.itertuples():
        if row.quantity == "quantile_row1":
            days = model.days_until(lung.iloc[:1], share=float(row.at)).frame
            assert days["estimate"].iloc[0] == pytest.approx(row.value, rel=row.rtol), row
        else:
            value = found_value(model, row.quantity, row.at)
            assert value == pytest.approx(row.value, rel=row.rtol), row
    assert len(rows) >= 14


def test_telco_equals_r(shared: Path) -> None:
    telco = read(shared, "telco_wa_churn")
    covariates = ["contract", "monthly_charges"]
    lives = lifetimes_from_frame(telco, stop="tenure", event="event", covariates=covariates)
    model = accelerated_failure_time(lives, covariates=covariates, shift_days=0.5)
    rows = expected(shared, "aft_telco_weibull(tenure+0.5)")
    for row in rows.itertuples():
        at = row.at
        if at.startswith("contract"):
            at = f"contract[{at.removeprefix('contract')}]"
        assert found_value(model, row.quantity, at) == pytest.approx(row.value, rel=row.rtol), row
    assert len(rows) == 7


def drawn(n: int = 400, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, plan = rng.normal(size=n), rng.integers(0, 3, n)
    time = np.exp(3 + 0.4 * x - 0.5 * (plan == 1) + 0.7 * rng.logistic(size=n))
    start = np.where(rng.random(n) < 0.4, rng.uniform(1, 15, n), 0.0)
    censored = start + rng.uniform(5, 60, n)
    frame = pd.DataFrame(
        {
            "start": start,
            "time": np.minimum(time, censored),
            "status": time <= censored,
            "x": x,
            "plan": np.array(["a", "b", "c"])[plan],
        }
    )
    return frame[frame["time"] > frame["start"]].reset_index(drop=True)


def lives_of(frame: pd.DataFrame, customer_id: str | None = None) -> Lifetimes:
    return lifetimes_from_frame(
        frame, customer_id=customer_id, start="start", covariates=["x", "plan"]
    )


FITTERS = {
    "weibull": "WeibullAFTFitter",
    "lognormal": "LogNormalAFTFitter",
    "log-logistic": "LogLogisticAFTFitter",
}


@pytest.mark.parametrize("distribution", list(FITTERS))
@pytest.mark.filterwarnings("ignore")
def test_lifelines_agrees_with_late_entry(distribution: DistributionName) -> None:
    lifelines = pytest.importorskip("lifelines")
    frame = drawn()
    model = accelerated_failure_time(
        lives_of(frame), covariates=["x", "plan"], distribution=distribution
    )
    table = pd.get_dummies(frame, columns=["plan"], drop_first=True, dtype=float)
    fitter = getattr(lifelines, FITTERS[distribution])()
    fitter.fit(table, "time", "status", entry_col="start")
    theirs = fitter.summary["coef"].droplevel(0)
    ours = model.frame.set_index("term")
    # lifelines stops before the maximum; ours is at least as high.
    names = {"x": "x", "plan[b]": "plan_b", "plan[c]": "plan_c"}
    for term, name in names.items():
        assert ours.loc[term, "estimate"] == pytest.approx(theirs[name], abs=3e-3)
    assert model.log_likelihood == pytest.approx(fitter.log_likelihood_, abs=1e-3)
    assert model.log_likelihood >= fitter.log_likelihood_ - 1e-9
    their_error = fitter.summary["se(coef)"].droplevel(0)["x"]
    assert ours.loc["x", "std_error"] == pytest.approx(their_error, rel=5e-3)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_order_splitting_and_units_change_nothing(distribution: DistributionName) -> None:
    frame = drawn(200).assign(customer=lambda table: np.arange(len(table)))
    whole = accelerated_failure_time(
        lives_of(frame, "customer"),
        covariates=["x", "plan"],
        distribution=distribution,
        errors="robust",
    )
    # Cut everyone's time in two, in other units, and shuffle.
    middle = (frame["start"] + frame["time"]) / 2
    parts = pd.concat([frame.assign(time=middle, status=False), frame.assign(start=middle)])
    parts[["start", "time"]] *= 7
    cut = accelerated_failure_time(
        lives_of(parts.sample(frac=1, random_state=3), "customer"),
        covariates=["x", "plan"],
        distribution=distribution,
        errors="robust",
    )
    left, right = whole.frame.copy(), cut.frame.copy()
    assert right["estimate"][0] - left["estimate"][0] == pytest.approx(np.log(7), abs=1e-5)
    for name in ("estimate", "std_error"):
        assert right[name][1:].tolist() == pytest.approx(left[name][1:].tolist(), rel=1e-5)
    assert cut.n == whole.n
    assert cut.log_likelihood == pytest.approx(
        whole.log_likelihood - whole.n_event * np.log(7), abs=1e-5
    )


def test_twice_the_customers_halve_the_variance() -> None:
    frame = drawn(200)
    once = accelerated_failure_time(lives_of(frame), covariates=["x", "plan"])
    twice = accelerated_failure_time(lives_of(pd.concat([frame, frame])), covariates=["x", "plan"])
    assert twice.frame["estimate"].tolist() == pytest.approx(once.frame["estimate"].tolist())
    ratio = (once.frame["std_error"] / twice.frame["std_error"]).to_numpy()
    assert ratio == pytest.approx(np.sqrt(2))
    assert twice.aic == pytest.approx(2 * once.aic - 2 * once.n_parameters)


def test_robust_errors_of_a_right_model_are_near_the_models() -> None:
    rng = np.random.default_rng(4)
    n = 4000
    x = rng.normal(size=n)
    time = np.exp(2 + 0.5 * x) * rng.weibull(1.5, n)
    frame = pd.DataFrame({"time": time, "status": 1, "x": x})
    lives = lifetimes_from_frame(frame, covariates=["x"])
    model = accelerated_failure_time(lives, covariates=["x"])
    robust = accelerated_failure_time(lives, covariates=["x"], errors="robust")
    assert model.frame["estimate"][1] == pytest.approx(0.5, abs=4 * model.frame["std_error"][1])
    assert model.scale == pytest.approx(1 / 1.5, rel=0.05)
    ratio = (robust.frame["std_error"] / model.frame["std_error"]).to_numpy()
    assert ratio == pytest.approx(1, abs=0.1)
    wrong = accelerated_failure_time(lives, covariates=["x"], distribution="exponential")
    held = accelerated_failure_time(
        lives, covariates=["x"], distribution="exponential", errors="robust"
    )
    # An exponential believes that times spread more than they do.
    assert held.frame["std_error"][1] < 0.8 * wrong.frame["std_error"][1]


def test_the_right_distribution_has_the_lowest_aic() -> None:
    found = compare_distributions(lives_of(drawn(2000)), covariates=["x", "plan"])
    assert found.frame["distribution"][0] == "log-logistic"
    assert found.frame["delta_aic"].is_monotonic_increasing
    assert found.frame["delta_aic"][0] == 0
    assert "lowest AIC: log-logistic" in found.summary()
    found.plot()
    one = accelerated_failure_time(
        lives_of(drawn(2000)), covariates=["x", "plan"], distribution="log-logistic"
    )
    assert found.frame["aic"][0] == pytest.approx(one.aic)
    assert found.frame["bic"][0] == pytest.approx(one.bic)


def test_nothing_is_predicted_beyond_the_data() -> None:
    frame = drawn()
    model = accelerated_failure_time(lives_of(frame), covariates=["x", "plan"])
    last = frame["time"].max()
    found = model.survival_at(frame.iloc[:3], at_days=[0, 10, last, last + 1])
    assert found.table.shape == (3, 4)
    assert found.table[0.0].tolist() == [1, 1, 1]
    assert found.table.iloc[:, :3].notna().all(axis=None)
    assert found.frame.loc[found.frame["time_days"] > last, "conf_high"].isna().all()
    assert (found.frame["conf_low"].dropna() <= found.frame["estimate"].dropna()).all()
    assert "3 customers" in found.summary()
    nowhere = model.survival_at(frame.iloc[:3], at_days=last + 1)
    assert nowhere.summary() == "no day asked for is one that the model has seen"
    long = model.days_until(frame.assign(x=50.0).iloc[:1])
    assert not long.frame["reached"].any()
    assert long.frame["estimate"].isna().all()
    assert long.summary() == "0 of 1 customers are expected to reach their day within the data"
    # The curve passes the share at the day until that share.
    days = model.days_until(frame.iloc[:1], share=0.3).frame["estimate"].iloc[0]
    at = model.survival_at(frame.iloc[:1], at_days=days).frame["estimate"].iloc[0]
    assert at == pytest.approx(0.7)


def test_lifetimes_are_predicted_by_their_first_interval() -> None:
    frame = pd.DataFrame(
        {
            "customer": ["u", "v", "u", "w"],
            "start": [5, 0, 0, 0],
            "time": [9, 4, 5, 6],
            "status": [1, 1, 0, 1],
            "x": [9.0, 2.0, 1.0, 0.5],
        }
    )
    lives = lifetimes_from_frame(frame, customer_id="customer", start="start", covariates=["x"])
    model = accelerated_failure_time(lives, covariates=["x"])
    by_lives = model.survival_at(lives, at_days=3).table[3.0]
    by_hand = model.survival_at(pd.DataFrame({"x": [1.0, 2.0, 0.5]}), at_days=3).table[3.0]
    assert by_lives[["u", "v", "w"]].tolist() == pytest.approx(by_hand.tolist())


def test_picture_and_summary() -> None:
    model = accelerated_failure_time(lives_of(drawn()), covariates=["x", "plan"])
    assert model.plot().get_xlabel() == "time until leaving, times"
    assert "clearest is x, time ratio" in model.summary()
    fixed = accelerated_failure_time(
        lives_of(drawn()), covariates=["x"], distribution="exponential"
    )
    assert fixed.frame["term"].tolist() == ["(Intercept)", "x"]


FLAT = pd.DataFrame({"time": [1, 2, 3, 4], "status": [1, 1, 0, 1], "x": [1.0, 2, 1, 3]})


def test_messages() -> None:
    lives = lifetimes_from_frame(FLAT.assign(y=2 * FLAT["x"] + 1), covariates=["x", "y"])
    with pytest.raises(ArgumentError, match="`distribution` must be one of 'weibull'"):
        accelerated_failure_time(lives, covariates=["x"], distribution="best")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`errors` must be one of"):
        accelerated_failure_time(lives, covariates=["x"], errors="none")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`shift_days` must be a number of at least 0; got -1"):
        accelerated_failure_time(lives, covariates=["x"], shift_days=-1)
    with pytest.raises(DataError, match="column 'y' is a combination of those before it"):
        accelerated_failure_time(lives, covariates=["x", "y"])
    zero = lifetimes_from_frame(FLAT.assign(time=[0, 2, 3, 4]), covariates=["x"])
    with pytest.raises(DataError, match="1 of 4 rows exit at day 0. Give `shift_days`"):
        accelerated_failure_time(zero, covariates=["x"])
    assert accelerated_failure_time(zero, covariates=["x"], shift_days=0.5).n == 4
    nobody = lifetimes_from_frame(FLAT.assign(status=0), covariates=["x"])
    with pytest.raises(ArgumentError, match="None of the 4 rows ends with the event"):
        accelerated_failure_time(nobody, covariates=["x"])
    with pytest.raises(ArgumentError, match="`distributions` must name two or more"):
        compare_distributions(lives, covariates=["x"], distributions=["weibull"])
    apart = lifetimes_from_frame(
        FLAT.assign(plan=["a", "a", "b", "a"], time=[1, 2, 3, 3]), covariates=["plan"]
    )
    with pytest.raises(DataError, match="The likelihood has no maximum"):
        accelerated_failure_time(apart, covariates=["plan"])
    model = accelerated_failure_time(lives, covariates=["x"])
    with pytest.raises(ArgumentError, match="`at_days` must be one or more days of at least 0"):
        model.survival_at(lives, at_days=-1)
    with pytest.raises(ArgumentError, match="`at_days` must name each day once"):
        model.survival_at(lives, at_days=[1, 1])


def test_few_customers_are_hidden() -> None:
    frame = drawn().assign(plan=lambda table: table["plan"].where(table.index > 5, "few"))
    model = accelerated_failure_time(lives_of(frame), covariates=["plan"])
    assert model.suppressed == ("plan[few]",)
    terms = model.frame.set_index("term")
    assert terms.loc["plan[few]"].isna().all()
    assert terms.loc[["plan[b]", "plan[c]"]].notna().all(axis=None)
    assert model.days_until(frame.iloc[:1]).frame["estimate"].notna().all()
    alone = frame.assign(plan=np.where(frame["plan"] == "few", "few", "many"))
    hidden = accelerated_failure_time(lives_of(alone), covariates=["plan"])
    assert "no coefficient is about enough customers" in hidden.summary()
    shown = accelerated_failure_time(lives_of(alone), covariates=["plan"], small_cell=1)
    assert shown.suppressed == ()
