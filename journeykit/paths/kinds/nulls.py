"""Journeys as they would be if all customers were of one kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from journeykit.counts.kernels import gram_codes
from journeykit.paths.kinds.kernels import walks, ways_to_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from journeykit.paths.kinds.sequences import Observed

_ORDERS = (1, 2)
#: Cells of a table of states by steps left; a chain of order 2 that needs more is not considered.
_MOST_CELLS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """One Markov chain that all journeys follow.

    Attributes
    ----------
    order : int
    state : array of int64, shape (n_states,)
        Codes of the last `order` touchpoints, sorted.
    row_start : array of int64, shape (n_states + 1,)
    target : array of int64, shape (n_cells,)
        State that follows; -1 for the end.
    probability : array of float64, shape (n_cells,)
    leaving : array of float64, shape (n_states,)
    """

    order: int
    state: NDArray[np.int64]
    row_start: NDArray[np.int64]
    target: NDArray[np.int64]
    probability: NDArray[np.float64]
    leaving: NDArray[np.float64]


def one_chain(observed: Observed) -> Chain:
    """Fit chains of order 1 and 2 to all journeys and keep the one that BIC prefers.

    Steps into the open are left out, so leaving is estimated among those whose end was seen.
    """
    fitted = [_chain(observed, order) for order in _ORDERS if _countable(observed, order)]
    longest = int(observed.sequences.length.max())
    small = [pair for pair in fitted if len(pair[0].state) * longest <= _MOST_CELLS]
    return min(small or fitted[:1], key=lambda pair: pair[1])[0]


def _countable(observed: Observed, order: int) -> bool:
    return order == 1 or (len(observed.sequences.names) + 2) ** (order + 1) < 2**63


def _chain(observed: Observed, order: int) -> tuple[Chain, float]:
    m = len(observed.sequences.names)
    base = m + 2
    step, _ = gram_codes(
        observed.sequences.touchpoint,
        observed.sequences.start,
        m + observed.unseen.astype(np.int64),
        m + observed.still_open.astype(np.int64),
        order,
        base,
    )
    states = np.unique(step // base)
    code, n = np.unique(step[step % base != m + 1], return_counts=True)
    source = np.searchsorted(states, code // base)
    following = code % base**order
    last = code % base == m
    # Every touchpoint reached has something after it, were it the open: it is a state.
    target = np.where(last, -1, np.searchsorted(states, following))
    total = np.bincount(source, weights=n, minlength=len(states))
    probability = n / total[source]
    free = len(code) - int((total > 0).sum())
    bic = -2 * float((n * np.log(probability)).sum()) + free * np.log(len(observed.hash))
    leaving = np.zeros(len(states))
    leaving[source[last]] = probability[last]
    chain = Chain(
        order=order,
        state=states,
        row_start=np.searchsorted(source, np.arange(len(states) + 1)).astype(np.int64),
        target=target.astype(np.int64),
        probability=probability,
        leaving=leaving,
    )
    return chain, bic


def simulated(observed: Observed, chain: Chain, *, runs: int, seed: int) -> Iterator[Observed]:
    """Draw the touchpoints anew, `runs` times: customers, lengths and known ends stay as they are.

    Each journey is a walk of the chain, given its length and that it ends (or goes on) after it.
    Lengths are kept because customers who do more are no kind of their own.
    """
    m = len(observed.sequences.names)
    base = m + 2
    begin_code = m + observed.unseen.astype(np.int64)
    ones = (base**chain.order - 1) // (base - 1)
    begin = np.searchsorted(chain.state, begin_code * ones)
    length = observed.sequences.length
    closed, opened = (
        ways_to_end(chain.row_start, chain.target, chain.probability, ends, int(length.max()))
        for ends in (chain.leaving, np.ones(len(chain.state)))
    )
    rng = np.random.default_rng(seed)
    reached = np.empty(len(observed.sequences.touchpoint), dtype=np.int64)
    for _ in range(runs):
        walks(
            begin,
            length,
            observed.still_open,
            chain.row_start,
            chain.target,
            chain.probability,
            closed,
            opened,
            rng.random(len(reached)),
            reached,
        )
        touchpoint = (chain.state[reached] % base).astype(observed.sequences.touchpoint.dtype)
        yield replace(observed, sequences=replace(observed.sequences, touchpoint=touchpoint))
