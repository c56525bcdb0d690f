"""Distinct paths, with how many journeys took each and what became of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_known
from journeykit.counts.align import union_names
from journeykit.counts.kernels import path_hashes
from journeykit.counts.naming import path_names
from journeykit.errors import DataError
from journeykit.journeys.ending import has_attribute, is_open
from journeykit.stats.hashing import hash_strings, mix

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: Steps that are written out together.
_WRITTEN_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PathCounts:
    """Journeys by the path they took.

    Attributes
    ----------
    names : tuple of str
    touchpoint : array of unsigned integers, shape (n_steps,)
    start : array of int64, shape (n_paths + 1,)
        Path *i* is ``touchpoint[start[i]:start[i + 1]]``, an index into `names`. Paths are
        distinct and sorted by `key`; one may be empty (a conversion without any touch).
    n : array of int64, shape (n_paths, 3)
        Journeys, conversions, and journeys still open. The rest, journeys - conversions - open,
        are those without a conversion.
    value : array of float64, shape (n_paths,)
        Value of the conversions.
    key : array of uint64, shape (n_paths, 2)
        128-bit hash of the names in order; equal keys are taken as equal paths.
    fingerprint : int
    """

    names: tuple[str, ...]
    touchpoint: NDArray[np.unsignedinteger]
    start: NDArray[np.int64]
    n: NDArray[np.int64]
    value: NDArray[np.float64]
    key: NDArray[np.uint64]
    fingerprint: int

    def __len__(self) -> int:
        """Return the number of distinct paths."""
        return len(self.n)

    @property
    def n_journeys(self) -> NDArray[np.int64]:
        """Journeys of each path, shape (n_paths,)."""
        return self.n[:, 0]

    @property
    def conversions(self) -> NDArray[np.int64]:
        """Conversions of each path, shape (n_paths,)."""
        return self.n[:, 1]

    @property
    def nulls(self) -> NDArray[np.int64]:
        """Journeys that ended without a conversion, shape (n_paths,); open ones are not counted."""
        return self.n[:, 0] - self.n[:, 1] - self.n[:, 2]

    def text(self, separator: str = " > ") -> NDArray[np.object_]:
        """Write every path out, shape (n_paths,); see `path_names`."""
        names = pa.array(path_names(self.names), type=pa.string())
        text = np.empty(len(self), dtype=object)
        # Arrow joins lists of up to 2 GB of text.
        edges = np.searchsorted(self.start, np.arange(0, self.start[-1] + 1, _WRITTEN_AT_ONCE))
        for a, b in pairwise(np.unique([0, *edges.tolist(), len(self)]).tolist()):
            steps = self.touchpoint[self.start[a] : self.start[b]].astype(np.int32)
            offsets = (self.start[a : b + 1] - self.start[a]).astype(np.int32)
            paths = pa.ListArray.from_arrays(pa.array(offsets), names.take(pa.array(steps)))
            text[a:b] = pc.binary_join(paths, separator).to_numpy(zero_copy_only=False)
        return text

    def find(self, key: NDArray[np.uint64], /) -> NDArray[np.int64]:
        """Return the number of the path of each key, shape (len(key),); all must be there."""
        at = np.searchsorted(self.key[:, 0], key[:, 0])
        while len(wrong := np.flatnonzero(self.key[at, 1] != key[:, 1])):
            at[wrong] += 1
        return at

    def __add__(self, other: PathCounts) -> PathCounts:
        """Add the counts of other customers."""
        union = union_names(self.names, other.names)
        steps = np.concatenate([union.left[self.touchpoint], union.right[other.touchpoint]])
        start = np.concatenate([self.start, other.start[1:] + self.start[-1]])
        return _distinct(
            union.names,
            steps,
            start[:-1],
            start[1:],
            np.concatenate([self.key, other.key]),
            np.concatenate([self.n, other.n]),
            np.concatenate([self.value, other.value]),
            (self.fingerprint + other.fingerprint) % (1 << 128),
        )

    def __repr__(self) -> str:
        """Return one line."""
        journeys, conversions, still_open = self.n.sum(axis=0).tolist()
        return (
            f"<PathCounts: {len(self):,} paths of {journeys:,} journeys, "
            f"{conversions:,} conversions, {still_open:,} open>"
        )


def path_keys(journeys: Journeys, stop: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hash the path of every journey up to event `stop`, shape (n_journeys, 2)."""
    name_hash = hash_strings(pa.array(journeys.names, type=pa.string()))
    key: NDArray[np.uint64] = path_hashes(journeys.touchpoint, journeys.start[:-1], stop, name_hash)
    return key


def path_stops(journeys: Journeys) -> NDArray[np.int64]:
    """Return where the path of each journey ends: before the conversion, where it has one."""
    stop = journeys.start[1:]
    if "outcome" not in journeys.attributes.column_names:
        return stop
    return stop - has_attribute(journeys, "outcome", "converted")


def path_counts(journeys: Journeys, /) -> PathCounts:
    """Count the journeys by path.

    The path of an outcome journey is what came before its conversion. Paths can grow like events:
    in a random log 99.7 % of 10-event paths were distinct; memory is that of the distinct ones.

    Parameters
    ----------
    journeys : Journeys
        From `Journeys.outcomes` for conversions and value; others have none.
    """
    n = np.zeros((len(journeys), 3), dtype=np.int64)
    n[:, 0], n[:, 2] = 1, is_open(journeys)
    value = np.zeros(len(journeys))
    if "outcome" in journeys.attributes.column_names:
        n[:, 1] = has_attribute(journeys, "outcome", "converted")
        value = journeys.attributes["outcome_value"].to_numpy()
    stop = path_stops(journeys)
    return _distinct(
        journeys.names,
        journeys.touchpoint,
        journeys.start[:-1],
        stop,
        path_keys(journeys, stop),
        n,
        value,
        journeys.fingerprint_number,
    )


def path_counts_from_frame(
    frame: pd.DataFrame,
    /,
    path: str = "path",
    *,
    conversions: str,
    nulls: str | None = None,
    value: str | None = None,
    separator: str = " > ",
) -> PathCounts:
    """Read aggregated path data, one row a path, as other attribution tools take it.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : str
        Column with the touchpoints of a path, joined by `separator`, with its blanks or without:
        blanks around touchpoints are cut. A path with both, ``"a > b>c"``, is refused, because
        ``b>c`` may be a name.
    conversions, nulls, value : str
        Columns with whole numbers of converting and of other journeys, and the total value of the
        conversions.
    separator : str

    Raises
    ------
    DataError
        When a path is missing, has an empty touchpoint or the separator with and without its
        blanks; a count is missing, negative or not whole; or a value is no finite number or stands
        in a row without conversions. The message counts the rows.
    """
    columns = {"path": path, "conversions": conversions, "nulls": nulls, "value": value}
    for argument, column in columns.items():
        wanted = [] if column is None else [column]
        check_known(argument, wanted, [str(name) for name in frame.columns], what="columns")
    missing = int(frame[path].isna().sum())
    if missing:
        raise DataError(f"Column {path!r} is empty in {missing:,} of {len(frame):,} rows.")
    names, steps, start = _split(frame[path], path, separator)
    converted = _whole(frame, conversions)
    lost = np.zeros(len(frame), dtype=np.int64) if nulls is None else _whole(frame, nulls)
    worth = np.zeros(len(frame)) if value is None else _worth(frame, value, converted)
    name_hash = hash_strings(pa.array(names, type=pa.string()))
    key = path_hashes(steps, start[:-1], start[1:], name_hash)
    n = np.stack([converted + lost, converted, np.zeros_like(lost)], axis=1)
    counts = _distinct(names, steps, start[:-1], start[1:], key, n, worth, 0)
    return replace(counts, fingerprint=_fingerprint(counts))


def _fingerprint(counts: PathCounts) -> int:
    """Hash a table, for want of journeys: what every path holds, however its rows were split."""
    # Values are added up in any order, so their last bits are not looked at.
    part, power = np.frexp(counts.value)
    value = np.ldexp(np.round(np.ldexp(part, 32)), power - 32)
    of_counts = mix(counts.n[:, 0]) ^ mix(counts.n[:, 1], seed=1) ^ mix(value, seed=2)
    rows = mix(counts.key[:, 0] ^ of_counts)
    high, low = rows >> np.uint64(32), rows & np.uint64(0xFFFFFFFF)
    return ((int(high.sum()) << 32) + int(low.sum())) % (1 << 128)


def _split(
    column: pd.Series[Any], name: str, separator: str
) -> tuple[tuple[str, ...], NDArray[np.uint32], NDArray[np.int64]]:
    """Split paths at the separator: the sorted names, the touchpoints, and where paths start."""
    texts = pa.array(column.astype(str).tolist(), type=pa.large_string())
    pieces = pc.split_pattern(texts, separator.strip() or separator)
    start = pieces.offsets.to_numpy().astype(np.int64)
    raw = pieces.values.dictionary_encode()
    found = [piece.strip() for piece in raw.dictionary.to_pylist()]
    names = sorted({*found} - {""})
    code = {step: number for number, step in enumerate(names)}
    steps = np.array([code.get(piece, -1) for piece in found], dtype=np.int64)[
        raw.indices.to_numpy()
    ]
    lacking = np.unique(np.searchsorted(start, np.flatnonzero(steps < 0), side="right") - 1)
    given = texts.take(pa.array(lacking)).to_pylist()
    broken = [text for text in given if text.strip()]
    if broken:
        raise DataError(
            f"Column {name!r} has an empty touchpoint in {len(broken):,} of {len(texts):,} rows, "
            f"such as {broken[0]!r}; is the separator {separator!r} right?"
        )
    _need_one_separator(texts, start, name, separator)
    # A blank path is an empty one, however many pieces blanks make.
    length = np.diff(start)
    length[lacking] = 0
    kept = steps[steps >= 0].astype(np.uint32)
    return tuple(names), kept, np.concatenate([[0], np.cumsum(length)]).astype(np.int64)


def _need_one_separator(
    texts: pa.Array, start: NDArray[np.int64], name: str, separator: str
) -> None:
    """Refuse paths that hold the separator both with its blanks and without.

    A name may hold it, as in ``Search>Brand > Mail``: such a path would be cut in the wrong place.
    """
    bare = separator.strip()
    if not bare or bare == separator:
        return
    before, after = (r"\s" if blank.isspace() else "" for blank in (separator[0], separator[-1]))
    spaced = pc.count_substring_regex(texts, f"{before}{re.escape(bare)}{after}").to_numpy()
    mixed = np.flatnonzero((spaced > 0) & (spaced < np.diff(start) - 1))
    if len(mixed):
        raise DataError(
            f"Column {name!r} has {bare!r} with and without the blanks of the separator "
            f"{separator!r} in one path, in {len(mixed):,} of {len(texts):,} rows, such as "
            f"{texts[mixed[0]].as_py()!r}: give `separator={bare!r}` if it parts touchpoints "
            "everywhere, or rename them."
        )


def _worth(frame: pd.DataFrame, value: str, converted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Read the values of the conversions; they must be finite, and there only."""
    if empty := int(frame[value].isna().sum()):
        raise DataError(f"Column {value!r} is empty in {empty:,} rows.")
    try:
        worth: NDArray[np.float64] = frame[value].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        worth = np.full(len(frame), np.nan)
    if (wrong := ~np.isfinite(worth)).any():
        raise DataError(
            f"Column {value!r} must hold finite numbers; {wrong.sum():,} of {len(frame):,} rows do "
            f"not, such as {frame[value].to_numpy()[wrong].tolist()[0]!r}."
        )
    if (lost := (worth != 0) & (converted == 0)).any():
        raise DataError(
            f"Column {value!r} is the value of conversions; {lost.sum():,} of {len(frame):,} rows "
            f"have one and no conversion, such as {worth[lost][0]:g}."
        )
    return worth


def _whole(frame: pd.DataFrame, column: str) -> NDArray[np.int64]:
    import pandas as pd

    numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~(np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers)))
    if wrong.any():
        first = frame[column].to_numpy()[wrong].tolist()[0]
        raise DataError(
            f"Column {column!r} must hold whole numbers of at least 0; {wrong.sum():,} of "
            f"{len(frame):,} rows do not, such as {first!r}."
        )
    whole: NDArray[np.int64] = numbers.astype(np.int64)
    return whole


def _distinct(
    names: tuple[str, ...],
    touchpoint: NDArray[np.integer],
    begin: NDArray[np.int64],
    stop: NDArray[np.int64],
    key: NDArray[np.uint64],
    n: NDArray[np.int64],
    value: NDArray[np.float64],
    fingerprint: int,
) -> PathCounts:
    """Merge equal paths; the first of each gives its steps."""
    order = np.argsort(key[:, 0])
    low, high = key[order].T
    if ((low[1:] == low[:-1]) & (high[1:] < high[:-1])).any():
        order = np.lexsort((key[:, 1], key[:, 0]))
    key = key[order]
    first = np.ones(len(key), dtype=bool)
    first[1:] = (key[1:, 0] != key[:-1, 0]) | (key[1:, 1] != key[:-1, 1])
    at = np.flatnonzero(first)
    chosen = order[at]
    length = (stop - begin)[chosen]
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    steps = np.repeat(begin[chosen] - start[:-1], length) + np.arange(start[-1])
    small = np.min_scalar_type(max(len(names) - 1, 0))
    return PathCounts(
        names=names,
        touchpoint=touchpoint[steps].astype(small),
        start=start,
        n=np.add.reduceat(n[order], at, axis=0) if len(at) else n,
        value=np.add.reduceat(value[order], at) if len(at) else value,
        key=key[at],
        fingerprint=fingerprint,
    )
