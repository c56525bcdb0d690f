from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from tests.journeys.test_shape import EVENTS, paths
from tests.strategies import journeys


def test_a_pause_of_exactly_the_gap_does_not_cut() -> None:
    # ann's days 0 1 2 5, bob's 3, cid's 0 4 9
    assert paths(EVENTS.sessions("3d")) == ["mail web web buy", "web", "web", "buy", "web"]
    just_under = EVENTS.sessions("71h")
    assert paths(just_under) == ["mail web web", "buy", "web", "web", "buy", "web"]
    assert just_under.customer_index.tolist() == [0, 0, 1, 2, 2, 2]
    assert just_under.attributes["income"].to_pylist() == ["low", "low", None] + ["high"] * 3


def test_a_session_is_open_until_a_whole_gap_was_watched() -> None:
    # watched to day 10; last events on days 5, 3 and 9
    ended = EVENTS.sessions("5d").attributes["ended"].to_pylist()
    assert ended == ["open", "timeout", "open"]
    # ann and cid begin within 5 days of a window in which they were from its beginning; so does bob
    assert EVENTS.sessions("5d").attributes["edge"].to_pylist() == [True, True, True]
    assert EVENTS.sessions("3d").attributes["edge"].to_pylist() == [True, False, True, False, False]


def test_cases_from_start_to_goal() -> None:
    cases = EVENTS.cases(start=["web"], goal=["buy"], timeout="4d")
    assert paths(cases) == ["web web buy", "web", "web buy", "web"]
    assert cases.attributes["ended"].to_pylist() == ["goal", "timeout", "goal", "open"]
    assert cases.ledger.removed[-1] == ("cases", "outside any case", 0, 1)
    assert cases.attributes["edge"].to_pylist() == [True, True, True, False]
    # without a timeout nothing tells that a first case did not begin long before
    edge = EVENTS.cases(goal=["buy"]).attributes["edge"].to_pylist()
    assert edge == [True, True, True, False]


def test_cases_need_an_end() -> None:
    with pytest.raises(ArgumentError, match="`goal` or `timeout` must be given"):
        EVENTS.cases(start=["web"])
    with pytest.raises(NotObservedError, match="A cut at pauses needs the time"):
        EVENTS.replace(time=None).cases(timeout="1d")
    with pytest.raises(ArgumentError, match="There is no touchpoint 'by'. Did you mean 'buy'?"):
        EVENTS.cases(goal="by")


def test_cases_begin_and_end_with_patterns() -> None:
    as_names = EVENTS.cases(start=["web"], goal=["buy"], timeout="4d")
    as_patterns = EVENTS.cases(start="web", goal="buy", timeout="4d")
    assert paths(as_patterns) == paths(as_names)
    assert as_patterns.attributes.equals(as_names.attributes)
    # ann: mail web web buy | bob: web | cid: web buy web; only ann's purchase follows within 3 days
    cases = EVENTS.cases(goal="web >> [3d] buy")
    assert paths(cases) == ["mail web web buy", "web", "web buy web"]
    assert cases.attributes["ended"].to_pylist() == ["goal", "open", "open"]
    cases = EVENTS.cases(start="web > web", goal="buy")
    assert paths(cases) == ["web web buy"]
    assert cases.attributes["ended"].to_pylist() == ["goal"]


def test_outcomes_worked_by_hand() -> None:
    outcomes = EVENTS.outcomes(conversion=["buy"], lookback_days=4, value="value")
    # ann converts on day 5; bob's last touch is 7 days before the end; cid converts, then is open
    assert paths(outcomes) == ["mail web web buy", "web", "web buy", "web"]
    assert outcomes.attributes["outcome"].to_pylist() == [
        "converted", "abandoned", "converted", "open",
    ]  # fmt: skip
    assert outcomes.attributes["outcome_value"].to_pylist() == [50, 0, 70, 0]
    # ann and cid begin on day 0 of a window they were in from its beginning; bob within 4 days too
    assert outcomes.attributes["edge"].to_pylist() == [True, True, True, False]


def test_outcomes_come_back_beside_a_column_called_value() -> None:
    frame = EVENTS.outcomes(conversion=["buy"], lookback_days=4, value="value").to_frame()
    assert frame["value"].tolist() == [0, 1, 2, 50, 0, 0, 70, 0]
    assert frame["outcome_value"].tolist() == [50, 50, 50, 50, 0, 70, 70, 0]


def test_who_entered_later_has_no_history_before_the_window() -> None:
    entered = EVENTS.replace(observed_from=np.array([DAY // 2, 0, 0]))
    edge = entered.outcomes(conversion=["buy"], lookback_days=4).attributes["edge"].to_pylist()
    assert edge == [False, True, True, False]


def test_a_conversion_without_a_touch_is_a_journey_too() -> None:
    twice = Journeys(
        names=("buy", "web"),
        touchpoint=np.array([0, 0, 1], dtype=np.uint8),
        start=np.array([0, 3]),
        time=np.array([1, 2, 3]) * DAY,
        observed_to=np.array([4 * DAY]),
    )
    outcomes = twice.outcomes(conversion=["buy"], lookback_days=2)
    assert paths(outcomes) == ["buy", "buy", "web"]
    assert outcomes.attributes["outcome"].to_pylist() == ["converted", "converted", "open"]


def test_outcome_arguments_are_checked() -> None:
    with pytest.raises(ArgumentError, match="`conversion` must name at least one touchpoint"):
        EVENTS.outcomes(conversion=[], lookback_days=3)
    with pytest.raises(
        ArgumentError, match="`lookback_days` must be a number greater than 0; got 0"
    ):
        EVENTS.outcomes(conversion=["buy"], lookback_days=0)
    with pytest.raises(
        MappingError, match="`value` names event columns that do not exist: 'price'"
    ):
        EVENTS.outcomes(conversion=["buy"], lookback_days=3, value="price")
    holes = EVENTS.replace(columns={"value": np.where(EVENTS.touchpoint == 0, np.nan, 0.0)})
    with pytest.raises(DataError, match="Column 'value' is empty at 2 conversions"):
        holes.outcomes(conversion=["buy"], lookback_days=3, value="value")


def _slow_outcomes(whole: Journeys, pause: int) -> list[tuple[int, int, str]]:
    """The definition, event by event: (customer, events, outcome) of each journey."""
    shop, found = whole.names.index("shop"), []
    assert whole.time is not None
    for customer, (a, b) in enumerate(zip(whole.start[:-1], whole.start[1:], strict=True)):
        length = 0
        for event in range(a, b):
            length += 1
            last = event == b - 1
            if whole.touchpoint[event] == shop:
                found.append((customer, length, "converted"))
                length = 0
            elif last or whole.time[event + 1] - whole.time[event] > pause:
                silent = 100 * DAY - whole.time[event]
                found.append(
                    (customer, length, "abandoned" if not last or silent > pause else "open")
                )
                length = 0
    return found


@given(journeys())
def test_outcomes_equal_the_definition(whole: Journeys) -> None:
    outcomes = whole.outcomes(conversion=["shop"], lookback_days=20)
    ours = zip(
        outcomes.customer_index.tolist(),
        outcomes.length.tolist(),
        outcomes.attributes["outcome"].to_pylist(),
        strict=True,
    )
    assert list(ours) == _slow_outcomes(whole, 20 * DAY)
    assert pa.types.is_boolean(outcomes.attributes["edge"].type)
