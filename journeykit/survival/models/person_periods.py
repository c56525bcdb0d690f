"""From lifetimes to periods: how many were under risk in each, and how many left in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from journeykit.errors import ArgumentError
from journeykit.survival.models.alike import alike

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.rows import Spans

#: How much the period counts in which sight of a customer was lost.
LastPeriod = Literal["half", "whole", "left_out"]
LAST_PERIODS: dict[LastPeriod, float] = {"half": 0.5, "whole": 1.0, "left_out": 0.0}

#: Periods times patterns that are held at once, a few times over: half a gigabyte.
_MOST_CELLS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Stays:
    """For each row the periods it answers for, first to last; empty where first > last.

    Attributes
    ----------
    first, last : arrays of int64, shape (n_rows,)
        Periods counted from 1.
    event : array of bool
        Whether the customer left in the last of them.
    cut : array of bool
        Whether sight was lost within the last of them, before its end.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    event: NDArray[np.bool_]
    cut: NDArray[np.bool_]


class Cells(NamedTuple):
    """Periods of one pattern of covariates in which anyone was under risk, arrays of shape (n,).

    Attributes
    ----------
    period : array of int64
    pattern : array of int64
    n : array of float64
        Customers under risk, those lost from sight within the period weighted.
    n_event : array of float64
    """

    period: NDArray[np.int64]
    pattern: NDArray[np.int64]
    n: NDArray[np.float64]
    n_event: NDArray[np.float64]


def stays(lives: Spans, /, *, length: int) -> Stays:
    """Cut lifetimes into periods ((p - 1) length, p length], p = 1, 2, ....

    A customer is in period p who is under risk just after its beginning: in (entry, exit] with
    entry <= (p - 1) length < exit; whoever enters within a period is so from the next one on, and
    an event before then is not counted, as nobody could be under risk for it from the beginning.
    Who leaves at the very beginning of being under risk, as customers of a single activity do,
    leaves in the period that begins then: at time 0 in period 1. The row that holds the beginning
    of the period answers for all of it: an event later in the period is the row's even where
    another interval of the customer, with other covariates, follows in between.

    Parameters
    ----------
    lives : Spans
    length : int
        Microseconds.
    """
    order = np.lexsort((lives.exit, lives.entry, lives.customer))
    customer, entry, exits = lives.customer[order], lives.entry[order], lives.exit[order]
    event = lives.event[order]
    follows = np.zeros(len(order), dtype=bool)
    follows[1:] = (customer[1:] == customer[:-1]) & (entry[1:] == exits[:-1]) & ~event[:-1]
    # The last row of each unbroken run says how the run ends.
    ends = np.flatnonzero(~np.append(follows[1:], False))
    run = np.cumsum(~follows) - 1
    until, left = exits[ends][run], event[ends][run]
    begin = np.maximum(entry, 0)
    first = -(-begin // length) + 1
    last = -(-exits // length)
    # An event at the very beginning of a run is one of the period that begins with it.
    since = entry[~follows][run]
    at_once = left & (until == since + 1) & (until % length == 0)
    last_of_run = -(-until // length) + at_once
    last = np.where(at_once, last_of_run, last)
    decides = last == last_of_run
    found = Stays(
        first=np.empty_like(first),
        last=np.empty_like(last),
        event=np.empty(len(order), dtype=bool),
        cut=np.empty(len(order), dtype=bool),
    )
    found.first[order], found.last[order] = first, last
    some = decides & (first <= last)
    found.event[order] = some & left
    found.cut[order] = some & ~left & (until < last * length)
    return found


def cells(
    stayed: Stays, pattern: NDArray[np.int64], /, *, n_patterns: int, last_period: LastPeriod
) -> Cells:
    """Count who was under risk and who left, by period and pattern, in one pass.

    Raises
    ------
    ArgumentError
        When there are too many patterns, as with a covariate that differs between all customers.
    """
    some = np.flatnonzero(stayed.first <= stayed.last)
    if not len(some):
        raise ArgumentError(
            "Nobody is under risk at the beginning of any period; shorten `period_days`."
        )
    n_periods = int(stayed.last[some].max())
    width = n_periods + 2
    if width * n_patterns > _MOST_CELLS:
        raise ArgumentError(
            f"{n_patterns:,} different combinations of covariates over {n_periods:,} periods are "
            f"too many; {_MOST_CELLS:,} cells can be held. Round covariates that are numbers, or "
            "lengthen `period_days`."
        )
    base = pattern[some] * width
    size = n_patterns * width
    table = np.bincount(base + stayed.first[some], minlength=size).astype(np.float64)
    table -= np.bincount(base + stayed.last[some] + 1, minlength=size)
    table = np.cumsum(table.reshape(n_patterns, width), axis=1).ravel()
    at_end = base + stayed.last[some]
    cut = stayed.cut[some]
    table -= (1 - LAST_PERIODS[last_period]) * np.bincount(at_end[cut], minlength=size)
    events = np.bincount(at_end[stayed.event[some]], minlength=size)
    there = np.flatnonzero(table > 0)
    return Cells(there % width, there // width, table[there], events[there].astype(np.float64))


class Kinds(NamedTuple):
    """Rows that add the same to every sum.

    Attributes
    ----------
    pattern, first, last : arrays of int64, shape (n_kinds,)
    event, cut : arrays of bool, shape (n_kinds,)
    kind : array of int64, shape (n_rows,)
    n : array of int64, shape (n_kinds,)
    """

    pattern: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    event: NDArray[np.bool_]
    cut: NDArray[np.bool_]
    kind: NDArray[np.int64]
    n: NDArray[np.int64]


def kinds(stayed: Stays, pattern: NDArray[np.int64], /) -> Kinds:
    """Group rows of one pattern that answer for the same periods and end alike."""
    parts = (pattern, stayed.first, stayed.last, stayed.event, stayed.cut)
    met = alike(parts)
    return Kinds(
        pattern[met.first],
        stayed.first[met.first],
        stayed.last[met.first],
        stayed.event[met.first],
        stayed.cut[met.first],
        met.group,
        met.n,
    )
