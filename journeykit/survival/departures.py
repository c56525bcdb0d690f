"""How many of the customers there when a week or month began left in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.counts.calendar import PeriodCounts, Periods, counted
from journeykit.journeys.durations import DAY
from journeykit.survival.churn import Inactivity
from journeykit.survival.clocks import mask_of
from journeykit.survival.following import lifetimes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.survival.churn import ChurnRule, Start


def leaving(
    journeys: Journeys,
    /,
    *,
    churn: ChurnRule,
    start: Start | None = None,
    activity: Sequence[str] | None = None,
    periods: Periods,
) -> PeriodCounts:
    """Count by calendar period the customers there at its beginning, and those who left in it.

    **Inactivity**, threshold h. A customer is there at a moment that lies between two activities
    not more than h apart, and leaves in the period of an activity that a silence longer than h
    follows.
    Who came back after such a silence is there again: customers who pause do not run out, so the
    share is as high in a later period as in an earlier one when nothing changes.

    **End touchpoint or end attribute.** A customer is there from the start of the clock to the end,
    and leaves in the period of the end, for good.

    Only customers who are watched from before the period's beginning to its end (with inactivity h
    longer) are counted, whether they left or not: those whose watching ends sooner would be known
    only by their leaving. Who came and left within one period is in no denominator. A period is
    complete where that holds for somebody.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    churn, start, activity :
        As `lifetimes`.
    periods : Periods

    Returns
    -------
    PeriodCounts
        `n_event` left, of `n` who were there.

    Raises
    ------
    NotObservedError, ArgumentError, MappingError, DataError
        As `lifetimes`.
    """
    lives = lifetimes(journeys, churn=churn, start=start, activity=activity)
    begin, end = periods.edge[:-1], periods.edge[1:]
    since, until = journeys.observed_from, journeys.observed_to
    assert since is not None
    assert until is not None
    if isinstance(churn, Inactivity):
        until = until - round(churn.threshold_days * DAY)
        there, done = _silences(journeys, churn, activity, begin, end)
    else:
        frame = lives.frame
        origin = frame["origin_time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
        out = origin + np.rint(frame["exit_days"].to_numpy() * DAY).astype(np.int64)
        left = frame["event"].to_numpy()[:, None]
        # One journey a customer: the place of the id is the place of the journey.
        place = pd.Index(journeys.customer_id.to_pandas()).get_indexer(frame["customer_id"])
        there, done = (np.zeros((len(journeys), len(periods)), dtype=bool) for _ in range(2))
        there[place] = (origin[:, None] <= begin) & (begin <= out[:, None])
        done[place] = there[place] & left & (out[:, None] < end)
    watched = (since[:, None] <= begin) & (end <= until[:, None])
    return counted(
        there & watched,
        done & watched,
        periods=replace(periods, complete=periods.complete & watched.any(axis=0)),
        fingerprint=int(lives.provenance.fingerprint or "0", 16),
    )


def _silences(
    journeys: Journeys,
    churn: Inactivity,
    activity: Sequence[str] | None,
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return by journey and period who is not in a long silence at its beginning, and who falls."""
    threshold = round(churn.threshold_days * DAY)
    journey = np.repeat(np.arange(len(journeys)), journeys.length)
    time = journeys.need_time("leaving")
    if activity is not None:
        counts = mask_of(journeys, "activity", tuple(activity))
        journey, time = journey[counts], time[counts]
    # After the last activity comes a silence longer than any.
    following = np.full(len(time), np.iinfo(np.int64).max)
    same = journey[:-1] == journey[1:]
    following[:-1][same] = time[1:][same]
    long = following - time > threshold
    there = np.zeros((len(journeys), len(begin)), dtype=bool)
    done = np.zeros_like(there)
    for at, (first, last) in enumerate(zip(begin, end, strict=True)):
        # An activity at the very beginning ends the pause before it, whatever follows.
        spans = (time <= first) & (first <= following)
        there[journey[spans & ~long], at] = True
        done[journey[(first <= time) & (time < last) & long], at] = True
    return there, done & there
