from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError
from journeykit.survival import Lifetimes, cox, lifetimes_from_frame
from journeykit.survival.competing import FineGray, cumulative_incidence, fine_gray
from journeykit.survival.competing.weighing import maximise, score_influence, weighed

COVARIATES = ["age", "male", "mspike"]


def lives(frame: pd.DataFrame, **more: str) -> Lifetimes:
    kept = [name for name in frame if name in {"x", "level", *COVARIATES}]
    frame = frame.assign(status=frame["to"].notna())
    return lifetimes_from_frame(frame, cause="to", covariates=kept, **more)


def simulated(rng: np.random.Generator, *, n: int = 500) -> pd.DataFrame:
    """F(t | x) = 1 - (1 - 0.5 (1 - exp(-t)))^exp(0.5 x); the other end comes to the rest."""
    x = rng.normal(size=n)
    ever = 1 - 0.5 ** np.exp(0.5 * x)
    u = rng.random(n)
    to_a = u < ever
    inner = (1 - u) ** np.exp(-0.5 * x)
    time_a = -np.log(np.maximum(1 - (1 - inner) / 0.5, 1e-12))
    time = np.where(to_a, time_a, rng.exponential(1, n))
    lost = rng.uniform(0.2, 4, n)
    to = np.where(time <= lost, np.where(to_a, "a", "b"), None)
    return pd.DataFrame({"time": np.minimum(time, lost) + 1e-6, "to": to, "x": x})


def test_without_other_ends_it_is_cox() -> None:
    rng = np.random.default_rng(1)
    frame = simulated(rng, n=300)
    frame["time"] = np.ceil(frame["time"] * 10)
    frame["to"] = frame["to"].where(frame["to"] != "b", None)
    frame["level"] = rng.choice(["low", "mid", "top"], 300)
    for ties in ("efron", "breslow"):
        ours = fine_gray(lives(frame), covariates=["x", "level"], cause="a", ties=ties)
        plain = cox(lives(frame), covariates=["x", "level"], ties=ties, clusters="customer_id")
        assert ours.coefficients == pytest.approx(plain.coefficients, rel=1e-8)
        assert ours.covariance == pytest.approx(plain.covariance, rel=1e-7)
        assert ours.log_likelihood == pytest.approx(plain.log_likelihood)
        columns = ["n", "n_event", "std_error_model"]
        assert ours.frame[columns].to_numpy() == pytest.approx(plain.frame[columns].to_numpy())
        assert ours.frame["level"].tolist()[1:] == ["mid", "top"]


def test_without_censoring_others_stay_for_ever() -> None:
    frame = simulated(np.random.default_rng(2), n=200)
    frame = frame[frame["to"].notna()]
    ours = fine_gray(lives(frame), covariates=["x"], cause="a")
    stayed = frame.assign(
        time=frame["time"].where(frame["to"] == "a", 99.0),
        to=frame["to"].where(frame["to"] == "a", None),
    )
    plain = cox(lives(stayed), covariates=["x"], clusters="customer_id")
    assert ours.coefficients == pytest.approx(plain.coefficients, rel=1e-8)
    assert ours.covariance == pytest.approx(plain.covariance, rel=1e-7)


def test_errors_are_those_of_leaving_one_customer_out() -> None:
    frame = simulated(np.random.default_rng(3), n=150)
    frame["time"] = np.ceil(frame["time"] * 8)
    customer = pd.DataFrame({"x": [1.0]})

    def estimates(rows: pd.DataFrame) -> tuple[FineGray, float]:
        model = fine_gray(lives(rows), covariates=["x"], cause="a")
        return model, float(model.predict(customer, days=[8]).frame["estimate"].iloc[0])

    model, _ = estimates(frame)
    left_out = [estimates(frame.drop(index=row)) for row in frame.index]
    spread = np.sqrt((len(frame) - 1) * np.var([part[0].coefficients[0] for part in left_out]))
    assert model.frame["std_error"].iloc[0] == pytest.approx(spread, rel=0.05)
    spread = np.sqrt((len(frame) - 1) * np.var([part[1] for part in left_out]))
    error = model.predict(customer, days=[8]).frame["std_error"].iloc[0]
    assert error == pytest.approx(spread, rel=0.05)


def covered(worlds: int) -> tuple[float, float]:
    """Return how often intervals hold the coefficient, and an incidence."""
    rng = np.random.default_rng(5)
    truth = 1 - (1 - 0.5 * (1 - np.exp(-1.0))) ** np.exp(0.5)
    held = []
    for _ in range(worlds):
        model = fine_gray(lives(simulated(rng)), covariates=["x"], cause="a")
        row = model.frame.iloc[0]
        at = model.predict(pd.DataFrame({"x": [1.0]}), days=[1 + 1e-6]).frame.iloc[0]
        held.append(
            (
                row["conf_low"] < 0.5 < row["conf_high"],
                at["conf_low"] < truth < at["conf_high"],
            )
        )
    share = np.mean(held, axis=0)
    return float(share[0]), float(share[1])


def test_intervals_hold_the_truth() -> None:
    coefficient, incidence = covered(80)
    assert coefficient > 0.88
    assert incidence > 0.88


def test_predictions_of_a_saturated_model_are_near_the_incidence_of_each_group() -> None:
    rng = np.random.default_rng(6)
    frame = simulated(rng, n=3_000)
    frame["level"] = np.where(frame["x"] > 0, "high", "low")
    data = lives(frame)
    model = fine_gray(data, covariates=["level"], cause="a")
    predicted = model.predict(pd.DataFrame({"level": ["high", "low"]}), days=[1, 2]).frame
    at = cumulative_incidence(data, by="level").at([1, 2]).frame
    at = at[at["cause"] == "a"]
    assert predicted["estimate"].to_numpy() == pytest.approx(at["estimate"].to_numpy(), abs=0.02)
    assert predicted["row"].tolist() == [0, 0, 1, 1]
    beyond = model.predict(pd.DataFrame({"level": ["high"]}), days=[0, 99]).frame
    assert beyond["estimate"].tolist() == pytest.approx([0, np.nan], nan_ok=True)


def test_rare_levels_are_not_shown_and_the_picture_says_so() -> None:
    frame = simulated(np.random.default_rng(7), n=200)
    frame["level"] = ["rare"] * 6 + ["b", "c"] * 97
    model = fine_gray(lives(frame), covariates=["x", "level"], cause="a")
    assert model.suppressed == ("level[rare]",)
    hidden = model.frame.iloc[-1]
    assert hidden["covariate"] == "level"
    assert hidden.drop(["covariate", "level"]).isna().all()
    texts = [text.get_text() for text in model.plot().texts]
    assert texts == [" too few to show"]
    assert "200 customers came to 'a', 3 coefficients; clearest: x," in model.summary()


def test_messages() -> None:
    frame = simulated(np.random.default_rng(8), n=60)
    late = frame.assign(start=frame["time"] / 2)
    with pytest.raises(DataError, match="60 of 60 rows enter late. Use `cox` with `cause`"):
        fine_gray(lives(late, start="start"), covariates=["x"], cause="a")
    halves = pd.concat(
        [
            frame.assign(who=range(60), start=0.0, time=frame["time"] / 2, to=None),
            frame.assign(who=range(60), start=frame["time"] / 2),
        ]
    )
    with pytest.raises(DataError, match="enter late"):
        fine_gray(lives(halves, start="start", customer_id="who"), covariates=["x"], cause="a")
    with pytest.raises(MappingError, match="`cause` names ends that do not exist: 'c'"):
        fine_gray(lives(frame), covariates=["x"], cause="c")
    with pytest.raises(ArgumentError, match="`ties` must be one of 'efron', 'breslow', 'cmprsk'"):
        fine_gray(lives(frame), covariates=["x"], cause="a", ties="exact")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="must not determine each other; these do: 'x', 'age'"):
        fine_gray(lives(frame.assign(age=2 * frame["x"])), covariates=["x", "age"], cause="a")
    with pytest.raises(ArgumentError, match="`days` must be a list of times of at least 0"):
        fine_gray(lives(frame), covariates=["x"], cause="a").predict(frame, days=[-1])
    separated = frame.assign(level=np.where(frame["to"] == "a", "no", "yes"))
    with pytest.warns(JourneyKitWarning, match="No finite ratio fits"):
        fine_gray(lives(separated), covariates=["level"], cause="a")


# ---------------------------------------------------------------- values computed with R


def oracle(shared: Path, name: str) -> pd.DataFrame:
    table = pd.read_csv(shared / "oracles/survival/expected.csv", dtype={"at": str})
    return table[table["oracle"] == name]


def gammopathy(shared: Path) -> pd.DataFrame:
    frame = pd.read_csv(shared / "oracles/survival/inputs/mgus2_competing_complete.csv")
    return frame.assign(time=frame["etime"], to=frame["ev"].map({1: "pcm", 2: "death"}))


def test_equal_to_cmprsk(shared: Path) -> None:
    model = fine_gray(lives(gammopathy(shared)), covariates=COVARIATES, cause="pcm", ties="cmprsk")
    rows = model.frame.set_index("covariate")
    checked = 0
    for row in oracle(shared, "finegray_crr_mgus2_pcm").itertuples():
        if row.quantity.startswith("cif_"):
            age, male, spike = row.quantity.removeprefix("cif_age").replace("mspike", "").split("_")
            customer = pd.DataFrame(
                {
                    "age": [float(age)],
                    "male": [int(male.removeprefix("male"))],
                    "mspike": [float(spike)],
                }
            )
            value = model.predict(customer, days=[float(row.at)]).frame["estimate"].iloc[0]
        elif row.quantity == "loglik":
            value = model.log_likelihood
        else:
            value = rows.loc[row.at, {"coef": "estimate", "se_robust": "std_error"}[row.quantity]]
        assert value == pytest.approx(row.value, rel=row.rtol), row
        checked += 1
    assert checked == 19


def test_equal_to_weighted_cox_whose_errors_take_the_weights_as_known(shared: Path) -> None:
    frame = gammopathy(shared)
    model = fine_gray(lives(frame), covariates=COVARIATES, cause="pcm")
    rows = model.frame.set_index("covariate")
    x = frame[COVARIATES].to_numpy(dtype=float)
    sets = weighed(frame["time"].to_numpy(), frame["ev"].to_numpy())
    top = maximise(sets, x - x.mean(axis=0), "efron")
    inverse = np.linalg.inv(top.at.information)
    moved = score_influence(sets, x - x.mean(axis=0), top.at).own @ inverse
    known = pd.Series(np.sqrt(np.diag(moved.T @ moved)), index=COVARIATES)
    checked = 0
    for row in oracle(shared, "finegray_coxph_mgus2_pcm").itertuples():
        if row.quantity in ("coef", "se_naive"):
            name = {"coef": "estimate", "se_naive": "std_error_model"}[row.quantity]
            value = rows.loc[row.at, name]
        elif row.quantity == "se":
            value = known[row.at]
            assert rows.loc[row.at, "std_error"] > value
        elif row.quantity == "loglik":
            value = {"null": model.log_likelihood_null, "model": model.log_likelihood}[row.at]
        elif row.quantity == "n_event":
            value = model.n_event
        elif row.quantity == "lrt_chisq":
            value = 2 * (model.log_likelihood - model.log_likelihood_null)
        elif row.quantity == "wald_chisq":
            value = top.beta @ np.linalg.inv(moved.T @ moved) @ top.beta
        elif row.quantity == "score_chisq":
            start = top.null.score
            value = start @ np.linalg.solve(top.null.information, start)
        else:
            continue
        assert value == pytest.approx(row.value, rel=row.rtol), row
        checked += 1
    assert checked == 15
