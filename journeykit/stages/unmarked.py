"""Rates of moves between stages of which some leave no mark, and where customers are by now."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import linalg, optimize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Numbers = NDArray[np.int64]

#: Steps of the longest silence on the grid of times.
_STEPS = 512
_MOST_STEPS = 4096
#: Bounds of the logarithm of rates, in units of marks per time at risk.
_BOUNDS = (-16.0, 6.0)


class Gaps(NamedTuple):
    """Silences, each after a mark: to the next mark, or to the end of watching.

    `source` and `target` are stages, `target` -1 where no mark follows; `days` how long.
    """

    source: Numbers
    target: Numbers
    days: Floats

    def take(self, kept: NDArray[np.bool_]) -> Gaps:
        """Return some of them."""
        return Gaps(self.source[kept], self.target[kept], self.days[kept])


class Rates(NamedTuple):
    """Moves and repeated marks a day.

    Attributes
    ----------
    move : array, shape (n_stages, n_stages)
        From row to column; 0 on the diagonal.
    repeat : array, shape (n_stages,)
        Marks a day that customers leave of the stage they are in already.
    """

    move: Floats
    repeat: Floats

    def silent(self, seen: Floats) -> Floats:
        """Return the generator of stages while no mark is left: rows sum to minus the marks."""
        left = self.move.sum(axis=1) + self.repeat
        return self.move * (1 - seen) - np.diag(left)

    def marked(self, seen: Floats) -> Floats:
        """Return the rates of marks: in the stage of the row, of that of the column."""
        return self.move * seen + np.diag(self.repeat)


def rates_of(gaps: Gaps, seen: Floats, allowed: NDArray[np.bool_], /) -> Rates:
    """Estimate rates by maximum likelihood, where a move into stage j is marked with chance seen_j.

    Stages are a Markov process in continuous time. A mark tells the stage, so silences are
    independent: one from i to a mark of j after t has likelihood (exp(Q t) M)_ij and one that
    lasts at t the row sum of exp(Q t), with Q the rates of what leaves no mark and M those of marks
    (a Markovian arrival process). Times are rounded to a grid, of 512 steps or finer.

    Parameters
    ----------
    gaps : Gaps
    seen : array, shape (n_stages,)
        In (0, 1].
    allowed : array of bool, shape (n_stages, n_stages)
        Which moves can be.

    References
    ----------
    Neuts (1979), A versatile Markovian point process, Journal of Applied Probability 16.
    """
    step, at = _grid(gaps.days)
    size = len(seen)
    places = np.flatnonzero(allowed & ~np.eye(size, dtype=bool))
    key = (gaps.source * (size + 1) + gaps.target + 1) * (at.max() + 1) + at
    cell, n = np.unique(key, return_counts=True)
    cell, when = np.divmod(cell, at.max() + 1)
    source, target = np.divmod(cell, size + 1)
    target -= 1
    scale = max(float((gaps.target >= 0).sum()), 1.0) / max(float(gaps.days.sum()), step)

    def unpacked(theta: Floats) -> Rates:
        move = np.zeros(size * size)
        move[places] = np.exp(theta[: len(places)]) * scale
        return Rates(move.reshape(size, size), np.exp(theta[len(places) :]) * scale)

    def loss(theta: Floats) -> float:
        rates = unpacked(theta)
        silent = powers(linalg.expm(rates.silent(seen) * step), int(at.max()))
        left = np.concatenate([np.ones((size, 1)), rates.marked(seen)], axis=1)
        chance = np.einsum("ks,ks->k", silent[when, source], left[:, target + 1].T)
        return -float(n @ np.log(np.maximum(chance, 1e-300)))

    begin = np.full(len(places) + size, np.log(1 / size))
    found = optimize.minimize(
        loss, begin, method="L-BFGS-B", bounds=[_BOUNDS] * len(begin), options={"maxiter": 300}
    )
    return unpacked(found.x)


def chances(rates: Rates, seen: Floats, source: Numbers, days: Floats, /) -> NDArray[np.float64]:
    """Return the chance of each stage after a silence since a mark, shape (n, n_stages).

    Proportional to the row of exp(Q t): the stages to which customers may have moved unmarked,
    among those who leave no mark so long.
    """
    if not len(days):
        return np.zeros((0, len(seen)))
    step, at = _grid(days)
    silent = powers(linalg.expm(rates.silent(seen) * step), int(at.max()))[at, source]
    return np.asarray(silent / silent.sum(axis=1, keepdims=True))


def powers(matrix: Floats, most: int, /) -> Floats:
    """Return the powers 0 to `most` of a matrix, shape (most + 1, n, n), by doubling."""
    found = np.eye(len(matrix))[None]
    last = matrix
    while len(found) <= most:
        found = np.concatenate([found, found @ last])
        last = last @ last
    return found[: most + 1]


def _grid(days: Floats) -> tuple[float, Numbers]:
    """Return the step of a grid of times and the place of each on it."""
    longest = float(days.max())
    if longest <= 0:
        return 1.0, np.zeros(len(days), dtype=np.int64)
    step = min(longest / _STEPS, float(np.median(days[days > 0])) / 20)
    step = max(step, longest / _MOST_STEPS)
    return step, np.rint(days / step).astype(np.int64)
