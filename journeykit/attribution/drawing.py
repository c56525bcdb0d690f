"""Bootstrap samples of customers: Poisson weights by hash, drawn row by row and added up."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import pdtr

from journeykit.attribution.kernels import drawn_rows, drawn_sums
from journeykit.stats import mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    from journeykit.attribution.touch_paths import Customers

#: Journeys of a path that are drawn by a table; more are drawn by NumPy's generator.
_MOST = 64
#: What a hash is compared with: numbers of 53 bits, and 4,096 equal parts of them.
_NUMBERS, _PARTS = 2.0**53, 1 << 12


class Drawers(NamedTuple):
    """Who is drawn for every row: ``who[start[i]:start[i + 1]]``, each `times` often.

    `hashed` and `kind` are one a drawer and a row: kind *k* draws Poisson(k). Rows `large`, of
    `n_large` journeys, are of kind 0 and drawn apart.
    """

    start: NDArray[np.int64]
    who: NDArray[np.integer]
    times: NDArray[np.float64]
    hashed: NDArray[np.uint64]
    kind: NDArray[np.int64]
    large: NDArray[np.int64]
    n_large: NDArray[np.int64]


def drawers_of(n: NDArray[np.int64], customers: Customers | None) -> Drawers:
    """Let customers be drawn Poisson(1) by the hash of their id; without them rows, Poisson(n)."""
    rows = np.arange(len(n))
    if customers is not None:
        table = customers.journeys
        return Drawers(
            table.indptr.astype(np.int64),
            table.indices,
            table.data.astype(np.float64, copy=False),
            customers.hashed,
            np.ones(len(n), dtype=np.int64),
            rows[:0],
            n[:0],
        )
    large = rows[n > _MOST]
    kind = np.where(n > _MOST, 0, n).astype(np.int64)
    # Rows lie in an order the data cannot change, so their number stands for them.
    return Drawers(np.arange(len(n) + 1), rows, np.ones(len(n)), mix(rows), kind, large, n[large])


def rows_of(drawers: Drawers, replicates: Sequence[int], *, seed: int) -> NDArray[np.float64]:
    """Draw how many journeys of each row samples hold, shape (n_rows, n_replicates)."""
    weights: NDArray[np.float64] = drawn_rows(*drawers[:5], _keys(replicates, seed), *_tables())
    weights[drawers.large] = _large(drawers, replicates, seed)
    return weights


def sums_of(
    drawers: Drawers, statistics: sparse.csr_array, replicates: Sequence[int], *, seed: int
) -> NDArray[np.float64]:
    """Add up `statistics`, shape (n_rows, k), over the samples of `rows_of`: (n_replicates, k).

    Rows of which the statistics say nothing are not drawn.
    """
    sums: NDArray[np.float64] = drawn_sums(
        *drawers[:5],
        _keys(replicates, seed),
        *_tables(),
        statistics.indptr.astype(np.int64),
        statistics.indices,
        statistics.data.astype(np.float64, copy=False),
        statistics.shape[1],
    )
    if len(drawers.large):
        sums += statistics[drawers.large].T @ _large(drawers, replicates, seed)
    return np.ascontiguousarray(sums.T)


def _large(drawers: Drawers, replicates: Sequence[int], seed: int) -> NDArray[np.float64]:
    """Draw the rows with too many journeys for a table, shape (n_large, n_replicates)."""
    drawn = [np.random.default_rng([seed, r]).poisson(drawers.n_large) for r in replicates]
    return np.stack(drawn, axis=1).astype(np.float64)


def _keys(replicates: Sequence[int], seed: int) -> NDArray[np.uint64]:
    """Give every sample the key that `poisson_weights` gives it."""
    return mix(np.asarray(replicates), seed=seed)


@cache
def _tables() -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Tabulate Poisson(0), Poisson(1) and so on up to what a table draws.

    Values end where their distribution function does, to 2^-53; the guide says which value each
    equal part of the numbers begins with.
    """
    value = np.arange(2 * _MOST + 40)
    ends = np.stack([np.ceil(pdtr(value, mean) * _NUMBERS) for mean in range(_MOST + 1)])
    # Of mean 1 as in `poisson_weights`, to the last bit.
    terms = np.cumprod(np.concatenate([[1.0], 1.0 / np.arange(1, 20)]))
    ends[1] = _NUMBERS
    ends[1, :20] = np.minimum(np.ceil(np.cumsum(terms) / np.e * _NUMBERS), _NUMBERS)
    begins = np.arange(_PARTS) * (_NUMBERS / _PARTS)
    guide = np.stack([np.searchsorted(end, begins, side="right") for end in ends])
    return ends.astype(np.uint64), guide.astype(np.uint8)
