"""Customers by calendar period: worked by hand, and that parts add up."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.counts import Periods, period_counts, periods
from journeykit.counts.calendar import counted
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.shape import customer_range
from tests.strategies import journeys as any_journeys


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def made(
    *customers: str, window: tuple[str, str] | None = None, clock: str = "instant"
) -> Journeys:
    """Customers as texts: ``2026-01-05 buy, 2026-01-06 visit``."""
    rows = [
        (number, *event.split(" "))
        for number, customer in enumerate(customers)
        for event in customer.split(", ")
    ]
    names = tuple(sorted({name for *_, name in rows}))
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(name) for *_, name in rows], dtype=np.uint8),
        start=np.cumsum([0, *(len(customer.split(", ")) for customer in customers)]),
        time=np.array([at(moment) for _, moment, _ in rows], dtype=np.int64),
        customer_id=pa.array([f"c{number}" for number in range(len(customers))]),
        window=None if window is None else (at(window[0]), at(window[1])),
        clock=clock,
    )


FOUR = made(
    "2026-01-05 visit, 2026-01-06 buy, 2026-02-01 visit",
    "2026-01-31 visit, 2026-03-02 visit",
    "2026-02-10 mail",
    "2026-02-11 buy, 2026-02-12 buy, 2026-03-15T10:00 visit",
    window=("2026-01-01", "2026-04-01"),
)


def test_worked_by_hand() -> None:
    calendar = periods(FOUR)
    assert calendar.first == (
        date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1),
    )  # fmt: skip
    # The newest event is of the middle of March, so of March not all is there.
    assert calendar.complete.tolist() == [True, True, False]
    counts = period_counts(FOUR, doing=["buy"], periods=calendar)
    assert counts.n.tolist() == [2, 3, 2]
    assert counts.n_event.tolist() == [1, 1, 0]
    acting = period_counts(FOUR, doing=["buy"], among=["visit"], periods=calendar)
    assert acting.n.tolist() == [2, 2, 2]


def test_weeks_begin_on_monday_and_days_are_days() -> None:
    two = made("2026-01-07 a, 2026-01-20 a")  # a Wednesday, a Tuesday
    weeks = periods(two, unit="week")
    assert weeks.first == tuple(date(2026, 1, day) for day in (5, 12, 19, 26))
    assert weeks.complete.tolist() == [False, True, False]
    days = periods(two, unit="day")
    assert (days.first[0], len(days)) == (date(2026, 1, 7), 14)
    # The day of the first event may have begun before the data, that of the newest still goes on.
    assert days.complete.tolist() == [False, *[True] * 12, False]


def test_months_turn_where_the_study_is() -> None:
    one = made("2026-01-31T23:30 a, 2026-03-01 a", window=("2026-01-01", "2026-03-02"))
    assert period_counts(one, doing=["a"], periods=periods(one)).n.tolist() == [1, 0, 1]
    berlin = periods(one, time_zone="Europe/Berlin")
    assert period_counts(one, doing=["a"], periods=berlin).n.tolist() == [0, 1, 1]
    assert berlin.edge[1] == at("2026-01-31T23:00")
    # On a day clock there is no zone to turn in.
    days = made("2026-01-31 a, 2026-03-01 a", clock="day")
    assert periods(days, time_zone="Asia/Tokyo").edge[1] == at("2026-02-01")


def test_a_window_that_ends_on_the_newest_day_ends_the_data() -> None:
    whole = made("2026-01-05 a, 2026-01-31T20:00 a", window=("2026-01-01", "2026-02-01"))
    assert periods(whole).complete.tolist() == [True]
    assert periods(
        whole.replace(window=(at("2026-01-02"), at("2026-02-01")))
    ).complete.tolist() == [False]


JOINT = ("n_event", "n", "both_did", "did_and_counted", "both_counted")


@given(journeys=any_journeys(min_customers=2), cut=st.integers(1, 11))
def test_parts_of_the_customers_add_up(journeys: Journeys, cut: int) -> None:
    calendar, cut = periods(journeys, unit="week"), min(cut, journeys.n_customers - 1)
    first, second = (
        period_counts(customer_range(journeys, a, b), doing=["shop"], periods=calendar)
        for a, b in ((0, cut), (cut, journeys.n_customers))
    )
    added, whole = first + second, period_counts(journeys, doing=["shop"], periods=calendar)
    assert added.fingerprint == whole.fingerprint
    for name in JOINT:
        assert np.array_equal(getattr(added, name), getattr(whole, name)), name


def test_joint_counts_worked_by_hand() -> None:
    counts = period_counts(FOUR, doing=["buy"], periods=periods(FOUR))
    # There: the first in January and February, the second in January and March, the third in
    # February, the fourth in February and March. Bought: the first in January, the fourth in
    # February.
    assert counts.both_counted.tolist() == [[2, 1, 1], [1, 3, 1], [1, 1, 2]]
    assert counts.both_did.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert counts.did_and_counted.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]


def test_the_standard_error_of_a_change_is_that_of_its_customers() -> None:
    rng = np.random.default_rng(5)
    there = rng.random((300, 4)) < 0.6
    done = there & (rng.random((300, 4)) < rng.random((300, 1)))
    calendar = Periods((date(2026, 1, 1),) * 5, np.arange(5), np.ones(4, dtype=bool))
    counts = counted(there, done, periods=calendar)
    change = counts.std_error_of_change()
    # By the definition: the sum over customers of their squared parts of the difference.
    part = (done - there * (counts.n_event / counts.n)) / counts.n
    expected = np.sqrt(((part[:, :, None] - part[:, None, :]) ** 2).sum(axis=0))
    assert change == pytest.approx(expected, abs=1e-15)
    # And by resampling customers.
    drawn = rng.poisson(1, size=(4000, 300)).astype(float)
    shares = (drawn @ done) / (drawn @ there)
    assert change[0, 1] == pytest.approx((shares[:, 0] - shares[:, 1]).std(), rel=0.06)


def test_what_cannot_be_counted_says_so() -> None:
    with pytest.raises(NotObservedError, match="a calendar period"):
        periods(FOUR.replace(time=None, window=None))
    with pytest.raises(DataError, match="There are no events"):
        periods(FOUR.between("2026-03-20", "2026-03-21"))
    with pytest.raises(ArgumentError, match="`unit` must be one of 'day', 'week', 'month'"):
        periods(FOUR, unit="year")  # type: ignore[arg-type]
    other = Periods((date(2026, 1, 1), date(2026, 2, 1)), np.array([0, 1]), np.array([True]))
    with pytest.raises(ArgumentError, match="periods"):
        _ = period_counts(FOUR, doing=["buy"], periods=periods(FOUR)) + period_counts(
            FOUR, doing=["buy"], periods=other
        )
