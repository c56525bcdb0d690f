"""Absorbing Markov chains: where a walk ends, solved exactly instead of simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

#: Numbers held at a time when many dense chains are solved: 64 MB a table.
_BLOCK = 1 << 23


def absorption(inside: NDArray[np.float64], out: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Return the probability that a walk from each state ends in each way.

    B = (I - Q)^-1 R, the smallest solution of B = Q B + R that is not negative. Walks that can
    never end have no share in any way: their rows are 0, so that ``1 - B.sum(axis=-1)`` is the
    probability of walking for ever.

    Parameters
    ----------
    inside : array of float64, shape (..., m, m)
        Q: probabilities of stepping from one state to another; leading axes are many chains.
    out : array of float64, shape (..., m, k)
        R: probabilities of ending in each of k ways. Rows of Q and R together sum to at most 1;
        what is missing is a way of ending that nobody asks for.

    Returns
    -------
    array of float64, shape (..., m, k)

    Notes
    -----
    O(m^3) time a chain; `walked_absorption` serves large chains with few steps a state.

    References
    ----------
    Kemeny, Snell (1976), Finite Markov Chains, chapter 3.

    Examples
    --------
    >>> inside = np.array([[0.0, 0.5], [0.25, 0.0]])
    >>> out = np.array([[0.5, 0.0], [0.25, 0.5]])
    >>> absorption(inside, out).round(3)
    array([[0.714, 0.286],
           [0.429, 0.571]])
    """
    m = inside.shape[-1]
    lead = inside.shape[:-2]
    q, r = inside.reshape(-1, m, m), out.reshape(-1, m, out.shape[-1])
    found = np.empty(r.shape)
    size = max(1, _BLOCK // max(m * m, 1))
    for begin in range(0, len(q), size):
        block = slice(begin, begin + size)
        found[block] = _solved(q[block], r[block])
    shaped: NDArray[np.float64] = found.reshape(*lead, m, out.shape[-1])
    return shaped


def _solved(q: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
    ends = _can_end(q, r)
    # A state from which no way out leads makes I - Q singular; it is taken out of the equations.
    q = q * (ends[:, :, None] & ends[:, None, :])
    return np.asarray(np.linalg.solve(np.eye(q.shape[-1]) - q, r * ends[:, :, None]), dtype=float)


def _can_end(q: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the states from which some end can be reached, shape (b, m)."""
    missing = 1 - q.sum(axis=-1) - r.sum(axis=-1)
    ends: NDArray[np.bool_] = (r.sum(axis=-1) > 0) | (missing > 1e-12)
    steps = q > 0
    while True:
        more = ends | (steps & ends[:, None, :]).any(axis=-1)
        if (more == ends).all():
            return ends
        ends = more


def walked_absorption(
    inside: sparse.csr_array,
    out: NDArray[np.float64],
    first: NDArray[np.float64],
    /,
    *,
    tolerance: float = 1e-12,
    most_steps: int = 100_000,
) -> NDArray[np.float64]:
    """Carry walks of a large chain on, step by step, until they have ended.

    first (I + Q + Q^2 + ...) R, cut off when less than `tolerance` of the walks is under way, or
    after `most_steps`: what is missing in a row's sum has not ended. Time grows with the steps
    that occur, not with the cube of the states; `first` may hold many walks, and Q many chains
    side by side.

    Parameters
    ----------
    inside : sparse array, shape (m, m)
        Q.
    out : array of float64, shape (m, k)
        R.
    first : array of float64, shape (m,)
        Walks that begin in each state.
    tolerance : float
        Share of all walks.
    most_steps : int

    Returns
    -------
    array of float64, shape (m, k)
        Walks that end in each way from each state; its sum over states is the answer.
    """
    step = inside.T.tocsr()
    here, visits = first.astype(np.float64), np.zeros(len(first))
    least = tolerance * float(here.sum())
    for _ in range(most_steps):
        visits += here
        here = step @ here
        if here.sum() <= least:
            break
    ended: NDArray[np.float64] = visits[:, None] * out
    return ended
