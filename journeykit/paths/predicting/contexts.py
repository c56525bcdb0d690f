"""What came before every step: the tree of last touchpoints, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.journeys.ending import begins_unseen, is_open

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: Up to this many possible keys a table of all of them beats sorting those that occur.
_DENSE_KEYS = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Every step of journeys with events: one more than events, the last leads out.

    With m names, code m is the edge of a journey: entry before, exit after. What is not known is
    -1: before a journey that may have begun before anybody watched, and after one still running.

    Attributes
    ----------
    n_names : int
        m.
    following : array of int64, shape (n_steps,)
        Touchpoint that the step leads to, m for exit, -1 for open.
    position : array of int64, shape (n_steps,)
        Number of events of the journey before the step.
    journey, customer : arrays of int64, shape (n_steps,)
        Index of the journey, and of its customer.
    before : array of int64, shape (n_steps,)
        What stands before the journey's first event: m or -1.
    """

    n_names: int
    following: NDArray[np.int64]
    position: NDArray[np.int64]
    journey: NDArray[np.int64]
    customer: NDArray[np.int64]
    before: NDArray[np.int64]

    def lag(self, k: int) -> NDArray[np.int64]:
        """Return the k-th last touchpoint before each step, m for entry, -1 where not known."""
        known = self.position >= k
        shifted = np.full_like(self.following, -1)
        shifted[k:] = self.following[: max(len(shifted) - k, 0)]
        return np.where(known, shifted, self.before)


def steps_of(journeys: Journeys, /, *, names: Sequence[str] | None = None) -> Steps:
    """List every step of the journeys that have an event.

    With `names`, touchpoints are coded by them, and one that is not among them is -1.
    """
    coded = journeys.touchpoint.astype(np.int64)
    if names is not None and tuple(names) != journeys.names:
        place = {name: code for code, name in enumerate(names)}
        coded = np.array([place.get(name, -1) for name in journeys.names], dtype=np.int64)[coded]
    m = len(journeys.names if names is None else names)
    filled = np.flatnonzero(journeys.length > 0)
    sizes = journeys.length[filled] + 1
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    index = np.repeat(np.arange(len(filled)), sizes)
    position = np.arange(first[-1]) - first[index]
    following = np.empty(first[-1], dtype=np.int64)
    last = first[1:] - 1
    inner = np.ones(len(following), dtype=bool)
    inner[last] = False
    following[inner] = coded
    following[last] = np.where(is_open(journeys)[filled], -1, m)
    before = np.where(begins_unseen(journeys)[filled], -1, m)
    return Steps(
        n_names=m,
        following=following,
        position=position,
        journey=filled[index],
        customer=journeys.customer_index[filled].astype(np.int64)[index],
        before=before[index],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Contexts of one length, and what followed them.

    Attributes
    ----------
    key : array of int64, shape (n_contexts,)
        Context one shorter, times m + 1, plus the touchpoint that stands before it; sorted.
    context : array of int32, shape (n_steps,)
        Context of each step; -1 where it reaches into what is not known.
    cell : array of int32, shape (n_steps,)
        Context and follower of each step; -1 where either is not known.
    cell_context, cell_following, cell_parent : arrays of int64, shape (n_cells,)
        Of each cell the context, the follower, and the cell with a context one shorter.
    """

    key: NDArray[np.int64]
    context: NDArray[np.int32]
    cell: NDArray[np.int32]
    cell_context: NDArray[np.int64]
    cell_following: NDArray[np.int64]
    cell_parent: NDArray[np.int64]

    @property
    def n_contexts(self) -> int:
        """Number of contexts."""
        return len(self.key)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.cell_context)


def context_levels(steps: Steps, /, *, max_order: int) -> tuple[Level, ...]:
    """Give every step its contexts of 0 to `max_order` touchpoints.

    Each level splits the contexts of the one before by one more touchpoint, so no code grows with
    the order. Before entry there is nothing more: a context that reaches it is not split further.

    Returns
    -------
    tuple of Level, length max_order + 1
    """
    base = steps.n_names + 1
    known = steps.following >= 0
    context = np.zeros(len(steps.following), dtype=np.int32)
    key = np.zeros(1, dtype=np.int64)
    levels: list[Level] = []
    for order in range(max_order + 1):
        if order:
            lag = steps.lag(order)
            reaches = (context >= 0) & (lag >= 0)
            key, context = _numbered(context, lag, reaches, len(key), base)
        pair, cell = _numbered(context, steps.following, known & (context >= 0), len(key), base)
        parent = np.zeros(len(pair), dtype=np.int64)
        if order:
            held = cell >= 0
            parent[cell[held]] = levels[-1].cell[held]
        levels.append(Level(key, context, cell, pair // base, pair % base, parent))
    return tuple(levels)


def located_contexts(
    steps: Steps, at: NDArray[np.int64], keys: Sequence[NDArray[np.int64]], /
) -> NDArray[np.int64]:
    """Find the contexts of some steps among those of `context_levels`, given their keys.

    Returns
    -------
    array of int64, shape (len(at), n_levels)
        -1 from the level on that is not known, or was never met.
    """
    base = steps.n_names + 1
    found = np.full((len(at), len(keys)), -1, dtype=np.int64)
    found[:, 0] = 0
    for order, key in enumerate(keys[1:], start=1):
        lag = steps.lag(order)[at]
        wanted = found[:, order - 1] * base + lag
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        if len(key):
            there = (found[:, order - 1] >= 0) & (lag >= 0) & (key[place] == wanted)
            found[there, order] = place[there]
    return found


def _numbered(
    high: NDArray[np.int32], low: NDArray[np.int64], where: NDArray[np.bool_], n: int, base: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the sorted codes of the distinct pairs, and the number of each pair, else -1."""
    code = high[where].astype(np.int64) * base + low[where]
    number = np.full(len(high), -1, dtype=np.int32)
    if n * base <= _DENSE_KEYS:
        occurs = np.zeros(n * base, dtype=bool)
        occurs[code] = True
        distinct = np.flatnonzero(occurs)
        place = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
        number[where] = place[code]
    else:
        distinct, number[where] = np.unique(code, return_inverse=True)
    return distinct, number
