"""Counts that pains are told from: sums over customers, so that customers can be drawn again."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from journeykit.journeys.fingerprint import hash_customers
from journeykit.stats import ClusterSums, poisson_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray
    from scipy import sparse

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

#: Numbers of a block of replicates held at a time: 64 MB.
_BLOCK = 1 << 23


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Things counted by customer and kind: one row a thing; `kind` is below `n_kinds`."""

    who: Indices
    kind: Indices
    n_kinds: int

    def by_customer(self, n_customers: int) -> sparse.csr_array:
        """Return how many of each kind each customer has, shape (n_customers, n_kinds)."""
        from scipy import sparse

        ones = np.ones(len(self.who))
        shape = (n_customers, self.n_kinds)
        return sparse.coo_array((ones, (self.who, self.kind)), shape=shape).tocsr()


def cluster_sums(events: Tally, among: Tally, n_customers: int) -> ClusterSums:
    """Return what the share of events among observations is known by, kind by kind."""
    x, m = events.by_customer(n_customers), among.by_customer(n_customers)
    some = (m > 0).astype(float)
    return ClusterSums(
        n_event=_summed(x),
        n=_summed(m),
        event_squares=_summed(x.multiply(x)),
        event_cross=_summed(x.multiply(m)),
        squares=_summed(m.multiply(m)),
        n_customers=_summed(some),
        n_rarer=np.minimum(_summed((x > 0).astype(float)), _summed(((m - x) > 0).astype(float))),
    )


def _summed(table: sparse.sparray) -> Floats:
    return np.asarray(table.sum(axis=0), dtype=float).ravel()


def redrawn(
    tallies: list[Tally], customer_id: pa.Array, /, *, draws: int, seed: int
) -> Iterator[list[Floats]]:
    """Count again with customers drawn again: first as they are, then `draws` times.

    Each customer counts Poisson(1) times, a function of seed, replicate and customer id alone.
    Yields one array a tally, shape (n_kinds,).
    """
    from scipy import sparse

    n = len(customer_id)
    edges = np.cumsum([0, *(tally.n_kinds for tally in tallies)])
    counts = sparse.hstack([tally.by_customer(n) for tally in tallies]).T.tocsr()
    hashed = hash_customers(customer_id)
    size = max(1, _BLOCK // max(n, int(edges[-1]), 1))
    for begin in range(-1, draws, size):
        weights = [
            poisson_weights(hashed, replicate=r, seed=seed) if r >= 0 else np.ones(n)
            for r in range(begin, min(begin + size, draws))
        ]
        block = counts @ np.stack(weights, axis=1).astype(float)
        for column in block.T:
            yield [column[a:b] for a, b in pairwise(edges)]
