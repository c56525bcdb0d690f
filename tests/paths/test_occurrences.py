from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.journeys.pattern import PatternError, parse
from journeykit.journeys.shape import customer_range
from journeykit.paths import search
from journeykit.stats import bounded_wilson_interval
from tests.journeys.pattern.test_matching import planted
from tests.journeys.test_shape import EVENTS
from tests.strategies import journeys


def test_worked_by_hand() -> None:
    # ann: mail web web buy, days 0 1 2 5 | bob: web, 3 | cid: web buy web, 0 4 9; watched to 10
    found = search(EVENTS, "web > buy")
    row = found.frame.iloc[0]
    low, high = bounded_wilson_interval(2, 1, 3)
    assert row[["group", "n", "n_event", "n_censored", "n_begun", "n_matches"]].tolist() == [
        "all", 3, 2, 1, 3, 2,
    ]  # fmt: skip
    # bob's web may still be followed by buy: he bounds the share from above
    assert row[["share", "conf_low", "conf_high"]].tolist() == pytest.approx(
        [2 / 3, float(low), float(high)]
    )
    assert row[["closure", "closure_low", "closure_high"]].tolist() == pytest.approx(
        [2 / 3, float(low), float(high)]
    )
    assert row[["time_days_25", "time_days_50", "time_days_75"]].tolist() == [3.25, 3.5, 3.75]
    matches = found.matches.drop(columns=["begin", "end"])
    assert matches.to_numpy().tolist() == [
        ["ann", "all", 0, 3.0, 3, 4],
        ["cid", "all", 2, 4.0, 1, 2],
    ]
    assert found.matches["begin"].tolist() == [
        pd.Timestamp("1970-01-03", tz="UTC"), pd.Timestamp("1970-01-01", tz="UTC"),
    ]  # fmt: skip
    assert found.matches["end"].dt.day.tolist() == [6, 5]
    assert found.summary() == (
        "2 of 3 customers go this way (66.7%, 25.0% to 100.0%), 66.7% of the 3 who begin it; "
        "1 still under way"
    )
    assert found.provenance.parameters == {"pattern": "web > buy", "by": None, "confidence": 0.95}
    assert found.provenance.fingerprint == EVENTS.fingerprint


def test_the_funnel_of_the_elements() -> None:
    steps = search(EVENTS, "mail > web >> [2d] buy").steps
    columns = ["step", "touchpoint", "n", "n_event", "n_censored"]
    # ann's purchase comes 3 days after her last web; who never had a mail has begun nothing
    assert steps[columns].to_numpy().tolist() == [
        [1, "mail", 3, 1, 0],
        [2, "web", 1, 1, 0],
        [3, "buy", 1, 0, 0],
    ]
    assert steps["share"].tolist() == pytest.approx([1 / 3, 1 / 3, 0])
    assert steps["estimate"].tolist() == [1 / 3, 1, 0]


def test_a_step_is_censored_while_it_may_still_come() -> None:
    # bob's web is 7 days before the end of watching, cid's last one 1 day
    for days, censored in ((8, 1), (7, 1), (6, 0)):
        frame = search(EVENTS, f"web > [{days}d] buy").frame
        assert frame[["n_event", "n_censored"]].to_numpy().tolist() == [[2, censored]]
    cut = EVENTS.sessions("5d")
    assert search(cut, "web > [8d] buy").frame["n_censored"].tolist() == [0]


def test_customers_count_once_however_many_journeys_and_matches() -> None:
    row = search(EVENTS.sessions("1d"), "web").frame.iloc[0]
    assert row[["n", "n_event", "n_matches"]].tolist() == [3, 3, 5]


def test_by_groups() -> None:
    found = search(EVENTS, "web > buy", by="income")
    assert found.frame[
        ["group", "n", "n_event", "n_censored", "n_matches"]
    ].to_numpy().tolist() == [
        ["high", 1, 1, 0, 1],
        ["low", 1, 1, 0, 1],
        ["(missing)", 1, 0, 1, 0],
    ]
    assert found.steps[["group", "step"]].to_numpy().tolist() == [
        [group, step] for group in ("high", "low", "(missing)") for step in (1, 2)
    ]
    assert found.matches["group"].tolist() == ["low", "high"]
    assert found.frame["time_days_50"].tolist()[:2] == [4, 3]
    assert np.isnan(found.frame["time_days_50"].iloc[2])
    assert found.summary() == (
        "2 of 3 customers of 3 groups go this way (66.7%); 1 still under way"
    )
    whole = EVENTS.replace(
        attributes=pa.table(
            {
                "n": pa.array([10, None, 9]),
                "coded": pa.array(["b", None, "a"]).dictionary_encode(),
            }
        )
    )
    for by, groups in (("n", ["9", "10", "(missing)"]), ("coded", ["a", "b", "(missing)"])):
        assert search(whole, "web", by=by).frame["group"].tolist() == groups
    with pytest.raises(MappingError, match="`by` names attributes that do not exist: 'incme'"):
        search(EVENTS, "web", by="incme")


def test_an_unseen_beginning_takes_no_part_where_it_matters() -> None:
    entered = EVENTS.replace(observed_from=np.array([0, 1, 1]))
    assert search(entered, "web > buy").n_left_out == 0
    found = search(entered, "^ web > buy")
    assert found.n_left_out == 1
    assert found.frame[["n", "n_event", "n_censored"]].to_numpy().tolist() == [[2, 1, 1]]
    with pytest.raises(ArgumentError, match="needs a journey whose beginning was seen; got 3 "):
        search(EVENTS, "^ web > buy")


def test_without_times() -> None:
    plain = EVENTS.replace(time=None, observed_from=None, observed_to=None, window=None)
    found = search(plain, "web > buy")
    assert found.frame[["n", "n_event", "n_censored"]].to_numpy().tolist() == [[3, 2, 0]]
    assert found.matches["time_days"].isna().all()
    assert found.matches["begin"].isna().all()
    assert found.matches[["first_event", "last_event"]].to_numpy().tolist() == [[3, 4], [1, 2]]
    with pytest.raises(NotObservedError, match="needs the time of each event"):
        search(plain, "web > [1d] buy")


def test_nothing_found_and_what_is_refused() -> None:
    found = search(EVENTS, "buy > mail")
    assert found.frame[["n_event", "n_matches"]].to_numpy().tolist() == [[0, 0]]
    assert len(found.matches) == 0
    assert str(found.matches["begin"].dtype) == "datetime64[us, UTC]"
    with pytest.raises(PatternError, match="Did you mean 'mail'"):
        search(EVENTS, "buy > mial")
    with pytest.raises(ArgumentError, match="`confidence` must lie strictly between 0 and 1"):
        search(EVENTS, "buy", confidence=95)


def test_pictures() -> None:
    ax = search(EVENTS, "web > buy").plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1. web (3)", "2. buy (2)"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([1, 2 / 3])
    ax = search(EVENTS, "web > buy", by="income").plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["high", "low", "(missing)"]
    assert [bar.get_width() for bar in ax.patches] == [1, 1, 0]


TEXTS = (
    "web >> [10d] shop", "mail > !web* > [20d] call", "web{2,} > !web", "^ web >> call",
    "call >> shop >> web $", "mail | web >> [2 steps] shop",
)  # fmt: skip


@settings(max_examples=12)
@given(journeys(), st.sampled_from(TEXTS), st.booleans())
def test_counts_agree_with_each_other_and_add_up(
    given_journeys: Journeys, text: str, cut: bool
) -> None:
    made = given_journeys.replace(
        observed_from=np.arange(len(given_journeys)) % 2,
        attributes=pa.table({"group": [("x", "y")[k % 2] for k in range(len(given_journeys))]}),
    )
    if cut:
        made = made.sessions("15d")
    if text.startswith("^") and not (parse(text).progress(made).completed > 0).any():
        return
    whole, groups = search(made, text), search(made, text, by="group")
    row, steps = whole.frame.iloc[0], whole.steps
    assert row["n_event"] == whole.matches["customer_id"].nunique() == steps["n_event"].iloc[-1]
    assert row["n_matches"] == len(whole.matches) == len(parse(text).find(made))
    assert row["n"] + whole.n_left_out == made.n_customers
    assert steps["n"].tolist() == [row["n"], *steps["n_event"].tolist()[:-1]]
    assert (steps["n_event"] + steps["n_censored"] <= row["n"]).all()
    assert steps["n_event"].is_monotonic_decreasing
    for name in ("n", "n_event", "n_censored", "n_begun", "n_matches"):
        assert groups.frame[name].sum() == row[name]
    if text.startswith("^"):
        return
    half = made.n_customers // 2
    parts = [customer_range(made, a, b) for a, b in ((0, half), (half, made.n_customers)) if b > a]
    for name in ("n", "n_event", "n_censored", "n_begun", "n_matches"):
        assert sum(search(part, text).frame[name].iloc[0] for part in parts) == row[name]


@settings(max_examples=8)
@given(journeys(), st.integers(1, 10**6))
def test_a_shift_of_time_changes_no_count(given_journeys: Journeys, shift: int) -> None:
    window = given_journeys.window
    assert window is not None
    later = given_journeys.replace(
        time=given_journeys.time + shift,
        observed_from=given_journeys.observed_from + shift,
        observed_to=given_journeys.observed_to + shift,
        window=(window[0] + shift, window[1] + shift),
    )
    for text in TEXTS[:3]:
        assert search(later, text).frame.equals(search(given_journeys, text).frame)


def test_planted_loops_are_counted() -> None:
    made, delay, bought = planted()
    found = search(made, "email > product_page > !purchase* > exit >> [7d] return > offer")
    within = delay <= 7 * DAY
    assert found.steps["n_event"].tolist() == [
        1000, 1000, (~bought).sum(), (~bought & within).sum(), (~bought & within).sum(),
    ]  # fmt: skip
    assert found.frame["n_censored"].tolist() == [0]
    assert found.frame["closure"].tolist() == pytest.approx([(~bought & within).mean()])
