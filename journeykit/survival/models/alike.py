"""Rows that are alike in everything a model looks at: one row and how often it occurs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.stats.risk_sets import joint_strata

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Alike(NamedTuple):
    """Groups of equal rows.

    Attributes
    ----------
    first : array of int64, shape (n_groups,)
        A row of each group.
    group : array of int64, shape (n_rows,)
    n : array of int64, shape (n_groups,)
    """

    first: NDArray[np.int64]
    group: NDArray[np.int64]
    n: NDArray[np.int64]


def alike(columns: Iterable[NDArray[np.generic]], /) -> Alike:
    """Group rows that are equal in every one of `columns`, arrays of shape (n_rows,)."""
    codes = [pd.factorize(column)[0] for column in columns]
    group, n_groups = joint_strata(*codes)
    first = np.empty(n_groups, dtype=np.int64)
    # Written from behind, the first row of each group is what stays.
    first[group[::-1]] = np.arange(len(group) - 1, -1, -1)
    return Alike(first, group, np.bincount(group, minlength=n_groups))
