from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, JourneyKitWarning, MappingError
from journeykit.survival import Lifetimes, kaplan_meier, lifetimes_from_frame, log_rank

# Ties of events and censorings at 2 and at 4; one enters late at 3.
WORKED = pd.DataFrame(
    {
        "start": [0, 0, 0, 0, 0, 3],
        "time": [1, 2, 2, 4, 4, 6],
        "status": [1, 1, 0, 1, 0, 1],
        "kind": ["a", "a", "a", "b", "b", "b"],
    }
)


def worked() -> Lifetimes:
    return lifetimes_from_frame(WORKED, start="start", groups=["kind"])


def test_worked_by_hand_with_ties_and_late_entry() -> None:
    frame = kaplan_meier(worked(), small_cell=1).frame
    assert frame["time_days"].tolist() == [1, 2, 4, 6]
    assert frame["n_at_risk"].tolist() == [5, 4, 3, 1]
    assert frame["n_entered"].tolist() == [5, 0, 1, 0]
    assert frame["n_event"].tolist() == [1, 1, 1, 1]
    assert frame["n_censored"].tolist() == [0, 1, 1, 0]
    steps = [4 / 5, 4 / 5 * 3 / 4, 4 / 5 * 3 / 4 * 2 / 3, 0]
    assert frame["estimate"].tolist() == pytest.approx(steps)
    greenwood = np.cumsum([1 / (5 * 4), 1 / (4 * 3), 1 / (3 * 2)])
    assert frame["std_error"][:3].tolist() == pytest.approx(steps[:3] * np.sqrt(greenwood))
    assert np.isnan(frame[["std_error", "conf_low", "conf_high"]].iloc[3]).all()


def test_interval_is_log_log() -> None:
    frame = kaplan_meier(worked(), small_cell=1).frame.iloc[0]
    half = 1.959963984540054 * np.sqrt(1 / 20) / np.log(0.8)
    assert frame["conf_low"] == pytest.approx(0.8 ** np.exp(-half))
    assert frame["conf_high"] == pytest.approx(0.8 ** np.exp(half))


def test_reading_the_curve() -> None:
    at = kaplan_meier(worked(), small_cell=1).survival_at([0, 1.5, 2, 3.5, 6, 7]).frame
    assert at["estimate"].tolist() == pytest.approx([1, 0.8, 0.6, 0.6, 0, np.nan], nan_ok=True)
    assert at["n_at_risk"].tolist() == [5, 4, 4, 3, 1, 0]
    assert at["conf_low"].iloc[0] == 1


def test_quantiles_not_reached_stay_so() -> None:
    frame = pd.DataFrame({"time": [1, 2, 3, 4], "status": [1, 0, 0, 0]})
    curve = kaplan_meier(lifetimes_from_frame(frame), small_cell=1)
    found = curve.quantiles((0.25, 0.5)).frame
    assert found["estimate"].tolist() == pytest.approx([1, np.nan], nan_ok=True)
    assert found["reached"].tolist() == [True, False]
    assert curve.summary() == "median not reached, 75.0% still there at day 4"
    assert "half have left by day 4 (95%" in kaplan_meier(worked(), small_cell=1).summary()


def test_the_horizon_censors_and_loses_nobody() -> None:
    frame = kaplan_meier(worked(), small_cell=1, horizon_days=4).frame
    assert frame["time_days"].tolist() == [1, 2, 4]
    assert frame["n_event"].sum() + frame["n_censored"].sum() == 6
    assert frame["n_censored"].tolist() == [0, 1, 2]
    # The one who enters at 3 is not under risk before a horizon of 3.
    until_3 = kaplan_meier(worked(), small_cell=1, horizon_days=3).frame
    assert until_3["n_censored"].tolist() == [0, 1, 2]
    assert until_3["n_entered"].sum() == 5
    late = lifetimes_from_frame(WORKED[WORKED["start"] == 3], start="start")
    with pytest.raises(ArgumentError, match="`horizon_days` must lie after the first entry"):
        kaplan_meier(late, small_cell=1, horizon_days=2)


def test_whoever_leaves_at_once_counts() -> None:
    frame = pd.DataFrame({"time": [0, 0, 5, 5], "status": [1, 1, 1, 0]})
    curve = kaplan_meier(lifetimes_from_frame(frame), small_cell=1)
    assert curve.frame["estimate"].tolist() == [0.5, 0.25]
    assert curve.survival_at(0).frame["estimate"].tolist() == [0.5]


def test_small_groups_are_not_shown() -> None:
    with_few = pd.concat([WORKED, WORKED.assign(kind="c"), WORKED.iloc[:2].assign(kind="few")])
    lives = lifetimes_from_frame(with_few, start="start", groups=["kind"])
    curve = kaplan_meier(lives, by="kind", small_cell=3)
    assert curve.groups == ("a", "b", "c")
    assert curve.suppressed == ("few",)
    assert "few" not in set(curve.frame["group"])
    assert "not shown, fewer than 3 customers: few" in curve.summary()
    assert log_rank(lives, by="kind", small_cell=3).suppressed == ("few",)
    with pytest.raises(ArgumentError, match="No group has 10 customers or more"):
        kaplan_meier(worked(), by="kind")
    with pytest.raises(ArgumentError, match="at least two groups of 5 customers or more"):
        log_rank(lives, by="kind", small_cell=5)


def test_counts_of_parts_give_the_curve_and_the_test_of_the_whole() -> None:
    lives = worked()
    parts = [
        lifetimes_from_frame(WORKED.iloc[part], start="start", groups=["kind"]).counts(by="kind")
        for part in ([0, 3, 5], [1, 2, 4])
    ]
    added = parts[0] + parts[1]
    whole, curve = kaplan_meier(lives, by="kind", small_cell=3), kaplan_meier(added, small_cell=3)
    pd.testing.assert_frame_equal(whole.frame, curve.frame)
    assert whole.provenance.fingerprint == curve.provenance.fingerprint
    test, again = log_rank(lives, by="kind", small_cell=3), log_rank(added, small_cell=3)
    pd.testing.assert_frame_equal(test.frame, again.frame)
    assert test.p_value == again.p_value
    with pytest.raises(ArgumentError, match="No group has 4 customers or more"):
        kaplan_meier(added, small_cell=4)
    for method in (kaplan_meier, log_rank):
        with pytest.raises(ArgumentError, match="`by` must be left out .* got 'kind'"):
            method(added, by="kind")


def test_customers_without_a_value_are_a_group() -> None:
    lives = lifetimes_from_frame(
        WORKED.assign(kind=["a", "a", None, "b", "b", "b"]), groups=["kind"]
    )
    assert kaplan_meier(lives, by="kind", small_cell=1).groups == ("(missing)", "a", "b")
    with pytest.raises(MappingError, match="Did you mean 'kind'"):
        kaplan_meier(lives, by="kin")


def test_an_early_zero_warns() -> None:
    frame = pd.DataFrame({"start": [0, 5, 5], "time": [2, 8, 9], "status": [1, 1, 0]})
    lives = lifetimes_from_frame(frame, start="start")
    with pytest.warns(JourneyKitWarning, match="drops to 0 at day 2, where all 1 under risk left"):
        curve = kaplan_meier(lives, small_cell=1)
    assert curve.frame["estimate"].tolist() == [0, 0, 0]


def test_log_rank_worked_by_hand() -> None:
    frame = pd.DataFrame(
        {"time": [1, 3, 2, 4], "status": [1, 1, 1, 1], "kind": ["a", "a", "b", "b"]}
    )
    found = log_rank(lifetimes_from_frame(frame, groups=["kind"]), by="kind", small_cell=1)
    expected = 2 / 4 + 1 / 3 + 1 / 2 + 0
    variance = 1 / 4 + 2 / 9 + 1 / 4
    assert found.frame["expected"].tolist() == pytest.approx([expected, 4 - expected])
    assert found.statistic == pytest.approx((2 - expected) ** 2 / variance)
    assert found.degrees_of_freedom == 1
    assert found.summary().startswith("log-rank test of 2 groups: chi-squared 0.62 on 1 degrees")


def test_degrees_of_freedom_survive_rounding() -> None:
    rng = np.random.default_rng(5)
    n = 100_000
    frame = pd.DataFrame(
        {"time": rng.exponential(80, n), "status": 1, "kind": rng.choice(list("xyz"), n)}
    )
    found = log_rank(lifetimes_from_frame(frame, groups=["kind"]), by="kind")
    assert found.degrees_of_freedom == 2
    assert found.frame["expected"].sum() == pytest.approx(n)
    # The textbook form leaves one group out; here every risk set has all later times.
    code = frame["kind"].to_numpy()[np.argsort(frame["time"])]
    share = np.stack([np.cumsum((code == kind)[::-1])[::-1] for kind in "xy"])
    share = share / np.arange(n, 0, -1)
    off = (np.stack([code == kind for kind in "xy"]) - share).sum(axis=1)
    covariance = np.diag(share.sum(axis=1)) - share @ share.T
    assert found.statistic == pytest.approx(off @ np.linalg.solve(covariance, off))


def test_log_rank_of_groups_that_never_meet() -> None:
    frame = pd.DataFrame(
        {"start": [0, 0, 5, 5], "time": [1, 2, 6, 7], "status": 1, "kind": ["a", "a", "b", "b"]}
    )
    lives = lifetimes_from_frame(frame, start="start", groups=["kind"])
    with pytest.raises(ArgumentError, match="cannot be compared"):
        log_rank(lives, by="kind", small_cell=1)


def test_the_picture_ends_with_the_data() -> None:
    ax = kaplan_meier(worked(), by="kind", small_cell=1).plot()
    ends = [line.get_xdata().max() for line in ax.lines]
    assert ends == [2, 6]
    below = [text.get_text() for text in ax.texts]
    assert below[0] == "under risk"
    assert {"3", "2", "0"} <= set(below)
    thin = kaplan_meier(worked(), small_cell=5).plot(ax)
    assert thin.lines[-1].get_xdata().max() == 1
    assert {"5", "<5"} <= {text.get_text() for text in thin.texts[len(below) :]}
    plt.close("all")


@pytest.mark.parametrize(
    ("argument", "value"), [("confidence", 1.0), ("horizon_days", 0), ("small_cell", 0)]
)
def test_arguments_are_checked(argument: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=f"`{argument}` must"):
        kaplan_meier(worked(), **{argument: value})


def test_lifelines_agrees_also_with_late_entry() -> None:
    lifelines = pytest.importorskip("lifelines")
    rng = np.random.default_rng(11)
    n = 400
    start = rng.integers(0, 15, n) * (rng.random(n) < 0.5)
    stop = start + rng.integers(1, 40, n)
    status = rng.random(n) < 0.6
    frame = pd.DataFrame(
        {"start": start, "time": stop, "status": status, "kind": rng.integers(0, 3, n)}
    )
    lives = lifetimes_from_frame(frame, start="start", groups=["kind"])
    curve = kaplan_meier(lives, small_cell=1).survival_at(range(1, 50)).frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # lifelines counts an entry at t as under risk at t; ours is (entry, exit], as in R.
        fitted = lifelines.KaplanMeierFitter().fit(stop, status, entry=start + 0.5 * (start > 0))
        theirs = fitted.survival_function_at_times(range(1, 50)).to_numpy()
        plain = lifelines.statistics.multivariate_logrank_test(stop, frame["kind"], status)
    assert curve["estimate"].to_numpy() == pytest.approx(theirs)
    ours = log_rank(lifetimes_from_frame(frame, groups=["kind"]), by="kind")
    assert ours.statistic == pytest.approx(plain.test_statistic)
    assert ours.p_value == pytest.approx(plain.p_value)


# ---------------------------------------------------------------- values computed with R


def expected(shared: Path, oracle: str) -> pd.DataFrame:
    table = pd.read_csv(
        shared / "oracles/survival/expected.csv", dtype={"at": str}, keep_default_na=False
    )
    found = table[table["oracle"] == oracle].copy()
    assert len(found), f"no rows of {oracle}"
    found["value"] = pd.to_numeric(found["value"], errors="coerce")
    return found


def read(shared: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles/survival/inputs" / f"{name}.csv")


OURS = {
    "surv": "estimate",
    "std_err": "std_error",
    "lower": "conf_low",
    "upper": "conf_high",
    "n_risk": "n_at_risk",
}
QUANTILES = {"quantile": "estimate", "quantile_lower": "conf_low", "quantile_upper": "conf_high"}
CURVES = [
    ("km_lung_log-log", "lung", {"stop": "time", "event": "event"}, None),
    ("km_lung_sex", "lung", {"stop": "time", "event": "event"}, "sex"),
    ("km_telco", "telco_wa_churn", {"stop": "tenure", "event": "event"}, None),
    ("km_telco_contract", "telco_wa_churn", {"stop": "tenure", "event": "event"}, "contract"),
]


@pytest.mark.parametrize(("oracle", "dataset", "columns", "by"), CURVES)
def test_curves_equal_r(
    shared: Path, oracle: str, dataset: str, columns: dict[str, str], by: str | None
) -> None:
    lives = lifetimes_from_frame(read(shared, dataset), **columns, groups=[by] if by else [])
    curve = kaplan_meier(lives, by=by, small_cell=1)
    checked = 0
    for row in expected(shared, oracle).itertuples():
        group, at = row.at.split("@") if "@" in row.at else ("=all", row.at)
        group = group.split("=")[1]
        if row.quantity in QUANTILES:
            found = curve.quantiles((float(at),)).frame[QUANTILES[row.quantity]]
        else:
            read_at = curve.survival_at(float(at)).frame
            found = read_at.loc[read_at["group"] == group, OURS[row.quantity]]
        assert found.iloc[0] == pytest.approx(row.value, rel=row.rtol, nan_ok=True), row
        checked += 1
    assert checked >= 27


def test_age_as_the_clock_equals_r(shared: Path) -> None:
    # Age in years is the clock: everyone enters late.
    mgus = read(shared, "mgus2")
    mgus["stop"] = mgus["age"] + mgus["futime"] / 12
    lives = lifetimes_from_frame(
        mgus[mgus["stop"] > mgus["age"]], start="age", stop="stop", event="death"
    )
    curve = kaplan_meier(lives)
    for row in expected(shared, "km_mgus2_agescale").itertuples():
        found = curve.survival_at(float(row.at)).frame[OURS[row.quantity]].iloc[0]
        assert found == pytest.approx(row.value, rel=row.rtol), row


LOG_RANKS = [
    ("logrank_lung_sex", "lung", "time", "event", "sex"),
    ("logrank_lung_ecog", "lung", "time", "event", "ph.ecog"),
    ("logrank_veteran_celltype", "veteran", "time", "status", "celltype"),
    ("logrank_telco_contract", "telco_wa_churn", "tenure", "event", "contract"),
    ("logrank_telco_payment", "telco_wa_churn", "tenure", "event", "payment_method"),
]


@pytest.mark.parametrize(("oracle", "dataset", "stop", "event", "by"), LOG_RANKS)
def test_log_rank_equals_r(
    shared: Path, oracle: str, dataset: str, stop: str, event: str, by: str
) -> None:
    table = read(shared, dataset).dropna(subset=[by])
    found = log_rank(
        lifetimes_from_frame(table, stop=stop, event=event, groups=[by]), by=by, small_cell=1
    )
    groups = found.frame.set_index("group")
    for row in expected(shared, oracle).itertuples():
        if row.at == "all":
            ours = found.statistic if row.quantity == "chisq" else found.p_value
        else:
            name = {"observed": "n_event"}.get(row.quantity, row.quantity)
            ours = groups.loc[row.at.split("=")[1], name]
        assert ours == pytest.approx(row.value, rel=row.rtol), row


def test_telco_published_quantiles(shared: Path) -> None:
    telco = pd.read_csv(shared / "data/ibm_telco/Telco-Customer-Churn.csv")
    telco["left"] = telco["Churn"] == "Yes"
    lives = lifetimes_from_frame(telco, stop="tenure", event="left", groups=["Contract"])
    whole = kaplan_meier(lives).quantiles((0.25, 0.5)).frame
    assert whole["estimate"].tolist() == pytest.approx([36, np.nan], nan_ok=True)
    grouped = kaplan_meier(lives, by="Contract").quantiles((0.25, 0.5)).frame
    grouped = grouped.set_index(["group", "share"])["estimate"]
    assert grouped["Month-to-month", 0.5] == 35
    assert grouped["One year", 0.25] == 67
