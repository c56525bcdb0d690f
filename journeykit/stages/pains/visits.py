"""Visits, touch by touch: who met what when, what came next, and whether it ended there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.journeys.durations import DAY, SECOND
from journeykit.journeys.ending import has_attribute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

    Bools = NDArray[np.bool_]
    Indices = NDArray[np.int64]

#: Upper ends of the classes of earlier steps in the visit, and of elapsed minutes.
_EARLIER = np.array([0, 1, 2, 4, 8])
_ELAPSED = np.array([0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0])
_MINUTE = 60 * SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Touches:
    """Touches of visits that are seen whole, goals aside; arrays of one length.

    Attributes
    ----------
    names : tuple of str
    who : array of int64
        Customer.
    step : array of int64
        Index into `names`.
    following : array of int64
        Touchpoint of the next touch in the visit, goals included; -1 where the visit ends.
    minutes : array of float64
        To the next touch of the visit, missing where it ends.
    stratum : array of int64
        Number of the class of earlier steps, elapsed time and calendar week.
    left : array of bool
        The visit ends here.
    reaches : array of bool
        The visit reaches a goal.
    first, last_here : arrays of bool
        The first, and the last touch of the visit at this touchpoint.
    ends_here : array of bool
        The visit ends without a goal at this touchpoint, now or later.
    n_customers, n_visits, n_goals, n_open, n_edge : int
        Customers in all; visits seen whole and those of them that reach a goal; visits still
        running, and such as may have begun before the window, which are left out.
    """

    names: tuple[str, ...]
    who: Indices
    step: Indices
    following: Indices
    minutes: NDArray[np.float64]
    stratum: Indices
    left: Bools
    reaches: Bools
    first: Bools
    last_here: Bools
    ends_here: Bools
    n_customers: int
    n_visits: int
    n_goals: int
    n_open: int
    n_edge: int


def touches_of(
    journeys: Journeys, /, *, goal: Sequence[str], sent: Sequence[str], pause: str
) -> Touches:
    """Cut customers' own touches into visits, and tell what came of each touch.

    A visit ends with a goal, or with a pause. What the firm sends is no step of a visit: it is
    taken out first, goals aside.
    """
    own = [name for name in journeys.names if name not in set(sent) - set(goal)]
    visits = journeys.only(*own).cases(goal=goal, timeout=pause)
    open_, edge = has_attribute(visits, "ended", "open"), _edges(visits)
    reached = has_attribute(visits, "ended", "goal")
    whole = ~open_ & ~edge
    visit = np.repeat(np.arange(len(visits)), visits.length)
    code = np.searchsorted(np.array(journeys.names, dtype=object), list(visits.names))
    step = code[visits.touchpoint].astype(np.int64)
    is_goal = np.isin(np.array(journeys.names, dtype=object), list(goal))[step]
    ends = np.zeros(len(step), dtype=bool)
    ends[visits.start[1:] - 1] = True
    time = visits.need_time("`pain_points`")
    following, minutes = np.full(len(step), -1), np.full(len(step), np.nan)
    goes_on = np.flatnonzero(~ends)
    following[goes_on] = step[goes_on + 1]
    minutes[goes_on] = (time[goes_on + 1] - time[goes_on]) / _MINUTE
    first, last_here = _first_and_last(visit, step, len(journeys.names))
    ends_here = (step == step[visits.start[1:] - 1][visit]) & ~reached[visit]
    kept = whole[visit] & ~is_goal
    return Touches(
        names=journeys.names,
        who=visits.customer_index[visit][kept].astype(np.int64),
        step=step[kept],
        following=following[kept],
        minutes=minutes[kept],
        stratum=_strata(visits, visit, time)[kept],
        left=ends[kept],
        reaches=reached[visit][kept],
        first=first[kept],
        last_here=last_here[kept],
        ends_here=ends_here[kept],
        n_customers=journeys.n_customers,
        n_visits=int(whole.sum()),
        n_goals=int((whole & reached).sum()),
        n_open=int(open_.sum()),
        n_edge=int((edge & ~open_).sum()),
    )


def _edges(visits: Journeys) -> Bools:
    return np.asarray(visits.attributes["edge"].to_numpy())


def _first_and_last(visit: Indices, step: Indices, n_names: int) -> tuple[Bools, Bools]:
    """Mark the first and the last touch of each visit at each touchpoint."""
    order = np.argsort(visit * n_names + step, kind="stable")
    key = (visit * n_names + step)[order]
    new = np.ones(len(key) + 1, dtype=bool)
    new[1:-1] = key[1:] != key[:-1]
    first, last = np.zeros(len(key), dtype=bool), np.zeros(len(key), dtype=bool)
    first[order], last[order] = new[:-1], new[1:]
    return first, last


def _strata(visits: Journeys, visit: Indices, time: Indices) -> Indices:
    """Give numbers to the classes of equal earlier steps, elapsed time and calendar week."""
    begin = visits.start[:-1][visit]
    earlier = np.searchsorted(_EARLIER, np.arange(len(time)) - begin)
    elapsed = np.searchsorted(_ELAPSED, (time - time[begin]) / _MINUTE)
    week = time // (7 * DAY)
    cell = (week * (len(_ELAPSED) + 1) + elapsed) * (len(_EARLIER) + 1) + earlier
    return np.asarray(np.unique(cell, return_inverse=True)[1], dtype=np.int64)
