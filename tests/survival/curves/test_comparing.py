from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.curves import log_rank, pairwise_log_rank
from journeykit.survival.curves.weights import LogRankWeights

Table = Callable[[str], pd.DataFrame]
WEIGHTS: tuple[LogRankWeights, ...] = ("log-rank", "gehan", "tarone-ware", "peto")


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


def some(n: int = 300, seed: int = 3) -> Lifetimes:
    """Three groups, two strata, ties, events at 0 and late entries."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 10, n) * (rng.random(n) < 0.4)
    stop = start + np.where(start > 0, rng.integers(1, 30, n), rng.integers(0, 30, n))
    start = np.where(stop == 0, 0, start)
    return lifetimes_from_frame(
        pd.DataFrame(
            {
                "start": start,
                "time": np.maximum(stop, start + (start > 0)),
                "status": rng.random(n) < 0.7,
                "kind": rng.choice(list("abc"), n),
                "plan": rng.choice(["x", "y"], n),
            }
        ).query("start < time"),
        start="start",
        groups=["kind", "plan"],
    )


def at_zero() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "time": rng.integers(0, 12, 200),
            "status": rng.random(200) < 0.7,
            "kind": rng.choice(list("ab"), 200),
        }
    )


@pytest.mark.parametrize("weights", [*WEIGHTS, "fleming-harrington"])
def test_weights_by_the_formula_also_with_events_at_0(weights: LogRankWeights) -> None:
    frame = at_zero()
    lives = lifetimes_from_frame(frame, groups=["kind"])
    exponents = {"p": 0.5, "q": 1.0} if weights == "fleming-harrington" else {}
    found = log_rank(lives, by="kind", weights=weights, **exponents)
    score = variance = 0.0
    survival = 1.0
    for t in sorted(frame.loc[frame["status"], "time"].unique()):
        there, gone = frame["time"] >= t, (frame["time"] == t) & frame["status"]
        n, d = there.sum(), gone.sum()
        n_a, d_a = (there & (frame["kind"] == "a")).sum(), (gone & (frame["kind"] == "a")).sum()
        weight = {
            "log-rank": 1.0,
            "gehan": n,
            "tarone-ware": np.sqrt(n),
            "peto": survival,
            "fleming-harrington": survival**0.5 * (1 - survival),
        }[weights]
        score += weight * (d_a - d * n_a / n)
        if n > 1:
            variance += weight**2 * d * (n - d) / (n - 1) * n_a / n * (1 - n_a / n)
        survival *= 1 - d / n
    assert found.statistic == pytest.approx(score**2 / variance)
    row = found.frame.set_index("group").loc["a"]
    assert row["observed"] - row["expected"] == pytest.approx(score)
    named = "" if weights == "log-rank" else f" with the weights {weights}"
    assert found.summary().startswith(f"log-rank test of 2 groups{named}: chi-squared")


@pytest.mark.filterwarnings("ignore:.*will be keyword-only")
def test_lifelines_agrees_on_weights() -> None:
    lifelines = pytest.importorskip("lifelines")
    frame = at_zero().assign(time=lambda table: table["time"] + 1)
    lives = lifetimes_from_frame(frame, groups=["kind"])
    theirs = {"gehan": "wilcoxon", "tarone-ware": "tarone-ware"}
    for ours, name in theirs.items():
        peer = lifelines.statistics.multivariate_logrank_test(
            frame["time"], frame["kind"], frame["status"], weightings=name
        )
        assert log_rank(lives, by="kind", weights=ours).statistic == pytest.approx(  # type: ignore[arg-type]
            peer.test_statistic
        )


def test_one_stratum_is_no_strata_and_many_add_up() -> None:
    lives = some()
    frame = lives.frame
    alone = Lifetimes(frame=frame.assign(one="same"))
    assert log_rank(alone, by="kind", strata="one").statistic == pytest.approx(
        log_rank(lives, by="kind").statistic
    )
    split = log_rank(lives, by="kind", strata="plan")
    parts = [
        log_rank(Lifetimes(frame=rows), by="kind", small_cell=1).frame
        for _, rows in frame.groupby("plan")
    ]
    added = sum(part["expected"].to_numpy() for part in parts)
    assert split.frame["expected"].to_numpy() == pytest.approx(added)
    assert split.frame["n_event"].sum() == frame["event"].sum()
    assert "within plan: chi-squared" in split.summary()
    # Where the strata are the groups nobody is compared with anybody.
    with pytest.raises(ArgumentError, match="cannot be compared"):
        log_rank(lives, by="kind", strata="kind")


@given(st.integers(0, 2**32 - 1), st.sampled_from(WEIGHTS))
@settings(max_examples=20)
def test_laws(seed: int, weights: LogRankWeights) -> None:
    frame = some(120, seed).frame
    frame = frame.assign(customer_id=range(len(frame)))

    def test(table: pd.DataFrame) -> float:
        lives = Lifetimes(frame=table)
        return log_rank(lives, by="kind", strata="plan", weights=weights, small_cell=1).statistic

    once = test(frame)
    assert test(frame.sample(frac=1, random_state=seed)) == pytest.approx(once)
    relabelled = frame.assign(kind=frame["kind"].map({"a": "z", "b": "m", "c": "b"}))
    assert test(relabelled) == pytest.approx(once)
    cut = frame["entry_days"] + 0.5 * (frame["exit_days"] - frame["entry_days"])
    halves = pd.concat(
        [
            frame.assign(exit_days=cut, event=False),
            frame.assign(entry_days=cut, late=True),
        ]
    )
    assert test(halves) == pytest.approx(once)


def test_customers_may_change_groups_but_leave_once() -> None:
    # The one who is in a until 2 and in b until 4 is under risk in each while it lasts.
    frame = pd.DataFrame(
        {
            "who": [1, 1, 2, 3, 4],
            "start": [0, 2, 0, 0, 0],
            "time": [2, 4, 1, 3, 5],
            "status": [0, 1, 1, 1, 0],
            "kind": ["a", "b", "a", "b", "a"],
        }
    )
    lives = lifetimes_from_frame(frame, customer_id="who", start="start", groups=["kind"])
    found = log_rank(lives, by="kind", small_cell=1)
    assert found.frame["n"].tolist() == [3, 2]
    assert found.frame["expected"].tolist() == pytest.approx([3 / 4 + 1 / 3 + 1 / 2, 17 / 12])
    again = lifetimes_from_frame(
        frame.assign(status=1), customer_id="who", start="start", groups=["kind"]
    )
    with pytest.raises(DataError, match="must leave at most once"):
        log_rank(again, by="kind", small_cell=1)


def test_pairs_against_all_or_one() -> None:
    lives = some()
    every = pairwise_log_rank(lives, by="kind")
    assert list(zip(every.frame["group"], every.frame["reference"], strict=True)) == [
        ("b", "a"), ("c", "a"), ("c", "b"),
    ]  # fmt: skip
    two = lives.frame[lives.frame["kind"] != "c"]
    alone = log_rank(Lifetimes(frame=two), by="kind")
    assert every.frame["statistic"][0] == pytest.approx(alone.statistic)
    assert every.frame["p_value"][0] == pytest.approx(alone.p_value)
    assert (every.frame["p_holm"] >= every.frame["q_value"]).all()
    assert every.summary() == "0 of 3 pairs of groups differ (Holm, 0.05)"
    against = pairwise_log_rank(lives, by="kind", reference="b").frame
    assert against["group"].tolist() == ["a", "c"]
    with pytest.raises(MappingError, match="`reference` names groups that do not exist: 'd'"):
        pairwise_log_rank(lives, by="kind", reference="d")
    with pytest.raises(ArgumentError, match="`pairwise_log_rank` needs at least two groups of 500"):
        pairwise_log_rank(lives, by="kind", small_cell=500)


def test_pairs_that_never_meet_are_empty() -> None:
    frame = pd.DataFrame(
        {
            "start": [0, 0, 5, 5, 0, 0],
            "time": [1, 2, 6, 7, 9, 8],
            "status": 1,
            "kind": ["a", "a", "b", "b", "c", "c"],
        }
    )
    lives = lifetimes_from_frame(frame, start="start", groups=["kind"])
    found = pairwise_log_rank(lives, by="kind", small_cell=1).frame
    assert found["p_value"].isna().tolist() == [True, False, False]
    assert found["p_holm"].isna().tolist() == [True, False, False]
    with pytest.raises(ArgumentError, match="cannot be compared"):
        log_rank(Lifetimes(frame=lives.frame[lives.frame["kind"] != "c"]), by="kind", small_cell=1)


def test_arguments_are_checked() -> None:
    lives = some()
    with pytest.raises(ArgumentError, match="`weights` must be one of .*Did you mean 'gehan'"):
        log_rank(lives, by="kind", weights="gehen")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`p` and `q` must be numbers of at least 0 .* 1 and N"):
        log_rank(lives, by="kind", weights="fleming-harrington", p=1)
    with pytest.raises(ArgumentError, match="`p` and `q` belong to the weights 'fleming-harr"):
        log_rank(lives, by="kind", p=1)
    with pytest.raises(MappingError, match="Did you mean 'plan'"):
        log_rank(lives, by="kind", strata="plans")
    with pytest.raises(ArgumentError, match="`strata` needs lifetimes; .* Got 'plan'"):
        log_rank(lives.counts(by="kind"), strata="plan")


# ---------------------------------------------------------------- values computed with R

LOG_RANKS = [
    ("logrank_lung_sex", "lung", "time", "event", "sex"),
    ("logrank_lung_ecog", "lung", "time", "event", "ph.ecog"),
    ("logrank_veteran_celltype", "veteran", "time", "status", "celltype"),
    ("logrank_telco_contract", "telco_wa_churn", "tenure", "event", "contract"),
    ("logrank_telco_payment", "telco_wa_churn", "tenure", "event", "payment_method"),
]


@pytest.mark.parametrize(("oracle", "dataset", "stop", "event", "by"), LOG_RANKS)
def test_log_rank_equals_r(
    expected: Table, inputs: Table, oracle: str, dataset: str, stop: str, event: str, by: str
) -> None:
    table = inputs(dataset).dropna(subset=[by])
    found = log_rank(
        lifetimes_from_frame(table, stop=stop, event=event, groups=[by]), by=by, small_cell=1
    )
    groups = found.frame.set_index("group")
    for row in expected(oracle).itertuples():
        if row.at == "all":
            ours = found.statistic if row.quantity == "chisq" else found.p_value
        else:
            name = {"observed": "n_event"}.get(row.quantity, row.quantity)
            ours = groups.loc[row.at.split("=")[1], name]
        assert ours == pytest.approx(row.value, rel=row.rtol), row


def test_weighted_and_stratified_equal_r(expected: Table, inputs: Table) -> None:
    lung = inputs("lung")
    lives = lifetimes_from_frame(lung, event="event", groups=["sex"])
    some_ecog = lung.dropna(subset=["ph.ecog"])
    split = lifetimes_from_frame(some_ecog, event="event", groups=["sex", "ph.ecog"])
    tests = {
        "logrank_lung_sex_peto": log_rank(lives, by="sex", weights="peto"),
        "logrank_lung_sex_strat_ecog": log_rank(split, by="sex", strata="ph.ecog"),
    }
    same = log_rank(lives, by="sex", weights="fleming-harrington", p=1, q=0)
    assert same.statistic == pytest.approx(tests["logrank_lung_sex_peto"].statistic)
    for oracle, found in tests.items():
        groups = found.frame.set_index("group")
        for row in expected(oracle).itertuples():
            if row.at == "all":
                ours = found.statistic if row.quantity == "chisq" else found.p_value
            else:
                ours = groups.loc[row.at.split("=")[1], row.quantity]
            assert ours == pytest.approx(row.value, rel=row.rtol), row


PAIRS = [
    ("pairwise_veteran_celltype", "veteran", "time", "status", "celltype"),
    ("pairwise_telco_payment", "telco_wa_churn", "tenure", "event", "payment_method"),
]


@pytest.mark.parametrize(("oracle", "dataset", "stop", "event", "by"), PAIRS)
def test_pairs_equal_r(
    expected: Table, inputs: Table, oracle: str, dataset: str, stop: str, event: str, by: str
) -> None:
    lives = lifetimes_from_frame(inputs(dataset), stop=stop, event=event, groups=[by])
    found = pairwise_log_rank(lives, by=by, small_cell=1).frame
    pairs = [frozenset(pair) for pair in zip(found["group"], found["reference"], strict=True)]
    rows = found.assign(pair=pairs).set_index("pair")
    ours = {"chisq": "statistic", "p_raw": "p_value", "p_holm": "p_holm", "p_BH": "q_value"}
    checked = 0
    for row in expected(oracle).itertuples():
        if row.quantity in ours:
            value = rows.loc[[frozenset(row.at.split("|"))], ours[row.quantity]].iloc[0]
            assert value == pytest.approx(row.value, rel=row.rtol), row
            checked += 1
    assert checked == 24
