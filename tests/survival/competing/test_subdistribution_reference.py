"""Values computed with R."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.competing import fine_gray
from journeykit.survival.competing.subdistribution import Way
from journeykit.survival.competing.weighing import Weighed, maximise, score_influence, weighed

#: Of those who came to no end.
NOBODY = np.array(None, dtype=object)
COVARIATES = ["age", "male", "mspike"]


def lives(frame: pd.DataFrame, **more: str) -> Lifetimes:
    kept = [name for name in frame if name in {"x", "level", *COVARIATES}]
    frame = frame.assign(status=frame["to"].notna())
    return lifetimes_from_frame(frame, cause="to", covariates=kept, **more)


def mixed(n: int = 120) -> pd.DataFrame:
    """Three covariates and many ties, made without chance."""
    i = np.arange(n)
    kind = (i * 7 + i // 5) % 3
    return pd.DataFrame(
        {
            "time": 1 + (i * 37 + i * i) % 11 + (i % 4 == 0) * 3,
            "to": np.array([None, "a", "b"], dtype=object)[kind],
            "age": ((i * 29) % 31) / 10 + kind * 0.2,
            "male": (i * 13 // 4) % 2,
            "mspike": ((i * i * 3) % 17) / 5.0,
        }
    )


def test_ties_equal_to_cmprsk() -> None:
    # R: crr(time, status, X, gtol = 1e-12) of cmprsk 2.2-11, and predict.
    model = fine_gray(lives(mixed()), covariates=COVARIATES, cause="a", ties="cmprsk")
    expected = [0.0117470489651, -0.0886778157544, -0.1067919261954]
    assert model.coefficients == pytest.approx(expected, rel=1e-9)
    expected = [0.1606958470959, 0.2780488255378, 0.1791860520300]
    assert model.frame["std_error"].tolist() == pytest.approx(expected, rel=1e-9)
    assert model.log_likelihood == pytest.approx(-201.8951699518744, rel=1e-12)
    one = pd.DataFrame({"age": [1.0], "male": [1], "mspike": [1.0]})
    found = model.incidence_at(one, at_days=[1, 6, 14]).frame["estimate"].tolist()
    assert found == pytest.approx([0.049040515314202, 0.219095753248002, 0.570820959906460])


@pytest.mark.parametrize(
    ("ties", "estimate", "naive", "known", "likelihood"),
    [
        (
            "efron",
            [9.11122495935e-03, -9.62173070824e-02, -1.12090840664e-01],
            [1.64547062527e-01, 2.95180327554e-01, 1.84826217831e-01],
            [1.67611760921e-01, 2.90244071714e-01, 1.87145771875e-01],
            -198.769559145,
        ),
        (
            "breslow",
            [0.0090091246104, -0.0912987622370, -0.1099519728279],
            [0.1647031258945, 0.2947002870931, 0.1845069503303],
            [0.1608324354976, 0.2775739554928, 0.1786440168247],
            -200.7947581116144,
        ),
    ],
)
def test_ties_equal_to_weighted_cox(
    ties: Way, estimate: list[float], naive: list[float], known: list[float], likelihood: float
) -> None:
    # R: coxph(..., weights = fgwt, cluster = id) on the rows of finegray, survival 3.5-3.
    model = fine_gray(lives(mixed()), covariates=COVARIATES, cause="a", ties=ties)
    assert model.coefficients == pytest.approx(estimate, rel=1e-8)
    assert model.frame["std_error_model"].tolist() == pytest.approx(naive, rel=1e-8)
    assert model.log_likelihood == pytest.approx(likelihood, rel=1e-10)
    fitted = model.fitted
    own = score_influence(fitted.sets, fitted.x, fitted.top.at).own
    moved = own @ np.linalg.inv(fitted.top.at.information) / fitted.scale
    assert np.sqrt(np.square(moved).sum(axis=0)) == pytest.approx(known, rel=1e-8)


def oracle(shared: Path, name: str) -> pd.DataFrame:
    table = pd.read_csv(
        shared / "oracles/survival/expected.csv", dtype={"at": str}, keep_default_na=False
    )
    table = table[table["oracle"] == name]
    return table.astype({"value": float, "rtol": float})


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
            value = model.incidence_at(customer, at_days=[float(row.at)]).frame["estimate"].iloc[0]
        elif row.quantity == "loglik":
            value = model.log_likelihood
        else:
            value = rows.loc[row.at, {"coef": "estimate", "se_robust": "std_error"}[row.quantity]]
        assert value == pytest.approx(row.value, rel=row.rtol), row
        checked += 1
    assert checked == 19


def concordance(sets: Weighed, score: np.ndarray) -> tuple[float, float]:
    """Return the share of pairs in order, risk sets weighted, and its error by influence."""
    after = np.arange(len(sets.still))[:, None] >= sets.until
    weight = np.where(after, sets.still[:, None] * sets.scale, 1.0)
    right, pairs = np.zeros(len(score)), np.zeros(len(score))
    for row in np.flatnonzero(sets.event):
        k = sets.until[row] - 1
        against = np.where(sets.event & (sets.until == k + 1), 0.0, weight[k])
        better = against * ((score < score[row]) + 0.5 * (score == score[row]))
        right += better
        pairs += against
        right[row] += better.sum()
        pairs[row] += against.sum()
    value = right.sum() / pairs.sum()
    return value, float(np.sqrt((np.square(right - value * pairs)).sum()) / (pairs.sum() / 2))


def expected_of_weighted_cox(frame: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return what Cox programs say of the weighted rows, the weights taken as known."""
    model = fine_gray(lives(frame), covariates=COVARIATES, cause="pcm")
    rows = model.frame.set_index("covariate")
    x = frame[COVARIATES].to_numpy(dtype=float)
    x = x - x.mean(axis=0)
    sets = weighed(frame["time"].to_numpy(), frame["ev"].to_numpy())
    top = maximise(sets, x, "efron")
    inverse = np.linalg.inv(top.at.information)
    moved = score_influence(sets, x, top.at).own @ inverse
    covariance = moved.T @ moved
    start, own = top.null.score, score_influence(sets, x, top.null).own
    order, error = concordance(sets, x @ top.beta)
    # The rows of finegray: one a customer, and one more for each fall of G between ends later.
    later = [sets.still[until:] for until in sets.until[sets.other]]
    own_still = 1 / sets.scale[sets.other]
    steps = [
        len(set(still[still < own * (1 - 1e-12)]))
        for still, own in zip(later, own_still, strict=True)
    ]
    errors = np.sqrt(np.diag(covariance))
    return {
        **{("coef", name): rows.loc[name, "estimate"] for name in COVARIATES},
        **{("se_naive", name): rows.loc[name, "std_error_model"] for name in COVARIATES},
        **dict(zip([("se", name) for name in COVARIATES], errors, strict=True)),
        ("loglik", "null"): model.log_likelihood_null,
        ("loglik", "model"): model.log_likelihood,
        ("n_event", "all"): model.n_event,
        ("lrt_chisq", "all"): 2 * (model.log_likelihood - model.log_likelihood_null),
        ("wald_chisq", "all"): top.beta @ np.linalg.solve(covariance, top.beta),
        ("score_chisq", "all"): start @ np.linalg.solve(top.null.information, start),
        ("robust_score_chisq", "all"): start @ np.linalg.solve(own.T @ own, start),
        ("concordance", "C"): order,
        ("concordance", "se"): error,
        ("rows_after_finegray_expansion", "all"): len(frame) + sum(steps),
    }


def test_equal_to_weighted_cox_whose_errors_take_the_weights_as_known(shared: Path) -> None:
    frame = gammopathy(shared)
    found = expected_of_weighted_cox(frame)
    table = oracle(shared, "finegray_coxph_mgus2_pcm")
    assert len(table) == 19
    for row in table.itertuples():
        assert found[row.quantity, row.at] == pytest.approx(row.value, rel=row.rtol), row
