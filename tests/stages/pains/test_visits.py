"""Visits cut by hand: what came of each touch."""

from __future__ import annotations

import numpy as np

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY, SECOND
from journeykit.stages.pains.visits import touches_of

MINUTE = 60 * SECOND
NAMES = ("a", "b", "buy", "mail")


def shop() -> Journeys:
    """One customer: a b a buy | a (mail) b; another: a a, and then an open visit."""
    events = [
        (0, 0, "a"), (0, 1, "b"), (0, 3, "a"), (0, 4, "buy"),
        (0, 100, "a"), (0, 101, "mail"), (0, 102, "b"),
        (1, 0, "a"), (1, 2, "a"), (1, 900, "b"),
    ]  # fmt: skip
    who, minute, name = zip(*events, strict=True)
    return Journeys(
        names=NAMES,
        touchpoint=np.array([NAMES.index(n) for n in name], dtype=np.uint8),
        start=np.searchsorted(who, np.arange(3)),
        time=np.array(minute) * MINUTE + 10 * DAY,
        observed_from=np.full(2, 9 * DAY),
        observed_to=np.full(2, 10 * DAY + 910 * MINUTE),
    )


def test_touches_are_told_by_hand() -> None:
    found = touches_of(shop(), goal=["buy"], sent=["mail"], pause="30min")
    told = [found.names[s] for s in found.step]
    assert told == ["a", "b", "a", "a", "b", "a", "a"]
    assert found.who.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert found.following.tolist() == [1, 0, 2, 1, -1, 0, -1]
    np.testing.assert_array_equal(found.minutes, [1, 2, 1, 2, np.nan, 2, np.nan])
    assert found.left.tolist() == [False, False, False, False, True, False, True]
    assert found.reaches.tolist() == [True, True, True, False, False, False, False]
    assert found.first.tolist() == [True, True, False, True, True, True, False]
    assert found.last_here.tolist() == [False, True, True, True, True, False, True]
    assert found.ends_here.tolist() == [False, False, False, False, True, True, True]
    assert (found.n_visits, found.n_goals, found.n_open, found.n_edge) == (3, 1, 1, 0)


def test_equal_steps_and_time_in_a_week_are_one_stratum() -> None:
    found = touches_of(shop(), goal=["buy"], sent=["mail"], pause="30min")
    # First touches, at no elapsed time, of one week.
    assert found.stratum[0] == found.stratum[3] == found.stratum[5]
    # Second touches after one minute, and after two.
    assert found.stratum[4] == found.stratum[6] != found.stratum[1]


def test_visits_that_may_have_begun_before_the_window_are_left_out() -> None:
    made = shop()
    early = made.replace(window=(10 * DAY - MINUTE, 11 * DAY), observed_from=np.zeros(2, np.int64))
    found = touches_of(early, goal=["buy"], sent=["mail"], pause="30min")
    assert (found.n_visits, found.n_edge, found.n_open) == (1, 2, 1)
