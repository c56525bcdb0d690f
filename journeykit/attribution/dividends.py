"""Games on sets of channels given by the worth of every set: sums, values and interactions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def over_subsets(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum each row over the subsets of every set (zeta transform), shape (b, 2^m).

    Bit i of the column number says whether player i is in the set. O(b m 2^m) time.
    """
    out = np.array(table, dtype=np.float64)
    for i in range(table.shape[1].bit_length() - 1):
        halves = out.reshape(len(out), -1, 2, 1 << i)
        halves[:, :, 1] += halves[:, :, 0]
    return out


def shapley_values(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Shapley values of games given by the worth of every set.

    The value of player i is the mean of v(S with i) - v(S) over sets S without i, those of s
    players weighing s! (m - s - 1)! / m! each. O(b 2^m) time.

    Parameters
    ----------
    worth : array, shape (b, 2^m)
        Bit i of the column number says whether player i is in the set.

    Returns
    -------
    array of float64, shape (b, m)
        Rows sum to v(all) - v(none).

    References
    ----------
    Shapley (1953), A value for n-person games.
    """
    m = worth.shape[1].bit_length() - 1
    if m == 0:
        return np.zeros((len(worth), 0))
    # A set of s players counts with `without[s]` against all it lacks, with it for all it has.
    without = np.array([1 / (m * math.comb(m - 1, s)) for s in range(m)] + [0.0])
    having = np.append(0.0, without[:-1])
    size = np.bitwise_count(np.arange(1 << m))
    lacking = (worth * without[size]).sum(axis=1)
    value: NDArray[np.float64] = _with_each(worth * (having + without)[size]) - lacking[:, None]
    return value


def pair_interactions(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Shapley interaction index of every pair of players.

    The index of i and j is the mean of v(S with i and j) - v(S with i) - v(S with j) + v(S) over
    sets S without both, those of s players weighing s! (m - s - 2)! / (m - 1)! each. O(b 2^m) time.

    Parameters
    ----------
    worth : array, shape (b, 2^m)
        Bit i of the column number says whether player i is in the set; m at least 2.

    Returns
    -------
    array of float64, shape (b, m, m)
        Symmetric; NaN on the diagonal. Above 0 where two add more together than apart.

    References
    ----------
    Grabisch, Roubens (1999), An axiomatic approach to the concept of interaction among players in
    cooperative games, International Journal of Game Theory 28.
    """
    m = worth.shape[1].bit_length() - 1
    neither = np.zeros(m + 1)
    neither[: m - 1] = [1 / ((m - 1) * math.comb(m - 2, s)) for s in range(m - 1)]
    one, both = np.append(0.0, neither[:-1]), np.append([0.0, 0.0], neither[:-2])
    size = np.bitwise_count(np.arange(1 << m))
    alone = _with_each(worth * (one + neither)[size])
    index = np.full((len(worth), m, m), np.nan)
    table = worth * (both + 2 * one + neither)[size]
    for i in range(m - 1, 0, -1):
        half = 1 << i
        index[:, i, :i] = index[:, :i, i] = _with_each(table[:, half:])
        table = table[:, :half] + table[:, half:]
    apart = (worth * neither[size]).sum(axis=1)
    index += apart[:, None, None] - alone[:, :, None] - alone[:, None, :]
    return index


def _with_each(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum each row over the sets that hold player i, shape (b, m), halving the table m times."""
    m = table.shape[1].bit_length() - 1
    sums = np.empty((len(table), m))
    for i in range(m - 1, -1, -1):
        half = 1 << i
        sums[:, i] = table[:, half:].sum(axis=1)
        table = table[:, :half] + table[:, half:]
    return sums
