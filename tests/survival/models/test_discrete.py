"""Discrete-time hazard: R's numbers, statsmodels, cells by hand, laws and messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.errors import ArgumentError, DataError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import Inactivity, Lifetimes, lifetimes, lifetimes_from_frame
from journeykit.survival.models import discrete_hazard
from journeykit.survival.models.binomial import Link
from journeykit.survival.models.person_periods import LastPeriod, cells, stays
from journeykit.survival.rows import spans


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


def counted(lives: Lifetimes, days: float, last_period: LastPeriod = "whole") -> pd.DataFrame:
    pattern = np.zeros(len(lives.frame), dtype=np.int64)
    found = cells(
        stays(spans(lives), length=round(days * DAY)),
        pattern,
        n_patterns=1,
        last_period=last_period,
    )
    return pd.DataFrame(found._asdict())


@pytest.mark.parametrize("link", ["cloglog", "logit"])
@pytest.mark.parametrize("grouped", ["", "_grouped"])
def test_lung_equals_r(shared: Path, link: Link, grouped: str) -> None:
    lung = read(shared, "lung_complete")
    lives = lifetimes_from_frame(lung, event="event", covariates=["female", "ph.ecog"])
    model = discrete_hazard(
        lives,
        covariates=["female", "ph.ecog"],
        period_days=30,
        link=link,
        baseline="log",
        last_period="whole",
    )
    terms = model.frame.set_index("term")
    for row in expected(shared, f"dth_lung_{link}_logp{grouped}").itertuples():
        if row.quantity == "loglik_bernoulli":
            assert model.log_likelihood == pytest.approx(row.value, rel=row.rtol)
            continue
        name = "estimate" if row.quantity == "coef" else "std_error"
        at = "log(period)" if row.at == "log(p)" else row.at
        # R's default stops with an error of 1e-6 in its cloglog standard errors.
        assert terms.loc[at, name] == pytest.approx(row.value, rel=max(row.rtol, 2e-6)), row


def test_cells_of_lung_equal_the_grouped_table(shared: Path) -> None:
    lung = read(shared, "lung_complete")
    theirs = read(shared, "lung_personperiod30_grouped")
    lives = lifetimes_from_frame(lung, event="event", covariates=["female"])
    for female in (0, 1):
        part = lung[lung["female"] == female]
        ours = counted(lifetimes_from_frame(part, event="event"), 30).set_index("period")
        there = theirs[theirs["female"] == female].groupby("p")[["n", "d"]].sum()
        assert ours["n"].tolist() == there["n"].tolist()
        assert ours["n_event"].tolist() == there["d"].tolist()
    assert counted(lives, 30)["n"].sum() == len(read(shared, "lung_personperiod30"))


@pytest.mark.parametrize("link", ["cloglog", "logit"])
def test_telco_equals_r(shared: Path, link: Link) -> None:
    telco = read(shared, "telco_wa_churn")
    lives = lifetimes_from_frame(telco, stop="tenure", event="event", covariates=["contract"])
    model = discrete_hazard(lives, covariates=["contract"], period_days=1, link=link)
    terms = model.frame.set_index("term")
    for row in expected(shared, f"dth_telco_{link}").itertuples():
        at = f"contract[{row.at.removeprefix('contract')}]"
        name = "estimate" if row.quantity == "coef" else "std_error"
        assert terms.loc[at, name] == pytest.approx(row.value, rel=row.rtol), row
    assert model.n_event == telco["event"].sum()
    # Twelve customers of 0 months were under risk in no month.
    assert model.n == (telco["tenure"] > 0).sum()


WORKED = pd.DataFrame(
    {
        # (0,3] lost within period 1; event at 10, the end of 1; event at 0; from 4, so from
        # period 2 on, lost at the end of 3; from 10 on, event in 3; from 11, gone within 2.
        "start": [0, 0, 0, 4, 10, 11],
        "time": [3, 10, 0.0, 30, 21, 19],
        "status": [0, 1, 1, 0, 1, 1],
    }
)


def test_cells_worked_by_hand() -> None:
    # At time 0 nobody enters before leaving, so `start` is no column of that customer.
    beginning = WORKED[WORKED["start"] == 0]
    found = counted(lifetimes_from_frame(beginning), 10)
    assert found[["period", "n", "n_event"]].to_numpy().tolist() == [[1, 3, 2]]
    half = counted(lifetimes_from_frame(beginning), 10, "half")
    assert half["n"].tolist() == [2.5]
    out = counted(lifetimes_from_frame(beginning), 10, "left_out")
    assert out["n"].tolist() == [2]
    late = counted(lifetimes_from_frame(WORKED[WORKED["start"] > 0], start="start"), 10)
    assert late[["period", "n", "n_event"]].to_numpy().tolist() == [[2, 2, 0], [3, 2, 1]]


def test_covariates_are_those_at_the_beginning_of_a_period() -> None:
    frame = pd.DataFrame(
        {
            "customer": ["u", "u", "u", "v"],
            "start": [0, 12, 14, 0],
            "time": [12, 14, 35, 20],
            "status": [0, 0, 1, 1],
        }
    )
    lives = lifetimes_from_frame(frame, customer_id="customer", start="start")
    stayed = stays(spans(lives), length=10 * DAY)
    assert stayed.first.tolist() == [1, 3, 3, 1]
    assert stayed.last.tolist() == [2, 2, 4, 2]
    assert stayed.event.tolist() == [False, False, True, True]
    assert not stayed.cut.any()
    # The last row ends within the period that an earlier one began: the earlier row answers.
    early = lifetimes_from_frame(
        frame.assign(time=[12, 14, 17, 20]), customer_id="customer", start="start"
    )
    stayed = stays(spans(early), length=10 * DAY)
    assert stayed.event.tolist() == [True, False, False, True]


def drawn(n: int = 500, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    plan, visits = rng.integers(0, 3, n), rng.integers(0, 4, n)
    time = rng.exponential(40 * np.exp(0.5 * (plan == 1) - 0.2 * visits))
    start = np.where(rng.random(n) < 0.4, rng.uniform(1, 25, n), 0.0)
    censored = start + rng.uniform(5, 80, n)
    frame = pd.DataFrame(
        {
            "customer": np.arange(n),
            "start": start,
            "time": np.minimum(time, censored),
            "status": time <= censored,
            "plan": np.array(["a", "b", "c"])[plan],
            "visits": visits,
        }
    )
    return frame[frame["time"] > frame["start"]].reset_index(drop=True)


def lives_of(frame: pd.DataFrame) -> Lifetimes:
    return lifetimes_from_frame(
        frame, customer_id="customer", start="start", covariates=["plan", "visits"]
    )


COVARIATES = ["plan", "visits"]


def person_periods(frame: pd.DataFrame, length: float) -> pd.DataFrame:
    """Write the definition down as a slow loop."""
    records = []
    for row in frame.itertuples():
        for period in range(1, 100):
            begin = (period - 1) * length
            if row.start <= begin < row.time:
                ends = row.time <= begin + length
                records.append(
                    (row.customer, period, bool(ends and row.status), row.plan, row.visits)
                )
    return pd.DataFrame.from_records(
        records, columns=["customer", "period", "left", "plan", "visits"]
    )


@pytest.mark.parametrize("link", ["cloglog", "logit"])
def test_statsmodels_agrees_on_single_periods(link: Link) -> None:
    import statsmodels.api as sm

    frame = drawn()
    model = discrete_hazard(
        lives_of(frame),
        covariates=COVARIATES,
        period_days=10,
        link=link,
        baseline="linear",
        last_period="whole",
        errors="robust",
    )
    long = person_periods(frame, 10)
    design = np.column_stack(
        [
            np.ones(len(long)),
            long["period"],
            long["plan"] == "b",
            long["plan"] == "c",
            long["visits"],
        ]
    ).astype(float)
    links = {"cloglog": sm.families.links.CLogLog(), "logit": sm.families.links.Logit()}
    fitter = sm.GLM(long["left"].astype(float), design, sm.families.Binomial(links[link]))
    theirs = fitter.fit(
        tol=1e-12,
        cov_type="cluster",
        cov_kwds={"groups": long["customer"].to_numpy(), "use_correction": False},
    )
    assert model.frame["estimate"].to_numpy() == pytest.approx(theirs.params.to_numpy(), rel=1e-6)
    assert model.log_likelihood == pytest.approx(theirs.llf)
    if link == "logit":  # where expected and observed information are one
        assert model.frame["std_error"].to_numpy() == pytest.approx(theirs.bse.to_numpy(), rel=1e-5)


@pytest.mark.parametrize("baseline", ["periods", "log"])
def test_order_splitting_and_units_change_nothing(baseline: str) -> None:
    frame = drawn()
    given = {"covariates": COVARIATES, "baseline": baseline, "errors": "robust"}
    whole = discrete_hazard(lives_of(frame), period_days=10, **given)  # type: ignore[arg-type]
    middle = (frame["start"] + frame["time"]) / 2
    parts = pd.concat([frame.assign(time=middle, status=False), frame.assign(start=middle)])
    parts[["start", "time"]] *= 3
    cut = discrete_hazard(
        lives_of(parts.sample(frac=1, random_state=3)),
        period_days=30,
        **given,  # type: ignore[arg-type]
    )
    assert cut.n == whole.n
    assert cut.n_event == whole.n_event
    for name in ("estimate", "std_error"):
        assert cut.frame[name].to_numpy() == pytest.approx(
            whole.frame[name].to_numpy(), rel=1e-6, nan_ok=True
        )


def test_robust_errors_of_a_right_model_are_near_the_models() -> None:
    frame = drawn(3000)
    model = discrete_hazard(lives_of(frame), covariates=COVARIATES, period_days=10)
    robust = discrete_hazard(
        lives_of(frame), covariates=COVARIATES, period_days=10, errors="robust"
    )
    ratio = (robust.frame["std_error"] / model.frame["std_error"]).to_numpy()[-3:]
    assert ratio == pytest.approx(1, abs=0.1)


def test_twice_the_customers_halve_the_variance() -> None:
    frame = drawn()
    once = discrete_hazard(lives_of(frame), covariates=COVARIATES, period_days=10, small_cell=1)
    again = frame.assign(customer=frame["customer"] + 10_000)
    twice = discrete_hazard(
        lives_of(pd.concat([frame, again])), covariates=COVARIATES, period_days=10, small_cell=1
    )
    assert twice.frame["estimate"].tolist() == pytest.approx(
        once.frame["estimate"].tolist(), nan_ok=True
    )
    ratio = (once.frame["std_error"] / twice.frame["std_error"]).to_numpy()
    assert ratio[np.isfinite(ratio)] == pytest.approx(np.sqrt(2))


def test_modelled_hazards_of_logit_are_the_observed_shares() -> None:
    frame = drawn().assign(one=lambda table: (table["visits"] > 1).astype(int))
    lives = lifetimes_from_frame(frame, covariates=["one"])
    model = discrete_hazard(lives, covariates=["one"], period_days=20, link="logit", small_cell=1)
    hazards = model.hazards.frame
    assert hazards["estimate"].to_numpy() == pytest.approx(hazards["observed"].to_numpy())
    assert len(discrete_hazard(lives, covariates=["one"], period_days=20).hazards.frame) <= len(
        hazards
    )
    assert hazards["n_event"].sum() == model.n_event


def test_survival_is_the_product_of_staying() -> None:
    # Nobody leaves in period 2, all do in period 4.
    frame = pd.DataFrame(
        {
            "time": [1, 1, 3, 3, 1, 3, 3, 4, 4, 4],
            "status": [1, 0, 1, 0, 1, 1, 1, 1, 1, 1],
            "x": [0, 0, 0, 0, 1, 1, 1, 1, 0, 0],
        }
    )
    lives = lifetimes_from_frame(frame, covariates=["x"])
    model = discrete_hazard(lives, covariates=["x"], period_days=1, small_cell=1)
    terms = model.frame.set_index("term")["estimate"]
    assert terms["period[2]"] == -np.inf
    assert terms["period[4]"] == np.inf
    found = model.survival_at(pd.DataFrame({"x": [0, 1]}), at_days=[0, 1, 2, 3, 4, 5])
    for x, row in zip((0, 1), found.table.to_numpy(), strict=True):
        stay = [np.exp(-np.exp(terms[f"period[{p}]"] + x * terms["x"])) for p in (1, 3)]
        steps = [1, stay[0], stay[0], stay[0] * stay[1], 0, np.nan]
        assert row.tolist() == pytest.approx(steps, nan_ok=True)
    inside = found.frame[found.frame["estimate"].between(0.001, 0.999)]
    assert (inside["conf_low"] < inside["estimate"]).all()
    assert (inside["conf_high"] > inside["estimate"]).all()
    with pytest.raises(ArgumentError, match="multiples of 1 days; got 1.5"):
        model.survival_at(lives, at_days=1.5)


def test_interval_of_survival_is_binomial_where_it_must_be() -> None:
    """Of one period and a saturated model, the error of log(-log S) is the binomial one."""
    frame = pd.DataFrame({"time": 1, "status": [1] * 30 + [0] * 70 + [1] * 50 + [0] * 50})
    frame["x"] = [0] * 100 + [1] * 100
    lives = lifetimes_from_frame(frame, covariates=["x"])
    model = discrete_hazard(lives, covariates=["x"], period_days=1)
    found = model.survival_at(pd.DataFrame({"x": [0]}), at_days=1).frame.iloc[0]
    error = np.sqrt(0.3 / (100 * 0.7)) / -np.log(0.7)
    assert found["estimate"] == pytest.approx(0.7)
    assert found["conf_low"] == pytest.approx(0.7 ** np.exp(1.959964 * error), rel=1e-6)


def test_half_of_the_last_period_is_right_where_losses_are_even() -> None:
    """A constant hazard of 1/50 a day, many lost from sight: the three ways of counting."""
    rng = np.random.default_rng(5)
    n = 100_000
    x = rng.integers(0, 2, n)
    time, lost = rng.exponential(50 * np.exp(-0.5 * x)), rng.exponential(30, n)
    frame = pd.DataFrame({"time": np.minimum(time, lost), "status": time <= lost, "x": x})
    lives = lifetimes_from_frame(frame, covariates=["x"])
    truth = np.log(5 / 50)
    found = {
        how: discrete_hazard(
            lives, covariates=["x"], period_days=5, baseline="constant", last_period=how
        ).frame["estimate"]
        for how in ("half", "whole", "left_out")
    }
    assert found["half"][0] == pytest.approx(truth, abs=0.02)
    assert found["half"][1] == pytest.approx(0.5, abs=0.02)
    assert found["whole"][0] < truth - 0.05
    assert found["left_out"][0] > truth + 0.05


def test_pictures_and_summary() -> None:
    model = discrete_hazard(lives_of(drawn()), covariates=COVARIATES, period_days=10)
    assert model.plot().get_xlabel() == "hazard ratio"
    assert model.hazards.plot().get_ylabel() == "leave in the period"
    assert "periods of 10 days: clearest is" in model.summary()
    assert model.aic == -2 * model.log_likelihood + 2 * model.n_parameters


def test_messages() -> None:
    lives = lives_of(drawn(60))
    with pytest.raises(ArgumentError, match="`link` must be one of 'cloglog', 'logit'"):
        discrete_hazard(lives, covariates=COVARIATES, period_days=10, link="probit")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`baseline` must be one of"):
        discrete_hazard(lives, covariates=COVARIATES, period_days=10, baseline="spline")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`last_period` must be one of"):
        discrete_hazard(lives, covariates=COVARIATES, period_days=10, last_period="no")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`period_days` must be a number greater than 0"):
        discrete_hazard(lives, covariates=COVARIATES, period_days=0)
    short = lifetimes_from_frame(
        pd.DataFrame({"start": [1, 2], "time": [3, 4], "status": 1, "x": [1, 2]}),
        start="start",
        covariates=["x"],
    )
    with pytest.raises(ArgumentError, match="Nobody is under risk at the beginning of any period"):
        discrete_hazard(short, covariates=["x"], period_days=100)
    nobody = lifetimes_from_frame(
        pd.DataFrame({"time": [3, 4], "status": 0, "x": [1, 2]}), covariates=["x"]
    )
    with pytest.raises(ArgumentError, match="In no period do some of those under risk"):
        discrete_hazard(nobody, covariates=["x"], period_days=1)
    many = pd.DataFrame({"time": 5000, "status": 1, "x": np.arange(5000)})
    with pytest.raises(
        ArgumentError, match="5,000 different combinations of covariates over 5,000"
    ):
        discrete_hazard(
            lifetimes_from_frame(many, covariates=["x"]), covariates=["x"], period_days=1
        )
    apart = pd.DataFrame({"time": [1, 2, 3, 4] * 5, "status": [1, 0] * 10, "x": ["a", "b"] * 10})
    with pytest.raises(DataError, match="The likelihood has no maximum"):
        discrete_hazard(
            lifetimes_from_frame(apart, covariates=["x"]),
            covariates=["x"],
            period_days=1,
            baseline="constant",
        )


def test_few_customers_are_hidden() -> None:
    frame = drawn().assign(plan=lambda table: table["plan"].where(table.index > 5, "few"))
    model = discrete_hazard(
        lifetimes_from_frame(frame, covariates=["plan", "visits"]),
        covariates=["plan", "visits"],
        period_days=10,
    )
    assert model.suppressed == ("plan[few]",)
    terms = model.frame.set_index("term")
    assert terms.loc["plan[few]"].isna().all()
    assert terms.loc[["plan[b]", "visits"]].notna().all(axis=None)
    shown = model.hazards.frame["period"]
    baseline = terms.loc[[name for name in terms.index if name.startswith("period")], "estimate"]
    assert baseline.notna().sum() == len(shown)
    found = model.survival_at(frame.iloc[:2], at_days=10).frame
    assert found["estimate"].notna().all()


@pytest.mark.parametrize(("unit", "zero"), [(1e7, 1e9), (1e9, 0), (1e-9, 0)])
@pytest.mark.parametrize("link", ["cloglog", "logit"])
def test_the_unit_of_a_covariate_does_not_matter(link: Link, unit: float, zero: float) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=400).round(1)
    table = pd.DataFrame({"time": rng.integers(1, 9, 400), "status": rng.integers(0, 2, 400)})

    def last(values: pd.Series) -> pd.Series:
        lives = lifetimes_from_frame(table.assign(x=values), covariates=["x"])
        return discrete_hazard(lives, covariates=["x"], period_days=1, link=link).frame.iloc[-1]

    small, large = last(pd.Series(x)), last(pd.Series(x * unit + zero))
    assert large["estimate"] * unit == pytest.approx(small["estimate"], rel=1e-6)
    assert large["std_error"] * unit == pytest.approx(small["std_error"], rel=1e-6)
    assert large["p_value"] == pytest.approx(small["p_value"], rel=1e-4)


@pytest.mark.parametrize("link", ["cloglog", "logit"])
@pytest.mark.parametrize("x", [[0] * 10, [0, 0, 0, 0, 1, 1, 2, 2, 3, 3]])
def test_a_rare_level_of_which_nobody_left_has_no_ratio(link: Link, x: list[int]) -> None:
    rng = np.random.default_rng(6)
    time, lost = rng.geometric(0.05, 200_000), rng.integers(1, 30, 200_000)
    table = pd.DataFrame({"time": np.minimum(time, lost), "status": time <= lost, "x": 0})
    rare = pd.DataFrame({"time": 5, "status": False, "x": np.array(x) + 1})
    lives = lifetimes_from_frame(pd.concat([table, rare]), covariates=["x"])
    with pytest.raises(DataError, match="The likelihood has no maximum"):
        discrete_hazard(lives, covariates=["x"], period_days=1, link=link, baseline="constant")


def test_dated_at_declaration_periods_are_those_at_last_activity_shifted() -> None:
    # Two in five act once: they leave at the very moment from which anyone can be declared.
    times = [[0], [0], [0, 4], [0, 12], [0, 8, 25]] * 20
    seen = Journeys(
        names=("visit",),
        touchpoint=np.zeros(sum(map(len, times)), dtype=np.uint8),
        start=np.cumsum([0, *map(len, times)]),
        time=np.concatenate(times) * DAY,
        observed_to=np.full(len(times), 90) * DAY,
        attributes=pa.table({"kind": ["a", "a", "b", "b", "a", "b", "a", "b", "a", "b"] * 10}),
    )
    last, declared = (
        discrete_hazard(
            lifetimes(seen, churn=Inactivity(30, dated_at)),
            covariates=["kind"],
            period_days=10,
            baseline="constant",
        )
        for dated_at in ("last_activity", "declaration")
    )
    assert last.n_event == declared.n_event == 100
    assert last.hazards.frame["n_event"].tolist() == [60, 20, 20]
    names = ["n_at_risk", "n_event", "estimate"]
    pd.testing.assert_frame_equal(last.hazards.frame[names], declared.hazards.frame[names])
    assert (declared.hazards.frame["period"] - last.hazards.frame["period"]).tolist() == [3] * 3
    assert declared.coefficients == pytest.approx(last.coefficients)
