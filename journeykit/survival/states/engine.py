"""Aalen and Johansen for any states: arrays in, shares and their errors out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.journeys.durations import DAY
from journeykit.survival.states.kernels import hazard_squares, influence_squares, multiplied

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
        parts = [column[rows] for column in self]
        _, customer = np.unique(parts[4], return_inverse=True)
        return Spells(parts[0], parts[1], parts[2], parts[3], customer.astype(np.int64))

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
    days, days_error : arrays of float64, shape (G, S)
        Expected days in each state from the beginning until that time.
    """

    time: NDArray[np.int64]
    n_at_risk: NDArray[np.int64]
    there: NDArray[np.int64]
    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    days: NDArray[np.float64]
    days_error: NDArray[np.float64]


class Hazard(NamedTuple):
    """A cumulative hazard at G times, and who is in the state just before; shape (G,)."""

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    n_at_risk: NDArray[np.int64]


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
    time, at = np.unique(spells.stop[moved], return_inverse=True)
    pair = spells.source[moved] * n_states + spells.target[moved]
    key, count = np.unique(at * n_states**2 + pair, return_counts=True)
    when, pair = np.divmod(key, n_states**2)
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

    Parameters
    ----------
    wanted : array of int64, shape (G,)
        Increasing, from `begin` on.
    """
    moves = moves_of(spells, n_states)
    p0 = np.zeros(n_states)
    influence = np.zeros((spells.n_customers, 2 * n_states))
    if from_state is None:
        there = np.flatnonzero(spells.start == begin)
        p0 = np.bincount(spells.source[there], minlength=n_states) / len(there)
        influence[spells.customer[there], :n_states] = -p0 / len(there)
        influence[spells.customer[there], spells.source[there]] += 1 / len(there)
    else:
        p0[from_state] = 1.0
    share = multiplied(moves.offset, moves.source, moves.target, moves.count, moves.n_at_risk, p0)
    cut = np.searchsorted(moves.time, wanted, side="right")
    extra = np.arange(_STRETCH, len(moves.time), _STRETCH)
    at = np.union1d(wanted, moves.time[extra - 1])
    squares = influence_squares(
        moves.time / DAY, moves.offset, moves.source, moves.target, moves.count,
        moves.n_at_risk.astype(np.float64), share,
        np.searchsorted(moves.time, at, side="right"), at / DAY, begin / DAY,
        spells.source, spells.target,
        np.searchsorted(moves.time, spells.start, side="right"),
        np.searchsorted(moves.time, spells.stop, side="right"),
        spells.customer, influence,
    )[np.searchsorted(at, wanted)]  # fmt: skip
    # Where the variance is 0, rounding can leave a sum of about -1e-17.
    error = np.sqrt(np.maximum(squares, 0))
    return Shares(
        time=wanted,
        n_at_risk=at_risk(spells, wanted, n_states),
        there=standing(spells, wanted, n_states),
        estimate=np.clip(share[cut], 0, 1),
        std_error=error[:, :n_states],
        days=_days(moves.time, share, wanted, begin),
        days_error=error[:, n_states:],
    )


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


def cumulative_hazard(
    spells: Spells, moves: Moves, source: int, target: int, wanted: NDArray[np.int64]
) -> Hazard:
    """Estimate Nelson and Aalen's sum of d / n up to each wanted time, and its error.

    The variance is the sum over customers of the squares of sum (dN - Y d / n) / n.
    """
    n = moves.n_at_risk[:, source].astype(np.float64)
    mine = (moves.source == source) & (moves.target == target)
    when = np.repeat(np.arange(len(moves.time)), np.diff(moves.offset))[mine]
    d = np.zeros(len(moves.time))
    d[when] = moves.count[mine]
    with np.errstate(divide="ignore", invalid="ignore"):
        step, drift, jump = (np.where(n > 0, a / b, 0.0) for a, b in ((d, n), (d, n**2), (1, n)))
    cut = np.searchsorted(moves.time, wanted, side="right")
    own = spells.source == source
    squares = hazard_squares(
        np.concatenate([[0.0], np.cumsum(drift)]),
        jump,
        cut,
        spells.target[own] == target,
        np.searchsorted(moves.time, spells.start[own], side="right"),
        np.searchsorted(moves.time, spells.stop[own], side="right"),
        spells.customer[own],
        spells.n_customers,
    )
    return Hazard(
        estimate=np.concatenate([[0.0], np.cumsum(step)])[cut],
        std_error=np.sqrt(squares),
        n_at_risk=at_risk(spells, wanted, source + 1)[:, source],
    )
