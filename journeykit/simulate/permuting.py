"""Worlds made of the data at hand: what might be a signal exchanged away, or customers drawn anew.

They need no model of how customers behave, so any study can be tried on them; in return the null
worlds are approximations, each of which says here what it keeps and what it destroys.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.ending import refuse_cut
from journeykit.journeys.shape import codes_of, pick, rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

_WEEK = 7 * 86_400_000_000
#: 1970-01-05, the first Monday.
_MONDAY = 4 * 86_400_000_000
#: Never under risk: nothing is at or before it.
_NEVER = -1


def exposure_null(
    journeys: Journeys, /, *, exposures: Sequence[str], conversions: Sequence[str], seed: int
) -> Journeys:
    """Exchange what customers met before their first conversion among those it could have come to.

    Only roughly a null. A customer enters when the watching began, where that is inside the window,
    else with the first event. Within each calendar week of entry (UTC) the first conversions are
    walked through in order of the time since entry. At each, the customer who converts and one
    drawn evenly from those still at risk then (watched, not converted before; the converting one
    included) exchange their exposures up to that elapsed time, that moment included. If exposures
    do nothing, whoever converts is any one of those at risk. So, within a week of entry and a kind
    of entry and on the clock since entry, exposures tell nothing of who of those at risk has the
    first conversion. These stay as they were: the number of exposures of each touchpoint, their
    times since entry, all conversions and all other events.

    What stays may still tell something: what differs between weeks of entry, and with it the season
    and shocks of the calendar, which move exposures and conversions alike; the other events of a
    customer; and, where few are at risk, some of the association itself: the customer who converts
    is one of those drawn from, and keeps its exposures once in `n_at_risk` times.

    Exchanged exposures keep their elapsed time and their columns, so they lie in the recipient's
    watched span; at their moment they stand before the recipient's other events. What lies before
    entry or after the first conversion stays, and with it what it may tell. Customers whose entry
    is nothing but exposures exchange among themselves: so everybody keeps their entry and nobody
    is left without events, and the difference between the two kinds of entry stays as well. Where
    a customer's watching began inside the window, all events may go to somebody else; a log of
    events then knows nothing of them. A customer alone in the week of entry exchanges with nobody.

    Parameters
    ----------
    journeys : Journeys
        Whole: one journey a customer, with times.
    exposures, conversions : sequence of str
        Touchpoints, none of them both.
    seed : int
        At least 0; the same gives the same to the byte.

    Returns
    -------
    Journeys
        Of the same customers, with as many events; the ledger is that of `journeys`.

    Raises
    ------
    MappingError
        A touchpoint does not exist.
    ArgumentError
        A touchpoint is both, or the journeys are cut.
    DataError
        A customer has several journeys.
    """
    time = journeys.need_time("`exposure_null`")
    _refuse_pieces(journeys, "`exposure_null`")
    met, converts = _roles(journeys, exposures, conversions)
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    spans = _spans(journeys, owner=owner, converts=converts)
    elapsed = time - spans.entry[owner]
    takes_part = met & (elapsed >= 0) & (elapsed <= spans.last[owner])
    stratum = _strata(journeys, spans, only_met=_enters_met(journeys, met))
    given_to = _exchanged(spans, stratum, np.flatnonzero(takes_part), owner, elapsed, seed=seed)
    return _rearranged(journeys, given_to, moved=given_to != owner, entry=spans.entry, old=owner)


def n_at_risk(
    journeys: Journeys, /, *, exposures: Sequence[str], conversions: Sequence[str]
) -> NDArray[np.int64]:
    """Count the customers among whom `exposure_null` draws at each first conversion.

    The converting one is among them, so 1 is one who exchanges with nobody.

    Returns
    -------
    ndarray of int64, shape (n_first_conversions,)
        Of the conversions that are the first of a customer at risk; their order says nothing.

    Raises
    ------
    MappingError, ArgumentError, DataError
        As `exposure_null` does.
    """
    journeys.need_time("`n_at_risk`")
    _refuse_pieces(journeys, "`n_at_risk`")
    met, converts = _roles(journeys, exposures, conversions)
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    spans = _spans(journeys, owner=owner, converts=converts)
    stratum = _strata(journeys, spans, only_met=_enters_met(journeys, met))
    counted = [
        len(group) - _first_at_risk(spans.last[group])[spans.fails[group]]
        for group in _groups(spans, stratum)
    ]
    return np.concatenate([np.zeros(0, dtype=np.int64), *counted])


def _roles(
    journeys: Journeys, exposures: Sequence[str], conversions: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which events are exposures, and which are conversions."""
    met, converts = (
        codes_of(journeys, name, touchpoints)[journeys.touchpoint]
        for name, touchpoints in (("exposures", exposures), ("conversions", conversions))
    )
    if both := sorted({*exposures} & {*conversions}):
        raise ArgumentError(f"`exposures` and `conversions` both name {both[0]!r}; keep one.")
    return met, converts


def _refuse_pieces(journeys: Journeys, what: str) -> None:
    refuse_cut(journeys, what)
    if len(journeys) != journeys.n_customers:
        raise DataError(
            f"{what} needs one journey a customer; got {len(journeys):,} of "
            f"{journeys.n_customers:,} customers. Call it before cutting."
        )


@dataclass(frozen=True, slots=True)
class _Spans:
    """When each customer is at risk of a first conversion; arrays of shape (n_customers,).

    `entry` in microseconds; `last` the last elapsed microsecond at risk, -1 for never; `fails`
    whether a conversion ends it.
    """

    entry: NDArray[np.int64]
    last: NDArray[np.int64]
    fails: NDArray[np.bool_]


def _spans(journeys: Journeys, *, owner: NDArray[np.int64], converts: NDArray[np.bool_]) -> _Spans:
    assert journeys.time is not None
    n, filled = len(journeys), journeys.length > 0
    entry = np.zeros(n, dtype=np.int64)
    entry[filled] = journeys.time[journeys.start[:-1][filled]]
    late = _enters_late(journeys)
    if journeys.observed_from is not None:
        entry[late] = journeys.observed_from[late]
    if journeys.observed_to is not None:
        end = journeys.observed_to
    else:
        end = np.full(n, journeys.time.max(initial=0) + 1)
    last = np.where(filled | late, end - entry - 1, _NEVER)
    who, first = np.unique(owner[converts], return_index=True)
    at = journeys.time[converts][first] - entry[who]
    # Who had converted on entry is no more at risk; who converts unwatched is lost from sight.
    fails = np.zeros(n, dtype=bool)
    fails[who] = (at >= 0) & (at <= last[who])
    last[who] = np.where(at < 0, _NEVER, np.minimum(at, last[who]))
    return _Spans(entry, last, fails)


def _enters_late(journeys: Journeys) -> NDArray[np.bool_]:
    if journeys.observed_from is None or journeys.window is None:
        return np.zeros(len(journeys), dtype=bool)
    return np.asarray(journeys.observed_from > journeys.window[0])


def _enters_met(journeys: Journeys, met: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether all that happens at the moment of a customer's first event is exposures."""
    assert journeys.time is not None
    filled = np.flatnonzero(journeys.length > 0)
    first = np.repeat(journeys.time[journeys.start[:-1][filled]], journeys.length[filled])
    other = (journeys.time == first) & ~met
    only = np.zeros(len(journeys), dtype=bool)
    if len(filled):
        only[filled] = np.add.reduceat(other.astype(np.int64), journeys.start[:-1][filled]) == 0
    return only


def _strata(journeys: Journeys, spans: _Spans, *, only_met: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the groups in which exposures are exchanged: the week of entry, and its kind."""
    kind = np.where(_enters_late(journeys), 0, 1 + only_met)
    stratum: NDArray[np.int64] = (spans.entry - _MONDAY) // _WEEK * 3 + kind
    return stratum


def _exchanged(
    spans: _Spans,
    stratum: NDArray[np.int64],
    events: NDArray[np.int64],
    owner: NDArray[np.int64],
    elapsed: NDArray[np.int64],
    *,
    seed: int,
) -> NDArray[np.int64]:
    """Return to whom each event belongs after all exchanges, shape (n_events,)."""
    generator = np.random.default_rng(seed)
    given_to = owner.copy()
    first = np.searchsorted(owner[events], np.arange(len(spans.entry) + 1))
    for group in _groups(spans, stratum):
        if len(group) < 2 or not spans.fails[group].any():
            continue
        held = [_held(events[first[who] : first[who + 1]], elapsed) for who in group.tolist()]
        _walk(held, spans.last[group], spans.fails[group], generator)
        for who, mine in zip(group.tolist(), held, strict=True):
            given_to[[event for _, event in mine]] = who
    return given_to


def _groups(spans: _Spans, stratum: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the customers of each stratum who are ever at risk, by how long they are."""
    order = np.lexsort((spans.last, stratum))
    order = order[spans.last[order] >= 0]
    edges = np.flatnonzero(np.diff(stratum[order], prepend=np.iinfo(np.int64).min))
    return np.split(order, edges[1:])


def _first_at_risk(last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each customer of a group by `last` the first still at risk at that one's last."""
    return np.searchsorted(last, last, side="left").astype(np.int64)


_Held = list[tuple[int, int]]


def _held(events: NDArray[np.int64], elapsed: NDArray[np.int64]) -> _Held:
    return list(zip(elapsed[events].tolist(), events.tolist(), strict=True))


def _walk(
    held: list[_Held],
    last: NDArray[np.int64],
    fails: NDArray[np.bool_],
    generator: np.random.Generator,
) -> None:
    """Exchange, at each first conversion, the exposures up to then; customers are by `last`."""
    n = len(held)
    at_risk = _first_at_risk(last).tolist()
    for one in np.flatnonzero(fails).tolist():
        other = int(generator.integers(at_risk[one], n))
        if other == one:
            continue
        until = (int(last[one]), np.iinfo(np.int64).max)
        mine, others = (bisect_right(held[who], until) for who in (one, other))
        held[one][:mine], held[other][:others] = held[other][:others], held[one][:mine]


def _rearranged(
    journeys: Journeys,
    owner: NDArray[np.int64],
    *,
    moved: NDArray[np.bool_],
    entry: NDArray[np.int64],
    old: NDArray[np.int64],
) -> Journeys:
    """Give events to their new owners at the same elapsed time, and sort them in."""
    assert journeys.time is not None
    time = journeys.time + (entry[owner] - entry[old])
    order = np.lexsort((np.arange(len(owner)), ~moved, time, owner))
    count = np.bincount(owner, minlength=len(journeys))
    return journeys.replace(
        touchpoint=journeys.touchpoint[order],
        time=time[order],
        start=np.concatenate([[0], np.cumsum(count)]),
        columns={name: column[order] for name, column in journeys.columns.items()},
    )


def attribute_null(journeys: Journeys, /, *, seed: int, keep: Iterable[str] = ()) -> Journeys:
    """Permute the attributes among customers, so that they tell nothing of what customers do.

    Whole rows: what goes with what among the attributes stays.

    Parameters
    ----------
    journeys : Journeys
        Whole: one journey a customer.
    seed : int
    keep : iterable of str
        Attributes that stay with their customer, such as the day on which a contract ended.

    Raises
    ------
    ArgumentError
        The journeys are cut.
    DataError
        A customer has several journeys.
    """
    _refuse_pieces(journeys, "`attribute_null`")
    order = np.random.default_rng(seed).permutation(len(journeys))
    permuted, kept = rows(journeys.attributes, order), {*keep}
    for at, name in enumerate(permuted.column_names):
        if name in kept:
            permuted = permuted.set_column(at, name, journeys.attributes[name])
    return journeys.replace(attributes=permuted)


def resampled(journeys: Journeys, /, *, seed: int) -> Journeys:
    """Draw as many customers with replacement; each drawn is a customer with an id of its own.

    The truth of such a world is the value on all customers of `journeys`. So it tells whether an
    interval is as wide as chance demands, for customers drawn as these were; not whether the
    question is the right one, nor whether these customers are like those of tomorrow.

    Parameters
    ----------
    journeys : Journeys
        Whole: one journey a customer. The new ids are numbers from 0.
    seed : int

    Raises
    ------
    ArgumentError
        The journeys are cut.
    DataError
        A customer has several journeys.
    """
    from journeykit.events.ledger import Ledger

    _refuse_pieces(journeys, "`resampled`")
    n = len(journeys)
    drawn = np.random.default_rng(seed).integers(0, n, n) if n else np.zeros(0, dtype=np.int64)
    length = journeys.length[drawn]
    start = np.concatenate([[0], np.cumsum(length)])
    event = np.repeat(journeys.start[:-1][drawn] - start[:-1], length) + np.arange(start[-1])
    changes: dict[str, Any] = {
        "touchpoint": journeys.touchpoint[event],
        "start": start,
        "time": None if journeys.time is None else journeys.time[event],
        "customer_index": np.arange(n, dtype=journeys.customer_index.dtype),
        "customer_id": np.arange(n),
        "observed_from": pick(journeys.observed_from, drawn),
        "observed_to": pick(journeys.observed_to, drawn),
        "attributes": rows(journeys.attributes, drawn),
        "columns": {name: column[event] for name, column in journeys.columns.items()},
        "ledger": Ledger((), n, int(start[-1])),
    }
    return journeys.replace(**changes)
