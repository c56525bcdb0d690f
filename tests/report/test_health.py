"""Data that are too old or too few: worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from journeykit.journeys import Journeys
from journeykit.report.health import Concern, concerns, fresh_until, process_limits
from journeykit.study import Study, load_study

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday


def study(folder: Path, text: str) -> Study:
    (folder / "study.yaml").write_text(
        "name: s\nevents: {source: e.csv, customer: c, time: t, touchpoint: p}\n" + text
    )
    return load_study(folder)


def weeks(*events: int) -> Journeys:
    """So many events in each week, all on its Wednesday."""
    times = [
        BEGIN + timedelta(weeks=week, days=2, seconds=second)
        for week, n in enumerate(events)
        for second in range(n)
    ]
    return Journeys(
        names=("a",),
        touchpoint=np.zeros(len(times), dtype=np.uint8),
        start=np.array([0, len(times)]),
        time=np.array([int(moment.timestamp() * 1e6) for moment in times], dtype=np.int64),
        window=(
            int(BEGIN.timestamp() * 1e6),
            int((BEGIN + timedelta(weeks=200)).timestamp() * 1e6),
        ),
    )


NEWEST = BEGIN + timedelta(weeks=1, days=2, seconds=1)


@pytest.mark.parametrize(
    ("age", "found"),
    [
        (timedelta(days=3), ()),
        (
            timedelta(days=3, seconds=1),
            (Concern("The newest event is 3 days old (2026-01-14); the study allows 3.", False),),
        ),
        (
            timedelta(days=9),
            (Concern("The newest event is 9 days old (2026-01-14); the study allows 3.", False),),
        ),
    ],
)
def test_old_data(age: timedelta, found: tuple[Concern, ...], tmp_path: Path) -> None:
    declared = study(tmp_path, "freshness: {newest_within_days: 3}\n")
    assert concerns(declared, weeks(2, 2), now=NEWEST + age) == found


def test_of_a_window_that_is_past_its_end_counts(tmp_path: Path) -> None:
    text = "freshness: {newest_within_days: 3, then: refuse}\n"
    declared = study(tmp_path, f"{text}window: {{from: 2026-01-05, to: 2026-02-01}}\n")
    end = int((NEWEST + timedelta(days=2)).timestamp() * 1e6)
    closed = weeks(2, 2).replace(window=(int(BEGIN.timestamp() * 1e6), end))
    assert concerns(declared, closed, now=NEWEST + timedelta(days=900)) == ()
    assert fresh_until(declared, closed) is None
    later = closed.replace(window=(closed.window[0], end + 2 * 86_400_000_000))  # type: ignore[index]
    (found,) = concerns(declared, later, now=NEWEST + timedelta(days=900))
    assert found.refuse
    assert fresh_until(declared, later) == NEWEST + timedelta(days=3)


#: Differences of neighbours are 10 each: the limits lie 26.6 around the mean of 105.
STEADY = (100, 110) * 6


@pytest.mark.parametrize(
    ("newest", "unusual"), [(131, False), (132, True), (79, False), (78, True), (0, False)]
)
def test_an_unusual_week(newest: int, unusual: bool, tmp_path: Path) -> None:
    declared = study(tmp_path, "volume: {per: week}\n")
    # The last week still goes on and is not judged; an empty one after all others is not known of.
    found = concerns(declared, weeks(*STEADY, newest, 1 if newest else 0), now=NEWEST)
    said = (
        f"The week from 2026-03-30 has {newest:,} events; the 12 weeks before it let expect 78 to "
        "132."
    )
    assert found == ((Concern(said, False),) if unusual else ())


def test_days_are_compared_with_the_same_weekday(tmp_path: Path) -> None:
    declared = study(tmp_path, "volume: {per: day, then: refuse}\n")
    # All of a week's events are on Wednesdays; the other days, with none, are not in the series.
    journeys = weeks(*STEADY, 300)
    thursday = int((BEGIN + timedelta(weeks=12, days=3)).timestamp() * 1e6)
    more = journeys.replace(
        time=np.append(journeys.time, thursday),
        touchpoint=np.append(journeys.touchpoint, 0).astype(np.uint8),
        start=np.array([0, journeys.n_events + 1]),
    )
    assert concerns(declared, more, now=NEWEST) == (
        Concern(
            "The day from 2026-04-01 has 300 events; the 12 Wednesdays before it let expect 78 to "
            "132.",
            True,
        ),
    )


def test_few_weeks_say_nothing() -> None:
    assert process_limits(np.array([100, 110] * 5 + [100])) is None
    assert process_limits(np.array(STEADY)) == (105 - 26.6, 105 + 26.6)
    assert process_limits(np.array([0, 10] * 6)) == (0.0, 31.6)


def test_nothing_is_asked_of_a_study_that_declares_nothing(tmp_path: Path) -> None:
    assert concerns(study(tmp_path, ""), weeks(1), now=NEWEST) == ()
