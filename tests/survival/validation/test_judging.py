"""Scores of predictions: R's numbers, the jackknife, simulated truth, laws and messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.models import accelerated_failure_time, discrete_hazard
from journeykit.survival.validation import cross_predict, scores, split_customers, validate
from journeykit.survival.validation.calibrating import risk_bins
from journeykit.survival.validation.losses import in_sight
from journeykit.survival.validation.scores import Scored
from journeykit.survival.validation.watched import watched

AUC_DAYS = list(range(10, 210, 10))


def test_veteran_equals_r(shared: Path) -> None:
    folder = shared / "oracles/survival"
    table = pd.read_csv(folder / "expected.csv")
    table = table[table["oracle"] == "score_veteran"].astype({"at": int})
    expected = table.set_index(["quantity", "at"])["value"]
    lives = lifetimes_from_frame(pd.read_csv(folder / "inputs/veteran.csv"))
    risk = pd.read_csv(folder / "inputs/veteran_cox_predicted_risk.csv")
    days = [50, 100, 200]
    survival = 1 - risk[[f"risk{day}" for day in days]].to_numpy()
    found = validate(lives, survival=survival, at_days=days)
    values = found.frame.set_index(["measure", "time_days"])["estimate"]
    for day in days:
        assert values["brier", day] == pytest.approx(expected["brier_cox", day], rel=1e-6)
        null = expected["brier_Null model", day]
        assert values["brier_null", day] == pytest.approx(null, rel=1e-6)
        scaled = 1 - expected["brier_cox", day] / null
        assert values["scaled_brier", day] == pytest.approx(scaled, rel=1e-6)
    # In a Cox model one order of customers holds at all days.
    one = np.repeat(survival[:, [1]], len(AUC_DAYS), axis=1)
    found = validate(lives, survival=one, at_days=AUC_DAYS)
    for measure, quantity in (("auc", "auc_cumdyn_ipcw"), ("brier_null", "brier_Null model")):
        ours = found.of(measure)["estimate"].to_numpy()
        assert ours == pytest.approx(expected[quantity].loc[AUC_DAYS].to_numpy(), rel=1e-6)


def drawn(n: int = 120, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw lives of exponential length, with the true rate of each."""
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(size=n) * 0.8) / 40
    time, lost = rng.exponential(1 / rate), rng.exponential(60, n)
    frame = pd.DataFrame({"time": np.minimum(time, lost), "status": time <= lost})
    return frame, rate


MEASURES: dict[str, Callable[[scores.Known, np.ndarray], Scored]] = {
    "brier": scores.brier,
    "null": lambda at, _: scores.brier_of_all(at),
    "scaled": lambda at, risk: scores.scaled(scores.brier(at, risk), scores.brier_of_all(at)),
    "area": scores.area,
    "observed": scores.observed_to_expected,
    "intercept": lambda at, risk: scores.calibration_intercept(at, 1 - risk),
    "slope": lambda at, risk: scores.calibration_slope(at, 1 - risk),
}


def scored(frame: pd.DataFrame, risk: np.ndarray, measure: str, day: float) -> Scored:
    people = watched(lifetimes_from_frame(frame))
    sight = in_sight(people.exit, people.event)
    at = scores.known(people.exit, people.event, round(day * DAY), sight)
    assert at is not None
    return MEASURES[measure](at, risk)


@pytest.mark.parametrize("measure", list(MEASURES))
@pytest.mark.parametrize("whole_days", [False, True])
def test_error_is_what_leaving_each_out_shows(measure: str, whole_days: bool) -> None:
    frame, rate = drawn()
    if whole_days:
        frame["time"] = np.ceil(frame["time"] / 5) * 5
    risk = np.round(1 - np.exp(-30 * rate), 2).clip(0.01, 0.99)
    found = scored(frame, risk, measure, 30)
    n = len(frame)
    kept = ~np.eye(n, dtype=bool)
    without = np.array([scored(frame[k], risk[k], measure, 30).estimate for k in kept])
    assert np.corrcoef(found.estimate - without, found.influence)[0, 1] > 0.998
    jackknife = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    assert np.sqrt((found.influence**2).sum()) == pytest.approx(jackknife, rel=0.08)
    assert found.influence.sum() == pytest.approx(0, abs=1e-9)


def test_worked_by_hand() -> None:
    # Lost at 2, so the one who leaves at 3 and the one beyond count for 3/2 each.
    frame = pd.DataFrame({"time": [1, 2, 3, 5], "status": [1, 0, 1, 0]})
    risk = np.array([0.8, 0.5, 0.4, 0.2])
    found = validate(lifetimes_from_frame(frame), survival=1 - risk, at_days=3, small_cell=1)
    values = found.frame.set_index("measure")["estimate"]
    brier = (0.2**2 + 1.5 * 0.6**2 + 1.5 * 0.2**2) / 4
    assert values["brier"] == pytest.approx(brier)
    left = (1 + 1.5) / 4
    assert values["brier_null"] == pytest.approx(left * (1 - left))
    assert values["auc"] == 1
    assert values["observed_to_expected"] == pytest.approx(left / risk.mean())
    assert values["concordance_harrell"] == 1
    counts = found.of("brier")[["n", "n_event", "n_known"]].iloc[0]
    assert counts.tolist() == [4, 2, 3]


def test_without_losses_scores_are_plain_means() -> None:
    rng = np.random.default_rng(2)
    time, survival = rng.exponential(10, 200), rng.uniform(0.05, 0.95, 200)
    lives = lifetimes_from_frame(pd.DataFrame({"time": time, "status": 1}))
    values = validate(lives, survival=survival, at_days=8).frame.set_index("measure")
    squares = ((time <= 8) - (1 - survival)) ** 2
    assert values["estimate"]["brier"] == pytest.approx(squares.mean())
    error = squares.std() / np.sqrt(200)
    assert values["std_error"]["brier"] == pytest.approx(error)
    left, stayed = survival[time <= 8], survival[time > 8]
    area = (left[:, None] < stayed).mean()
    assert values["estimate"]["auc"] == pytest.approx(area)


def test_true_predictions_are_calibrated_and_better_than_none() -> None:
    frame, rate = drawn(20_000, seed=3)
    days = np.array([10.0, 30, 60])
    survival = pd.DataFrame(np.exp(-np.outer(rate, days)), columns=days)
    found = validate(lifetimes_from_frame(frame), survival=survival)
    at = found.frame.set_index("measure")
    for measure, truth in (
        ("calibration_slope", 1),
        ("calibration_intercept", 0),
        ("observed_to_expected", 1),
    ):
        assert (at.loc[measure, "conf_low"] < truth).all()
        assert (at.loc[measure, "conf_high"] > truth).all()
    assert (at.loc["scaled_brier", "conf_low"] > 0).all()
    scaled = (
        1 - at.loc["integrated_brier", "estimate"] / at.loc["integrated_brier_null", "estimate"]
    )
    assert at.loc["scaled_integrated_brier", "estimate"] == pytest.approx(scaled)
    bins = found.calibration.frame
    held = bins["predicted"].between(bins["conf_low"], bins["conf_high"])
    assert len(bins) == 30
    assert held.mean() >= 0.8
    assert bins.groupby("time_days")["n"].sum().eq(20_000).all()
    # Risks made too extreme have a slope below 1 and a worse score.
    extreme = validate(
        lifetimes_from_frame(frame), survival=survival**2 / (survival**2 + (1 - survival) ** 2)
    )
    slope = extreme.of("calibration_slope")
    assert slope["estimate"].to_numpy() == pytest.approx(0.5, abs=0.05)
    worse = extreme.of("brier")["estimate"].to_numpy() > found.of("brier")["estimate"].to_numpy()
    assert worse.all()


def test_intervals_hold_the_truth() -> None:
    """150 worlds of 400 customers, whose Brier score and AUC at 30 days are known."""
    _, rate = drawn(400_000, seed=9)
    risk = 1 - np.exp(-30 * rate)
    brier = (risk * (1 - risk)).mean()
    order = np.argsort(risk)
    stays = np.cumsum(1 - risk[order])
    area = (risk[order] * (stays - (1 - risk[order]) / 2)).sum() / risk.sum() / stays[-1]
    truth = {"brier": brier, "auc": area, "calibration_slope": 1, "observed_to_expected": 1}
    held = dict.fromkeys(truth, 0)
    for world in range(150):
        frame, rate = drawn(400, seed=100 + world)
        lives = lifetimes_from_frame(frame)
        found = validate(lives, survival=np.exp(-30 * rate), at_days=30).frame.set_index("measure")
        for measure, value in truth.items():
            held[measure] += found["conf_low"][measure] < value < found["conf_high"][measure]
    assert all(0.89 <= count / 150 <= 0.99 for count in held.values()), held


def test_laws() -> None:
    frame, rate = drawn(300)
    survival = np.exp(-np.outer(rate, [10, 30]))
    first = validate(lifetimes_from_frame(frame), survival=survival, at_days=[10, 30]).frame
    order = np.random.default_rng(4).permutation(300)
    shuffled = validate(
        lifetimes_from_frame(frame.iloc[order]), survival=survival[order], at_days=[10, 30]
    ).frame
    scaled = validate(
        lifetimes_from_frame(frame.assign(time=frame["time"] * 7)),
        survival=survival[:, ::-1],
        at_days=[210, 70],
    ).frame
    twice = validate(
        lifetimes_from_frame(pd.concat([frame, frame])),
        survival=np.concatenate([survival, survival]),
        at_days=[10, 30],
    ).frame
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    for other in (shuffled, scaled):
        assert other[columns].to_numpy() == pytest.approx(first[columns].to_numpy(), rel=1e-6)
    assert twice["estimate"].to_numpy() == pytest.approx(first["estimate"].to_numpy())
    errors = first["std_error"].to_numpy() / np.sqrt(2)
    assert twice["std_error"].to_numpy() == pytest.approx(errors)


def modelled(n: int = 600) -> Lifetimes:
    rng = np.random.default_rng(5)
    x = rng.integers(0, 5, n)
    time, lost = rng.exponential(60 * np.exp(-0.4 * x)), rng.exponential(100, n)
    frame = pd.DataFrame({"time": np.minimum(time, lost), "status": time <= lost, "x": x})
    frame["who"] = [f"customer {number}" for number in range(n)]
    return lifetimes_from_frame(frame, customer_id="who", covariates=["x"])


def test_models_are_judged_on_others() -> None:
    lives = modelled()
    train, test = split_customers(lives, test_share=0.4, seed=1)
    assert len(train.frame) + len(test.frame) == 600
    assert 200 < len(test.frame) < 280
    model = accelerated_failure_time(train, covariates=["x"])
    found = validate(test, survival=model.survival_at(test, at_days=[20, 40]), fitted_on=train)
    assert found.known_to_model == 0
    assert "customers the model did not know" in found.summary()
    own = validate(train, survival=model.survival_at(train, at_days=[20, 40]), fitted_on=train)
    assert own.known_to_model == len(train.frame)
    assert "better than it would be on others" in own.summary()
    silent = validate(train, survival=model.survival_at(train, at_days=[20, 40]))
    assert "whether the model was fitted on them was not told" in silent.summary()
    # Numbers of rows do not tell customers of two tables apart.
    plain = pd.DataFrame({"time": [1, 2], "status": 1})
    one, other = lifetimes_from_frame(plain), lifetimes_from_frame(plain.assign(time=[1, 3]))
    judged = validate(one, survival=np.array([0.4, 0.6]), at_days=1, fitted_on=other, small_cell=1)
    assert judged.known_to_model is None


def test_a_split_knows_a_customer_by_name() -> None:
    lives = modelled()
    _, test = split_customers(lives, seed=3)
    half = lifetimes_from_frame(
        lives.frame.iloc[300:].rename(columns={"exit_days": "time", "event": "status"}),
        customer_id="customer_id",
    )
    _, again = split_customers(half, seed=3)
    assert set(again.frame["customer_id"]) <= set(test.frame["customer_id"])


def test_a_part_does_not_claim_the_undecided_of_the_whole() -> None:
    for part in split_customers(replace(modelled(), undecided=600), seed=3):
        assert "silent for no longer" not in " ".join(part.audit().frame["step"])


def test_every_customer_is_predicted_by_a_model_of_others() -> None:
    lives = modelled()
    met: list[set[str]] = []

    def predict(train: Lifetimes, test: Lifetimes) -> Result:
        assert not set(train.frame["customer_id"]) & set(test.frame["customer_id"])
        met.append(set(test.frame["customer_id"]))
        model = discrete_hazard(train, covariates=["x"], period_days=10, baseline="linear")
        return model.survival_at(test, at_days=[20, 40])

    found = cross_predict(lives, predict, at_days=[20, 40], folds=4)
    assert len(found.frame) == 1200
    assert found.frame["customer_id"].iloc[::2].tolist() == lives.frame["customer_id"].tolist()
    assert set.union(*met) == set(lives.frame["customer_id"])
    judged = validate(lives, survival=found)
    assert judged.known_to_model == 0
    assert (judged.of("scaled_brier")["estimate"] > 0.05).all()


def test_predictions_come_in_any_form() -> None:
    lives = modelled(100)
    model = accelerated_failure_time(lives, covariates=["x"])
    predicted = model.survival_at(lives, at_days=[20, 40])
    table = predicted.table
    forms = [
        (predicted, None),
        (table.sample(frac=1, random_state=1), None),
        (table.set_axis(["first", "second"], axis=1), [20, 40]),
        (table.to_numpy(), [20, 40]),
        (Result(frame=predicted.frame.drop(columns="customer_id")), None),
    ]
    found = [validate(lives, survival=form, at_days=days).frame for form, days in forms]
    for other in found[1:]:
        pd.testing.assert_frame_equal(other, found[0])
    nameless = Result(frame=predicted.frame.drop(columns="customer_id").iloc[:10])
    with pytest.raises(ArgumentError, match="it has 5 and does not say who they are"):
        validate(lives, survival=nameless)
    mixed = Result(frame=predicted.frame.sample(frac=1, random_state=1))
    with pytest.raises(ArgumentError, match="must predict the same days, in one order"):
        validate(lives, survival=mixed)


def test_nothing_is_said_beyond_the_data() -> None:
    frame, rate = drawn(100)
    last = frame["time"].max()
    survival = np.exp(-np.outer(rate, [10, 20, last + 1]))
    survival[:, 1] = np.nan
    found = validate(lifetimes_from_frame(frame), survival=survival, at_days=[10, 20, last + 1])
    brier = found.of("brier").set_index("time_days")
    assert brier["estimate"].notna().tolist() == [True, False, False]
    assert brier["std_error"].notna().tolist() == [True, False, False]
    assert found.of("integrated_brier")["estimate"].isna().all()
    bins = found.calibration.frame
    assert sorted(bins["time_days"].unique()) == [10, last + 1]
    assert bins.loc[bins["time_days"] > last, "estimate"].isna().all()


def test_bins_hold_enough_customers() -> None:
    risk = np.repeat([0.1, 0.2, 0.3, 0.4], [3, 50, 40, 2])
    code = risk_bins(risk, bins=4, small_cell=10)
    assert np.bincount(code).tolist() == [53, 42]
    many = risk_bins(np.random.default_rng(1).random(1000), bins=10, small_cell=10)
    assert np.bincount(many).tolist() == [100] * 10
    few = risk_bins(np.random.default_rng(1).random(35), bins=10, small_cell=10)
    assert np.bincount(few).min() >= 10


def test_pictures() -> None:
    frame, rate = drawn(500)
    survival = np.exp(-np.outer(rate, [10, 30]))
    found = validate(lifetimes_from_frame(frame), survival=survival, at_days=[10, 30])
    assert found.plot().get_ylabel() == "Brier score, 0 is perfect"
    assert found.plot_auc().get_ylabel() == "AUC"
    assert found.calibration.plot().get_xlabel() == "predicted to leave"
    assert "left as predicted" in found.calibration.summary()
    one = validate(lifetimes_from_frame(frame), survival=survival[:, 0], at_days=10)
    one.plot()
    one.plot_auc()


def test_messages() -> None:
    frame, rate = drawn(20)
    lives, survival = lifetimes_from_frame(frame), np.exp(-10 * rate)
    with pytest.raises(ArgumentError, match="`at_days` must say of which days the columns"):
        validate(lives, survival=survival)
    with pytest.raises(
        ArgumentError, match="must name a day above 0, each once, for each of the 1"
    ):
        validate(lives, survival=survival, at_days=[10, 20])
    with pytest.raises(
        ArgumentError, match="must be probabilities of staying, from 0 to 1; 20 of 20"
    ):
        validate(lives, survival=survival + 2, at_days=10)
    with pytest.raises(ArgumentError, match="predicts nothing for any of the days"):
        validate(lives, survival=np.full(20, np.nan), at_days=10)
    with pytest.raises(ArgumentError, match="must be a result whose frame has `time_days`"):
        validate(lives, survival=lives)
    with pytest.raises(ArgumentError, match="needs 30 customers or more"):
        validate(lives, survival=survival, at_days=10, small_cell=30)
    late = lifetimes_from_frame(frame.assign(start=frame["time"] / 2), start="start")
    with pytest.raises(ArgumentError, match="20 of 20 entered late.*look at `concordance`"):
        validate(late, survival=survival, at_days=10)
    with pytest.raises(ArgumentError, match="`test_share` must leave customers on both sides"):
        split_customers(lifetimes_from_frame(frame.iloc[:1]))
    with pytest.raises(ArgumentError, match="`folds` must leave customers in every fold"):
        cross_predict(lifetimes_from_frame(frame.iloc[:2]), lambda _, __: survival, at_days=1)
