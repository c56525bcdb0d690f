"""The moments of journeys at which customers are compared, and what happened after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY, SECOND
from journeykit.journeys.ending import begins_unseen, refuse_collapsed, refuse_cut
from journeykit.journeys.fingerprint import hash_customers
from journeykit.journeys.shape import keep_events
from journeykit.stats import mix
from journeykit.stats.risk_sets import geometric_bins, joint_strata

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

_WEEK = 7 * DAY
_HOUR = DAY // 24
#: 1970-01-05, the first Monday.
_MONDAY = 4 * DAY
#: How much wider each class of elapsed time, of visits and steps and of pauses is than the last one.
_ELAPSED_RATIO, _STEPS_RATIO, _PAUSE_RATIO = 1.5, 1.4, 2.0
#: Own events with a longer pause between them are of two visits.
_VISIT_PAUSE = 30 * 60 * SECOND
#: A touchpoint is the outcome's own where this share of its events has the outcome within an hour.
_LEAK_SHARE = 0.5
#: What a moment is good for.
BOTH, COMPARED_ONLY, EXPOSED_ONLY = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class AtRisk:
    """Customers before their first outcome.

    Attributes
    ----------
    journeys : Journeys
        One a customer, with the events from entry to before the first outcome.
    entry : array of int64, shape (n_customers,)
        Microseconds: where the watching began, if that is inside the window, else the first event.
    outcome : array of int64, shape (n_customers,)
        Microseconds of the first outcome; the largest number there is for none.
    watched_to : array of int64, shape (n_customers,)
    leaking : tuple of str
        Touchpoints more than half of whose events have the outcome within the hour.
    """

    journeys: Journeys
    entry: NDArray[np.int64]
    outcome: NDArray[np.int64]
    watched_to: NDArray[np.int64]
    leaking: tuple[str, ...]


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


def at_risk(journeys: Journeys, outcome: NDArray[np.bool_], *, small_cell: int) -> AtRisk:
    """Cut journeys before the first outcome; `outcome` is a mask over touchpoints."""
    what = "A comparison before an outcome"
    time = journeys.need_time(what)
    refuse_cut(journeys, what)
    refuse_collapsed(journeys, what)
    if len(journeys) != journeys.n_customers:
        raise DataError(
            f"{what} needs one journey a customer; got {len(journeys):,} of "
            f"{journeys.n_customers:,} customers. Do it before cutting."
        )
    n, owner = len(journeys), np.repeat(np.arange(len(journeys)), journeys.length)
    entry = np.zeros(n, dtype=np.int64)
    filled = journeys.length > 0
    entry[filled] = time[journeys.start[:-1][filled]]
    if journeys.observed_from is not None and journeys.window is not None:
        late = journeys.observed_from > journeys.window[0]
        entry[late] = journeys.observed_from[late]
    to = journeys.observed_to
    watched_to = np.full(n, time.max(initial=0) + 1) if to is None else np.asarray(to)
    first = np.full(n, np.iinfo(np.int64).max)
    converts = outcome[journeys.touchpoint]
    np.minimum.at(first, owner[converts], time[converts])
    seen = (time >= entry[owner]) & (time < watched_to[owner])
    before = seen & (time < first[owner])
    leaking = _leaking(
        journeys, owner, seen & (time <= first[owner]) & ~converts, first, watched_to, small_cell
    )
    customers = np.bincount(owner[before], minlength=n) > 0
    kept = keep_events(
        journeys, before, step="precursors", reason="not before the first outcome, or not watched"
    )
    return AtRisk(kept, entry[customers], first[customers], watched_to[customers], leaking)


def _leaking(
    journeys: Journeys,
    owner: NDArray[np.int64],
    candidate: NDArray[np.bool_],
    first: NDArray[np.int64],
    watched_to: NDArray[np.int64],
    small_cell: int,
) -> tuple[str, ...]:
    """Name the touchpoints whose events mostly have the outcome at once or within an hour."""
    assert journeys.time is not None
    m = len(journeys.names)
    candidate &= journeys.time + _HOUR <= watched_to[owner]
    what, who = journeys.touchpoint[candidate].astype(np.int64), owner[candidate]
    soon = first[who] - journeys.time[candidate] <= _HOUR
    n, n_soon = np.bincount(what, minlength=m), np.bincount(what[soon], minlength=m)
    n_customers = np.bincount(np.unique(who * m + what) % m, minlength=m)
    leaks = (n_customers >= small_cell) & (n_soon > _LEAK_SHARE * n)
    return tuple(journeys.names[code] for code in np.flatnonzero(leaks))


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
    journeys = risk.journeys
    assert journeys.time is not None
    own = ~sent[journeys.touchpoint]
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    place = np.flatnonzero(~own if by_firm else own)
    customer, time = owner[place], journeys.time[place]
    serves = np.full(len(place), EXPOSED_ONLY if by_firm else BOTH, dtype=np.int8)
    # Beside events that are part of the outcome, all others would seem to keep customers from it.
    leaks = np.isin(np.array(journeys.names, dtype=object), risk.leaking)
    serves[leaks[journeys.touchpoint[place]]] = EXPOSED_ONLY
    if by_firm:
        drawn, at = _random_moments(risk, horizon=horizon, seed=seed)
        serves = np.concatenate([serves, np.full(len(drawn), COMPARED_ONLY, dtype=np.int8)])
        place = np.concatenate([place, _next_events(journeys, drawn, at)])
        customer, time = np.concatenate([customer, drawn]), np.concatenate([time, at])
        order = np.argsort(customer, kind="stable")
        customer, time, place, serves = (x[order] for x in (customer, time, place, serves))
    watched = time + horizon <= risk.watched_to[customer]
    n_unwatched = int((~watched & (serves != COMPARED_ONLY)).sum())
    customer, time, place, serves = (x[watched] for x in (customer, time, place, serves))
    stratum, n_strata = _strata(risk, customer, time, place, own, by_firm, held_equal)
    event = risk.outcome[customer] <= time + horizon
    return Moments(customer, place, serves, stratum, n_strata, event, n_unwatched)


def _random_moments(
    risk: AtRisk, *, horizon: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw one moment in each week since entry in which a customer is under risk."""
    last = np.minimum(risk.outcome, risk.watched_to - horizon + 1)
    weeks = np.maximum(-((risk.entry - last) // _WEEK), 0)
    who = np.repeat(np.arange(len(weeks)), weeks)
    week = np.arange(len(who)) - np.repeat(np.cumsum(weeks) - weeks, weeks)
    hashed = hash_customers(risk.journeys.customer_id)[who] ^ mix(week, seed=seed)
    part = (mix(hashed, seed=seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    at = risk.entry[who] + ((week + part) * _WEEK).astype(np.int64)
    under = at < last[who]
    return who[under], at[under]


def _next_events(
    journeys: Journeys, customer: NDArray[np.int64], at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the place of the first event of each customer after a moment; the end for none."""
    assert journeys.time is not None
    n = journeys.n_events
    who = np.concatenate([np.repeat(np.arange(len(journeys)), journeys.length), customer])
    when = np.concatenate([journeys.time, at])
    is_moment = np.arange(len(who)) >= n
    order = np.lexsort((is_moment, when, who))
    passed = np.cumsum(~is_moment[order])
    place = np.empty(len(who), dtype=np.int64)
    place[order] = passed
    return place[n:]


def _strata(
    risk: AtRisk,
    customer: NDArray[np.int64],
    time: NDArray[np.int64],
    place: NDArray[np.int64],
    own: NDArray[np.bool_],
    by_firm: bool,
    held_equal: Sequence[str],
) -> tuple[NDArray[np.int64], int]:
    journeys = risk.journeys
    parts = [
        geometric_bins(time - risk.entry[customer], first=_HOUR, ratio=_ELAPSED_RATIO),
        (time - _MONDAY) // _WEEK,
        begins_unseen(journeys)[customer],
        *_earlier(journeys, customer, time, place, own, by_firm),
        *(_codes(journeys, name, customer, place, by_firm) for name in held_equal),
    ]
    return joint_strata(*parts)


def _earlier(
    journeys: Journeys,
    customer: NDArray[np.int64],
    time: NDArray[np.int64],
    place: NDArray[np.int64],
    own: NDArray[np.bool_],
    by_firm: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Class what a customer has done before: visits, and steps of this visit or the pause since.

    Steps of earlier visits are not counted: a loop makes more of them without any progress, so
    that customers with as many steps would be less active ones.
    """
    assert journeys.time is not None
    n_own = np.concatenate([[0], np.cumsum(own)])
    done, at_start = n_own[place], n_own[journeys.start[customer]]
    owner = np.repeat(np.arange(len(journeys)), journeys.length)[own]
    when = journeys.time[own]
    begins = np.ones(len(when), dtype=bool)
    begins[1:] = (np.diff(owner) > 0) | (np.diff(when) > _VISIT_PAUSE)
    visits = np.concatenate([[0], np.cumsum(begins)])
    if by_firm:
        known = done > at_start
        pause = time - when[np.where(known, done - 1, 0)] if len(when) else time
        bins = geometric_bins(np.where(known, pause, 0), first=_HOUR, ratio=_PAUSE_RATIO)
        earlier, last = visits[done] - visits[at_start], np.where(known, bins, -1)
    else:
        first = np.maximum.accumulate(np.where(begins, np.arange(len(when)), 0))
        earlier = visits[done + 1] - 1 - visits[at_start]
        last = geometric_bins(done - first[done], first=1, ratio=_STEPS_RATIO)
    return geometric_bins(earlier, first=1, ratio=_STEPS_RATIO), last


def _codes(
    journeys: Journeys,
    name: str,
    customer: NDArray[np.int64],
    place: NDArray[np.int64],
    by_firm: bool,
) -> NDArray[np.int64]:
    """Code an attribute, or a column: at an own event, or at the last event before what is sent."""
    if name in journeys.attributes.column_names:
        values = pa.array(journeys.attributes[name].combine_chunks())
        at = customer
    else:
        values = pa.array(journeys.columns[name])
        at = np.maximum(place - 1, 0) if by_firm else place
        at = np.maximum(at, journeys.start[customer])
    codes = values.dictionary_encode(null_encoding="encode").indices
    coded: NDArray[np.int64] = codes.to_numpy(zero_copy_only=False).astype(np.int64)[at]
    return coded


def check_held_equal(journeys: Journeys, held_equal: Sequence[str]) -> None:
    """Require names of attributes or event columns."""
    if isinstance(held_equal, str):
        raise ArgumentError(f"`held_equal` must be a list of names; got the text {held_equal!r}.")
    known = [*journeys.attributes.column_names, *journeys.columns]
    check_known("held_equal", held_equal, known, what="attributes or event columns")
