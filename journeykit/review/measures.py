"""What is followed from week to week: shares of customers, of those who leave, and of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.checks import check_known, check_positive
from journeykit.counts import period_counts
from journeykit.errors import NotObservedError
from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.counts import Periods
    from journeykit.journeys import Journeys
    from journeykit.survival.churn import ChurnRule, Start


@dataclass(frozen=True, slots=True)
class DoingShare:
    """Of the customers who do anything in a period, the share who do one of `doing`.

    Attributes
    ----------
    doing : sequence of str
        Touchpoints.
    among : sequence of str, optional
        Touchpoints that make a customer count at all, besides `doing`; by default all.
    """

    doing: Sequence[str]
    among: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class LeavingShare:
    """Of the customers there when a period begins, the share who leave in it.

    Attributes
    ----------
    churn : ChurnRule
        ``survival.churn_rule(study.churn)``.
    start : Start, optional
        ``survival.churn_start(study.churn)``.
    activity : sequence of str, optional
        As `survival.lifetimes`.
    """

    churn: ChurnRule
    start: Start | None = None
    activity: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class NextShare:
    """Of the events at a touchpoint in a period, the share whose next event is at another.

    Attributes
    ----------
    source, target : str
    within_days : float
        Elapsed days within which the next event comes.
    """

    source: str
    target: str
    within_days: float = 1.0


Measure = DoingShare | LeavingShare | NextShare


class Followed(NamedTuple):
    """A share by period; arrays of shape (W,).

    `usable` says which periods are whole, and have anybody in them.
    """

    n_event: NDArray[np.int64]
    n: NDArray[np.int64]
    usable: NDArray[np.bool_]


def followed(journeys: Journeys, measure: Measure, spans: Periods, /) -> Followed:
    """Count a measure by period."""
    if isinstance(measure, NextShare):
        return _steps(journeys, measure, spans)
    if isinstance(measure, LeavingShare):
        from journeykit.survival.departures import leaving

        counts = leaving(
            journeys,
            churn=measure.churn,
            start=measure.start,
            activity=measure.activity,
            periods=spans,
        )
    else:
        among = None if measure.among is None else tuple(measure.among)
        counts = period_counts(journeys, doing=tuple(measure.doing), among=among, periods=spans)
    return Followed(counts.n_event, counts.n, counts.periods.complete & (counts.n > 0))


def in_words(measure: Measure, /) -> str:
    """Say what is followed."""
    if isinstance(measure, NextShare):
        return f"share that goes from {measure.source} to {measure.target}"
    if isinstance(measure, LeavingShare):
        return "share of those there who leave"
    return f"share of active customers with {' or '.join(measure.doing)}"


def _steps(journeys: Journeys, measure: NextShare, spans: Periods) -> Followed:
    check_positive("within_days", measure.within_days)
    both = (measure.source, measure.target)
    check_known("measure", both, journeys.names, what="touchpoints")
    if journeys.observed_to is None:
        raise NotObservedError("a share of steps needs the end of each customer's watching.")
    time = journeys.need_time("a share of steps")
    source, target = (journeys.names.index(name) for name in both)
    within = round(measure.within_days * DAY)
    event = np.flatnonzero(journeys.touchpoint == source)
    owner = np.searchsorted(journeys.start, event, side="right") - 1
    watched_to = np.asarray(journeys.observed_to)
    seen = time[event] + within < watched_to[owner]
    event, owner = event[seen], owner[seen]
    after = np.minimum(event + 1, len(time) - 1)
    went = (event + 1 < journeys.start[owner + 1]) & (journeys.touchpoint[after] == target)
    went &= time[after] - time[event] <= within
    at = np.searchsorted(spans.edge, time[event], side="right") - 1
    inside = (at >= 0) & (at < len(spans))
    n = np.bincount(at[inside], minlength=len(spans))
    n_event = np.bincount(at[inside & went], minlength=len(spans))
    covered = spans.edge[1:] + within <= watched_to.max(initial=0)
    return Followed(n_event, n, spans.complete & covered & (n > 0))
