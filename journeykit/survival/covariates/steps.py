"""Covariates as step functions of time, and the intervals on which all of them are constant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.survival.clocks import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Changes(NamedTuple):
    """Where a covariate that begins at 0 changes, and by how much.

    Attributes
    ----------
    row, time, by : arrays of int64, shape (n_changes,)
        After `time` on the clock of a row the covariate is `by` higher than before.
    """

    row: Ints
    time: Ints
    by: Ints


class Pieces(NamedTuple):
    """Rows cut where any covariate changes.

    Attributes
    ----------
    row : array of int64, shape (n_pieces,)
        Row that the piece is of; pieces stand in order of row and time.
    entry, exit : arrays of int64, same shape
        A piece is (entry, exit].
    first, last : arrays of bool, same shape
        Whether it is the first and the last piece of its row.
    values : list of arrays of integers, same shape
        Every covariate, constant on a piece.
    """

    row: Ints
    entry: Ints
    exit: Ints
    first: NDArray[np.bool_]
    last: NDArray[np.bool_]
    values: list[NDArray[np.signedinteger]]


def counted(row: Ints, time: Ints) -> Changes:
    """Return the number of events so far."""
    return Changes(row, time, np.ones(len(row), dtype=np.int64))


def since_latest(row: Ints, time: Ints, offsets: Sequence[int], codes: Sequence[int]) -> Changes:
    """Return a code that depends on how long ago the latest event was; 0 before the first.

    Parameters
    ----------
    row, time : arrays of int64, shape (n_events,)
        In order of row and time.
    offsets : sequence of int
        0 first, then rising: from each offset after the latest event on ...
    codes : sequence of int
        ... the code is this.
    """
    coming = np.full(len(row), NEVER)
    coming[:-1] = np.where(row[:-1] == row[1:], time[1:], NEVER)
    at = time[:, None] + np.array(offsets, dtype=np.int64)
    stands = at < coming[:, None]
    whose = np.broadcast_to(row[:, None], at.shape)[stands]
    code = np.broadcast_to(np.array(codes, dtype=np.int64), at.shape)[stands]
    same = np.diff(whose, prepend=-1) == 0
    by = code - np.where(same, np.roll(code, 1), 0)
    return Changes(whose[by != 0], at[stands][by != 0], by[by != 0])


def cut(entry: Ints, exit_: Ints, columns: Sequence[Changes]) -> Pieces:
    """Cut rows (entry, exit] where any covariate changes within.

    A change at the exit or later is not known at the exit; one at the entry or before holds for
    the whole row.
    """
    n = len(entry)
    inside = [(c.time > entry[c.row]) & (c.time < exit_[c.row]) for c in columns]
    nothing = np.zeros(0, dtype=np.int64)
    row = np.concatenate([nothing, *(c.row[now] for c, now in zip(columns, inside, strict=True))])
    time = np.concatenate([nothing, *(c.time[now] for c, now in zip(columns, inside, strict=True))])
    order = np.lexsort([time, row])
    row, time = row[order], time[order]
    new = (np.diff(row, prepend=-1) != 0) | (np.diff(time, prepend=-1) != 0)
    # Before the pieces that begin with a change, every row has one that begins with its entry.
    piece = np.empty(len(order), dtype=np.int64)
    piece[order] = np.cumsum(new) + row
    begins = np.searchsorted(row[new], np.arange(n)) + np.arange(n)
    total = n + int(new.sum())
    first = np.zeros(total, dtype=bool)
    first[begins] = True
    last = np.append(first[1:], True)
    of = np.cumsum(first) - 1
    since = np.empty(total, dtype=np.int64)
    since[first], since[~first] = entry, time[new]
    until = np.where(last, exit_[of], np.append(since[1:], 0))
    places = np.split(piece, np.cumsum([int(now.sum()) for now in inside])[:-1])
    values = [
        _added_up(column, now, place, entry, begins, of)
        for column, now, place in zip(columns, inside, places, strict=True)
    ]
    return Pieces(of, since, until, first, last, values)


def together(parts: Sequence[Pieces], before: Sequence[int]) -> Pieces:
    """Put pieces of blocks of rows together; `before` says how many rows precede each block."""
    row = [part.row + n for part, n in zip(parts, before, strict=True)]
    names = ("entry", "exit", "first", "last")
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    columns = zip(*(part.values for part in parts), strict=True)
    return Pieces(np.concatenate(row), values=[np.concatenate(c) for c in columns], **whole)


def _added_up(
    column: Changes,
    inside: NDArray[np.bool_],
    piece: Ints,
    entry: Ints,
    begins: Ints,
    of: Ints,
) -> NDArray[np.int32]:
    early = column.time <= entry[column.row]
    change = np.zeros(len(of), dtype=np.int64)
    np.add.at(change, begins[column.row[early]], column.by[early])
    np.add.at(change, piece, column.by[inside])
    level = np.cumsum(change)
    before = level[begins] - change[begins]
    return (level - before[of]).astype(np.int32)
