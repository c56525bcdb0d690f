"""Strata: moments that are alike in all that is held equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def geometric_bins(values: ArrayLike, /, *, first: float, ratio: float) -> NDArray[np.int64]:
    """Number the bins [0, first), [first, first * ratio), [first * ratio, first * ratio^2), ...

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


def joint_strata(*parts: NDArray[np.integer]) -> tuple[NDArray[np.int64], int]:
    """Number the combinations of several codes that occur, from 0; return them and how many."""
    code = np.zeros(len(parts[0]), dtype=np.int64)
    n = 1
    for part in parts:
        values, place = np.unique(part, return_inverse=True)
        met, code = np.unique(code * len(values) + place, return_inverse=True)
        n = len(met)
    return code, n
