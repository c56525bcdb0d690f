"""Probabilities of the next touchpoint that lean on shorter contexts where longer ones are rare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from journeykit.paths.predicting.contexts import Level

#: Strengths tried, as powers of 10; the held-out loss is flat around its minimum.
_STRENGTH_POWERS = (-1.0, 5.0)
_CLOSE_ENOUGH = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Known steps of some customers, level by level.

    Attributes
    ----------
    cells : tuple of array of int64
        Per level the steps of each cell, shape (n_cells,).
    contexts : tuple of array of int64
        Per level the steps from each context whose follower is known, shape (n_contexts,).
    """

    cells: tuple[NDArray[np.int64], ...]
    contexts: tuple[NDArray[np.int64], ...]

    def __add__(self, other: Tally) -> Tally:
        """Add the steps of other customers."""
        return Tally(
            tuple(a + b for a, b in zip(self.cells, other.cells, strict=True)),
            tuple(a + b for a, b in zip(self.contexts, other.contexts, strict=True)),
        )


def tallies(
    levels: Sequence[Level], part: NDArray[np.integer], /, *, parts: int
) -> tuple[Tally, ...]:
    """Count the steps of each part; `part` says of every step to which it belongs."""
    counted = []
    for level in levels:
        held = level.cell >= 0
        code = part[held].astype(np.int64) * level.n_cells + level.cell[held]
        counted.append(np.bincount(code, minlength=parts * level.n_cells).reshape(parts, -1))
    return tuple(_tally(levels, tuple(table[k] for table in counted)) for k in range(parts))


def _tally(levels: Sequence[Level], cells: tuple[NDArray[np.int64], ...]) -> Tally:
    contexts = tuple(
        np.bincount(level.cell_context, weights=n, minlength=level.n_contexts).astype(np.int64)
        for level, n in zip(levels, cells, strict=True)
    )
    return Tally(cells, contexts)


def cell_probabilities(
    levels: Sequence[Level], known: Tally, strengths: Sequence[float], /, *, choices: int
) -> tuple[NDArray[np.float64], ...]:
    """Return P(follower | context) of every cell, level by level.

    With n(c, x) steps from context c to x and n(c) from c, and c' the context one shorter,

        p(x | c) = (n(c, x) + s_k p(x | c')) / (n(c) + s_k),

    where s_k is the strength of level k; below level 0 lie `choices` equally likely followers.
    It is the posterior mean under Dirichlet priors that are centred on the shorter context.

    Parameters
    ----------
    levels : sequence of Level
    known : Tally
        What is learnt from.
    strengths : sequence of float
        One a level; there may be fewer than levels.
    choices : int

    References
    ----------
    MacKay, Peto (1995), A hierarchical Dirichlet language model, Natural Language Engineering 1.
    """
    found: list[NDArray[np.float64]] = []
    for k, strength in enumerate(strengths):
        shorter = _shorter(levels, found, k, choices)
        found.append(_leaning(levels[k], known, k, strength, shorter))
    return tuple(found)


def _shorter(
    levels: Sequence[Level], found: Sequence[NDArray[np.float64]], k: int, choices: int
) -> NDArray[np.float64]:
    if k == 0:
        return np.full(levels[0].n_cells, 1 / choices)
    return found[k - 1][levels[k].cell_parent]


def _leaning(
    level: Level, known: Tally, k: int, strength: float, shorter: NDArray[np.float64]
) -> NDArray[np.float64]:
    total = known.contexts[k][level.cell_context]
    probability: NDArray[np.float64] = (known.cells[k] + strength * shorter) / (total + strength)
    return probability


def learnt_strengths(
    levels: Sequence[Level], known: Tally, held_out: Tally, /, *, choices: int
) -> tuple[float, ...]:
    """Choose each level's strength by the likelihood of customers that were not learnt from.

    From the shortest context up, each by a bounded search on its logarithm. Whole customers are
    held out, because steps of one customer resemble one another more than a new customer's.
    """
    from scipy.optimize import minimize_scalar

    strengths: list[float] = []
    found: list[NDArray[np.float64]] = []
    for k, level in enumerate(levels):
        shorter = _shorter(levels, found, k, choices)
        asked = np.flatnonzero(held_out.cells[k])
        n, base = held_out.cells[k][asked], shorter[asked]
        hits = known.cells[k][asked]
        total = known.contexts[k][level.cell_context[asked]]

        def loss(
            power: float,
            n: NDArray[np.int64] = n,
            hits: NDArray[np.int64] = hits,
            total: NDArray[np.int64] = total,
            base: NDArray[np.float64] = base,
        ) -> float:
            strength = 10.0**power
            return -float(n @ np.log((hits + strength * base) / (total + strength)))

        best = minimize_scalar(
            loss, bounds=_STRENGTH_POWERS, method="bounded", options={"xatol": _CLOSE_ENOUGH}
        )
        strengths.append(10.0 ** float(best.x))
        found.append(_leaning(level, known, k, strengths[-1], shorter))
    return tuple(strengths)


def step_losses(
    levels: Sequence[Level],
    probabilities: Sequence[NDArray[np.float64]],
    steps: NDArray[np.int64],
    /,
    *,
    order: int,
) -> NDArray[np.float64]:
    """Return -log2 P of what followed, for steps with a known follower, shape (n,).

    Each step uses its longest known context of at most `order` touchpoints.
    """
    chosen = probabilities[0][levels[0].cell[steps]]
    for level, probability in zip(levels[1 : order + 1], probabilities[1 : order + 1], strict=True):
        cell = level.cell[steps]
        deeper = cell >= 0
        chosen[deeper] = probability[cell[deeper]]
    losses: NDArray[np.float64] = -np.log2(chosen)
    return losses


@dataclass(frozen=True, slots=True, eq=False)
class BackOff:
    """A variable-order Markov chain: what is learnt, and how it predicts.

    Attributes
    ----------
    names : tuple of str
        m touchpoints; code m is the exit.
    keys : tuple of array of int64
        Contexts, level by level; see `contexts.Level`.
    tables : tuple of sparse array, shape (n_contexts, m + 1)
        Steps from each context to each follower, level by level.
    strengths : tuple of float
        One a level.
    """

    names: tuple[str, ...]
    keys: tuple[NDArray[np.int64], ...]
    tables: tuple[sparse.csr_array, ...]
    strengths: tuple[float, ...]

    def distributions(self, contexts: NDArray[np.int64], /) -> NDArray[np.float64]:
        """Return P(follower | context), shape (n, m + 1), given contexts of all levels, (n, k).

        Fewer columns than levels predict by shorter contexts only.
        """
        choices = len(self.names) + 1
        found = np.full((len(contexts), choices), 1 / choices)
        for k in range(contexts.shape[1]):
            known = np.flatnonzero(contexts[:, k] >= 0)
            steps = self.tables[k][contexts[known, k]].toarray()
            total = steps.sum(axis=1, keepdims=True)
            strength = self.strengths[k]
            found[known] = (steps + strength * found[known]) / (total + strength)
        return found


def back_off(
    names: tuple[str, ...], levels: Sequence[Level], known: Tally, strengths: Sequence[float], /
) -> BackOff:
    """Make the model of what is known."""
    from scipy import sparse

    tables = []
    for level, n in zip(levels, known.cells, strict=True):
        row = np.searchsorted(level.cell_context, np.arange(level.n_contexts + 1))
        shape = (level.n_contexts, len(names) + 1)
        tables.append(sparse.csr_array((n, level.cell_following, row), shape=shape))
    return BackOff(names, tuple(level.key for level in levels), tuple(tables), tuple(strengths))
