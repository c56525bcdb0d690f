from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import EndTouchpoint, Inactivity, Lifetimes, kaplan_meier, lifetimes
from journeykit.survival.returning import spells
from tests.strategies import journeys as any_journeys


def made(customers: list[list[float]], *, attributes: pa.Table = None) -> Journeys:
    days = [day for customer in customers for day in customer]
    n = len(customers)
    return Journeys(
        names=("visit",),
        touchpoint=np.zeros(len(days), dtype=np.uint8),
        start=np.cumsum([0, *map(len, customers)]),
        time=np.rint(np.array(days) * DAY).astype(np.int64),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, 100 * DAY),
        attributes=pa.table({}) if attributes is None else attributes,
        window=(0, 100 * DAY),
    )


def rows(lives: Lifetimes) -> list[tuple[float, ...]]:
    """Return customer, spell, entry, exit and event; who is censored is so a microsecond sooner."""
    frame = lives.frame[["customer_id", "spell", "entry_days", "exit_days", "event"]]
    ends = np.rint(frame["exit_days"] * DAY) + ~frame["event"]
    return [tuple(row) for row in frame.assign(exit_days=ends / DAY).itertuples(False, None)]


VISITS = [
    [0, 10, 35, 40, 90],  # leaves at 10 and at 40, and is back since 90
    [5, 20],  # leaves once
    [60, 75, 85],  # stays
    [90],  # too late to tell
]


def test_every_spell_dated_at_last_activity() -> None:
    found = spells(made(VISITS), churn=Inactivity(20))
    assert rows(found) == [
        (0, 1, 0, 10, True),
        (0, 2, 0, 5, True),
        (1, 1, 0, 15, True),
        (2, 1, 0, 20, False),
    ]
    assert found.left_out == {"not watched for longer than the threshold": 1}
    assert found.frame["edge"].tolist() == [True, False, True, False]
    n = found.audit().frame.set_index("step")["n"]
    assert n["customers"] == 4
    assert n["followed: left"] == 2
    assert n["followed: left, and came back later"] == 1
    # The first came back at 90, and the third was last seen at 85: 20 days are not over.
    assert n["followed: silent for no longer than the threshold at the end"] == 2


def test_every_spell_dated_at_declaration() -> None:
    found = spells(made(VISITS), churn=Inactivity(20, "declaration"))
    assert rows(found) == [
        (0, 1, 20, 30, True),
        (0, 2, 20, 25, True),
        (1, 1, 20, 35, True),
        (2, 1, 20, 40, False),
    ]


def test_absences_end_with_the_return() -> None:
    found = spells(made(VISITS), churn=Inactivity(20), of="absence")
    assert rows(found) == [
        (0, 1, 20, 25, True),
        (0, 2, 20, 50, True),
        (1, 1, 20, 80, False),
    ]
    assert found.left_out == {"never silent beyond the threshold": 2}
    assert found.returned is None
    declared = spells(made(VISITS), churn=Inactivity(20, "declaration"), of="absence")
    assert rows(declared) == [(0, 1, 0, 5, True), (0, 2, 0, 30, True), (1, 1, 0, 60, False)]


def test_one_clock_a_customer() -> None:
    found = spells(made(VISITS), churn=Inactivity(20), clock="customer")
    moment = 1 / DAY
    assert rows(found) == [
        (0, 1, 0, 10, True),
        (0, 2, pytest.approx(35 - moment, abs=1e-13), 40, True),
        (1, 1, 0, 15, True),
        (2, 1, 0, 20, False),
    ]
    assert found.frame["late"].tolist() == [False, True, False, False]
    # Seen once and silent again: the spell has no length, and its end counts all the same.
    once = spells(made([[0, 50], [0, 20, 40, 60, 80]]), churn=Inactivity(30), clock="customer")
    frame = kaplan_meier(once.counts(), small_cell=1).frame
    at_50 = frame[frame["time_days"].round(6) == 50].iloc[0]
    assert (at_50["n_event"], at_50["n_at_risk"]) == (1, 2)


@given(
    any_journeys(),
    st.integers(1, 40),
    st.sampled_from(["last_activity", "declaration"]),
)
def test_first_spells_are_lifetimes(
    people: Journeys, threshold: int, dated_at: Literal["last_activity", "declaration"]
) -> None:
    rule = Inactivity(threshold, dated_at)
    try:
        lives = lifetimes(people, churn=rule)
    except DataError:
        with pytest.raises(DataError, match="There is no spell to follow"):
            spells(people, churn=rule)
        return
    found = spells(people, churn=rule)
    first = found.frame[found.frame["spell"] == 1].drop(columns="spell").reset_index(drop=True)
    pd.testing.assert_frame_equal(first, lives.frame)
    assert (found.returned, found.undecided) == (lives.returned, lives.undecided)
    assert found.left_out == lives.left_out


@given(any_journeys(), st.integers(1, 40), st.sampled_from(["last_activity", "declaration"]))
def test_intervals_of_a_customer_do_not_overlap(
    people: Journeys, threshold: int, dated_at: Literal["last_activity", "declaration"]
) -> None:
    rule = Inactivity(threshold, dated_at)
    try:
        active = spells(people, churn=rule, clock="customer")
        away = spells(people, churn=rule, clock="customer", of="absence")
    except DataError:
        return
    for frame in (active.frame, away.frame):
        again = frame["customer_id"].duplicated()
        assert (frame["entry_days"] >= frame["exit_days"].shift())[again].all()
        assert (frame["exit_days"] >= frame["entry_days"]).all()
    # Every leaving is the beginning of an absence.
    assert active.frame["event"].sum() == len(away.frame)


def test_returns_at_a_known_rate() -> None:
    """Silences are exponential with a mean of 10 or, one in five, of 100 days: absences mostly."""
    rng, n = np.random.default_rng(6), 3_000
    long = rng.random((n, 60)) < 0.2
    time = np.cumsum(rng.exponential(np.where(long, 100, 10)), axis=1)
    people = made([[0.0]] * n)
    seen = time < 400
    counts = seen.sum(axis=1)
    people = Journeys(
        names=("visit",),
        touchpoint=np.zeros(int(counts.sum()), dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum(counts)]),
        time=(time[seen] * DAY).astype(np.int64),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, 400 * DAY),
    )
    away = spells(people, churn=Inactivity(60, "declaration"), of="absence")
    read = kaplan_meier(away.counts()).survival_at([50, 100]).frame
    mixed = 0.2 * np.exp(-0.6), 0.8 * np.exp(-6)
    for row in read.itertuples():
        stays = mixed[0] * np.exp(-row.time_days / 100) + mixed[1] * np.exp(-row.time_days / 10)
        assert row.estimate == pytest.approx(stays / sum(mixed), abs=3.5 * row.std_error)
    # Of what follows an activity, a share p is longer than 60 days: so many visits a spell has.
    active = spells(people, churn=Inactivity(60))
    assert len(active.frame) > 1.5 * n
    # Later spells are like the first.
    first, later = (active.frame[mask] for mask in _first_and_later(active.frame["spell"]))
    halves = [
        kaplan_meier(Lifetimes(frame=part).counts()).survival_at(100).frame.iloc[0]
        for part in (first, later)
    ]
    error = np.hypot(*(half["std_error"] for half in halves))
    assert abs(halves[0]["estimate"] - halves[1]["estimate"]) < 3.5 * error


def _first_and_later(spell: pd.Series) -> tuple[pd.Series, pd.Series]:
    return spell == 1, spell > 1


def test_errors_say_what_and_how_to_mend() -> None:
    people = made(VISITS)
    with pytest.raises(ArgumentError, match=r"can come back, Inactivity; got EndTouchpoint"):
        spells(people, churn=EndTouchpoint("visit"))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`of` must be one of 'activity', 'absence'"):
        spells(people, churn=Inactivity(20), of="absense")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`clock` must be one of"):
        spells(people, churn=Inactivity(20), clock="total")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no spell to follow: 4 customers were never silent beyond"):
        spells(people, churn=Inactivity(99), of="absence")
    with pytest.raises(ArgumentError, match="`spells` measures pauses"):
        spells(people.collapse_repeats(), churn=Inactivity(20))
    with pytest.raises(NotObservedError, match="`spells` needs to know until when"):
        spells(people.replace(observed_to=None), churn=Inactivity(20))
    named = made(VISITS, attributes=pa.table({"spell": [1, 2, 3, 4]}))
    with pytest.raises(DataError, match="'spell' cannot be the name of an attribute"):
        spells(named, churn=Inactivity(20))
