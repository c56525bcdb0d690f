from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys.durations import DAY
from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.rows import causes, encoding, spans

TABLE = pd.DataFrame(
    {
        "who": ["b", "b", "a", "c"],
        "begin": [0.0, 2.0, 1.0, 0.0],
        "time": [2.0, 5.0, 3.0, 4.0],
        "status": [0, 1, 0, 1],
        "exit_to": [None, "rival", None, "nobody"],
        "plan": ["two", "two", "one", "zero"],
        "age": [30, 30, 41, 52],
        "vip": [True, True, False, False],
    }
)


def made(frame: pd.DataFrame = TABLE) -> Lifetimes:
    return lifetimes_from_frame(
        frame,
        customer_id="who",
        start="begin",
        cause="exit_to",
        covariates=["plan", "age", "vip"],
    )


def test_spans_are_open_at_the_entry_and_customers_numbered_as_they_come() -> None:
    read = spans(made())
    assert read.entry.tolist() == [-1, 2 * DAY, DAY, -1]
    assert read.exit.tolist() == [2 * DAY, 5 * DAY, 3 * DAY, 4 * DAY]
    assert read.event.tolist() == [False, True, False, True]
    assert read.customer.tolist() == [0, 0, 1, 2]


def test_causes_are_numbered_from_one_and_censored_is_zero() -> None:
    names, code = causes(made())
    assert names == ("nobody", "rival")
    assert code.tolist() == [0, 2, 0, 1]


def test_lifetimes_without_causes_say_so() -> None:
    with pytest.raises(ArgumentError, match="do not say which end each event was; give `cause`"):
        causes(lifetimes_from_frame(TABLE))


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_an_event_without_a_cause_is_refused(nothing: str | None) -> None:
    frame = TABLE.assign(exit_to=[nothing, "rival", None, None])
    with pytest.raises(DataError, match="'exit_to' must name the end of every event; 1 of 2 are"):
        made(frame)


def test_what_a_cause_says_of_a_censored_row_is_not_kept() -> None:
    frame = TABLE.assign(exit_to=["rival", "rival", "x", "nobody"])
    assert made(frame).frame["cause"].cat.categories.tolist() == ["nobody", "rival"]


def test_nobody_is_under_risk_twice_at_once() -> None:
    frame = TABLE.assign(begin=[0.0, 1.5, 1.0, 0.0])
    with pytest.raises(DataError, match=r"must not overlap; 1 of 4 rows begin .* 'who' .* 'b'"):
        made(frame)


def test_covariates_become_numbers_as_in_r() -> None:
    learned = encoding(made().frame, ["plan", "age", "vip"])
    assert learned.covariates == ("plan", "age", "vip")
    assert learned.names == ("plan[two]", "plan[zero]", "age", "vip")
    assert learned.owner == ("plan", "plan", "age", "vip")
    assert learned.matrix(TABLE).tolist() == [
        [1, 0, 30, 1],
        [1, 0, 30, 1],
        [0, 0, 41, 0],
        [0, 1, 52, 0],
    ]


def test_categories_keep_their_order_and_forget_unused_ones() -> None:
    plans = pd.Categorical(TABLE["plan"], categories=["zero", "none", "two", "one"])
    assert encoding(TABLE.assign(plan=plans), ["plan"]).names == ("plan[two]", "plan[one]")


@pytest.mark.parametrize(
    ("change", "wanted", "error", "message"),
    [
        ({}, [], ArgumentError, r"`covariates` must name columns, each once; got \[\]"),
        ({}, ["age", "age"], ArgumentError, "each once; got"),
        ({}, ["plam"], MappingError, "plam"),
        ({"age": 7}, ["age"], ArgumentError, "'age' has the one value 7 in all 4 rows"),
        (
            {"age": [1, 2, np.nan, 4]},
            ["age"],
            DataError,
            "a value in every row; 1 of 4 rows do not",
        ),
        ({"age": [1, 2, np.inf, 4]}, ["age"], DataError, "a finite number in every row; 1 of 4"),
        (
            {"age": pd.to_datetime(["2024-01-01"] * 3 + ["2025-01-01"])},
            ["age"],
            DataError,
            "'age' holds times",
        ),
    ],
)
def test_covariates_that_cannot_be_used(
    change: dict[str, object], wanted: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        encoding(TABLE.assign(**change), wanted).matrix(TABLE.assign(**change))


def test_a_level_the_model_never_saw_is_refused() -> None:
    learned = encoding(TABLE, ["plan"])
    with pytest.raises(DataError, match=r"one of 'one', 'two', 'zero'; 1 of 4 .* such as 'three'"):
        learned.matrix(TABLE.assign(plan=["three", "two", "one", "zero"]))


def test_a_covariate_that_is_no_number_any_more_is_refused() -> None:
    learned = encoding(TABLE, ["age"])
    with pytest.raises(DataError, match="'age' must hold numbers"):
        learned.matrix(TABLE.assign(age=["x", "y", "z", "u"]))


def test_texts_that_are_no_levels_are_refused() -> None:
    amounts = [str(k) for k in range(290)] + [" "] * 10
    frame = pd.DataFrame({"amount": amounts, "name": [f"c{k}" for k in range(300)]})
    with pytest.raises(DataError, match="'amount' holds numbers as text; 10 of 300 rows are none"):
        encoding(frame, ["amount"])
    with pytest.raises(DataError, match="'name' has 300 levels in 300 rows, and at most 200"):
        encoding(frame, ["name"])


def test_dates_are_no_elapsed_time() -> None:
    frame = pd.DataFrame({"time": pd.to_datetime(["2024-01-01", "2024-02-01"]), "status": 1})
    with pytest.raises(DataError, match="'time' must hold elapsed time as a number; it holds date"):
        lifetimes_from_frame(frame)
    frame["time"] = frame["time"] - pd.Timestamp("2023-01-01")
    with pytest.raises(DataError, match="it holds timedelta"):
        lifetimes_from_frame(frame)
