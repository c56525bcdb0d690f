"""The moments of journeys at which customers are compared, and what happened after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from journeykit.checks import check_known
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY, SECOND
from journeykit.journeys.ending import begins_unseen
from journeykit.journeys.fingerprint import hash_customers
from journeykit.stats import mix, uniform
from journeykit.stats.risk_sets import geometric_bins, joint_strata

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.paths.sequences.risk import AtRisk

_WEEK = 7 * DAY
_MINUTE, _HOUR = 60 * SECOND, 3600 * SECOND
#: 1970-01-05, the first Monday.
_MONDAY = 4 * DAY
#: How much wider each class is than the last one: of elapsed time, of visits and steps, of pauses.
_ELAPSED_RATIO, _STEPS_RATIO, _PAUSE_RATIO = 1.5, 1.4, 2.0
#: Own events with a longer pause between them are of two visits.
_VISIT_PAUSE = 30 * _MINUTE
#: What a moment is good for.
BOTH, COMPARED_ONLY, EXPOSED_ONLY = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Moments of customers under risk whose horizon was watched to its end.

    Attributes
    ----------
    customer : array of int64, shape (n_moments,)
        Moments of a customer stand together.
    place : array of int64, shape (n_moments,)
        The event, or the next one after the moment.
    serves : array of int8, shape (n_moments,)
    stratum : array of int64, shape (n_moments,)
    n_strata : int
    event : array of bool, shape (n_moments,)
        Whether the outcome follows within the horizon.
    n_unwatched : int
        Events left out because their horizon ends after the watching.
    """

    customer: NDArray[np.int64]
    place: NDArray[np.int64]
    serves: NDArray[np.int8]
    stratum: NDArray[np.int64]
    n_strata: int
    event: NDArray[np.bool_]
    n_unwatched: int

    def of(self, customers: NDArray[np.bool_]) -> Moments:
        """Return the moments of some customers, given by a mask."""
        kept = customers[self.customer]
        return Moments(
            self.customer[kept], self.place[kept], self.serves[kept], self.stratum[kept],
            self.n_strata, self.event[kept], self.n_unwatched,
        )  # fmt: skip


class _Points(NamedTuple):
    """Customers at times; the arrays of `Moments` before anything is known of what follows."""

    customer: NDArray[np.int64]
    time: NDArray[np.int64]
    place: NDArray[np.int64]
    serves: NDArray[np.int8]

    def take(self, index: NDArray[np.integer] | NDArray[np.bool_]) -> _Points:
        return _Points(
            self.customer[index], self.time[index], self.place[index], self.serves[index]
        )

    def and_those(self, others: _Points) -> _Points:
        """Add others; the moments of a customer stand together."""
        both = _Points(
            np.concatenate([self.customer, others.customer]),
            np.concatenate([self.time, others.time]),
            np.concatenate([self.place, others.place]),
            np.concatenate([self.serves, others.serves]),
        )
        return both.take(np.argsort(both.customer, kind="stable"))


def moments(
    risk: AtRisk,
    *,
    horizon: int,
    sent: NDArray[np.bool_],
    by_firm: bool,
    held_equal: Sequence[str],
    seed: int,
) -> Moments:
    """Lay out the moments at which a pattern that ends with an own, or a sent, event is compared.

    A customer's own event is compared with own events of others: whoever does something is more
    active than whoever is met at random. What the firm sends finds customers at moments they have
    not chosen, so it is compared with one random moment in each week since entry, with an equal
    pause since the last own event.
    """
    own = ~sent[risk.journeys.touchpoint]
    points = _events(risk, own, by_firm)
    if by_firm:
        points = points.and_those(_random_moments(risk, horizon=horizon, seed=seed))
    watched = points.time + horizon <= risk.watched_to[points.customer]
    n_unwatched = int((~watched & (points.serves != COMPARED_ONLY)).sum())
    points = points.take(watched)
    stratum, n_strata = _strata(risk, points, own, by_firm, held_equal)
    return Moments(
        customer=points.customer,
        place=points.place,
        serves=points.serves,
        stratum=stratum,
        n_strata=n_strata,
        event=risk.outcome[points.customer] <= points.time + horizon,
        n_unwatched=n_unwatched,
    )


def _events(risk: AtRisk, own: NDArray[np.bool_], by_firm: bool) -> _Points:
    """Return the customers' own events, or those that the firm sends."""
    journeys = risk.journeys
    assert journeys.time is not None
    place = np.flatnonzero(~own if by_firm else own)
    serves = np.full(len(place), EXPOSED_ONLY if by_firm else BOTH, dtype=np.int8)
    # Beside events that are part of the outcome, all others would seem to keep customers from it.
    leaks = np.isin(np.array(journeys.names, dtype=object), risk.leaking)
    serves[leaks[journeys.touchpoint[place]]] = EXPOSED_ONLY
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    return _Points(owner[place], journeys.time[place], place, serves)


def _random_moments(risk: AtRisk, *, horizon: int, seed: int) -> _Points:
    """Draw one moment in each week since entry in which a customer is under risk."""
    last = np.minimum(risk.outcome, risk.watched_to - horizon + 1)
    weeks = np.maximum(-((risk.entry - last) // _WEEK), 0)
    who = np.repeat(np.arange(len(weeks)), weeks)
    week = np.arange(len(who)) - np.repeat(np.cumsum(weeks) - weeks, weeks)
    hashed = hash_customers(risk.journeys.customer_id)[who] ^ mix(week, seed=seed)
    part = uniform(mix(hashed, seed=seed))
    at = risk.entry[who] + ((week + part) * _WEEK).astype(np.int64)
    who, at = who[at < last[who]], at[at < last[who]]
    serves = np.full(len(who), COMPARED_ONLY, dtype=np.int8)
    return _Points(who, at, _next_events(risk.journeys, who, at), serves)


def _next_events(
    journeys: Journeys, customer: NDArray[np.int64], at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the place of the first event of each customer after a moment; the end for none."""
    assert journeys.time is not None
    n = journeys.n_events
    who = np.concatenate([np.repeat(np.arange(len(journeys)), journeys.length), customer])
    when = np.concatenate([journeys.time, at])
    return _passed(who, when, n)


def _passed(who: NDArray[np.int64], when: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Count, of the first n, those at or before each later one, and all of customers before."""
    is_moment = np.arange(len(who)) >= n
    order = np.lexsort((is_moment, when, who))
    passed = np.empty(len(who), dtype=np.int64)
    passed[order] = np.cumsum(~is_moment[order])
    return passed[n:]


def _strata(
    risk: AtRisk,
    points: _Points,
    own: NDArray[np.bool_],
    by_firm: bool,
    held_equal: Sequence[str],
) -> tuple[NDArray[np.int64], int]:
    journeys, customer = risk.journeys, points.customer
    visits, last = _earlier(journeys, points, own, by_firm)
    return joint_strata(
        geometric_bins(points.time - risk.entry[customer], first=_MINUTE, ratio=_ELAPSED_RATIO),
        (points.time - _MONDAY) // _WEEK,
        begins_unseen(journeys)[customer],
        visits,
        last,
        *(_codes(journeys, name, points, by_firm) for name in held_equal),
    )


def _earlier(
    journeys: Journeys, points: _Points, own: NDArray[np.bool_], by_firm: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Class what a customer has done before: visits, and steps of this visit or the pause since.

    Steps of earlier visits are not counted: a loop makes more of them without any progress, so
    that customers with as many steps would be less active ones.
    """
    assert journeys.time is not None
    n_own = np.concatenate([[0], np.cumsum(own)])
    done, at_start = n_own[points.place], n_own[journeys.start[points.customer]]
    owner = np.repeat(np.arange(len(journeys)), journeys.length)[own]
    when = journeys.time[own]
    begins = np.ones(len(when), dtype=bool)
    begins[1:] = (np.diff(owner) > 0) | (np.diff(when) > _VISIT_PAUSE)
    visits = np.concatenate([[0], np.cumsum(begins)])
    if by_firm:
        known = done > at_start
        pause = np.zeros(len(done), dtype=np.int64)
        pause[known] = points.time[known] - when[done[known] - 1]
        bins = geometric_bins(pause, first=_HOUR, ratio=_PAUSE_RATIO)
        earlier, last = visits[done] - visits[at_start], np.where(known, bins, -1)
    else:
        first = np.maximum.accumulate(np.where(begins, np.arange(len(when)), 0))
        earlier = visits[done + 1] - 1 - visits[at_start]
        last = geometric_bins(done - first[done], first=1, ratio=_STEPS_RATIO)
    return geometric_bins(earlier, first=1, ratio=_STEPS_RATIO), last


def _codes(journeys: Journeys, name: str, points: _Points, by_firm: bool) -> NDArray[np.int64]:
    """Code an attribute, or a column: at an own event, or at the last event before what is sent.

    -1 where there is none before: the next one would tell what is still to come. An attribute that
    holds lists of times is coded by how many of them are at or before the moment.
    """
    if name in journeys.attributes.column_names:
        values, at = journeys.attributes[name].combine_chunks(), points.customer
        if pa.types.is_list(values.type):
            offsets = np.concatenate([[0], np.cumsum(values.value_lengths().to_numpy())])
            who = np.repeat(np.arange(len(values)), np.diff(offsets))
            when = values.flatten().to_numpy().astype(np.int64)
            both = np.concatenate([who, at]), np.concatenate([when, points.time])
            passed: NDArray[np.int64] = _passed(*both, len(who)) - offsets[at]
            return passed
        there = np.ones(len(at), dtype=bool)
    else:
        values, at = pa.array(journeys.columns[name]), points.place - by_firm
        there = at >= journeys.start[points.customer]
    codes = values.dictionary_encode(null_encoding="encode").indices
    coded = np.full(len(at), -1, dtype=np.int64)
    coded[there] = codes.to_numpy(zero_copy_only=False).astype(np.int64)[at[there]]
    return coded


def check_held_equal(journeys: Journeys, held_equal: Sequence[str]) -> None:
    """Require names of attributes or event columns."""
    if isinstance(held_equal, str):
        raise ArgumentError(f"`held_equal` must be a list of names; got the text {held_equal!r}.")
    known = [*journeys.attributes.column_names, *journeys.columns]
    check_known("held_equal", held_equal, known, what="attributes or event columns")
