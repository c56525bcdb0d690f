from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import EndTouchpoint, Lifetimes, StartAttribute, StartTouchpoint
from journeykit.survival.recurring import recurrences, recurrent


def made(
    customers: list[list[tuple[float, str]]],
    *,
    since: float | list[float] = 0,
    attributes: pa.Table = None,
) -> Journeys:
    """Journeys of (day, touchpoint) pairs, watched in [since, 100)."""
    names = tuple(sorted({name for events in customers for _, name in events}))
    events = [event for customer in customers for event in customer]
    n = len(customers)
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(name) for _, name in events], dtype=np.uint8),
        start=np.cumsum([0, *map(len, customers)]),
        time=(np.array([day for day, _ in events]) * DAY).astype(np.int64),
        observed_from=(np.broadcast_to(since, n) * DAY).astype(np.int64),
        observed_to=np.full(n, 100 * DAY),
        attributes=pa.table({}) if attributes is None else attributes,
        window=(0, 100 * DAY),
    )


def rows(lives: Lifetimes) -> list[tuple[int, float, float, bool, bool]]:
    frame = lives.frame[["customer_id", "entry_days", "exit_days", "event", "late"]]
    return [tuple(row) for row in frame.itertuples(index=False, name=None)]


def test_the_first_event_starts_the_clock_and_is_no_recurrence() -> None:
    journeys = made([[(5, "buy"), (9, "ad"), (12, "buy"), (30, "buy")], [(90, "buy")]])
    assert rows(recurrences(journeys, touchpoints=["buy"])) == [
        (0, 0, 7, True, False),
        (0, 7, 25, True, True),
        (0, 25, 95, False, True),
        (1, 0, 10, False, False),
    ]


def test_events_at_one_moment_are_one() -> None:
    journeys = made([[(5, "buy"), (5, "call"), (8, "buy"), (8, "call")]])
    found = rows(recurrences(journeys, touchpoints=["buy", "call"]))
    assert found == [(0, 0, 3, True, False), (0, 3, 95, False, True)]


def test_another_start_counts_every_event_from_it_on() -> None:
    journeys = made([[(4, "buy"), (5, "join"), (5, "buy"), (8, "buy")]])
    found = rows(recurrences(journeys, touchpoints=["buy"], start=StartTouchpoint("join")))
    # Who is there from the very beginning is under risk at it.
    assert found == [
        (0, 0, 0, True, False),
        (0, 0, 3, True, True),
        (0, 3, 95, False, True),
    ]


def test_late_entry_begins_with_the_watching() -> None:
    journeys = made(
        [[(20, "buy"), (40, "buy")]],
        since=20,
        attributes=pa.table({"joined": np.array([10 * DAY])}),
    )
    found = rows(recurrences(journeys, touchpoints=["buy"], start=StartAttribute("joined")))
    # The event as watching begins is not under risk: (entry, exit].
    assert found == [(0, 10, 30, True, True), (0, 30, 90, False, True)]


def test_nothing_counts_from_the_end_on() -> None:
    journeys = made(
        [
            [(0, "buy"), (10, "buy"), (20, "quit"), (30, "buy")],
            [(0, "buy"), (10, "buy")],
            [(0, "buy"), (20, "buy"), (20, "quit")],
        ]
    )
    lives = recurrences(journeys, touchpoints=["buy"], end=EndTouchpoint("quit"))
    assert lives.frame["cause"].astype(object).where(lives.frame["event"], "").tolist() == [
        "again", "left", "again", "", "left",
    ]  # fmt: skip
    found = recurrent(lives, terminal="left", small_cell=1).frame
    assert found["n_event"].tolist() == [2, 0]
    assert found["n_terminal"].tolist() == [0, 2]
    assert found["estimate"].tolist() == pytest.approx([2 / 3, 2 / 3])


def test_a_customer_of_many_rows_counts_once() -> None:
    journeys = made([[(5, "buy"), (12, "buy"), (30, "buy")], [(90, "buy")], [(3, "ad")]])
    lives = recurrences(journeys, touchpoints=["buy"])
    assert lives.customers() == {"all": 2}
    assert dict(lives.left_out) == {"without a start": 1}
    assert lives.frame["edge"].all()


def test_what_is_refused() -> None:
    journeys = made([[(5, "buy")]])
    with pytest.raises(MappingError, match="`touchpoints` names touchpoints that do not exist"):
        recurrences(journeys, touchpoints=["by"])
    with pytest.raises(NotObservedError, match="until when customers are watched"):
        recurrences(journeys.replace(observed_to=None), touchpoints=["buy"])
    with pytest.raises(ArgumentError, match="`recurrences` follows whole customers"):
        recurrences(made([[(5, "buy"), (50, "buy")]]).sessions("1d"), touchpoints=["buy"])
    lives = made([[(5, "buy"), (5, "quit")]])
    with pytest.raises(DataError, match="Nobody is left to follow: 1 not watched after"):
        recurrences(lives, touchpoints=["buy"], end=EndTouchpoint("quit"))
