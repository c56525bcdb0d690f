"""Columns of a design: with an intercept, and none that others add up to."""

from __future__ import annotations

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
