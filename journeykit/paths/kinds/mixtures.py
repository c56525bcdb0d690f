"""Mixtures of Markov chains: each customer follows one of K chains; EM finds which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.counts.kernels import gram_codes
from journeykit.paths.kinds.kernels import expect
from journeykit.stats import mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.paths.kinds.sequences import Observed

#: Steps that all customers together would take from each touchpoint are added to each group, so
#: that no step is impossible in a group merely because nobody in it has made it yet.
_PRIOR_STEPS = 1.0
#: EM stops when the log-likelihood of a customer rises by less.
_ENOUGH = 1e-6
_MOST_ROUNDS = 500
_SHORT_ROUNDS = 12
_LEAST_SHARE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class StepTable:
    """Steps of customers as a sparse table; only steps both of whose ends were seen.

    Attributes
    ----------
    start : array of int64, shape (n_customers + 1,)
    cell : array of int64, shape (n_entries,)
        Index into `source` and `target`.
    count : array of float64, shape (n_entries,)
    source, target : arrays of int64, shape (n_cells,)
        Codes as in `TransitionCounts`; sorted.
    """

    start: NDArray[np.int64]
    cell: NDArray[np.int64]
    count: NDArray[np.float64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.start) - 1

    @property
    def first_of_source(self) -> NDArray[np.int64]:
        """Where the cells of each source begin."""
        return np.flatnonzero(np.diff(self.source, prepend=-1))

    def parameters(self, groups: int) -> int:
        """Count what a mixture of that many chains has to estimate."""
        return groups * (len(self.source) - len(self.first_of_source)) + groups - 1

    def take(self, rows: NDArray[np.int64]) -> StepTable:
        """Keep some customers, and all cells."""
        length = np.diff(self.start)[rows]
        start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        at = np.repeat(self.start[rows] - start[:-1], length) + np.arange(start[-1])
        return StepTable(start, self.cell[at], self.count[at], self.source, self.target)


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A fitted mixture.

    Attributes
    ----------
    log_step : array of float64, shape (n_cells, K)
    share : array of float64, shape (K,)
    probability : array of float64, shape (n_customers, K)
        Of belonging to each group.
    log_likelihood : float
    converged : bool
    """

    log_step: NDArray[np.float64]
    share: NDArray[np.float64]
    probability: NDArray[np.float64]
    log_likelihood: float
    converged: bool

    @property
    def entropy(self) -> float:
        """How unsure memberships are, in nats over all customers."""
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(self.probability > 0, self.probability * np.log(self.probability), 0.0)
        return float(-terms.sum())


def step_table(observed: Observed) -> StepTable:
    """Count each customer's steps; a step into the open or out of the unseen is none."""
    m = len(observed.sequences.names)
    base = m + 2
    step, first = gram_codes(
        observed.sequences.touchpoint,
        observed.sequences.start,
        m + observed.unseen.astype(np.int64),
        m + observed.still_open.astype(np.int64),
        1,
        base,
    )
    customer = np.repeat(observed.customer, np.diff(first))
    seen = (step // base != m + 1) & (step % base != m + 1)
    cells, cell = np.unique(step[seen], return_inverse=True)
    pair, count = np.unique(customer[seen] * len(cells) + cell, return_counts=True)
    row = pair // len(cells)
    return StepTable(
        start=np.searchsorted(row, np.arange(len(observed.hash) + 1)).astype(np.int64),
        cell=pair % len(cells),
        count=count.astype(np.float64),
        source=cells // base,
        target=cells % base,
    )


def fit(
    table: StepTable,
    weight: NDArray[np.float64],
    groups: int,
    *,
    seed: int,
    starts: int,
) -> Mixture:
    """Fit by EM: several short runs from random customers, the best of them to the end."""
    if groups == 1:
        return _run(table, weight, _pooled(table, weight)[:, None], np.ones(1), rounds=1)
    pooled = _pooled(table, weight)
    best: Mixture | None = None
    for number in range(starts):
        begin = _random_start(table, weight, pooled, groups, seed=_seed(seed, number))
        share = np.full(groups, 1 / groups)
        short = _run(table, weight, begin, share, rounds=_SHORT_ROUNDS)
        if best is None or short.log_likelihood > best.log_likelihood:
            best = short
    assert best is not None
    return refit(table, weight, best)


def refit(table: StepTable, weight: NDArray[np.float64], mixture: Mixture) -> Mixture:
    """Go on from a mixture until nothing changes, on these customers."""
    return _run(table, weight, mixture.log_step, mixture.share, rounds=_MOST_ROUNDS)


def onto(table: StepTable, former: StepTable, mixture: Mixture) -> Mixture:
    """Bring a mixture over to other customers, whose cells include those it was fitted on.

    A step that nobody in the sample made is as likely in all groups as it is among all customers.
    """
    weight = np.ones(len(table))
    base = int(table.target.max()) + 1
    at = np.searchsorted(table.source * base + table.target, former.source * base + former.target)
    log_step = np.repeat(_pooled(table, weight)[:, None], len(mixture.share), axis=1)
    log_step[at] = mixture.log_step
    log_step = np.log(_shares(table, np.exp(log_step)))
    return _run(table, weight, log_step, mixture.share, rounds=1)


def pooled_steps(table: StepTable, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count the steps of all customers by cell."""
    per_entry = np.repeat(weight, np.diff(table.start)) * table.count
    steps: NDArray[np.float64] = np.bincount(
        table.cell, weights=per_entry, minlength=len(table.source)
    ).astype(np.float64)
    return steps


def _seed(seed: int, number: int) -> int:
    return int(mix(np.array([number]), seed=seed)[0] >> np.uint64(2))


def _pooled(table: StepTable, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log P(target | source) of all customers together, shape (n_cells,)."""
    steps = pooled_steps(table, weight)[:, None]
    # A replicate may lack a cell; half a step stands for it.
    return np.log(_shares(table, np.maximum(steps, 0.5)))[:, 0]


def _shares(table: StepTable, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    first = table.first_of_source
    total = np.add.reduceat(steps, first, axis=0)
    length = np.diff(np.concatenate([first, [len(table.source)]]))
    shares: NDArray[np.float64] = steps / np.repeat(total, length, axis=0)
    return shares


def _random_start(
    table: StepTable,
    weight: NDArray[np.float64],
    pooled: NDArray[np.float64],
    groups: int,
    *,
    seed: int,
) -> NDArray[np.float64]:
    """Begin each group with the steps of one customer, the pooled ones behind them."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(table), size=groups, p=weight / weight.sum())
    steps = np.repeat(_PRIOR_STEPS * np.exp(pooled)[:, None], groups, axis=1)
    for group, row in enumerate(chosen):
        entries = slice(table.start[row], table.start[row + 1])
        steps[table.cell[entries], group] += table.count[entries]
    return np.log(_shares(table, steps))


def _run(
    table: StepTable,
    weight: NDArray[np.float64],
    log_step: NDArray[np.float64],
    share: NDArray[np.float64],
    *,
    rounds: int,
) -> Mixture:
    """Do EM rounds; the likelihood, memberships and parameters returned belong together."""
    groups = len(share)
    prior = _PRIOR_STEPS * np.exp(_pooled(table, weight))[:, None] if rounds > 1 else 0.0
    probability = np.empty((len(table), groups))
    steps = np.empty((len(table.source), groups))
    enough = _ENOUGH * max(float(weight.sum()), 1.0)
    before, converged = -np.inf, False
    for number in range(rounds):
        reached = expect(
            table.start,
            table.cell,
            table.count,
            weight,
            np.ascontiguousarray(log_step),
            np.log(share),
            probability,
            steps,
        )
        converged = reached - before < enough
        before = reached
        if converged or number == rounds - 1:
            break
        # Not a matrix product: how a library splits that over threads can change the last digits.
        mass = (weight[:, None] * probability).sum(axis=0)
        share = np.maximum(mass / weight.sum(), _LEAST_SHARE)
        share = share / share.sum()
        log_step = np.log(_shares(table, steps + prior))
    return Mixture(log_step, share, probability, float(before), bool(converged))
