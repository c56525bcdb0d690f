"""Columns of a design: with an intercept, and none that others add up to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from journeykit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.rows import Encoding


def with_intercept(matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Put a column of 1 before the others."""
    return np.column_stack([np.ones(len(matrix)), matrix])


def check_rank(matrix: NDArray[np.float64], coded: Encoding, /) -> None:
    """Refuse columns that others add up to."""
    size = np.sqrt((matrix**2).sum(axis=0))
    gram = (matrix / size).T @ (matrix / size)
    for p in range(2, gram.shape[0] + 1):
        if np.linalg.eigvalsh(gram[:p, :p])[0] < 1e-12 * p:
            raise DataError(
                f"Covariate column {coded.names[p - 2]!r} is a combination of those before it "
                f"({', '.join(map(repr, coded.names[: p - 2])) or 'the intercept'}), so their "
                "effects cannot be told apart. Leave one out."
            )


def spreads(
    design: Callable[[slice], NDArray[np.float64]], chunks: list[slice], /
) -> NDArray[np.float64]:
    """Return how far apart the values of each column lie, shape (q,).

    The distance of two values, or of those that are not 0 from 0 where most are, however rare they
    are: a standard deviation would make little of a rare level. Else the standard deviation.
    """
    low = np.min([design(rows).min(axis=0) for rows in chunks], axis=0)
    high = np.max([design(rows).max(axis=0) for rows in chunks], axis=0)
    n, first, second, other, between = 0, *np.zeros((4, len(low)))
    for rows in chunks:
        x = design(rows)
        n += len(x)
        first += x.sum(axis=0)
        second += (x**2).sum(axis=0)
        other += (x != 0).sum(axis=0)
        between += ((x != low) & (x != high)).sum(axis=0)
    spread = np.sqrt(np.maximum(second / n - (first / n) ** 2, 0))
    spread = np.where(other < n / 2, np.sqrt(second / np.maximum(other, 1)), spread)
    return np.where(between == 0, high - low, spread)
