from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError
from journeykit.survival import Lifetimes, kaplan_meier, lifetimes_from_frame, log_rank
from journeykit.survival.curves.estimates import SurvivalInterval

Table = Callable[[str], pd.DataFrame]

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


def test_intervals_on_other_scales() -> None:
    error = np.sqrt(1 / 20)
    z = 1.959963984540054
    log = kaplan_meier(worked(), small_cell=1, interval="log").frame.iloc[0]
    assert log["conf_low"] == pytest.approx(0.8 * np.exp(-z * error))
    assert log["conf_high"] == 1
    plain = kaplan_meier(worked(), small_cell=1, interval="plain").frame.iloc[0]
    assert plain["conf_low"] == pytest.approx(0.8 - z * 0.8 * error)
    assert plain["conf_high"] == 1
    with pytest.raises(ArgumentError, match="`interval` must be one of .* Did you mean 'log-log'"):
        kaplan_meier(worked(), interval="loglog")  # type: ignore[arg-type]


def test_leaving_twice_is_refused() -> None:
    frame = pd.DataFrame({"who": [1, 1, 2], "start": [0, 3, 0], "time": [2, 5, 4], "status": 1})
    lives = lifetimes_from_frame(frame, customer_id="who", start="start")
    with pytest.raises(DataError, match="must leave at most once; 1 have several .* such as 1"):
        kaplan_meier(lives, small_cell=1)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_laws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    start = rng.integers(0, 6, n) * (rng.random(n) < 0.5)
    frame = pd.DataFrame(
        {
            "who": range(n),
            "start": start,
            "time": start + rng.integers(1, 12, n),
            "status": rng.random(n) < 0.6,
        }
    )
    at = [0.5, 3, 7, 9.5]
    names = ["estimate", "std_error", "conf_low", "conf_high"]

    def read(table: pd.DataFrame, factor: float = 1) -> np.ndarray:
        lives = lifetimes_from_frame(table, customer_id="who", start="start")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JourneyKitWarning)
            curve = kaplan_meier(lives, small_cell=1)
            found = curve.survival_at([factor * t for t in at]).frame
            return found[names].to_numpy(dtype=np.float64)

    once = read(frame)
    assert read(frame.sample(frac=1, random_state=seed)) == pytest.approx(once, nan_ok=True)
    longer = frame.assign(start=frame["start"] * 7, time=frame["time"] * 7)
    assert read(longer, 7) == pytest.approx(once, nan_ok=True)
    # Cutting an interval in two changes nothing.
    cut = frame["start"] + 0.5 * (frame["time"] - frame["start"])
    halves = pd.concat([frame.assign(time=cut, status=False), frame.assign(start=cut)])
    assert read(halves) == pytest.approx(once, nan_ok=True)
    # Everyone twice: the same curve, an error smaller by the root of 2.
    twice = read(pd.concat([frame, frame.assign(who=frame["who"] + n)]))
    assert twice[:, 0] == pytest.approx(once[:, 0], nan_ok=True)
    assert twice[:, 1] * np.sqrt(2) == pytest.approx(once[:, 1], nan_ok=True)


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


def test_days_are_checked() -> None:
    with pytest.raises(ArgumentError, match="`days` must be numbers of at least 0; got -1"):
        kaplan_meier(worked(), small_cell=1).survival_at(-1)


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


OURS = {
    "surv": "estimate",
    "std_err": "std_error",
    "lower": "conf_low",
    "upper": "conf_high",
    "n_risk": "n_at_risk",
}
SCALES: tuple[SurvivalInterval, ...] = ("plain", "log", "log-log")
QUANTILES = {"quantile": "estimate", "quantile_lower": "conf_low", "quantile_upper": "conf_high"}
CURVES = [
    *((f"km_lung_{scale}", "lung", {"stop": "time", "event": "event"}, None) for scale in SCALES),
    ("km_lung_sex", "lung", {"stop": "time", "event": "event"}, "sex"),
    ("km_telco", "telco_wa_churn", {"stop": "tenure", "event": "event"}, None),
    ("km_telco_contract", "telco_wa_churn", {"stop": "tenure", "event": "event"}, "contract"),
]


@pytest.mark.parametrize(("oracle", "dataset", "columns", "by"), CURVES)
def test_curves_equal_r(
    expected: Table,
    inputs: Table,
    oracle: str,
    dataset: str,
    columns: dict[str, str],
    by: str | None,
) -> None:
    lives = lifetimes_from_frame(inputs(dataset), **columns, groups=[by] if by else [])
    scale = next((scale for scale in SCALES if oracle == f"km_lung_{scale}"), "log-log")
    curve = kaplan_meier(lives, by=by, small_cell=1, interval=scale)
    checked = 0
    for row in expected(oracle).itertuples():
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


def test_age_as_the_clock_equals_r(expected: Table, inputs: Table) -> None:
    # Age in years is the clock: everyone enters late.
    mgus = inputs("mgus2")
    mgus["stop"] = mgus["age"] + mgus["futime"] / 12
    lives = lifetimes_from_frame(
        mgus[mgus["stop"] > mgus["age"]], start="age", stop="stop", event="death"
    )
    curve = kaplan_meier(lives)
    for row in expected("km_mgus2_agescale").itertuples():
        found = curve.survival_at(float(row.at)).frame[OURS[row.quantity]].iloc[0]
        assert found == pytest.approx(row.value, rel=row.rtol), row
    # R's start.time = 60 keeps those who leave at 60 itself; ours are there after a day.
    for row in expected("km_mgus2_agescale_from60").itertuples():
        later = curve.given_survival(60 - 1e-6, float(row.at)).frame["estimate"].iloc[0]
        assert later == pytest.approx(row.value, rel=row.rtol), row


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
