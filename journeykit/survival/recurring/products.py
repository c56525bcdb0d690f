"""Sums over customers of products of two processes, at every time, without visiting them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Rows of customers on a grid of times, in order of time by customer; shape (n_rows,).

    Attributes
    ----------
    before : array of int64
        Times of the grid up to a row's entry: the row is under risk at times before, ...,
        upto - 1 (numbered from 0).
    upto : array of int64
    customer : array of int64
        Never decreasing.
    jumps : array of bool
        Whether the row's last time is an event of its customer.
    n_times : int
    """

    before: Whole
    upto: Whole
    customer: Whole
    jumps: NDArray[np.bool_]
    n_times: int


@dataclass(frozen=True, slots=True, eq=False)
class Process:
    """A sum over each customer's past: it falls while under risk and jumps at their events.

    Attributes
    ----------
    drift : array of float64, shape (n_times,)
        What every row under risk loses at each time.
    jump : array of float64, shape (n_rows,)
        What a row gains at its last time; 0 where it does not end with an event.
    """

    drift: Array
    jump: Array


def running_product(followed: Followed, one: Process, other: Process, /) -> Array:
    """Return the sum over customers of one times other, after each time; shape (n_times,).

    At a time everybody under risk moves by the same drift, so the sum over them needs only their
    number and their sums, and only those with an event are looked at one by one: O(rows + times).
    """
    level, other_level = _at_entry(followed, one), _at_entry(followed, other)
    at_risk = _by_time(followed, np.ones(len(followed.before)))
    # A row's value just before time k is its value at entry less the drift in between.
    gone, other_gone = _before(one.drift), _before(other.drift)
    base = level + gone[followed.before]
    other_base = other_level + other_gone[followed.before]
    total = _by_time(followed, base) - at_risk * gone[:-1]
    other_total = _by_time(followed, other_base) - at_risk * other_gone[:-1]
    moves = at_risk * one.drift * other.drift - one.drift * other_total - other.drift * total
    row = np.flatnonzero(followed.jumps)
    last = followed.upto[row] - 1
    own = base[row] - gone[last] - one.drift[last]
    other_own = other_base[row] - other_gone[last] - other.drift[last]
    gain = one.jump[row] * other_own + other.jump[row] * own + one.jump[row] * other.jump[row]
    moves += np.bincount(last, gain, minlength=followed.n_times)
    return np.asarray(np.cumsum(moves))


def _before(drift: Array) -> Array:
    """Return the drift summed over the first k times, k = 0, ..., n_times."""
    return np.concatenate([[0.0], np.cumsum(drift)])


def _at_entry(followed: Followed, process: Process) -> Array:
    """Return the value of each row's customer when the row begins."""
    gone = _before(process.drift)
    change = process.jump - (gone[followed.upto] - gone[followed.before])
    summed = np.cumsum(change) - change
    first = np.diff(followed.customer, prepend=-1) != 0
    start = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    return np.asarray(summed - summed[start])


def _by_time(followed: Followed, values: Array) -> Array:
    """Return the sum of `values` over the rows under risk at each time."""
    size = followed.n_times + 1
    enter = np.bincount(followed.before, values, minlength=size)
    leave = np.bincount(followed.upto, values, minlength=size)
    return np.asarray(np.cumsum(enter - leave)[:-1])
