"""Customers by calendar period: worked by hand, and that parts add up."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.counts import PeriodCounts, Periods, period_counts, periods
from journeykit.counts.calendar import counted
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.shape import customer_range
from journeykit.stats import mix, poisson_weights
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


def same(a: PeriodCounts, b: PeriodCounts) -> bool:
    return (
        a.periods.first == b.periods.first
        and a.fingerprint == b.fingerprint
        and all(
            np.array_equal(getattr(a, name), getattr(b, name))
            for name in ("n_event", "n", "replicates")
        )
    )


@given(journeys=any_journeys(min_customers=2), cut=st.integers(1, 11))
def test_parts_of_the_customers_add_up(journeys: Journeys, cut: int) -> None:
    calendar, cut = periods(journeys, unit="week"), min(cut, journeys.n_customers - 1)
    first, second = (
        period_counts(customer_range(journeys, a, b), doing=["shop"], periods=calendar)
        for a, b in ((0, cut), (cut, journeys.n_customers))
    )
    assert same(first + second, period_counts(journeys, doing=["shop"], periods=calendar))


def test_the_same_customers_have_the_same_weights_in_every_period() -> None:
    january = made(*["2026-01-05 buy"] * 40, window=("2026-01-01", "2026-02-01"))
    both = made(*["2026-01-05 buy, 2026-02-05 buy"] * 40, window=("2026-01-01", "2026-03-01"))
    one = period_counts(january, doing=["buy"], periods=periods(january))
    two = period_counts(both, doing=["buy"], periods=periods(both))
    assert one.replicates[0, :, 0].tolist() == two.replicates[0, :, 1].tolist()
    # Poisson weights: the sum over 40 customers has mean and variance 40; 200 replicates.
    drawn = one.replicates[1, :, 0]
    assert drawn.mean() == pytest.approx(40, abs=4 * np.sqrt(40 / 200))
    assert drawn.var() == pytest.approx(40, rel=0.4)


def test_samples_are_those_of_the_weights() -> None:
    rng = np.random.default_rng(5)
    there = rng.random((300, 4)) < 0.6
    done, ids = there & (rng.random((300, 4)) < 0.3), mix(np.arange(300))
    calendar = Periods((date(2026, 1, 1),) * 5, np.arange(5), np.ones(4, dtype=bool))
    found = counted(there, done, ids, periods=calendar, seed=7, replicates=30).replicates
    for replicate in range(30):
        weights = poisson_weights(ids, replicate=replicate, seed=7)
        assert found[0, replicate].tolist() == (weights @ done).tolist()
        assert found[1, replicate].tolist() == (weights @ there).tolist()


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
