"""Within which time an outcome counts, so that it is known of all who are watched for longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def common_horizon(took: NDArray[np.int64], watched: NDArray[np.int64], /) -> int:
    """Return a horizon for which at least half are watched for longer.

    It is the longest time that an outcome took, but less than the (lower) median of the spans
    watched. Those watched for longer are known whatever became of them; who they are, the outcome
    does not decide.

    Parameters
    ----------
    took : array of int64, shape (n_outcomes,)
        Time to the outcome of those who have come to it.
    watched : array of int64, shape (n,)
        Time from the beginning to the end of the watching, of all; at least one.

    Returns
    -------
    int
        In the unit of times; below 0 where half are not watched at all, and nothing is known.

    Examples
    --------
    >>> common_horizon(np.array([3, 20]), np.array([5, 30, 40]))
    20
    >>> common_horizon(np.array([3, 35]), np.array([5, 30, 40]))
    29
    """
    middle = int(np.quantile(watched, 0.5, method="lower"))
    return min(int(took.max()), middle - 1) if len(took) else middle - 1
