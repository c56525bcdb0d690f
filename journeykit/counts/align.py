"""What all counts share: one set of names for two operands, and rows added up by key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Values looked at to guess whether few differ.
_SAMPLE = 10_000


class Union(NamedTuple):
    """Sorted union of two lists of names, and where each list's codes lie in it.

    `left` and `right` are lookup tables of length len(names) + 2: the two codes behind the names,
    which stand for the edges of a journey, stay behind the names.
    """

    names: tuple[str, ...]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


def union_names(left: Sequence[str], right: Sequence[str]) -> Union:
    """Align two lists of touchpoint names."""
    names = tuple(sorted({*left, *right}))
    code = {name: number for number, name in enumerate(names)}
    edges = [len(names), len(names) + 1]
    tables = (np.array([code[name] for name in side] + edges) for side in (left, right))
    return Union(names, *tables)


def add_rows(
    keys: NDArray[np.int64], values: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sum `values` (k, v) over equal rows of `keys` (k, d); return both sorted by key."""
    if len(keys) == 0:
        return keys, values
    order = np.lexsort(keys.T[::-1])
    keys, values = keys[order], values[order]
    begins = np.ones(len(keys), dtype=bool)
    begins[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    first = np.flatnonzero(begins)
    return keys[first], np.add.reduceat(values, first, axis=0)


def unique_counts(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return sorted unique values and how often each occurs; by a hash table where few differ."""
    some = values[:: -(-len(values) // _SAMPLE)]
    if len(values) <= _SAMPLE or len(np.unique(some)) > len(some) // 4:
        return np.unique(values, return_counts=True)
    code, met = pd.factorize(values)
    order = np.argsort(met)
    return met[order], np.bincount(code, minlength=len(met))[order]


def same(what: str, left: object, right: object) -> None:
    """Refuse to add counts whose definitions differ."""
    if left != right:
        raise ArgumentError(
            f"Counts add up only when their {what} is the same; got {left!r} and {right!r}."
        )
