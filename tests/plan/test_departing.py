from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.plan import Deviations, Plan, deviations
from journeykit.plan.marks import mark
from journeykit.simulate import World, world
from journeykit.stats import ClusterSums, clustered_wilson_interval
from tests.plan.worlds import PURCHASE, STEPS, lived, timed

ABCD = Plan(name="letters", steps=["a", "b", "c", "d"])
RATES = {"extra": 0.08, "irregular": 0.06, "failed": 0.05, "missing": 0.03}
PARTS = ("channels", "stages", "orders", "purchases", "browsing")


def _marks(word: str, plan: Plan = ABCD) -> list[tuple[str, str]]:
    marks = deviations(lived(word), plan, small_cell=1).marks
    return sorted(zip(marks["type"], marks["step"], strict=True))


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("abcd", []),
        ("abxcd", [("extra", "x")]),
        ("acbd", [("irregular", "c")]),
        ("abccd", [("failed", "c")]),
        ("abcccd", [("failed", "c"), ("failed", "c")]),
        ("abcxcd", [("extra", "c"), ("extra", "x")]),
        ("abd", [("missing", "c")]),
        ("dabc", [("irregular", "d")]),
        ("bcda", [("irregular", "a")]),
        ("acbbd", [("failed", "b"), ("irregular", "c")]),
        ("accbd", [("failed", "c"), ("irregular", "c")]),
        ("abcdb", [("extra", "b")]),
        ("xd", [("extra", "x"), ("missing", "a"), ("missing", "b"), ("missing", "c")]),
    ],
)
def test_types_by_hand(word: str, found: list[tuple[str, str]]) -> None:
    assert _marks(word) == found


def test_the_last_of_several_tries_counts() -> None:
    found = deviations(lived("abccd"), ABCD, small_cell=1)
    assert found.ways["way"].tolist() == ["a b !c c d"]
    early = deviations(lived("accbd"), ABCD, small_cell=1)
    assert early.ways["way"].tolist() == ["a !c ~c b -c d".replace(" -c", "")]


def test_a_step_that_may_repeat_does_not_fail() -> None:
    plan = Plan(name="p", steps=["a", {"step": "b", "repeat": True}, "c"])
    assert _marks("abbbc", plan) == []


def test_failures_that_the_plan_declares() -> None:
    plan = Plan(name="p", steps=["a", {"step": "b", "failed_by": "x"}, "c"])
    assert _marks("axbc", plan) == [("failed", "b")]
    # Where the plan says what fails, a step in a row again is one too many.
    assert _marks("abbc", plan) == [("extra", "b")]
    assert _marks("axc", plan) == [("failed", "b"), ("missing", "b")]


def test_a_column_says_what_failed() -> None:
    plan = Plan(name="p", steps=["a", "b", "c"], failed={"column": "status", "values": "no"})
    made = lived("abbc").replace(
        columns={"status": np.array(["ok", "no", "ok", "ok"], dtype=object)}
    )
    found = deviations(made, plan, small_cell=1)
    assert found.frame[["type", "step", "n_event"]].to_numpy().tolist() == [["failed", "b", 1]]


def test_what_is_beside_is_ignored() -> None:
    plan = Plan(name="p", steps=["a", "b"], beside="m")
    assert _marks("mambm", plan) == []
    assert _marks("amxb", plan) == [("extra", "x")]


def test_rates_by_hand() -> None:
    made = lived("abcd", "abd", "abd", "abcxd", "abcd").replace(
        customer_index=np.array([0, 0, 1, 1, 2])
    )
    found = deviations(made, ABCD, small_cell=1)
    row = found.frame.set_index(["type", "step"]).loc[("missing", "c")]
    assert row[["n_event", "n_customers", "n", "share"]].tolist() == [2, 2, 5, 0.4]
    interval = clustered_wilson_interval(ClusterSums.of_clusters([1, 1, 0], [2, 2, 1]))
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(
        (float(interval.low), float(interval.high))
    )
    assert found.conforming[["group", "n_event", "n", "share"]].to_numpy().tolist() == [
        ["all", 2, 5, 0.4]
    ]
    assert found.kinds[["type", "n_event"]].to_numpy().tolist() == [["extra", 1], ["missing", 2]]
    assert found.cases[["cost", "extra", "missing"]].to_numpy().tolist() == [
        [0, 0, 0], [1, 0, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0],
    ]  # fmt: skip
    assert found.summary() == (
        "5 closed cases, 0 still open; 40.0% exactly as planned "
        f"({found.conforming['conf_low'][0]:.1%} to {found.conforming['conf_high'][0]:.1%}); "
        "missing c 40.0%; extra x 20.0%"
    )


def test_cases_by_segment() -> None:
    made = lived("abcd", "abd", "abd").replace(
        attributes=pa.table({"kind": ["new", "new", None]}), customer_index=np.arange(3)
    )
    found = deviations(made, ABCD, by="kind", small_cell=1)
    assert found.frame[["group", "n_event", "n"]].to_numpy().tolist() == [
        ["(none)", 1, 1],
        ["new", 1, 2],
    ]
    assert found.conforming["n_event"].tolist() == [0, 1]
    assert "0.0% of (none)" in found.summary()
    with pytest.raises(MappingError, match="`by` names attributes that do not exist: 'age'"):
        deviations(made, ABCD, by="age")


def test_rates_of_few_customers_are_empty() -> None:
    made = lived(*["abcd"] * 12, "abd").replace(customer_index=np.arange(13))
    found = deviations(made, ABCD)
    assert found.frame[["n_event", "n_customers", "share"]].isna().all(axis=None)
    assert found.ways["share"].isna().tolist() == [False, True]
    assert "missing c" not in found.summary()


def test_open_and_unseen_cases_are_in_no_rate() -> None:
    events = [("site_search", 0.0), ("thank_you_page", 2.0)]
    made = timed(events, events, [*events, ("site_search", 60.0)], watched_days=1 + 20 / 1440)
    with pytest.raises(DataError, match="No case of plan 'purchase' is closed: 4 are still open"):
        deviations(made, PURCHASE)
    longer = timed(
        events, [("site_search", 50.0), ("thank_you_page", 52.0)], watched_days=1 + 60 / 1440
    )
    found = deviations(longer, PURCHASE, small_cell=1)
    assert (len(found.cases), found.n_open, found.n_unseen, found.n_outside) == (1, 1, 0, 0)
    assert "1 closed cases, 1 still open" in found.summary()


def test_arguments_are_checked() -> None:
    with pytest.raises(ArgumentError, match="`small_cell` must be a whole number"):
        deviations(lived("a"), ABCD, small_cell=0)
    with pytest.raises(ArgumentError, match="`confidence` must lie strictly between"):
        deviations(lived("a"), ABCD, confidence=95)


# --- the world whose truth is known -------------------------------------------------------------


def _made(times: int, seed: int = 3, customers: int = 2500) -> World:
    rates = {f"purchases.rate.{kind}": rate * times for kind, rate in RATES.items()}
    return world(customers=customers, seed=seed, parts=PARTS, settings=rates)


def _found(made: World, *, case: str | None, plan: Plan = PURCHASE) -> set[tuple[int, str]]:
    """Return the deviations that we find: number of the purchase's session, and type."""
    marked = mark(made.journeys(), plan, case=case)
    cases = marked.cases.journeys
    bought = cases.touchpoint == cases.names.index("thank_you_page")
    session = np.zeros(len(cases), dtype=np.int64)
    session[marked.cases.owner[bought]] = cases.columns["session"][bought]
    marks = deviations(made.journeys(), plan, case=case, small_cell=1).marks
    return set(zip(session[marks["case"]].tolist(), marks["type"], strict=True))


def _truth(made: World) -> set[tuple[int, str]]:
    table = made.hidden["deviations"].to_pandas()
    return set(zip(table["case"].tolist(), table["kind"].astype(str), strict=True))


@pytest.mark.parametrize("times", [1, 2, 4])
def test_planted_deviations_are_recovered_exactly(times: int) -> None:
    made = _made(times)
    truth = _truth(made)
    assert len(truth) > 200 * times
    assert _found(made, case="session") == truth


@pytest.mark.parametrize("times", [1, 2, 4])
def test_by_the_log_alone_nothing_planted_is_missed(times: int) -> None:
    made = _made(times)
    truth, found = _truth(made), _found(made, case=None)
    assert len(truth & found) == len(truth)
    # What else came within half an hour is an extra event for us, and none for the truth.
    assert len(truth & found) / len(found) > 0.97
    assert {kind for _, kind in found - truth} <= {"extra"}


def test_planted_rates_lie_in_the_intervals() -> None:
    made = _made(1)
    truth = made.truth["purchases"].model_dump()
    kinds = deviations(made.journeys(), PURCHASE, case="session").kinds.set_index("type")
    for kind, rate in RATES.items():
        assert kinds.loc[kind, "n_event"] == truth["count"][kind]
        assert kinds.loc[kind, "conf_low"] < rate < kinds.loc[kind, "conf_high"]
    assert kinds["n"].tolist() == [truth["cases"]] * 4


# --- pictures ------------------------------------------------------------------------------------


def _texts(found: Deviations) -> list[str]:
    ax = found.overlay()
    plt.close(ax.figure)
    return [text.get_text() for text in ax.texts]


def test_the_overlay_says_what_the_tables_say() -> None:
    made = lived(*["abcd"] * 30, *["abd"] * 20, *["acbd"] * 10, *["abccd"] * 10, *["abcxd"] * 30)
    texts = _texts(deviations(made, ABCD))
    assert {"a", "b", "c", "d", "planned", "lived: 100 closed cases"} <= set(texts)
    assert [text for text in texts if text.endswith("%")] == [
        "20%", "10%", "10%", "30%", "30%", "20%", "10%", "10%",
    ]  # fmt: skip
    assert "30%  x" in texts


def test_the_plot_has_a_row_for_each_rate() -> None:
    made = lived(*["abcd"] * 30, *["abd"] * 20, *["abcxd"] * 30)
    ax = deviations(made, ABCD).plot()
    plt.close(ax.figure)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "c"]


def test_steps_of_the_purchase_are_those_of_the_world() -> None:
    assert tuple(_made(1, customers=200).truth["purchases"].model_dump()["plan"]) == STEPS


def test_rare_ways_are_one_row_and_no_case_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["abcd"] * 5 + ["abd"] * 3 + ["ab", "acd", "axbcd"]
    made = lived(*words).replace(customer_index=np.arange(11) // 2)
    whole = deviations(made, ABCD, small_cell=1).ways
    monkeypatch.setattr("journeykit.plan.rates._WAYS", 2)
    short = deviations(made, ABCD, small_cell=1).ways
    assert short["way"].tolist() == ["a b c d", "a b -c d", "(3 other ways)"]
    assert short["n_event"].tolist() == [5, 3, 3]
    assert short["n_customers"].tolist() == [3, 2, 2]
    pd.testing.assert_frame_equal(short.iloc[:2], whole.iloc[:2])
    interval = clustered_wilson_interval(ClusterSums.of_clusters([2, 2, 1, 0, 0, 0], [2] * 5 + [1]))
    assert (short["conf_low"][0], short["conf_high"][0]) == pytest.approx(
        (float(interval.low), float(interval.high))
    )


def test_a_plot_of_many_rates_says_how_many_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("journeykit.plan.departing._DRAWN", 1)
    made = lived(*["abcd"] * 30, *["abd"] * 20, *["abcxd"] * 30)
    ax = deviations(made, ABCD).plot()
    plt.close(ax.figure)
    assert ax.get_xlabel() == "share of closed cases\n(the 1 largest of 2)"
