"""Stretches of time after touches, and lives cut into rows within which nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.survival.leaving_risk.people import Touches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.leaving_risk.people import People

#: Customers cut at a time, so that their arrays fit a processor's cache.
_BLOCK = 20_000
_LARGEST_KEY = 1 << 62


class Changes(NamedTuple):
    """Times at which a state of customers changes; shape (n_changes,).

    Attributes
    ----------
    owner : array of int32
        Not decreasing.
    time : array of int64
    by : array of int16
        What is added to the state; before all changes it is 0.
    """

    owner: NDArray[np.int32]
    time: NDArray[np.int64]
    by: NDArray[np.int16]


def since_touch(touches: Touches, edges: NDArray[np.int64]) -> Changes:
    """Say in which window time lies: k in (edges[k - 1], edges[k]] after the last touch, else 0.

    Parameters
    ----------
    touches : Touches
    edges : array of int64
        Microseconds, rising from 0.
    """
    apart = np.ones(len(touches.time), dtype=bool)
    apart[1:] = (np.diff(touches.owner) != 0) | (np.diff(touches.time) != 0)
    owner, time = touches.owner[apart], touches.time[apart]
    upcoming = np.full(len(time), np.iinfo(np.int64).max)
    same = owner[1:] == owner[:-1]
    upcoming[:-1][same] = time[1:][same]
    # The state in which the next touch finds the customer, from which it goes back to 1.
    found = np.searchsorted(edges, upcoming - time)
    found = np.where(found >= len(edges), 0, found)
    previous = np.zeros(len(time), dtype=np.int64)
    previous[1:][same] = found[:-1][same]
    when = time[:, None] + edges
    steps = np.ones(len(edges), dtype=np.int16)
    steps[-1] = -(len(edges) - 1)
    by = np.broadcast_to(steps, when.shape).copy()
    by[:, 0] = 1 - previous
    real = when < upcoming[:, None]
    return Changes(np.repeat(owner.astype(np.int32), real.sum(axis=1)), when[real], by[real])


def first_only(touches: Touches) -> Touches:
    """Keep the first touch of every customer."""
    first = np.diff(touches.owner, prepend=-1) != 0
    return Touches(touches.owner[first], touches.time[first])


class Rows(NamedTuple):
    """Lives cut where anything changes: rows (begin, end], of one customer one after another.

    Attributes
    ----------
    owner : array of int32, shape (n_rows,)
        Not decreasing.
    begin, end : arrays of int64, shape (n_rows,)
    event : array of bool, shape (n_rows,)
    cell : array of int32, shape (n_rows,)
        Which row of `states` and `band`.
    states : array of int64, shape (n_cells, n_kinds)
        State of each kind of changes.
    band : array of int64, shape (n_cells,)
        Band of time since the start.
    """

    owner: NDArray[np.int32]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    event: NDArray[np.bool_]
    cell: NDArray[np.int32]
    states: NDArray[np.int64]
    band: NDArray[np.int64]


class _Block(NamedTuple):
    """Rows of some customers: owners, ends, and which of the keys (band and states) they have."""

    owner: NDArray[np.int32]
    end: NDArray[np.int64]
    code: NDArray[np.int32]
    keys: NDArray[np.int64]


def cut(
    people: People, kinds: Sequence[Changes], *, n_states: int, tenure_days: Sequence[float]
) -> Rows:
    """Cut lives where a state changes and where a band of time since the start ends.

    Time and memory O(rows), where rows are customers and changes within their time under risk.

    Parameters
    ----------
    people : People
    kinds : sequence of Changes
        Of as many kinds as covariates.
    n_states : int
        Every state is below.
    tenure_days : sequence of float
        Where bands end; the last has no end.

    Raises
    ------
    ArgumentError
        When there are more combinations of states than numbers to tell them apart.
    """
    if n_states ** len(kinds) * (len(tenure_days) + 1) >= _LARGEST_KEY:
        raise ArgumentError(
            f"Too many touchpoints for one model: {len(kinds):,} in {n_states} windows each. Name "
            "fewer in `touchpoints`, or put them together with `Journeys.relabel`."
        )
    edges = np.rint(np.asarray(tenure_days, dtype=np.float64) * DAY).astype(np.int64)
    blocks = [
        _cut_block(people, kinds, n_states, edges, first, min(first + _BLOCK, len(people.begin)))
        for first in range(0, len(people.begin), _BLOCK)
    ]
    known = pd.Index(np.unique(np.concatenate([block.keys for block in blocks])))
    lengths = [len(block.owner) for block in blocks]
    owner, cell = (np.empty(sum(lengths), dtype=np.int32) for _ in range(2))
    end = np.empty(len(owner), dtype=np.int64)
    for last in np.cumsum(lengths)[::-1].tolist():
        # What is filled in is let go, so that the rows are not held twice.
        block = blocks.pop()
        part = slice(last - len(block.owner), last)
        owner[part], end[part] = block.owner, block.end
        cell[part] = known.get_indexer(block.keys)[block.code]
    begin = np.empty_like(end)
    begin[1:] = end[:-1]
    new = np.diff(owner, prepend=-1) != 0
    begin[new] = people.begin[owner[new]]
    final = np.append(new[1:], True)
    event = np.zeros(len(owner), dtype=bool)
    event[final] = people.event[owner[final]]
    key = known.to_numpy()
    powers = n_states ** np.arange(len(kinds), dtype=np.int64)
    states = key[:, None] // powers % n_states
    band = key // n_states ** len(kinds)
    return Rows(owner, begin, end, event, cell, states, band)


def _cut_block(
    people: People,
    kinds: Sequence[Changes],
    n_states: int,
    tenure: NDArray[np.int64],
    first: int,
    last: int,
) -> _Block:
    """Cut the lives of customers `first` up to `last`."""
    n = last - first
    begin, end = people.begin[first:last], people.end[first:last]
    everyone = np.arange(n)
    owner, time, by = [everyone], [begin], [np.zeros(n, dtype=np.int64)]
    for place, kind in enumerate(kinds):
        low, high = np.searchsorted(kind.owner, [first, last])
        owner.append(kind.owner[low:high].astype(np.int64) - first)
        time.append(kind.time[low:high])
        by.append(kind.by[low:high].astype(np.int64) * n_states**place)
    for edge in tenure.tolist():
        owner.append(everyone)
        time.append(people.origin[first:last] + edge)
        by.append(np.full(n, n_states ** len(kinds), dtype=np.int64))
    who, step = np.concatenate(owner), np.concatenate(by)
    when = np.maximum(np.concatenate(time), begin[who])
    real = when < end[who]
    who, step, when = who[real], step[real], when[real]
    # One number to sort by; microseconds of nine years leave room for the customers.
    span = int(when.max() - begin.min()) + 1
    fits = span * n < _LARGEST_KEY
    order = np.argsort(who * span + (when - begin.min())) if fits else np.lexsort((when, who))
    who, step, when = who[order], step[order], when[order]
    # The state of a customer starts from 0: what the customers before came to is taken off.
    state = np.cumsum(step)
    starts = np.flatnonzero(np.diff(who, prepend=-1) != 0)
    state -= np.repeat(state[starts] - step[starts], np.diff(np.append(starts, len(who))))
    until = end[who]
    same = who[1:] == who[:-1]
    until[:-1][same] = when[1:][same]
    lasting = until > when
    code, keys = pd.factorize(state[lasting])
    owners = (who[lasting] + first).astype(np.int32)
    return _Block(owners, until[lasting], code.astype(np.int32), keys)
