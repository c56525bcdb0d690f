from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError
from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.regression import CoxModel, cox, cox_time_varying, newton
from journeykit.survival.regression import design as designing
from journeykit.survival.regression.riskset import Patterns, Singles


def lives(frame: pd.DataFrame, **columns: Any) -> Lifetimes:
    own = {"time", "status", *(str(name) for name in columns.values())}
    kept = [name for name in frame.columns if name not in own]
    return lifetimes_from_frame(frame, covariates=kept, **columns)


def simple(frame: pd.DataFrame, **options: Any) -> float:
    with_start = {"start": "start"} if "start" in frame else {}
    fitted = cox(lives(frame, **with_start), covariates=["x"], small_cell=1, **options)
    return float(fitted.frame["hazard_ratio"].iloc[0])


def world(seed: int, n: int = 60, *, coarse: bool = False) -> pd.DataFrame:
    """Return customers of late entries, ties, two strata, one cluster for two customers."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 6, n) * (rng.random(n) < 0.4)
    x = rng.integers(0, 3, n) if coarse else rng.normal(size=n)
    wait = rng.exponential(8 / np.exp(0.5 * x))
    return pd.DataFrame(
        {
            "start": start.astype(float),
            "time": start + 1.0 + np.floor(np.minimum(wait, 12)),
            "status": (wait < 12).astype(int),
            "x": x,
            "plan": rng.choice(["basic", "gold", "plus"], n),
            "region": rng.choice(["north", "south"], n),
            "house": np.arange(n) // 2,
            "weight": rng.integers(1, 4, n),
        }
    )


def fit(frame: pd.DataFrame, **options: Any) -> CoxModel:
    table = lives(frame, start="start")
    return cox(table, covariates=["x", "plan"], small_cell=1, **options)


# Worked by hand: in each the likelihood of r = exp(b) is maximal where its derivative is 0.


def test_worked_by_hand_without_ties() -> None:
    frame = pd.DataFrame({"time": [1, 2, 3], "status": [1, 1, 0], "x": [1, 0, 1]})
    # r / (2r + 1) / (r + 1)
    assert simple(frame) == pytest.approx(1 / np.sqrt(2))


def test_worked_by_hand_with_ties() -> None:
    frame = pd.DataFrame({"time": [1, 1, 2], "status": [1, 1, 0], "x": [1, 0, 1]})
    # r / (2r + 1) / (2r + 1 - (r + 1) / 2), and r / (2r + 1)^2
    assert simple(frame) == pytest.approx(1 / np.sqrt(6))
    assert simple(frame, ties="breslow") == pytest.approx(1 / 2)


def test_who_enters_at_the_time_of_an_event_is_not_under_risk_at_it() -> None:
    frame = pd.DataFrame(
        {"start": [0, 0, 0, 1], "time": [1, 2, 3, 4], "status": [1, 1, 0, 0], "x": [1, 0, 1, 1]}
    )
    # r / (2r + 1) / (2r + 1)
    assert simple(frame) == pytest.approx(1 / 2)


def test_strata_are_compared_within() -> None:
    frame = pd.DataFrame(
        {
            "time": [1, 2, 3, 1.5, 1.5, 2.5],
            "status": [1, 1, 0, 0, 0, 0],
            "x": [1, 0, 1, 0, 0, 0],
            "region": list("aaabbb"),
        }
    )
    assert simple(frame, strata=["region"]) == pytest.approx(1 / np.sqrt(2))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_counting_patterns_and_taking_rows_give_the_same(
    monkeypatch: pytest.MonkeyPatch, ties: str, weighted: bool, seed: int
) -> None:
    options = {"ties": ties, "strata": ["region"], "clusters": "house"}
    if weighted:
        options["weights"] = "weight"
    frame = world(seed, 400, coarse=True)
    counted = fit(frame, **options)
    monkeypatch.setattr(designing, "worth_counting", lambda *_: False)
    single = fit(frame, **options)
    assert isinstance(counted.fit.design.units, Patterns)
    assert isinstance(single.fit.design.units, Singles)
    pd.testing.assert_frame_equal(counted.frame, single.frame, rtol=1e-9)
    assert counted.log_likelihood == pytest.approx(single.log_likelihood, rel=1e-12)
    assert counted.robust_score is not None
    assert single.robust_score is not None
    assert counted.robust_score.statistic == pytest.approx(single.robust_score.statistic)
    pd.testing.assert_frame_equal(counted.baseline().frame, single.baseline().frame, rtol=1e-9)
    np.testing.assert_allclose(counted.martingale_residuals(), single.martingale_residuals())


def test_a_customer_of_enormous_hazard_leaves_no_rounding_behind() -> None:
    frame = world(1, 200)
    frame["x"] = frame["x"] - frame["x"].mean()
    # Enters before all others leave, at odds of exp(40) and more, and goes as the first.
    frame.loc[200] = [0.0, 0.5, 1, 80.0, "gold", "north", 200, 1]
    one, other = frame.iloc[:200], frame
    few = fit(one, strata=["region"], clusters="house")
    design = designing.design(
        lives(other, start="start"), ["x"], strata=[], cause=None, clusters=None, weights=None
    )
    alone = designing.design(
        lives(one, start="start"), ["x"], strata=[], cause=None, clusters=None, weights=None
    )
    ratio = np.exp(frame["x"].to_numpy(dtype=float))
    with_it = design.units.sums(ratio).s0[1:]
    np.testing.assert_allclose(with_it, alone.units.sums(ratio[:200]).s0, rtol=1e-14)
    assert few.converged


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000))
def test_laws(seed: int) -> None:
    frame = world(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JourneyKitWarning)
        plain = fit(frame, clusters="house")
        numbers = plain.frame.drop(columns=["n", "n_event"])

        def same(other: CoxModel) -> None:
            found = other.frame.drop(columns=["n", "n_event"])
            pd.testing.assert_frame_equal(numbers, found, rtol=1e-6, atol=1e-8)
            assert plain.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-9)

        same(fit(frame.sample(frac=1, random_state=seed), clusters="house"))
        same(fit(frame.assign(start=frame["start"] * 7, time=frame["time"] * 7), clusters="house"))
        # An interval cut in two says the same, when rows of one customer are one cluster.
        cut = frame["start"] + np.floor((frame["time"] - frame["start"]) / 2)
        cut = cut.where(cut > frame["start"], frame["time"])
        early = frame.assign(time=cut, status=frame["status"].where(cut == frame["time"], 0))
        late = frame.assign(start=cut)[cut < frame["time"]]
        same(fit(pd.concat([early, late]), clusters="house"))
        # Breslow: a weight of k is k customers alike.
        weighted = fit(frame, ties="breslow", weights="weight", clusters="house")
        repeated = fit(
            frame.loc[frame.index.repeat(frame["weight"])], ties="breslow", clusters="house"
        )
        numbers = weighted.frame.drop(columns=["n", "n_event"])
        plain = weighted
        same(repeated)


def test_units_of_a_covariate_do_not_matter() -> None:
    frame = world(5)
    plain, scaled = fit(frame), fit(frame.assign(x=1e6 * frame["x"] + 1e9))
    assert scaled.coefficients[0] * 1e6 == pytest.approx(plain.coefficients[0], rel=1e-6)
    assert scaled.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-10)


def test_scores_sum_to_nothing_and_residuals_to_none_unexplained() -> None:
    fitted = fit(world(2), weights="weight", strata=["region"])
    weight = world(2)["weight"].to_numpy()
    assert weight @ fitted.martingale_residuals() == pytest.approx(0, abs=1e-10)
    np.testing.assert_allclose(fitted.influences().sum(axis=0), 0, atol=1e-10)
    assert fitted.robust


def test_lifelines_agrees() -> None:
    lifelines = pytest.importorskip("lifelines")
    frame = world(3, 300)
    frame["gold"] = (frame["plan"] == "gold").astype(int)
    table = frame[["start", "time", "status", "x", "gold", "region"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = lifelines.CoxPHFitter()
        peer.fit(
            table,
            "time",
            "status",
            entry_col="start",
            strata=["region"],
            fit_options={"precision": 1e-12},
        )
    ours = cox(lives(table, start="start"), covariates=["x", "gold"], strata=["region"])
    np.testing.assert_allclose(ours.frame["estimate"], peer.params_, rtol=1e-6)
    np.testing.assert_allclose(ours.frame["std_error"], peer.standard_errors_, rtol=1e-6)
    assert ours.log_likelihood == pytest.approx(peer.log_likelihood_, rel=1e-9)


def test_rows_of_one_customer_are_one_cluster() -> None:
    frame = world(4, 80)
    frame["id"] = np.arange(80) % 40
    frame["start"], frame["time"] = (
        frame["start"] + 20 * (np.arange(80) // 40),
        frame["time"] + 20 * (np.arange(80) // 40),
    )
    table = lives(frame, customer_id="id", start="start")
    options: dict[str, Any] = {"covariates": ["x"], "small_cell": 1}
    fitted, again = cox(table, **options), cox_time_varying(table, **options)
    pd.testing.assert_frame_equal(fitted.frame, again.frame)
    assert fitted.robust
    assert fitted.n == 40
    assert fitted.n_rows == 80
    unit = cox(lives(frame.drop(columns="id"), start="start"), **options)
    assert not unit.robust
    assert unit.robust_score is None
    assert unit.frame["std_error"].tolist() == unit.frame["std_error_model"].tolist()
    assert fitted.frame["std_error_model"].iloc[0] == pytest.approx(unit.frame["std_error"].iloc[0])


def test_what_a_model_shows() -> None:
    fitted = fit(world(6, 200), strata=["region"])
    frame = fitted.frame
    assert frame["covariate"].tolist() == ["x", "plan", "plan"]
    assert frame["level"].fillna("").tolist() == ["", "gold", "plus"]
    assert fitted.names == ("x", "plan[gold]", "plan[plus]")
    table = world(6, 200)
    gold = table[table["plan"] == "gold"]
    assert frame["n"].tolist()[:2] == [200, len(gold)]
    assert frame["n_event"].tolist()[:2] == [table["status"].sum(), gold["status"].sum()]
    assert frame["hazard_ratio_high"].tolist() == pytest.approx(np.exp(frame["conf_high"]).tolist())
    half = 1.959963984540054 * frame["std_error"]
    assert (frame["conf_high"] - frame["estimate"]).tolist() == pytest.approx(half.tolist())
    assert fitted.covariance[0, 0] == pytest.approx(frame["std_error"].iloc[0] ** 2)
    assert fitted.aic == 6 - 2 * fitted.log_likelihood
    assert fitted.bic == pytest.approx(3 * np.log(fitted.n_event) - 2 * fitted.log_likelihood)
    assert fitted.provenance.parameters["ties"] == "efron"
    assert "events of 200 customers, 3 coefficients; all together p < 0.0001" in fitted.summary()
    assert "clearest: x, hazard ratio" in fitted.summary()
    ax = fitted.plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == list(fitted.names)
    assert ax.get_xlabel() == "hazard ratio with 95% interval"
    assert ax.lines[1].get_xdata() == pytest.approx(frame["hazard_ratio"].to_numpy())


def test_coefficients_about_few_customers_are_not_shown() -> None:
    frame = world(7, 200)
    frame.loc[:7, "plan"] = "rare"
    table = lives(frame, start="start")
    fitted = cox(table, covariates=["x", "plan"])
    assert fitted.suppressed == ("plan[rare]",)
    hidden = fitted.frame.iloc[3]
    assert hidden[["n", "n_event", "estimate", "hazard_ratio", "p_value"]].isna().all()
    assert fitted.frame.iloc[:3].notna().drop(columns="level").all(axis=None)
    assert "not shown, about fewer than 10 customers: plan[rare]" in fitted.summary()
    assert "too few to show" in [text.get_text().strip() for text in fitted.plot().texts]
    whole = cox(table, covariates=["x", "plan"], small_cell=1)
    pd.testing.assert_series_equal(whole.frame["estimate"][:3], fitted.frame["estimate"][:3])
    # The few may also be those without.
    frame["known"] = 1.0
    frame.loc[:7, "known"] = 0.0
    assert cox(lives(frame, start="start"), covariates=["known"]).suppressed == ("known",)


def test_a_level_that_nobody_left_from_has_no_finite_estimate() -> None:
    frame = world(8, 300)
    frame.loc[frame["plan"] == "gold", "status"] = 0
    with pytest.warns(JourneyKitWarning, match=r"No finite hazard ratio fits 'plan\[gold\]'"):
        fitted = fit(frame)
    assert fitted.infinite == ("plan[gold]",)
    assert fitted.converged
    row = fitted.frame.iloc[1]
    assert row["estimate"] == -np.inf
    assert row["hazard_ratio"] == 0
    assert row[["std_error", "conf_low", "conf_high", "z", "p_value"]].isna().all()
    assert "no finite estimate: plan[gold]" in fitted.summary()
    assert "no finite estimate" in [text.get_text().strip() for text in fitted.plot().texts]
    assert np.isnan(fitted.wald.statistic)
    # The others are what they are without those customers, who are only ever compared with.
    assert np.isfinite(fitted.frame["estimate"].iloc[[0, 2]]).all()
    others = cox(
        lives(frame[frame["plan"] != "gold"], start="start"), covariates=["x", "plan"], small_cell=1
    )
    np.testing.assert_allclose(
        fitted.frame["estimate"].iloc[[0, 2]], others.frame["estimate"], rtol=1e-3
    )


def test_a_covariate_that_orders_all_departures_has_no_finite_estimate() -> None:
    frame = pd.DataFrame({"time": range(1, 31), "status": 1, "x": np.arange(30, 0, -1) ** 2.0})
    with pytest.warns(JourneyKitWarning, match="No finite hazard ratio fits 'x'"):
        fitted = cox(lives(frame), covariates=["x"])
    assert fitted.frame["estimate"].tolist() == [np.inf]


def test_a_strong_effect_is_not_taken_for_an_infinite_one() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    frame = pd.DataFrame({"time": rng.exponential(np.exp(-4 * x)), "status": 1, "x": x})
    fitted = cox(lives(frame), covariates=["x"])
    assert fitted.infinite == ()
    assert fitted.frame["estimate"].iloc[0] == pytest.approx(4, abs=0.3)


def test_the_reference_is_the_first_level() -> None:
    frame = world(9, 200)
    frame["plan"] = pd.Categorical(frame["plan"], categories=["plus", "basic", "gold", "unused"])
    assert fit(frame).names == ("x", "plan[basic]", "plan[gold]")


def ends(frame: pd.DataFrame) -> Lifetimes:
    frame = frame.assign(end=np.where(frame["x"] > 0, "lapse", "rival"))
    return lifetimes_from_frame(frame, start="start", cause="end", covariates=["x", "plan"])


def test_other_ends_are_censored() -> None:
    frame = world(10, 200)
    by_rival = fit(frame.assign(status=frame["status"] * (frame["x"] <= 0)))
    fitted = cox(ends(frame), covariates=["x", "plan"], cause="rival", small_cell=1)
    pd.testing.assert_frame_equal(fitted.frame, by_rival.frame)
    with pytest.raises(MappingError, match="`cause` names ends that do not exist: 'rivel'"):
        cox(ends(frame), covariates=["x"], cause="rivel")
    with pytest.raises(ArgumentError, match="do not say which end each event was"):
        fit(frame, cause="rival")


def wrong(match: str, error: type[Exception], frame: pd.DataFrame, **options: Any) -> None:
    covariates = options.pop("covariates", ["x"])
    with pytest.raises(error, match=match):
        cox(lives(frame, start="start"), covariates=covariates, **options)


def test_what_cannot_be_fitted_is_said() -> None:
    frame = world(11, 100)
    wrong("Nobody left among the 100 rows", DataError, frame.assign(status=0))
    wrong(
        "`ties` must be one of 'efron', 'breslow'; got 'exact'", ArgumentError, frame, ties="exact"
    )
    wrong("`confidence` must lie strictly between", ArgumentError, frame, confidence=1.0)
    wrong("`small_cell` must be a whole number", ArgumentError, frame, small_cell=0)
    wrong(
        "`strata` names columns that do not exist: 'regoin'", MappingError, frame, strata=["regoin"]
    )
    wrong("`clusters` names columns that do not exist", MappingError, frame, clusters="home")
    wrong("`weights` names columns that do not exist", MappingError, frame, weights="heavy")
    wrong("`covariates` names columns that do not exist", MappingError, frame, covariates=["y"])
    wrong("each once", ArgumentError, frame, covariates=["x", "x"])
    gap = frame.copy()
    gap.loc[3, "region"] = None
    wrong(
        "Column 'region' must say to which group a row belongs; 1 of 100 rows are empty",
        DataError,
        gap,
        strata=["region"],
    )
    wrong("1 of 100 rows are empty", DataError, gap, clusters="region")
    wrong("Covariate 'region' must hold a value in every row; 1 of 100", DataError, gap,
          covariates=["region"])  # fmt: skip
    wrong("Weights 'plan' must be numbers", DataError, frame, weights="plan")
    wrong("Weights 'weight' must be greater than 0; 100 of 100 rows are not, such as 0.0",
          DataError, frame.assign(weight=0), weights="weight")  # fmt: skip


def test_too_few_clusters_and_a_search_cut_short_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = world(14, 100)
    with pytest.raises(ArgumentError, match="more clusters, by far, than coefficients; got 2 cl"):
        fit(frame, clusters="region")
    monkeypatch.setattr(newton, "_MOST_STEPS", 1)
    with pytest.warns(JourneyKitWarning, match="still growing when the search .* ended"):
        assert not fit(frame).converged


def test_covariates_that_tell_nothing_of_their_own_are_named() -> None:
    frame = world(12, 100)
    frame["double"] = 2 * frame["x"] + 1
    frame["other"] = np.random.default_rng(0).normal(size=100)
    wrong(
        "must not determine each other; these do: 'x', 'double'. Leave",
        ArgumentError,
        frame,
        covariates=["x", "other", "double"],
    )
    frame["north"] = (frame["region"] == "north").astype(float)
    wrong("'north' never does", ArgumentError, frame, covariates=["x", "north"], strata=["region"])
    wrong("has the one value", ArgumentError, frame.assign(one=1), covariates=["one"])


def test_errors_hold_for_rows_of_few_patterns_too() -> None:
    frame = world(13, 500, coarse=True)
    wrong("has the one value", ArgumentError, frame.assign(one=1), covariates=["one"])
    frame["gold"] = (frame["plan"] == "gold").astype(int)
    wrong(r"these do: 'plan\[gold\]', 'gold'", ArgumentError, frame, covariates=["plan", "gold"])
    frame["x"] = frame["x"].astype(float)
    frame.loc[:4, "x"] = np.inf
    wrong("a finite number in every row; 5 of 500", DataError, frame, covariates=["x"])
