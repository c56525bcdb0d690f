"""One group's part of the life counts, as the arrays a curve needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.checks import check_positive, check_whole
from journeykit.counts import LifeCounts
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes


class Counted(NamedTuple):
    """Life counts, the customers of each group, shape (n_groups,), and whose they are."""

    counts: LifeCounts
    customers: NDArray[np.int64]
    fingerprint: str


class Shown(NamedTuple):
    """Tables of the groups that may be shown, their customers, the others, and whose they are."""

    tables: dict[str, LifeTable]
    customers: dict[str, int]
    suppressed: tuple[str, ...]
    fingerprint: str


#: Microseconds without anyone under risk that do not matter.
_GAP = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class LifeTable:
    """Times at which someone of one group went, in order; arrays of shape (n_times,).

    Attributes
    ----------
    time : array of int64
        Microseconds.
    n_at_risk : array of int64
        Entered before that time and not gone before it.
    n_entered : array of int64
        Entered since the previous time of the table:
        n_at_risk[k] = n_at_risk[k - 1] - n_event[k - 1] - n_censored[k - 1] + n_entered[k].
    n_event, n_censored : arrays of int64
    entry_time, entry_n : arrays of int64, shape (n_entries,)
        When how many entered.
    """

    time: NDArray[np.int64]
    n_at_risk: NDArray[np.int64]
    n_entered: NDArray[np.int64]
    n_event: NDArray[np.int64]
    n_censored: NDArray[np.int64]
    entry_time: NDArray[np.int64]
    entry_n: NDArray[np.int64]

    def at_risk_just_before(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many entered before each `time` and were not gone before it."""
        entered = np.concatenate([[0], np.cumsum(self.entry_n)])
        gone = np.concatenate([[0], np.cumsum(self.n_event + self.n_censored)])
        before = np.searchsorted(self.entry_time, time), np.searchsorted(self.time, time)
        return np.asarray(entered[before[0]] - gone[before[1]])

    def at_risk_after(self, time: int) -> int:
        """Return how many are there once those who leave at `time` have left."""
        return int(self.at_risk_just_before(np.array([time + 1]))[0])

    def after(self, time: int) -> LifeTable:
        """Return what happens after `time`, to those there then and to those who enter later."""
        there = self.at_risk_after(time)
        later, new = self.time > time, self.entry_time > time
        n_entered = self.n_entered[later].copy()
        n_entered[:1] = self.n_at_risk[later][:1]
        return LifeTable(
            time=self.time[later],
            n_at_risk=self.n_at_risk[later],
            n_entered=n_entered,
            n_event=self.n_event[later],
            n_censored=self.n_censored[later],
            entry_time=np.append(time, self.entry_time[new]),
            entry_n=np.append(there, self.entry_n[new]),
        )

    def unwatched(self) -> tuple[int, int] | None:
        """Return the first time span in which nobody is under risk although others enter later.

        Gaps of no more than a second are none: watching may end a microsecond before a day does.
        Where all had left the curve is 0, and stays so.
        """
        there = self.n_at_risk - self.n_event - self.n_censored
        for at in np.flatnonzero((there == 0) & (self.n_event < self.n_at_risk)):
            entered = np.searchsorted(self.entry_time, self.time[at])
            if entered < len(self.entry_time):
                begin, end = int(self.time[at]), int(self.entry_time[entered])
                if end - begin > _GAP:
                    return begin, end
        return None

    def person_days(self, begin: int, end: int) -> float:
        """Return for how long customers were under risk between two times, added up in days."""
        gone = (self.n_event + self.n_censored) @ np.clip(self.time, begin, end).astype(np.float64)
        entered = self.entry_n @ np.clip(self.entry_time, begin, end).astype(np.float64)
        never = (self.entry_n.sum() - self.n_event.sum() - self.n_censored.sum()) * float(end)
        return float(gone + never - entered) / DAY

    def well_watched(self, small_cell: int) -> tuple[int, int] | None:
        """Return the first and last time at which at least `small_cell` are under risk."""
        many = np.flatnonzero(self.n_at_risk >= small_cell)
        if not len(many):
            return None
        first = 0 if self.at_risk_after(-1) >= small_cell else int(self.time[many[0]])
        return first, int(self.time[many[-1]])


def life_table(counts: LifeCounts, group: int, *, horizon: int | None = None) -> LifeTable:
    """Take one group out of the counts.

    With a `horizon` in microseconds everyone still there then is censored at it, so nobody
    disappears from the table.
    """
    low, high = np.searchsorted(counts.at[:, 0], [group, group + 1])
    time, n = counts.at[low:high, 1], counts.n[low:high]
    if horizon is not None and len(time) and time[-1] > horizon:
        before = np.searchsorted(time, horizon)
        at = n[before] if time[before] == horizon else np.zeros(3, dtype=np.int64)
        there = n[:before].sum(axis=0)
        still = there[0] - there[1] - there[2] - at[1]
        time = np.append(time[:before], horizon)
        n = np.concatenate([n[:before], [[0, at[1], still]]])
    entries, exits = n[:, 0] > 0, n[:, 1:].any(axis=1)
    # Whoever enters at a time is at risk after it.
    entered = np.concatenate([[0], np.cumsum(n[:, 0])])[:-1][exits]
    gone = np.concatenate([[0], np.cumsum(n[:, 1] + n[:, 2])])[:-1][exits]
    return LifeTable(
        time=time[exits],
        n_at_risk=entered - gone,
        n_entered=np.diff(entered, prepend=0),
        n_event=n[exits, 1],
        n_censored=n[exits, 2],
        entry_time=time[entries],
        entry_n=n[entries, 0],
    )


def counted(data: Lifetimes | LifeCounts, by: str | None) -> Counted:
    """Count lifetimes by group; life counts are counted already, one entry a customer."""
    if not isinstance(data, LifeCounts):
        counts, fingerprint = data.counts(by=by), data.provenance.fingerprint
        if data.one_row_each:
            return Counted(counts, _entered(counts), fingerprint)
        _refuse_leaving_twice(data)
        customers = data.customers(by=by)
        n = np.array([customers[group] for group in counts.groups], dtype=np.int64)
        return Counted(counts, n, fingerprint)
    if by is not None:
        raise ArgumentError(
            f"`by` must be left out for life counts, which have their groups already; got {by!r}."
        )
    return Counted(data, _entered(data), f"{data.fingerprint:032x}")


def _entered(counts: LifeCounts) -> NDArray[np.int64]:
    """Return the entries of every group."""
    return np.bincount(counts.at[:, 0], counts.n[:, 0], len(counts.groups)).astype(np.int64)


def _refuse_leaving_twice(lives: Lifetimes) -> None:
    """Refuse customers with several events: a curve is of the first, and its errors are too."""
    left = lives.frame.loc[lives.frame["event"], "customer_id"]
    twice = left.duplicated()
    if twice.any():
        raise DataError(
            f"A customer must leave at most once; {left[twice].nunique():,} have several rows "
            f"with an event, such as {left[twice].tolist()[0]!r}. Keep what comes before the first "
            "one, or count what recurs with a method for recurrent events."
        )


def kept_groups(data: Counted, small_cell: int) -> tuple[list[int], tuple[str, ...]]:
    """Return the groups of at least `small_cell` customers, and the names of the others."""
    n = data.customers
    small = tuple(data.counts.groups[g] for g in np.flatnonzero((n > 0) & (n < small_cell)))
    return np.flatnonzero(n >= small_cell).tolist(), small


def shown_tables(
    data: Lifetimes | LifeCounts,
    /,
    *,
    by: str | None,
    small_cell: int,
    horizon_days: float | None = None,
) -> Shown:
    """Count, and take out the groups that are large enough to be shown."""
    check_whole("small_cell", small_cell, least=1)
    if horizon_days is not None:
        check_positive("horizon_days", horizon_days)
    horizon = None if horizon_days is None else round(horizon_days * DAY)
    whole = counted(data, by)
    kept, suppressed = kept_groups(whole, small_cell)
    if not kept:
        raise ArgumentError(
            f"No group has {small_cell} customers or more, so none may be shown; group more "
            "coarsely or lower `small_cell`."
        )
    names = whole.counts.groups
    tables = {names[g]: life_table(whole.counts, g, horizon=horizon) for g in kept}
    tables = {group: table for group, table in tables.items() if len(table.time)}
    if not tables:
        raise ArgumentError(
            f"`horizon_days` must lie after the first entry; nobody is under risk by day "
            f"{horizon_days}."
        )
    customers = {names[g]: int(whole.customers[g]) for g in kept}
    return Shown(tables, customers, suppressed, whole.fingerprint)
