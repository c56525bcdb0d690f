"""Needs for help: runs of contacts of one customer, how each began and what came after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_known
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.stages.goals.cutting import watching_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Needs:
    """Needs by customer and beginning; arrays of one length, times in microseconds.

    Attributes
    ----------
    customer, begin : arrays of int64
    by_self : array of bool
        It began in self-service.
    assisted, back, watched : arrays of int64
        From the beginning to the first assisted contact after it, to the first contact of another
        visit (the largest number where there is none), and to the end of the watching.
    within : int
    """

    customer: NDArray[np.int64]
    begin: NDArray[np.int64]
    by_self: NDArray[np.bool_]
    assisted: NDArray[np.int64]
    back: NDArray[np.int64]
    watched: NDArray[np.int64]
    within: int

    def take(self, mask: NDArray[np.bool_]) -> Needs:
        """Return some of them."""
        return Needs(
            self.customer[mask],
            self.begin[mask],
            self.by_self[mask],
            self.assisted[mask],
            self.back[mask],
            self.watched[mask],
            self.within,
        )


def cut_needs(
    journeys: Journeys,
    /,
    *,
    self_service: Sequence[str],
    assisted: Sequence[str],
    start: Sequence[str],
    within_days: float,
    apart_hours: float,
) -> tuple[Needs, int]:
    """Cut the contacts of each customer at pauses of more than `within_days`; see `deflection`.

    Returns the needs, and how many were left out because they may have begun before the window.
    """
    refuse_cut(journeys, "`deflection`")
    refuse_collapsed(journeys, "`deflection`")
    time = journeys.need_time("`deflection`")
    watching = watching_of(journeys, time)
    within, apart = round(within_days * DAY), round(apart_hours * DAY / 24)
    names = np.array(journeys.names, dtype=object)
    is_self, is_call, begins = (
        np.isin(names, list(given)) for given in (self_service, assisted, start)
    )
    at = np.flatnonzero((is_self | is_call)[journeys.touchpoint])
    owner = np.searchsorted(journeys.start, at, side="right") - 1
    seen = (time[at] >= watching.begin[owner]) & (time[at] < watching.end[owner])
    at, owner = at[seen], owner[seen]
    new = _begin(owner, time[at], within)
    run_begin = time[at][new]
    edge = (watching.unseen[owner[new]] >= 0) & _first_of(owner[new])
    edge &= run_begin - watching.begin[owner[new]] <= within
    run = np.cumsum(new) - 1
    # Within a run, what comes before the first contact that may begin a need is no part of it.
    begun = np.cumsum(begins[journeys.touchpoint[at]])
    before = (begun - begins[journeys.touchpoint[at]])[new][run]
    kept = begun > before
    n_edge = len(np.unique(run[kept & edge[run]]))
    kept &= ~edge[run]
    at, owner, run = at[kept], owner[kept], run[kept]
    first = np.flatnonzero(np.diff(run, prepend=-1))
    if not len(at):
        return _none(within), n_edge
    when = time[at] - np.repeat(time[at[first]], np.diff(np.append(first, len(at))))
    is_first = np.zeros(len(at), dtype=bool)
    is_first[first] = True
    called = is_call[journeys.touchpoint[at]] & ~is_first
    again = ~is_first & (np.diff(time[at], prepend=time[at[0]]) > apart)
    return (
        Needs(
            customer=journeys.customer_index[owner[first]].astype(np.int64),
            begin=time[at[first]],
            by_self=is_self[journeys.touchpoint[at[first]]],
            assisted=np.minimum.reduceat(np.where(called, when, _NEVER), first),
            back=np.minimum.reduceat(np.where(again, when, _NEVER), first),
            watched=watching.end[owner[first]] - time[at[first]],
            within=within,
        ),
        n_edge,
    )


def _begin(owner: NDArray[np.int64], time: NDArray[np.int64], pause: int) -> NDArray[np.bool_]:
    new = np.ones(len(owner), dtype=bool)
    new[1:] = (np.diff(owner) != 0) | (np.diff(time) > pause)
    return new


def _first_of(owner: NDArray[np.int64]) -> NDArray[np.bool_]:
    first: NDArray[np.bool_] = np.diff(owner, prepend=-1) != 0
    return first


def _none(within: int) -> Needs:
    empty = np.zeros(0, dtype=np.int64)
    return Needs(empty, empty, empty.astype(bool), empty, empty, empty, within)


def answered(
    journeys: Journeys, needs: Needs, sentiment: pd.DataFrame, /, *, touchpoints: Sequence[str]
) -> NDArray[np.float64]:
    """Return the score of the last answer to a contact of each need, NaN where nobody answered."""
    columns = ["customer_id", "event_time", "touchpoint", "score"]
    check_known("sentiment", columns, list(sentiment.columns), what="columns")
    told = sentiment[sentiment["touchpoint"].isin(list(touchpoints))]
    ids = journeys.customer_id.cast(pa.string())
    who = pc.index_in(pa.array(told["customer_id"].astype(str), pa.string()), value_set=ids)
    known = who.is_valid().to_numpy(zero_copy_only=False)
    who = who.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)[known]
    moments = pd.DatetimeIndex(told["event_time"]).as_unit("us").asi8[known]
    scores = told["score"].to_numpy(dtype=np.float64)[known]
    last = np.full(len(needs.begin), -1, dtype=np.int64)
    if not len(needs.begin):
        return np.zeros(0)
    order = np.lexsort((moments, who))
    # The need that had begun last when the customer answered.
    begun = _before(needs.customer, needs.begin, who[order], moments[order])
    fits = begun >= 0
    fits[fits] = moments[order][fits] - needs.begin[begun[fits]] <= needs.within
    last[begun[fits]] = order[fits]
    result = np.full(len(last), np.nan)
    result[last >= 0] = scores[last[last >= 0]]
    return result


def _before(
    customer: NDArray[np.int64],
    begin: NDArray[np.int64],
    who: NDArray[np.int64],
    when: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the last need of the same customer that began at or before a time, or -1."""
    n = len(customer)
    order = np.lexsort(
        (
            np.arange(n + len(who)) >= n,
            np.concatenate([begin, when]),
            np.concatenate([customer, who]),
        )
    )
    place = np.where(order < n, order, -1)
    last = np.maximum.accumulate(place)
    found = np.empty(n + len(who), dtype=np.int64)
    found[order] = last
    at = found[n:]
    same = at >= 0
    same[same] = customer[at[same]] == who[same]
    return np.where(same, at, -1)
