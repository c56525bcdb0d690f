"""What every attribution model reads: the distinct paths of touches and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse

from journeykit.attribution.drawing import drawers_of, rows_of
from journeykit.counts import PathCounts
from journeykit.counts.paths import path_keys, path_stops
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys import Journeys
from journeykit.journeys.ending import has_attribute, is_open
from journeykit.journeys.fingerprint import hash_customers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


#: Cells of a table of paths and channels that are held at a time.
_CELLS = 1 << 26


class Customers(NamedTuple):
    """Who took which path how often.

    `journeys` is a sparse table, shape (n_rows, n_customers); `hashed` their ids, uint64.
    """

    journeys: sparse.csr_array
    hashed: NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class TouchPaths:
    """Finished journeys by path and by what became of them, in an order the data cannot change.

    Open journeys are not in here: whether they convert is not known.

    Attributes
    ----------
    channels : tuple of str, length m
    touch : array of int64, shape (n_steps,)
        Index into `channels`.
    start : array of int64, shape (n_rows + 1,)
        Row *i* is the path ``touch[start[i]:start[i + 1]]``; it may be empty.
    converted, edge : arrays of bool, shape (n_rows,)
        Whether its journeys convert, and whether they may have begun before the window.
    n : array of int64, shape (n_rows,)
        Journeys.
    value : array of float64, shape (n_rows,)
        Value of the conversions.
    n_open : int
        Journeys left out because they are still open.
    fingerprint : int
    customers : Customers or None
        None for path counts, in which every journey is taken as a customer.
    """

    channels: tuple[str, ...]
    touch: NDArray[np.int64]
    start: NDArray[np.int64]
    converted: NDArray[np.bool_]
    edge: NDArray[np.bool_]
    n: NDArray[np.int64]
    value: NDArray[np.float64]
    n_open: int
    fingerprint: int
    customers: Customers | None

    @property
    def length(self) -> NDArray[np.int64]:
        """Touches of each path, shape (n_rows,)."""
        return np.diff(self.start)

    def reach(self) -> NDArray[np.int64]:
        """Count the journeys that meet each channel, and those that meet none, shape (m + 1,)."""
        m, reached = len(self.channels), np.zeros(len(self.channels) + 1, dtype=np.int64)
        size = max(1, _CELLS // (m + 1))
        for begin in range(0, len(self.n), size):
            start, n = self.start[begin : begin + size + 1], self.n[begin : begin + size]
            met = np.zeros((len(n), m + 1), dtype=bool)
            row = np.repeat(np.arange(len(n)), np.diff(start))
            met[row, self.touch[start[0] : start[-1]]] = True
            met[:, m] = np.diff(start) == 0
            reached += np.array([n[column].sum() for column in met.T])
        return reached

    def resample(self, replicates: Sequence[int], *, seed: int) -> NDArray[np.float64]:
        """Draw how many journeys of each row bootstrap samples hold, shape (n_rows, n_replicates).

        Customers weigh Poisson(1) by a hash of their id, so the draw does not depend on order or
        partition; without customers every row is drawn Poisson(n), by its number.
        """
        return rows_of(drawers_of(self.n, self.customers), replicates, seed=seed)


def touch_paths(data: Journeys | PathCounts, /) -> TouchPaths:
    """Collect the paths of finished journeys; their channels are the touchpoints that occur."""
    if isinstance(data, PathCounts):
        named = _rows_of_counts(data)
    elif isinstance(data, Journeys) and "outcome" in data.attributes.column_names:
        named = _rows_of_journeys(data)
    else:
        came = type(data).__name__
        inside = getattr(data, "journeys", None)
        raise ArgumentError(
            "`data` must be path counts, or journeys cut into outcomes by "
            "`journeys.outcomes(conversion=[...], lookback_days=...)`; "
            f"got {came}{' without outcomes' if isinstance(data, Journeys) else ''}."
            f"{' Give its `journeys`.' if isinstance(inside, Journeys) else ''}"
            f"{' `path_counts_from_frame` reads tables.' if came == 'DataFrame' else ''}"
        )
    if not named.n[named.converted].any():
        raise DataError(
            f"There is no conversion to distribute: none of {named.n.sum():,} finished journeys "
            f"converts, and {named.n_open:,} are still open."
        )
    return _occurring(named, data)


def _occurring(paths: TouchPaths, data: Journeys | PathCounts) -> TouchPaths:
    """Leave out the names that occur nowhere, or as a conversion only."""
    n = np.bincount(data.touchpoint, minlength=len(data.names))
    if isinstance(data, Journeys):
        stop = path_stops(data)
        n -= np.bincount(data.touchpoint[stop[stop < data.start[1:]]], minlength=len(n))
    occurs = n > 0
    return replace(
        paths,
        channels=tuple(name for name, there in zip(data.names, occurs, strict=True) if there),
        touch=(np.cumsum(occurs) - 1)[paths.touch],
    )


def _rows_of_counts(counts: PathCounts) -> TouchPaths:
    """Split every path into its journeys with and without a conversion."""
    n = np.stack([counts.nulls, counts.conversions], axis=1)
    path, converted = np.nonzero(n)
    touch, start = _gather(counts.touchpoint, counts.start[path], counts.start[path + 1])
    return TouchPaths(
        channels=counts.names,
        touch=touch,
        start=start,
        converted=converted == 1,
        edge=np.zeros(len(path), dtype=bool),
        n=n[path, converted],
        value=np.where(converted == 1, counts.value[path], 0.0),
        n_open=int(counts.n[:, 2].sum()),
        fingerprint=counts.fingerprint,
        customers=None,
    )


def _rows_of_journeys(journeys: Journeys) -> TouchPaths:
    """Group finished journeys by path, conversion and edge, sorted by the hash of the path."""
    fingerprint = journeys.fingerprint_number  # before the tables: it needs room of its own
    stop, closed = path_stops(journeys), np.flatnonzero(~is_open(journeys))
    kind = 2 * has_attribute(journeys, "outcome", "converted")[closed].astype(np.uint8)
    kind += journeys.attributes["edge"].to_numpy()[closed]
    key = path_keys(journeys, stop)[closed]
    order = _by_path(key, kind)
    key, kind, journey = key[order], kind[order], closed[order]
    first = np.ones(len(journey), dtype=bool)
    first[1:] = (key[1:] != key[:-1]).any(axis=1) | (kind[1:] != kind[:-1])
    row, at = np.cumsum(first) - 1, journey[first]
    touch, start = _gather(journeys.touchpoint, journeys.start[at], stop[at])
    value = journeys.attributes["outcome_value"].to_numpy()[journey]
    taken = sparse.csr_array(
        (np.ones(len(row)), (row, journeys.customer_index[journey])),
        shape=(len(at), journeys.n_customers),
    )
    return TouchPaths(
        channels=journeys.names,
        touch=touch,
        start=start,
        converted=kind[first] >= 2,
        edge=kind[first] % 2 == 1,
        n=np.bincount(row, minlength=len(at)),
        value=np.bincount(row, weights=value, minlength=len(at)).astype(np.float64),
        n_open=len(journeys) - len(closed),
        fingerprint=fingerprint,
        customers=Customers(taken, hash_customers(journeys.customer_id)),
    )


def _by_path(key: NDArray[np.uint64], kind: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Order journeys by the hash of their path, then by kind."""
    order = np.argsort(kind, kind="stable")
    order = order[np.argsort(key[order, 0], kind="stable")]
    low, high = key[order].T
    if ((low[1:] == low[:-1]) & (high[1:] != high[:-1])).any():
        order = np.lexsort((kind, key[:, 1], key[:, 0]))
    return order


def _gather(
    touchpoint: NDArray[np.unsignedinteger], begin: NDArray[np.int64], stop: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Copy the events ``begin[i]:stop[i]`` of every row, and say where each row starts."""
    start = np.concatenate([[0], np.cumsum(stop - begin)])
    event = np.repeat(begin - start[:-1], stop - begin) + np.arange(start[-1])
    return touchpoint[event].astype(np.int64), start
