"""Every value that R's survival gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.regression import (
    CoxModel,
    cox,
    cox_time_varying,
    proportional_hazards_test,
)

Read = Callable[[str], pd.DataFrame]

LUNG = ["age", "female", "ph.ecog"]
HEART = ["age", "year", "surgery", "transplant"]
TELCO = ["contract", "monthly_charges", "paperless_billing", "senior_citizen", "tech_support"]
VETERAN = ["trt", "celltype", "karno", "diagtime", "age", "prior"]
MGUS = ["sex", "hgb", "creat", "mspike"]


def lung(read: Read) -> Lifetimes:
    return lifetimes_from_frame(read("lung_complete"), event="event", covariates=[*LUNG, "inst"])


def heart(read: Read) -> Lifetimes:
    return lifetimes_from_frame(
        read("heart"),
        customer_id="id",
        start="start",
        stop="stop",
        event="event",
        covariates=HEART,
    )


def veteran(read: Read) -> Lifetimes:
    table = read("veteran")
    kinds = ["squamous", "smallcell", "adeno", "large"]
    table["celltype"] = pd.Categorical(table["celltype"], categories=kinds)
    return lifetimes_from_frame(table, covariates=VETERAN)


def telco(read: Read) -> Lifetimes:
    return lifetimes_from_frame(
        read("telco_wa_churn"), stop="tenure", event="event", covariates=TELCO
    )


def jasa_rows(read: Read) -> Lifetimes:
    return lifetimes_from_frame(
        read("jasa_tmerge_expected"),
        customer_id="id",
        start="tstart",
        stop="tstop",
        event="death",
        covariates=["transpl", "age", "surgery"],
    )


def jasa_naive(read: Read) -> Lifetimes:
    table = read("jasa")
    # As R has it: who died on the day of acceptance died half a day later.
    table["futime"] = np.maximum(table["futime"], 0.5)
    return lifetimes_from_frame(
        table, stop="futime", event="fustat", covariates=["age", "surgery", "transplant"]
    )


def mgus_by_age(read: Read) -> Lifetimes:
    table = read("mgus2").dropna(subset=MGUS)
    table["stop"] = table["age"] + table["futime"] / 12
    return lifetimes_from_frame(
        table[table["stop"] > table["age"]],
        start="age",
        stop="stop",
        event="death",
        covariates=MGUS,
    )


def mgus_ends(read: Read) -> Lifetimes:
    table = read("mgus2_competing_complete")
    table["left"] = table["ev"] > 0
    return lifetimes_from_frame(
        table, stop="etime", event="left", cause="event", covariates=["age", "male", "mspike"]
    )


JASA_ROWS = ["transpl", "age", "surgery"]
JASA_NAIVE = ["age", "surgery", "transplant"]
ENDS = ["age", "male", "mspike"]

#: Of each model the data, the covariates and the options.
MODELS: dict[str, tuple[Callable[[Read], Lifetimes], list[str], dict[str, Any]]] = {
    "cox_lung_efron": (lung, LUNG, {}),
    "cox_lung_breslow": (lung, LUNG, {"ties": "breslow"}),
    "cox_lung_robust": (lung, LUNG, {"clusters": "customer_id"}),
    "cox_lung_cluster_inst": (lung, LUNG, {"clusters": "inst"}),
    "cox_lung_strata_ecog": (lung, LUNG[:2], {"strata": ["ph.ecog"]}),
    "cox_veteran": (veteran, VETERAN, {}),
    "cox_telco": (telco, TELCO, {}),
    "cox_mgus2_agescale": (mgus_by_age, MGUS, {}),
    "coxtv_heart": (heart, HEART, {}),
    "coxtv_heart_breslow": (heart, HEART, {"ties": "breslow"}),
    "coxtv_jasa_tmerge": (jasa_rows, JASA_ROWS, {}),
    "cox_jasa_naive_ever_transplanted": (jasa_naive, JASA_NAIVE, {}),
    "causespecific_mgus2_pcm": (mgus_ends, ENDS, {"cause": "pcm"}),
    "causespecific_mgus2_death": (mgus_ends, ENDS, {"cause": "death"}),
}


def model(read: Read, oracle: str) -> CoxModel:
    """Fit the model of that name."""
    data, covariates, options = MODELS[oracle]
    method = cox_time_varying if oracle.startswith("coxtv") else cox
    return method(data(read), covariates=covariates, small_cell=1, **options)


@pytest.fixture
def read(shared: Path) -> Read:
    return lambda name: pd.read_csv(shared / "oracles/survival/inputs" / f"{name}.csv")


def expected(shared: Path, oracle: str) -> pd.DataFrame:
    table = pd.read_csv(
        shared / "oracles/survival/expected.csv", dtype={"at": str}, keep_default_na=False
    )
    found = table[table["oracle"] == oracle].copy()
    assert len(found), f"no rows of {oracle}"
    found["value"] = pd.to_numeric(found["value"])
    return found


@pytest.mark.parametrize("oracle", MODELS)
def test_coefficients_and_tests_equal_r(shared: Path, read: Read, oracle: str) -> None:
    fitted = model(read, oracle)
    table = fitted.frame.set_index(
        fitted.frame["covariate"] + fitted.frame["level"].fillna("").astype(str)
    )
    # R gives the heart models' own errors; ours are by customer there.
    has_naive = "se_naive" in set(expected(shared, oracle)["quantity"])
    columns = {
        "coef": "estimate",
        "se": "std_error" if has_naive else "std_error_model",
        "se_naive": "std_error_model",
    }
    whole = {
        ("loglik", "null"): fitted.log_likelihood_null,
        ("loglik", "model"): fitted.log_likelihood,
        ("n_event", "all"): fitted.n_event,
        ("lrt_chisq", "all"): fitted.likelihood_ratio.statistic,
        ("score_chisq", "all"): fitted.score.statistic,
        ("robust_score_chisq", "all"): getattr(fitted.robust_score, "statistic", None),
    }
    if has_naive or not fitted.robust:
        whole["wald_chisq", "all"] = fitted.wald.statistic
    checked = 0
    for row in expected(shared, oracle).itertuples():
        if row.quantity in columns:
            found = table.loc[row.at, columns[row.quantity]]
        elif (row.quantity, row.at) in whole:
            found = whole[row.quantity, row.at]
        else:
            continue
        assert found == pytest.approx(row.value, rel=row.rtol), row
        checked += 1
    assert checked >= 2 * len(fitted.names) + 5
    assert fitted.converged


def test_who_lived_long_enough_to_be_transplanted_seems_saved_by_it(read: Read) -> None:
    naive = model(read, "cox_jasa_naive_ever_transplanted").frame.set_index("covariate")
    right = model(read, "coxtv_jasa_tmerge").frame.set_index("covariate")
    assert naive.loc["transplant", "hazard_ratio"] == pytest.approx(0.180, abs=5e-4)
    assert naive.loc["transplant", "hazard_ratio_high"] < 0.4
    assert right.loc["transpl", "hazard_ratio"] == pytest.approx(1.014, abs=5e-4)
    assert right.loc["transpl", "p_value"] > 0.9


@pytest.mark.parametrize("shift", [0.0, 2500.0])
def test_baseline_predictions_and_residuals_equal_r(shared: Path, read: Read, shift: float) -> None:
    lives = veteran(read)
    if shift:
        # Far from 0, and on another scale, a covariate says the same.
        lives.frame["diagtime"] = (lives.frame["diagtime"] + shift) * 1e3
    fitted = cox(lives, covariates=VETERAN, small_cell=1)
    zero = dict.fromkeys(["trt", "karno", "age", "prior"], 0) | {"diagtime": shift * 1e3}
    baseline = fitted.baseline(zero).frame
    predicted = fitted.predict(lives, days=[30, 100, 200, 400]).frame
    martingale, moved = fitted.martingale_residuals(), fitted.influences()
    deviance = fitted.deviance_residuals()
    schoenfeld = proportional_hazards_test(fitted).residuals("karno").residual
    names = [name.replace("[", "").replace("]", "") for name in fitted.names]
    checked = 0
    for row in expected(shared, "cox_veteran").itertuples():
        what = row.quantity
        if what == "basecumhaz_uncentered":
            until = baseline[baseline["time_days"] <= float(row.at)]
            found = until["cumulative_hazard"].iloc[-1]
        elif what.startswith("surv_"):
            at = predicted["row"] == int(what.rsplit("row", 1)[1]) - 1
            at &= predicted["time_days"] == float(row.at)
            column = "std_error" if what.startswith("surv_se") else "estimate"
            found = predicted.loc[at, column].iloc[0]
        elif what == "resid_martingale":
            found = martingale[int(row.at) - 1]
        elif what == "resid_deviance":
            found = deviance[int(row.at) - 1]
        elif what.startswith("dfbeta_") and not (shift and "diagtime" in what):
            found = moved[int(row.at) - 1, names.index(what.removeprefix("dfbeta_"))]
        elif what == "schoenfeld_karno_first10":
            found = schoenfeld[int(row.at.split("@")[0]) - 1]
        else:
            continue
        assert found == pytest.approx(row.value, rel=row.rtol), row
        checked += 1
    assert checked >= 93


def test_predicted_risks_equal_r(read: Read) -> None:
    fitted = model(read, "cox_veteran")
    wanted = read("veteran_cox_predicted_risk")
    risk = 1 - fitted.predict(veteran(read), days=[50, 100, 200]).frame["estimate"]
    found = risk.to_numpy().reshape(-1, 3)
    np.testing.assert_allclose(found, wanted[["risk50", "risk100", "risk200"]], rtol=1e-6)


@pytest.mark.parametrize(
    ("oracle", "of", "transform"),
    [
        ("zph_veteran_km", "cox_veteran", "km"),
        ("zph_veteran_rank", "cox_veteran", "rank"),
        ("zph_veteran_identity", "cox_veteran", "identity"),
        ("zph_veteran_log", "cox_veteran", "log"),
        ("zph_lung_km", "cox_lung_efron", "km"),
        ("zph_telco_km", "cox_telco", "km"),
    ],
)
def test_proportional_hazards_equal_r(
    shared: Path, read: Read, oracle: str, of: str, transform: str
) -> None:
    test = proportional_hazards_test(model(read, of), transform=transform)  # type: ignore[arg-type]
    frame = test.frame.set_index("covariate")
    wanted = expected(shared, oracle)
    for row in wanted.itertuples():
        column = {"chisq": "statistic", "p": "p_value"}[row.quantity]
        at = "(all)" if row.at == "GLOBAL" else row.at
        assert frame.loc[at, column] == pytest.approx(row.value, rel=row.rtol), row
    assert set(wanted["quantity"]) <= {"chisq", "p"}
