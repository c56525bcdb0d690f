from __future__ import annotations

import numpy as np
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.plan import Plan
from journeykit.plan.cases import cases_of
from tests.plan.worlds import BEGIN, lived, timed

PLAN = Plan(name="p", steps=["a", "b"], pause_days=30 / 1440, beside="mail", reaches="b")


def test_cases_end_at_pauses_and_what_is_beside_keeps_none_going() -> None:
    made = timed([("a", 0), ("mail", 20), ("a", 40), ("b", 45)])
    cases = cases_of(made, PLAN)
    assert cases.journeys.length.tolist() == [1, 2]
    assert cases.event.tolist() == [0, 2, 3]
    assert cases.touches.tolist() == [True, True]
    assert cases.reaches.tolist() == [False, True]
    assert cases.closed.tolist() == [True, True]


def test_a_case_is_open_until_a_whole_pause_was_watched() -> None:
    events = [("a", 0.0), ("b", 10.0)]
    for minutes, closed in ((39.0, False), (40.0, False), (41.0, True)):
        made = timed(events, watched_days=1 + minutes / 1440)
        assert cases_of(made, PLAN).closed.tolist() == [closed]


def test_cases_near_the_beginning_of_the_window_may_have_begun_before() -> None:
    made = timed([("a", -1435), ("b", -1430), ("a", 0), ("b", 5)])
    assert cases_of(made, PLAN).unseen.tolist() == [True, False]


def test_without_a_pause_a_customer_is_a_case_and_stays_open() -> None:
    plan = Plan(name="p", steps=["a", "b"])
    made = timed([("a", 0), ("b", 9000)], [("x", 0)])
    cases = cases_of(made, plan)
    assert cases.journeys.length.tolist() == [2, 1]
    assert cases.touches.tolist() == [True, False]
    assert cases.closed.tolist() == [False, False]
    assert cases_of(lived("ab"), plan).closed.tolist() == [True]


def test_journeys_already_cut_are_the_cases() -> None:
    made = timed([("a", 0), ("b", 50), ("a", 5000)]).cases(goal=["b"], timeout="1d")
    cases = cases_of(made, PLAN)
    assert cases.journeys.length.tolist() == [2, 1]
    assert cases.closed.tolist() == [True, True]
    assert cases.unseen.tolist() == [False, False]
    with pytest.raises(ArgumentError, match="`case` is for whole journeys"):
        cases_of(made.replace(columns={"visit": np.zeros(3)}), PLAN, case="visit")


@pytest.mark.parametrize(
    "numbers",
    [
        np.array([7, -1, 5, 7]),
        np.array([7.0, np.nan, 5.0, 7.0]),
        np.array(["x7", "", "x5", "x7"], dtype=object),
        np.array(["x7", None, "x5", "x7"], dtype=object),
    ],
)
def test_a_column_may_number_the_cases(
    numbers: np.ndarray[tuple[int], np.dtype[np.generic]],
) -> None:
    made = timed([("a", 0), ("x", 1), ("a", 2), ("b", 3)]).replace(columns={"visit": numbers})
    cases = cases_of(made, PLAN, case="visit")
    assert sorted(cases.event.tolist()) == [0, 2, 3]
    by_case = {
        tuple(cases.event[a:b].tolist())
        for a, b in zip(cases.journeys.start, cases.journeys.start[1:], strict=False)
    }
    assert by_case == {(0, 3), (2,)}
    assert cases.closed.all()
    with pytest.raises(MappingError, match="`case` names event columns that do not exist: 'visi'"):
        cases_of(made, PLAN, case="visi")


def test_numbered_cases_need_a_pause_to_be_over() -> None:
    plan = Plan(name="p", steps=["a", "b"])
    made = timed([("a", 0), ("b", 3)]).replace(columns={"visit": np.array([1, 1])})
    assert cases_of(made, plan, case="visit").closed.tolist() == [False]
    assert cases_of(made, PLAN, case="visit").closed.tolist() == [True]


def test_numbered_cases_near_the_beginning_may_have_begun_before() -> None:
    made = timed([("a", -1435), ("b", -1430), ("a", 0), ("b", 5)])
    numbered = made.replace(columns={"visit": np.array([1, 1, 2, 2])})
    assert cases_of(numbered, PLAN, case="visit").unseen.tolist() == [True, False]
    entered = numbered.replace(observed_from=np.array([BEGIN + 1]))
    assert cases_of(entered, PLAN, case="visit").unseen.tolist() == [False, False]


def test_a_plan_of_other_journeys_is_refused() -> None:
    with pytest.raises(DataError, match="No event is at a touchpoint of plan 'p': the plan must"):
        cases_of(lived("xyz"), PLAN)


def test_a_plan_is_not_touched_by_its_goal_alone() -> None:
    plan = Plan(name="p", steps=["a"], reaches="z")
    assert cases_of(lived("z", "az", "a"), plan).reaches.tolist() == [False, True, False]
