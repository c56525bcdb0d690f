"""Attributes of customers as a few levels, what is missing being one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING, OTHER = "(missing)", "(other)"
#: A number becomes as many levels of about equally many customers.
_BINS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """One attribute, coded.

    Attributes
    ----------
    name : str
    level : array of int64, shape (n_customers,)
    labels : tuple of str
        Of the levels; what is missing comes last.
    edges : tuple of float
        Of a number: the upper bounds of all levels but the last. Empty for words.
    n_missing : int
    """

    name: str
    level: NDArray[np.int64]
    labels: tuple[str, ...]
    edges: tuple[float, ...]
    n_missing: int

    def described(self, levels: Sequence[int]) -> str:
        """Say in words that an attribute is at one of `levels`."""
        named = [self.labels[level] for level in sorted(levels)]
        if not self.edges:
            return f"{self.name} is {' or '.join(named)}"
        known = sorted(level for level in levels if level <= len(self.edges))
        missing = ["missing"] if len(known) < len(levels) else []
        spans = []
        for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            if not len(run):
                continue
            low = f"over {self.edges[run[0] - 1]:g}" if run[0] else ""
            high = f"up to {self.edges[run[-1]]:g}" if run[-1] < len(self.edges) else ""
            spans.append(" ".join(filter(None, (low, high))) or "known")
        return f"{self.name} {' or '.join(spans + missing)}"


def coded(
    name: str, column: pa.Array, learn: NDArray[np.bool_], *, min_customers: int
) -> Attribute:
    """Code an attribute.

    A number has quartiles of the customers in `learn` for edges, or its own values where there are
    at most four. Of words, those of fewer than `min_customers` customers are one level together.
    """
    missing = column.is_null().to_numpy(zero_copy_only=False)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _number(name, column, missing, learn)
    if pa.types.is_temporal(kind) or pa.types.is_nested(kind):
        raise ArgumentError(
            f"`attributes` must hold words, numbers or truth values; {name!r} holds {kind}."
        )
    words = column.cast(pa.string()).fill_null("")
    values, level = np.unique(words.to_numpy(zero_copy_only=False), return_inverse=True)
    n = np.bincount(level[~missing], minlength=len(values))
    common = n >= min_customers
    labels = [*values[common].tolist(), OTHER, MISSING]
    code = np.where(common, np.cumsum(common) - 1, len(labels) - 2)[level]
    code[missing] = len(labels) - 1
    return Attribute(name, code, tuple(labels), (), int(missing.sum()))


def _number(
    name: str, column: pa.Array, missing: NDArray[np.bool_], learn: NDArray[np.bool_]
) -> Attribute:
    filled = pc.fill_null(column.cast(pa.float64()), np.nan)
    values = filled.to_numpy(zero_copy_only=False)
    missing = missing | np.isnan(values)
    known = values[learn & ~missing]
    distinct = np.unique(known)
    if len(distinct) <= _BINS:
        edges = distinct[:-1]
    else:
        quantiles = np.arange(1, _BINS) / _BINS
        edges = np.unique(np.quantile(known, quantiles, method="inverted_cdf"))
        edges = edges[edges < distinct[-1]]
    level = np.searchsorted(edges, values, side="left")
    level[missing] = len(edges) + 1
    bounds = [f"{edge:g}" for edge in edges]
    labels = [f"up to {bound}" for bound in bounds] + [f"over {bounds[-1]}" if bounds else "known"]
    return Attribute(name, level, (*labels, MISSING), tuple(edges.tolist()), int(missing.sum()))
