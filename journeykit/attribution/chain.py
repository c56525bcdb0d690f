"""A Markov chain of touches of any order, with what it does without a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths

Convention = Literal["padded", "k_gram"]
CONVENTIONS: tuple[Convention, ...] = ("padded", "k_gram")
#: Codes counted in a table rather than sorted.
_TABLE = 1 << 22
#: States up to which a chain is factorised, and terms of the series that is used above.
_FACTORED, _ROUNDS = 4096, 5000


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """States are the last touches; steps lead from the entry through them to an end.

    Attributes
    ----------
    contains : array of bool, shape (n_states, m)
        Whether a state's touches hold a channel.
    source, target : arrays of int64, shape (n_cells,)
        Distinct steps. Source ``n_states`` is the entry; target ``n_states`` is the conversion,
        ``n_states + 1`` null.
    row, cell : arrays of int64, shape (n_steps,)
        Which path takes which step, once for every time it does.
    n_rows : int
    count : array of float64, shape (n_cells,)
        Journeys that take the step, once for every time they do.
    final : array of int64, shape (n_rows,)
        State in which the path ends; -1 where it has no touch, or none with its history seen.
    """

    contains: NDArray[np.bool_]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    row: NDArray[np.int64]
    cell: NDArray[np.int64]
    n_rows: int
    count: NDArray[np.float64]
    final: NDArray[np.int64]

    @property
    def n_states(self) -> int:
        """Histories that occur."""
        return len(self.contains)

    def counts(self, n: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Count the steps of `n` journeys of each row, shape (n_cells,)."""
        return summed(self.cell, n[self.row], len(self.source))

    def leaving(self, count: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add the counts of the steps from each state up; the entry last, (n_states + 1,)."""
        return summed(self.source, count, self.n_states + 1)


class Matrices(NamedTuple):
    """Steps between states, what leaves each by a conversion, and the entry.

    What leaves by a conversion is its probability, or the value to expect of it.
    """

    q: sparse.csr_array
    converts: NDArray[np.float64]
    entry: NDArray[np.float64]


class Flow(NamedTuple):
    """What a chain, or a part of it, does.

    `rate` is the chance to convert from the entry without leaving the part; `visits`, shape
    (n_states,), how often a state is met; `wins` the chance to convert from it. Both are 0 outside.
    Where conversions are weighed by their value, `rate` and `wins` are the value to expect.
    """

    rate: float
    visits: NDArray[np.float64]
    wins: NDArray[np.float64]


def chain_of(paths: TouchPaths, *, order: int, convention: Convention = "padded") -> Chain:
    """Collect the histories of up to `order` touches and the steps between them.

    Journeys that may have begun before the window have no entry, and no history until `order` of
    their touches are seen.
    """
    length, rows = paths.length, len(paths.n)
    row = np.repeat(np.arange(rows), length)
    position = np.arange(len(row)) - np.repeat(paths.start[:-1], length)
    begin = np.zeros(rows, dtype=np.int64)
    if convention == "k_gram":
        begin = np.minimum(order, length) - 1
    begin[paths.edge] = order - 1
    shown = position >= begin[row]
    state, at = _histories(paths, position, shown, order)
    n = len(at)
    is_last = position == length[row] - 1
    target = np.where(paths.converted[row], n, n + 1)
    target[:-1] = np.where(is_last[:-1], target[:-1], state[1:])
    first = shown & (position == begin[row]) & ~paths.edge[row]
    code = np.concatenate([state[shown] * (n + 2) + target[shown], n * (n + 2) + state[first]])
    cells, cell = _distinct(code)
    final = np.full(rows, -1, dtype=np.int64)
    final[row[is_last & shown]] = state[is_last & shown]
    taken = np.concatenate([row[shown], row[first]])
    return Chain(
        contains=_contents(paths, position, at, order),
        source=cells // (n + 2),
        target=cells % (n + 2),
        row=taken,
        cell=cell,
        n_rows=rows,
        count=summed(cell, paths.n[taken], len(cells)),
        final=final,
    )


def matrices(chain: Chain, won: NDArray[np.float64] | None = None) -> Matrices:
    """Estimate the probabilities of all steps by maximum likelihood.

    With `won`, shape (n_states,), the value of the conversions that leave each state, what leaves
    by a conversion is the value to expect at every visit of the state.
    """
    n, leaving = chain.n_states, chain.leaving(chain.count)
    total = leaving[chain.source]
    p = np.divide(chain.count, total, out=np.zeros(len(total)), where=total > 0)
    inner = (chain.source < n) & (chain.target < n)
    entry, win = chain.source == n, (chain.target == n) & (chain.source < n)
    at = (chain.source[inner], chain.target[inner])
    return Matrices(
        q=sparse.csr_array((p[inner], at), shape=(n, n)),
        converts=summed(chain.source[win], p[win], n) if won is None else worth(leaving, won),
        entry=summed(chain.target[entry], p[entry], n),
    )


def flow(p: Matrices, kept: NDArray[np.bool_]) -> Flow:
    """Solve the part of a chain that never leaves the states kept.

    By one sparse LU factorisation; of many states it would be dense, and the series of Q^t is
    added up instead, until what is left of it is below rounding.
    """
    visits, wins = np.zeros(len(kept)), np.zeros(len(kept))
    if kept.any():
        q, converts, entry = p.q[kept][:, kept], p.converts[kept], p.entry[kept]
        series = None if kept.sum() <= _FACTORED else _series(q, converts, entry)
        if series is None:
            # In the order of their last touch, states fill the factors least.
            matrix = (sparse.eye_array(q.shape[0]) - q).tocsc()
            factors = splu(matrix, permc_spec="NATURAL")
            series = factors.solve(entry, trans="T"), factors.solve(converts)
        visits[kept], wins[kept] = series
    return Flow(float(p.entry @ wins), visits, wins)


def _series(
    q: sparse.csr_array, converts: NDArray[np.float64], entry: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Add up ``entry Q^t`` and ``Q^t converts``; None where they hardly shrink.

    Where no value is negative, no term is, and nothing cancels. The chance to be still walking
    after t steps bounds the terms of both; what is left is taken as geometric.
    """
    visits, wins, at, chance = entry.copy(), converts.copy(), entry, converts
    turned, walking = q.T.tocsr(), max(at.sum(), np.abs(chance).max())
    for _ in range(_ROUNDS):
        at, chance = turned @ at, q @ chance
        visits += at
        wins += chance
        before, walking = walking, max(at.sum(), np.abs(chance).max())
        if walking == 0 or walking * walking < 1e-16 * (before - walking):
            return visits, wins
    return None


def worth(leaving: NDArray[np.float64], amount: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide what belongs to each state by the steps that leave it, shape (n_states,)."""
    part: NDArray[np.float64] = np.zeros(len(amount))
    np.divide(amount, leaving[:-1], out=part, where=leaving[:-1] > 0)
    return part


def slope(chain: Chain, part: Flow, *, conversion: float = 1.0) -> NDArray[np.float64]:
    """Differentiate the rate of a flow by the count of every step, shape (n_cells,).

    `conversion` is what reaching the conversion adds by itself: 1, or 0 where its value does.
    """
    visits = np.append(part.visits, 1.0)[chain.source]
    gain = np.append(part.wins, [conversion, 0.0])[chain.target]
    gain = gain - np.append(part.wins, part.rate)[chain.source]
    total = chain.leaving(chain.count)[chain.source]
    by_count = np.zeros(len(total))
    np.divide(visits * gain, total, out=by_count, where=total > 0)
    return by_count


def summed(
    index: NDArray[np.int64], weights: NDArray[np.int64] | NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Add weights up by index, shape (size,)."""
    return np.bincount(index, weights=weights, minlength=size).astype(np.float64)


def _histories(
    paths: TouchPaths, position: NDArray[np.int64], shown: NDArray[np.bool_], order: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the last touches a number at every event, and find one event of each.

    Numbers run from 0 over the events shown, and -1 elsewhere.
    """
    m, state = len(paths.channels), paths.touch
    for back in range(1, min(order, int(position.max(initial=0)) + 1)):
        older = np.zeros(len(state), dtype=np.int64)
        has = position >= back
        older[has] = paths.touch[np.flatnonzero(has) - back] + 1
        state = _dense(state * (m + 1) + older)
    numbered = np.full(len(state), -1, dtype=np.int64)
    numbered[shown] = _dense(state[shown])
    at = np.zeros(numbered.max(initial=-1) + 1, dtype=np.int64)
    at[numbered[shown]] = np.flatnonzero(shown)
    return numbered, at


def _dense(code: NDArray[np.int64]) -> NDArray[np.int64]:
    """Renumber codes from 0, in their order."""
    return _distinct(code)[1]


def _distinct(code: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the codes that occur, in their order, and which of them each is."""
    if code.max(initial=0) >= _TABLE:
        return np.unique(code, return_inverse=True)
    there = np.bincount(code) > 0
    numbers: NDArray[np.int64] = (np.cumsum(there) - 1)[code]
    return np.flatnonzero(there), numbers


def _contents(
    paths: TouchPaths, position: NDArray[np.int64], at: NDArray[np.int64], order: int
) -> NDArray[np.bool_]:
    """Say which channels each state holds, from one event at which it is met."""
    contains = np.zeros((len(at), len(paths.channels)), dtype=bool)
    states = np.arange(len(at))
    for back in range(min(order, int(position.max(initial=0)) + 1)):
        has = position[at] >= back
        contains[states[has], paths.touch[at[has] - back]] = True
    return contains
