"""Aalen and Johansen for any states: arrays in, shares and their errors out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.journeys.durations import DAY
from journeykit.survival.states.kernels import (
    hazard_squares,
    influence_squares,
    multiplied,
    small_sets,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Times that one stretch of the influence spans at most: its memory is that times 4 S^2 numbers.
_STRETCH = 65_536


class Spells(NamedTuple):
    """Time (start, stop] that customers spend in states, arrays of shape (n_spells,).

    Attributes
    ----------
    start, stop : arrays of int64
        Microseconds.
    source, target : arrays of int64
        State, and the one entered at `stop`: -1 where sight of the customer was lost.
    customer : array of int64
        0, 1, ...; a customer may have any number of spells.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    customer: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.integer]) -> Spells:
        """Return some spells, customers numbered anew."""
        start, stop, source, target, customer = (column[rows] for column in self)
        there = np.zeros(self.n_customers, dtype=bool)
        there[customer] = True
        return Spells(start, stop, source, target, (np.cumsum(there) - 1)[customer])

    def since(self, time: int) -> Spells:
        """Return what is left of the spells after `time`."""
        left = self.take(self.stop > time)
        return left._replace(start=np.maximum(left.start, time))

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return int(self.customer.max(initial=-1)) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Moves between S states at the m distinct times at which anyone moves.

    Attributes
    ----------
    time : array of int64, shape (m,)
    offset : array of int64, shape (m + 1,)
        Moves of time k are ``offset[k]:offset[k + 1]`` of the next three.
    source, target, count : arrays of int64, shape (n_moves,)
    n_at_risk : array of int64, shape (m, S)
        In each state just before: entered before that time and not gone before it.
    """

    time: NDArray[np.int64]
    offset: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    count: NDArray[np.int64]
    n_at_risk: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Shares of customers in S states, and the time spent in them, at G times.

    Attributes
    ----------
    time : array of int64, shape (G,)
    n_at_risk : array of int64, shape (G, S)
        In each state just before.
    there : array of int64, shape (G, S)
        In each state just after, or for good in one that nobody leaves.
    estimate, std_error : arrays of float64, shape (G, S)
    spread : array of float64, shape (G, S)
        `std_error`, and what it misses where few are under risk: the error of intervals.
    days, days_error : arrays of float64, shape (G, S)
        Expected days in each state from the beginning until that time.
    """

    time: NDArray[np.int64]
    n_at_risk: NDArray[np.int64]
    there: NDArray[np.int64]
    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    spread: NDArray[np.float64]
    days: NDArray[np.float64]
    days_error: NDArray[np.float64]


class Presence(NamedTuple):
    """How much one state was watched until G times; arrays of shape (G,), in days.

    Attributes
    ----------
    days : array of float64
        During which anyone was in it.
    customer_days : array of float64
    per_customer : array of float64
        The integral of 1 / n over the days with n > 0 customers in it.
    """

    days: NDArray[np.float64]
    customer_days: NDArray[np.float64]
    per_customer: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeHazards:
    """Cumulative hazards of the moves from one state to J others at G times.

    Attributes
    ----------
    estimate, std_error : arrays of float64, shape (J, G)
    variance : array of float64, shape (J, G)
        Aalen's, the sum of d / n^2.
    n_event : array of int64, shape (J, G)
    n_at_risk : array of int64, shape (G,)
        In the state just before.
    presence : Presence
    """

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    variance: NDArray[np.float64]
    n_event: NDArray[np.int64]
    n_at_risk: NDArray[np.int64]
    presence: Presence


def distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what `numpy.unique` does, by the sort that is fast on millions of integers."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def at_risk(spells: Spells, time: NDArray[np.int64], n_states: int) -> NDArray[np.int64]:
    """Count who is in each state just before each time, shape (len(time), S)."""
    n = np.empty((len(time), n_states), dtype=np.int64)
    for state in range(n_states):
        mine = spells.source == state
        n[:, state] = np.searchsorted(np.sort(spells.start[mine]), time)
        n[:, state] -= np.searchsorted(np.sort(spells.stop[mine]), time)
    return n


def moves_of(spells: Spells, n_states: int) -> Moves:
    """Count the moves at every time."""
    moved = np.flatnonzero(spells.target >= 0)
    time = distinct(spells.stop[moved])
    pair = spells.source[moved] * n_states + spells.target[moved]
    keys = np.sort(np.searchsorted(time, spells.stop[moved]) * n_states**2 + pair)
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    count = np.diff(first, append=len(keys))
    when, pair = np.divmod(keys[first], n_states**2)
    return Moves(
        time=time,
        offset=np.searchsorted(when, np.arange(len(time) + 1)),
        source=pair // n_states,
        target=pair % n_states,
        count=count.astype(np.int64),
        n_at_risk=at_risk(spells, time, n_states),
    )


def shares(
    spells: Spells,
    n_states: int,
    wanted: NDArray[np.int64],
    *,
    begin: int = 0,
    from_state: int | None = None,
) -> Shares:
    """Estimate where customers are at the wanted times, and how much time they spent where.

    p(t) = p(0) times the product over times s <= t of I + dA(s), dA_hj = d_hj / n_h. With
    `from_state` p(0) is that state; otherwise it is how those are spread who are there at `begin`.

    A customer's influence follows U(t) = U(t-) (I + dA) + p(t-) dpsi, with dpsi_hj =
    (dN_hj - Y_h dA_hj) / n_h of the customer's own moves and presence; it begins with
    (e_h - p(0)) / n(0) where p(0) is estimated. The variance is the sum of squares over customers:
    the infinitesimal jackknife, right whatever the moves of one customer have to do with another.
    Of n customers under risk it misses one n-th, of one all: `spread` adds that.

    Parameters
    ----------
    wanted : array of int64, shape (G,)
        Increasing, from `begin` on.
    """
    moves = moves_of(spells, n_states)
    n_at_risk = moves.n_at_risk.astype(np.float64)
    p0, influence = _beginning(spells, n_states, begin, from_state)
    share = multiplied(moves.offset, moves.source, moves.target, moves.count, n_at_risk, p0)
    cut = np.searchsorted(moves.time, wanted, side="right")
    squares = _squares(spells, moves, n_at_risk, share, influence, wanted, begin)
    missing = small_sets(
        moves.offset, moves.source, moves.target, moves.count, n_at_risk, share, cut
    )
    error = np.sqrt(squares)
    return Shares(
        time=wanted,
        n_at_risk=at_risk(spells, wanted, n_states),
        there=standing(spells, wanted, n_states),
        estimate=np.clip(share[cut], 0, 1),
        std_error=error[:, :n_states],
        spread=np.sqrt(squares[:, :n_states] + np.maximum(missing, 0)),
        days=_days(moves.time, share, wanted, begin),
        days_error=error[:, n_states:],
    )


def _beginning(
    spells: Spells, n_states: int, begin: int, from_state: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p(0), and each customer's influence on it."""
    influence = np.zeros((spells.n_customers, 2 * n_states))
    if from_state is not None:
        return np.eye(n_states)[from_state], influence
    there = np.flatnonzero(spells.start == begin)
    p0 = np.bincount(spells.source[there], minlength=n_states) / len(there)
    influence[spells.customer[there], :n_states] = -p0 / len(there)
    influence[spells.customer[there], spells.source[there]] += 1 / len(there)
    return p0, influence


def _squares(
    spells: Spells,
    moves: Moves,
    n_at_risk: NDArray[np.float64],
    share: NDArray[np.float64],
    influence: NDArray[np.float64],
    wanted: NDArray[np.int64],
    begin: int,
) -> NDArray[np.float64]:
    """Sum the squares of influences on shares and days, shape (G, 2 S); `influence` is changed."""
    extra = np.arange(_STRETCH, len(moves.time), _STRETCH)
    at = np.union1d(wanted, moves.time[extra - 1])
    squares = influence_squares(
        moves.time / DAY, moves.offset, moves.source, moves.target, moves.count,
        n_at_risk, share, np.searchsorted(moves.time, at, side="right"), at / DAY, begin / DAY,
        spells.source, spells.target,
        np.searchsorted(moves.time, spells.start, side="right"),
        np.searchsorted(moves.time, spells.stop, side="right"),
        spells.customer, influence,
    )[np.searchsorted(at, wanted)]  # fmt: skip
    # Where the variance is 0, rounding can leave a sum of about -1e-17.
    return np.asarray(np.maximum(squares, 0))


def _days(
    time: NDArray[np.int64], share: NDArray[np.float64], wanted: NDArray[np.int64], begin: int
) -> NDArray[np.float64]:
    """Add up the share in each state over the time until each wanted one."""
    edges = np.concatenate([[begin], time]) / DAY
    area = np.cumsum(share[:-1] * np.diff(edges)[:, None], axis=0)
    area = np.concatenate([np.zeros((1, share.shape[1])), area])
    at = np.searchsorted(time, wanted, side="right")
    days: NDArray[np.float64] = area[at] + share[at] * (wanted / DAY - edges[at])[:, None]
    return days


def standing(spells: Spells, wanted: NDArray[np.int64], n_states: int) -> NDArray[np.int64]:
    """Count who is seen in each state at and after each time, or is in it for good."""
    n = np.empty((len(wanted), n_states), dtype=np.int64)
    for state in range(n_states):
        mine = spells.source == state
        came = spells.start[mine] if mine.any() else spells.stop[spells.target == state]
        n[:, state] = np.searchsorted(np.sort(came), wanted, side="right")
        n[:, state] -= np.searchsorted(np.sort(spells.stop[mine]), wanted, side="right")
    return n


def presence(
    start: NDArray[np.int64], stop: NDArray[np.int64], wanted: NDArray[np.int64]
) -> Presence:
    """Add up how long, and how many, customers were in a state until each wanted time."""
    edges = distinct(np.concatenate([start, stop]))
    n = np.searchsorted(np.sort(start), edges, side="right").astype(np.float64)
    n -= np.searchsorted(np.sort(stop), edges, side="right")
    n, days = n[:-1], np.diff(edges) / DAY
    anyone = n > 0
    parts = (anyone, n, np.divide(1.0, n, out=np.zeros_like(n), where=anyone))
    sums = [np.concatenate([[0.0], np.cumsum(part * days)]) for part in parts]
    return Presence(*(np.interp(wanted, edges, total) for total in sums))


def cumulative_hazards(
    spells: Spells,
    moves: Moves,
    source: int,
    targets: NDArray[np.integer],
    wanted: NDArray[np.int64],
) -> CumulativeHazards:
    """Estimate Nelson and Aalen's sums of d / n up to each wanted time, and their errors.

    The squared error is the sum over customers of the squares of sum (dN - Y d / n) / n.
    """
    n = moves.n_at_risk[:, source].astype(np.float64)
    inverse = np.divide(1.0, n, out=np.zeros_like(n), where=n > 0)
    place = np.full(moves.n_at_risk.shape[1] + 1, -1)
    place[targets] = np.arange(len(targets))
    mine = (moves.source == source) & (place[moves.target] >= 0)
    when = np.repeat(np.arange(len(moves.time)), np.diff(moves.offset))[mine]
    d = np.zeros((len(targets), len(moves.time)))
    d[place[moves.target[mine]], when] = moves.count[mine]
    sums = [
        np.concatenate([np.zeros((len(targets), 1)), np.cumsum(part, axis=1)], axis=1)
        for part in (d * inverse, d * inverse**2, d)
    ]
    cut = np.searchsorted(moves.time, wanted, side="right")
    own = spells.take(spells.source == source)
    squares = hazard_squares(
        np.ascontiguousarray(sums[1].T), inverse, cut, place[own.target],
        np.searchsorted(moves.time, own.start, side="right"),
        np.searchsorted(moves.time, own.stop, side="right"),
        own.customer, own.n_customers,
    )  # fmt: skip
    return CumulativeHazards(
        estimate=sums[0][:, cut],
        std_error=np.sqrt(squares.T),
        variance=sums[1][:, cut],
        n_event=sums[2][:, cut].astype(np.int64),
        n_at_risk=at_risk(own, wanted, source + 1)[:, source],
        presence=presence(own.start, own.stop, wanted),
    )
