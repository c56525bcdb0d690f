"""Shapley values by sampled orders of the players, with their Monte-Carlo error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import stdtrit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.stats.intervals import Interval

#: Fewest independent blocks of orders: their spread is what the error is told from.
FEWEST_BLOCKS = 10
#: Worths held at a time: 32 MB.
_TOGETHER = 1 << 22


class Sampled(NamedTuple):
    """Values of b games and their standard errors, each (b, m), from `n_blocks` blocks."""

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    n_blocks: int

    def interval(self, confidence: float) -> Interval:
        """Bound what all orders would give, by Student's t over the blocks."""
        from journeykit.stats.intervals import Interval

        margin = stdtrit(self.n_blocks - 1, (1 + confidence) / 2) * self.error
        return Interval(self.value - margin, self.value + margin)


def orders_of_block(m: int, block: int, *, seed: int) -> NDArray[np.int64]:
    """Draw one block of orders, shape (2 m, m): the rotations of one order, and their reverses.

    Each order is uniform, so means over blocks are unbiased. Within a block every player takes
    every place twice (stratified), and each order has its reverse (antithetic).
    """
    first = np.random.default_rng([seed, block, 1]).permutation(m)
    turned = first[(np.arange(m)[:, None] + np.arange(m)) % m]
    return np.concatenate([turned, turned[:, ::-1]])


def sampled_values(
    worths: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    m: int,
    *,
    permutations: int,
    seed: int,
) -> Sampled:
    """Estimate Shapley values as mean gains of players who join in sampled orders.

    The gains of one order sum to v(all) - v(none), hence the estimates do.

    Parameters
    ----------
    worths : callable
        From orders, shape (p, m), to the worths of b games as players join, shape (p, b, m + 1).
    m : int
    permutations : int
        Orders at least, rounded up to whole blocks of 2 m, at least `FEWEST_BLOCKS`.
    seed : int

    Returns
    -------
    Sampled
        The error is the standard deviation of block means divided by the root of their number.

    References
    ----------
    Castro, Gomez, Tejada (2009), Polynomial calculation of the Shapley value based on sampling,
    Computers and Operations Research 36. Mitchell, Cooper, Frank, Holmes (2022), Sampling
    permutations for Shapley value estimation, JMLR 23.
    """
    n_blocks = max(FEWEST_BLOCKS, -(-permutations // (2 * m)))
    means = np.stack(
        [_mean_gains(worths, orders_of_block(m, block, seed=seed)) for block in range(n_blocks)]
    )
    error = means.std(axis=0, ddof=1) / np.sqrt(n_blocks)
    return Sampled(means.mean(axis=0), error, n_blocks)


def _mean_gains(
    worths: Callable[[NDArray[np.int64]], NDArray[np.float64]], orders: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Average the gain of each player over orders, shape (b, m)."""
    total: NDArray[np.float64] | None = None
    a, at_once = 0, 1
    while a < len(orders):
        part = orders[a : a + at_once]
        worth = worths(part)
        joins = np.argsort(part, axis=1)
        gains = np.take_along_axis(np.diff(worth, axis=2), joins[:, None, :], axis=2).sum(axis=0)
        total = gains if total is None else total + gains
        a += len(part)
        at_once = max(1, _TOGETHER // worth[0].size)
    assert total is not None
    return total / len(orders)
