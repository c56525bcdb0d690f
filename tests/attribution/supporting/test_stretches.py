from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from journeykit.attribution.supporting.stretches import AFTER, AWAY, compared, neighbours
from journeykit.attribution.supporting.watching import Watched, time_watched, watched
from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY

# A Wednesday.
BEGIN = int(datetime(2024, 5, 1, tzinfo=UTC).timestamp()) * 1_000_000
HOUR = DAY // 24


def made(
    names: list[str], times: list[list[tuple[float, str]]], *, days: int = 40, **more: object
) -> Journeys:
    """Journeys of customers from (day, touchpoint), watched for `days` unless told otherwise."""
    flat = [(day, names.index(name)) for one in times for day, name in one]
    n = len(times)
    return Journeys(
        names=tuple(names),
        touchpoint=np.array([code for _, code in flat], dtype=np.uint8),
        start=np.cumsum([0, *map(len, times)]),
        time=np.array([BEGIN + round(day * DAY) for day, _ in flat], dtype=np.int64),
        **{
            "observed_from": np.full(n, BEGIN),
            "observed_to": np.full(n, BEGIN + days * DAY),
            "window": (BEGIN, BEGIN + days * DAY),
            **more,
        },
    )


def drawn(seed: int, *, clock: str = "instant") -> Journeys:
    rng = np.random.default_rng(seed)
    times = []
    for _ in range(6):
        at = np.sort(rng.choice(40 * 24, rng.integers(0, 25), replace=True)) / 24
        at = np.floor(at) if clock == "day" else at
        times.append([(float(day), str(rng.choice(["a", "b", "c"]))) for day in at])
    times.append([(3.0, "a"), (4.0, "b"), (5.0, "c")])
    late = BEGIN + rng.integers(0, 8, len(times)) * DAY
    end = BEGIN + rng.integers(25, 41, len(times)) * DAY
    return made(["a", "b", "c"], times, observed_from=late, observed_to=end, clock=clock)


def counted(data: Watched, window: int, stretch_days: int) -> dict[str, object]:
    """The same by walking through every half hour of every customer."""
    time: dict[tuple[int, int, bool, bool], float] = {}
    events: dict[tuple[int, int, bool, bool, int], int] = {}
    week_time, week_events = np.zeros(7), np.zeros((7, 3))

    def state(touches: np.ndarray, at: float) -> tuple[bool, bool, bool]:
        now = bool(((touches <= at) & (at < touches + data.spell)).any())
        since = at - touches - data.spell
        return (
            now,
            bool(((since >= 0) & (since < window)).any()),
            bool(((touches - at > 0) & (touches - at <= window)).any()),
        )

    def stretch(at: float) -> tuple[int, int]:
        day = int((at - data.day[0]) // DAY)
        return (day + int(data.weekday[0])) // stretch_days, (day + int(data.weekday[0])) % 7

    for customer in range(len(data.begin)):
        own = data.who == customer
        touches = data.time[own & (data.code == 0)].astype(float)
        low = data.begin[customer] + window + data.spell
        high = data.end[customer] - window
        for at in np.arange(low, high, HOUR / 2) + HOUR / 4:
            now, past, follows = state(touches, at)
            where, weekday = stretch(at)
            if not now:
                key = (customer, where, follows, past)
                time[key] = time.get(key, 0.0) + HOUR / 2
            if not now and not past:
                week_time[weekday] += HOUR / 2
        for at, code in zip(data.time[own], data.code[own], strict=True):
            if code == 0 or (touches == at).any() or not low <= at < high:
                continue
            _, past, follows = state(touches, float(at))
            where, weekday = stretch(float(at))
            events[customer, where, follows, past, int(code)] = (
                events.get((customer, where, follows, past, int(code)), 0) + 1
            )
            if not past:
                week_events[weekday, code] += 1
    return {
        "time": time, "events": events, "week_time": week_time, "week_events": week_events
    }  # fmt: skip


@pytest.mark.parametrize("clock", ["instant", "day"])
@pytest.mark.parametrize("seed", range(6))
def test_time_and_events_are_those_of_walking_through_every_half_hour(
    seed: int, clock: str
) -> None:
    data = watched(drawn(seed, clock=clock), channels=["a", "b", "c"], conversion=[])
    found = compared(data, 0, window=2 * DAY, stretch_days=7)
    slow = counted(data, 2 * DAY, 7)
    strata = {key[:3] for key in slow["time"] if key[3]}
    assert len(found.who) == len(strata)
    expected = sorted(
        (
            key[0],
            key[1],
            *(slow["time"].get((*key, past), 0.0) for past in (False, True)),
            *(slow["events"].get((*key, past, 1), 0) for past in (False, True)),
        )
        for key in strata
    )
    got = sorted(
        zip(
            found.who.tolist(),
            found.stretch.tolist(),
            found.time[:, AWAY].sum(axis=1),
            found.time[:, AFTER].sum(axis=1),
            found.events[:, AWAY, 1],
            found.events[:, AFTER, 1],
            strict=True,
        )
    )
    np.testing.assert_allclose(np.array(got, dtype=float), np.array(expected, dtype=float))
    np.testing.assert_allclose(found.weekday_time, slow["week_time"])
    np.testing.assert_array_equal(found.weekday_events[:, 1:], slow["week_events"][:, 1:])


def test_touches_are_counted_where_the_moment_after_them_can_be_compared() -> None:
    times = [(0.5, "a"), (10.0, "a"), (11.0, "a"), (20.0, "b"), (39.5, "a")]
    data = watched(made(["a", "b"], [times]), channels=["a", "b"], conversion=[])
    found = compared(data, 0, window=2 * DAY, stretch_days=7)
    assert found.touches.sum() == 2


def test_neighbours_by_hand() -> None:
    times = [[(1.0, "a"), (2.0, "b"), (4.0, "a"), (4.0, "b"), (5.0, "b")], [(9.0, "b")]]
    data = watched(made(["a", "b"], times), channels=["a", "b"], conversion=[])
    before, after = neighbours(data, 0)
    days = [np.where(x < 0, x, x / DAY).tolist() for x in (before, after)]
    order = np.lexsort([data.code, data.time, data.who])
    assert np.array(days[0])[order].tolist() == [-1, 1, 3, 0, 1, -1]
    assert np.array(days[1])[order].tolist() == [3, 2, -1, -1, -1, -1]


def test_what_lies_outside_the_watching_counts_for_nothing() -> None:
    inside = [(10.0, "a"), (11.0, "b"), (20.0, "a"), (21.0, "b")]
    around = [(1.0, "a"), (1.5, "b"), *inside, (35.0, "a"), (35.5, "b")]
    span = {
        "observed_from": np.array([BEGIN + 3 * DAY]),
        "observed_to": np.array([BEGIN + 30 * DAY]),
    }
    one, other = (
        watched(made(["a", "b"], [times], **span), channels=None, conversion=[])
        for times in (inside, around)
    )
    np.testing.assert_array_equal(one.time, other.time)
    np.testing.assert_array_equal(one.code, other.code)


def test_time_watched_is_the_overlap_with_each_stretch() -> None:
    rng = np.random.default_rng(1)
    begin = rng.integers(0, 100, 50)
    end = begin + rng.integers(-5, 60, 50)
    edge = np.array([-10, 0, 13, 50, 51, 200])
    overlap = [
        np.maximum(np.minimum(end, high) - np.maximum(begin, low), 0).sum()
        for low, high in pairwise(edge)
    ]
    np.testing.assert_allclose(time_watched(begin, end, edge), overlap)


JOURNEYS = made(["a", "b"], [[(10.0, "a"), (11.0, "b")]])


@pytest.mark.parametrize(
    ("journeys", "asked", "error", "message"),
    [
        (JOURNEYS, {"channels": ["a", "q"]}, MappingError, "`channels` names touchpoints"),
        (JOURNEYS, {"channels": "a"}, ArgumentError, "must be a list of names; got 'a'"),
        (JOURNEYS, {"conversion": ["a"], "channels": ["a"]}, ArgumentError, "'a' is in both"),
        (JOURNEYS, {"channels": ["a"]}, ArgumentError, "something else for it to bring about"),
        (JOURNEYS.replace(observed_to=None), {}, NotObservedError, "until when customers"),
        (JOURNEYS.replace(time=None), {}, NotObservedError, "`support` needs the time"),
        (JOURNEYS.sessions(), {}, ArgumentError, "one journey each; got 2 journeys of 1"),
        (
            JOURNEYS.replace(observed_from=np.array([BEGIN + 10.5 * DAY], dtype=np.int64)),
            {},
            DataError,
            "'a' has none",
        ),
    ],
)
def test_refusals(
    journeys: Journeys, asked: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        watched(journeys, **{"channels": None, "conversion": [], **asked})
