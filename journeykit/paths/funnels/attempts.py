"""Who reached which step when, and what became of those who did not go on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from journeykit.journeys.ending import begins_unseen, is_open, refuse_collapsed
from journeykit.paths.funnels.kernels import DROPPED, LEFT, OPEN, attempts

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.paths.funnels.rules import Rules

#: Ends of the wait for a step: under way when the watching ended, came, left, can come no more.
CENSORED, CAME, GONE, OVER = 0, 1, 2, 3
_MODES = {"first": 0, "any": 1, "last": 2}


@dataclass(frozen=True, slots=True, eq=False)
class Attempts:
    """One row for each customer who entered, or for each attempt with re-entry; k steps.

    Attributes
    ----------
    journey, customer : arrays of int64, shape (n,)
        Index of the journey (with ``start="any"`` the first in which the customer entered), and
        of the customer.
    reached, came : arrays of int64, shape (n, k)
        The event by which each step was reached first, and by which it was first reached from the
        step before; -1 where it was not.
    status : array of int8, shape (n, k)
        What became of those who did not go on from each step: `OPEN`, `LEFT` or `DROPPED`.
    ended : array of int64, shape (n, k)
        When; for the open ones when the watching ended.
    watched_to : array of int64, shape (n,)
        Until when the customer was watched; -1 for a journey that is finished.
    unseen : array of bool, shape (n,)
        Whether there may have been earlier steps before the customer was watched.
    time : array of int64, shape (n_events,)
        Of all events; their positions where journeys have no times.
    """

    journey: NDArray[np.int64]
    customer: NDArray[np.int64]
    reached: NDArray[np.int64]
    came: NDArray[np.int64]
    status: NDArray[np.int8]
    ended: NDArray[np.int64]
    watched_to: NDArray[np.int64]
    unseen: NDArray[np.bool_]
    time: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.integer]) -> Attempts:
        """Return some rows."""
        per_row = ("journey", "customer", "reached", "came", "status", "ended", "watched_to")
        taken = {name: getattr(self, name)[rows] for name in (*per_row, "unseen")}
        return replace(self, **taken)

    def parts(
        self, group: NDArray[np.int64], groups: tuple[str, ...]
    ) -> list[tuple[str, Attempts]]:
        """Return the rows of each group, by its name."""
        if len(groups) == 1:
            return [(groups[0], self)]
        return [(name, self.take(group == g)) for g, name in enumerate(groups)]

    def at(self, step: int) -> NDArray[np.bool_]:
        """Mark those who reached `step`, counted from 0."""
        return np.asarray(self.reached[:, step] >= 0)

    def stopped(self, step: int) -> NDArray[np.bool_]:
        """Mark those who reached `step` and did not go on from it, whatever the reason."""
        return self.at(step) & (self.came[:, step + 1] < 0)

    def open(self, step: int) -> NDArray[np.bool_]:
        """Mark those of `stopped` who could still go on when the watching ended."""
        return np.asarray(self.stopped(step) & (self.status[:, step] == OPEN))

    def left(self, step: int) -> NDArray[np.bool_]:
        """Mark those of `stopped` who left."""
        return np.asarray(self.stopped(step) & (self.status[:, step] == LEFT))

    def waits(
        self, since: int, step: int, *, settles: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return (rows, microseconds, end) of the waits from step `since` to `step`, from 0.

        A wait begins when `since` is reached and ends by coming to `step` (in an open funnel:
        from the step before), by leaving, by being over, or is censored. Where a later start may
        replace an attempt (not `settles`) nothing is over while the customer is watched, leaving
        included. Watched in [from, to): what would have come at `to` was not seen, so a wait that
        is censored there is under risk until just before it. On a day clock that is a whole day.
        """
        rows = np.flatnonzero(self.at(since))
        begin = self.time[self.reached[rows, since]]
        came = self.came[rows, step] >= 0
        # In a closed funnel those who did not come stopped at the deepest step that they reached.
        deepest = np.full(len(rows), since)
        for between in range(since + 1, step):
            deepest[self.came[rows, between] >= 0] = between
        status, ended = self.status[rows, deepest], self.ended[rows, deepest]
        end = np.select([status == OPEN, status == LEFT], [CENSORED, GONE], OVER)
        if not settles:
            still = (end != CENSORED) & (self.watched_to[rows] >= 0)
            end[still], ended = CENSORED, np.where(still, self.watched_to[rows], ended)
        arrived = self.time[np.where(came, self.came[rows, step], 0)] if len(rows) else ended
        until = np.where(came, arrived, ended - (end == CENSORED))
        return rows, np.maximum(until - begin, 0), np.where(came, CAME, end)


def taken(values: pa.Array | pa.ChunkedArray, index: NDArray[np.int64]) -> pd.Series:
    """Take values as pandas shows them."""
    return values.take(pa.array(index)).to_pandas()


def follow(journeys: Journeys, rules: Rules, /) -> Attempts:
    """Follow all journeys through a funnel; see `kernels.attempts`."""
    if rules.timed:
        refuse_collapsed(journeys, "A window")
        time = journeys.need_time("A window")
    elif journeys.time is None:
        # The order of events is all that is known, and all that is asked for.
        time = np.arange(journeys.n_events, dtype=np.int64)
    else:
        time = journeys.time
    running = is_open(journeys)
    until = _watched_to(journeys, time, running)
    begins = rules.begins
    # Of each journey there is one row at most, unless every start may begin another attempt.
    n_rows = int(begins[journeys.touchpoint].sum()) if rules.reentry else len(journeys)
    journey, reached, came, status, ended = attempts(
        journeys.touchpoint,
        time,
        journeys.start,
        until,
        running,
        rules.step,
        begins,
        rules.exclude,
        rules.leaving,
        rules.lo,
        rules.hi,
        rules.within,
        rules.at_least,
        rules.order == "unordered",
        rules.shared_events,
        rules.entry == "open",
        _MODES[rules.start],
        rules.reentry,
        n_rows,
    )
    found = Attempts(
        journey=journey,
        customer=journeys.customer_index[journey].astype(np.int64),
        reached=reached,
        came=reached if rules.entry == "closed" else came,
        status=status,
        ended=ended,
        watched_to=np.where(running, until, -1)[journey],
        unseen=begins_unseen(journeys)[journey],
        time=time,
    )
    return found if rules.reentry else _one_a_customer(found, rules)


def _watched_to(
    journeys: Journeys, time: NDArray[np.int64], running: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return until when each open journey is watched, its last event included in any case."""
    if journeys.observed_to is None:
        watched = np.full(len(journeys), -1, dtype=np.int64)
    else:
        watched = np.array(journeys.observed_to, dtype=np.int64)
    filled = np.flatnonzero((journeys.length > 0) & running)
    last = time[journeys.start[1:][filled] - 1]
    watched[filled] = np.maximum(watched[filled], last + 1)
    return watched


def _one_a_customer(found: Attempts, rules: Rules) -> Attempts:
    """Keep the first or last row of each customer whose journeys were cut, or join all of them."""
    first = np.flatnonzero(np.diff(found.customer, prepend=-1) != 0)
    if len(first) == len(found.customer):
        return found
    if rules.start == "first":
        return found.take(first)
    if rules.start == "last":
        return found.take(np.append(first[1:], len(found.customer)) - 1)
    reached, came = (_earliest(table, first) for table in (found.reached, found.came))
    # Whatever is open outlasts all that is over; among equals leaving tells more than dropping.
    scale = 4
    key = np.where(found.ended < 0, -1, found.ended * scale + (DROPPED - found.status))
    key = np.where((found.status == OPEN) & (found.ended >= 0), key + (1 << 61), key)
    best = np.maximum.reduceat(key, first, axis=0)
    is_open_ = best >= 1 << 61
    best = np.where(is_open_, best - (1 << 61), best)
    status = np.where(best < 0, DROPPED, DROPPED - best % scale).astype(np.int8)
    joined = found.take(first)
    return replace(
        joined,
        reached=reached,
        came=reached if found.came is found.reached else came,
        status=status,
        ended=np.where(best < 0, -1, best // scale),
        watched_to=np.maximum.reduceat(found.watched_to, first),
    )


def _earliest(table: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    never = np.iinfo(np.int64).max
    least = np.minimum.reduceat(np.where(table < 0, never, table), first, axis=0)
    return np.where(least == never, -1, least)
