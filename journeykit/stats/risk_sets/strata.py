"""Strata: moments that are alike in all that is held equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


#: Far enough below 2^63.
_MOST_COMBINATIONS = 1 << 60
_LONGEST_TABLE = 1 << 22


def geometric_bins(values: ArrayLike, /, *, first: float, ratio: float) -> NDArray[np.int64]:
    """Sort values into bins, each as wide as all before it times `ratio` - 1.

    The first is [0, first), the next [first, first * ratio), then [first * ratio, first * ratio^2).

    Parameters
    ----------
    values : array of numbers, at least 0
    first : float
        Above 0, in the unit of `values`.
    ratio : float
        Above 1: how much wider each bin is than the one before.

    Returns
    -------
    array of int64, same shape
        0 for the first bin.
    """
    array = np.asarray(values, dtype=np.float64)
    n = int(np.ceil(np.log(max(array.max(initial=0), first) / first) / np.log(ratio))) + 2
    return np.searchsorted(first * ratio ** np.arange(n), array, side="right")


def joint_strata(
    *parts: NDArray[np.integer] | NDArray[np.bool_],
) -> tuple[NDArray[np.int64], int]:
    """Give a number to each combination of codes that occurs, in their order from 0.

    Returns
    -------
    tuple of array of int64, shape (n,), and int
        The number of each row's combination, and how many there are.
    """
    code, size = np.zeros(len(parts[0]), dtype=np.int64), 1
    if len(code) == 0:
        return code, 0
    for part in parts:
        least = int(part.min())
        span = int(part.max()) - least + 1
        if size * span > _MOST_COMBINATIONS:
            code, size = _numbered(code, size)
        code, size = code * span + (part.astype(np.int64) - least), size * span
    return _numbered(code, size)


def _numbered(code: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], int]:
    """Give a number to each code below `size` that occurs; by a table where it is short."""
    if size > _LONGEST_TABLE:
        met, place = np.unique(code, return_inverse=True)
        return place, len(met)
    there = np.zeros(size, dtype=bool)
    there[code] = True
    number = np.cumsum(there) - 1
    return number[code], int(number[-1]) + 1
