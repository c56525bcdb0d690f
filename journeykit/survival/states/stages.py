"""From journeys to spells: touchpoints that move a customer from state to state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.survival.clocks import NEVER, mask_of, origins
from journeykit.survival.following import Watched, watched_customers
from journeykit.survival.states.spells import OWN, Multistate, check_ladder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.survival.churn import Start


def multistate(
    journeys: Journeys,
    /,
    *,
    states: Mapping[str, str],
    absorbing: Sequence[str] = (),
    start_state: str | None = None,
    start: Start | None = None,
    ladder: Sequence[str] | None = None,
) -> Multistate:
    """Follow every customer through states, such as the stages of a journey.

    An event at a touchpoint of `states` moves the customer to its state; other events change
    nothing, and an event of the state the customer is in is no move. Moves backwards and over
    stages are moves like any other. Of several states at one instant the last counts; the others
    were passed in no time and are counted in `n_instant`. A state in `absorbing` ends the
    following; later events of other states are counted in `n_after`.

    **The clock** starts with `start`; by default with the customer's first state: at the first
    mapped event, or with `start_state` at the first event of any kind. Where the window cuts off
    the beginning of a history that clock reads "since first seen"; those customers are counted in
    `n_edge`, and `start` with the true time is better. Under `start` an end before it belongs to
    an earlier story and is not looked at.

    **Late entry.** Customers watched from later than that are under risk from then on only, in the
    state they had come to (left truncation). Nobody is in a state before it is known which: whose
    clock started before they were watched is in `start_state` at no time, and under risk from
    their first mapped event on; when they came into that state is not known. Entering by an event
    is right where the future depends on the present state; otherwise customers who have just moved
    stand for all.

    Nobody is under risk at an instant at which nothing could be seen: customers are watched before
    `observed_to` only, so a spell that goes on then is censored a microsecond before it.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    states : mapping of touchpoint to state
        The order of the states in it is the one in which they are shown.
    absorbing : sequence of str
        States that nobody leaves, such as having left.
    start_state : str, optional
        State that everyone is in from the start of their clock until their first mapped event.
    start : StartTouchpoint or StartAttribute, optional
        When a customer's clock starts, as in `lifetimes`.
    ladder : sequence of str, optional
        States in the order in which customers are meant to climb them, for `Multistate.moves`; by
        default `start_state` and the states that are not absorbing, in the order of `states`.

    Returns
    -------
    Multistate
        One row a stay in a state.

    Raises
    ------
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.
    ArgumentError
        When `states` is empty, or the journeys are cut finer than customers.
    MappingError
        When a touchpoint, or a state of `absorbing` or `ladder`, or the attribute of `start` does
        not exist.
    DataError
        When nobody is left to follow, an attribute has the name of a column of spells, or that of
        `start` holds no times.

    References
    ----------
    Putter, Fiocco, Geskus (2007), Tutorial in biostatistics: competing risks and multi-state
    models, Statistics in Medicine 26.
    """
    watched = _watched(journeys)
    if not states:
        raise ArgumentError("`states` must map at least one touchpoint to a state; got none.")
    check_known("states", states, journeys.names, what="touchpoints")
    first = [] if start_state is None else [start_state]
    names = tuple(dict.fromkeys([*first, *states.values()]))
    check_known("absorbing", absorbing, names, what="states")
    if ladder is None:
        ladder = [name for name in names if name not in set(absorbing)]
    ends = np.array([name in set(absorbing) for name in names])
    clock = _clock(journeys, states, watched, start, start_state is not None)
    stays = _stays(_events(journeys, states, names, ends, watched, clock), ends)
    frame, left_out = _spells(journeys, stays, ends, watched, clock, names)
    given = {
        "states": dict(states),
        "absorbing": tuple(absorbing),
        "start_state": start_state,
        "start": start,
        "ladder": tuple(ladder),
    }
    return Multistate(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, given),
        states=names,
        ladder=check_ladder(ladder, names),
        left_out=left_out,
        n_instant=stays.n_instant,
        n_after=stays.n_after,
        n_edge=_edge(journeys, frame, watched) if start is None else 0,
    )


class _Clock(NamedTuple):
    """When each customer's clock starts, and what is known then; shape (n_journeys,).

    Attributes
    ----------
    origin : array of int64
        NEVER where there is no start.
    at_start : array of bool
        In the start state from then on, until another is seen.
    unknown : array of bool
        Whose clock started before they were watched: nobody saw them come into their first state.
    given : bool
        Whether the start was asked for.
    """

    origin: NDArray[np.int64]
    at_start: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    given: bool


class _Events(NamedTuple):
    """Who came into which state when, in order; arrays of shape (n_events,)."""

    who: NDArray[np.int64]
    time: NDArray[np.int64]
    state: NDArray[np.int64]


class _Stays(NamedTuple):
    """Events that changed the state, and how many others were passed or came after the end."""

    who: NDArray[np.int64]
    time: NDArray[np.int64]
    state: NDArray[np.int64]
    n_instant: int
    n_after: int


def _watched(journeys: Journeys) -> Watched:
    watched = watched_customers(journeys, "`multistate`")
    if taken := sorted(set(journeys.attributes.column_names) & set(OWN)):
        raise DataError(
            f"{', '.join(map(repr, taken))} cannot be the name of an attribute here: spells have "
            "a column of that name. Rename it."
        )
    return watched


def _clock(
    journeys: Journeys,
    states: Mapping[str, str],
    watched: Watched,
    start: Start | None,
    begins: bool,
) -> _Clock:
    counted = np.ones(journeys.n_events, dtype=bool)
    if not begins:
        counted = mask_of(journeys, "states", tuple(states))
    origin = origins(journeys, start, counted)
    never = np.zeros(len(journeys), dtype=bool)
    if start is None:
        return _Clock(origin, origin != NEVER if begins else never, never, given=False)
    since = watched.since
    if journeys.window is not None:
        since = np.maximum(since, journeys.window[0])
    unknown = origin < since
    known = ~unknown & (origin != NEVER)
    return _Clock(origin, known if begins else never, unknown, given=True)


def _edge(journeys: Journeys, frame: pd.DataFrame, watched: Watched) -> int:
    """Count the followed customers who may have begun before the window."""
    if journeys.window is None:
        return 0
    early = journeys.customer_index[watched.since <= journeys.window[0]]
    return int(frame["customer_id"].drop_duplicates().isin(_ids(journeys, early)).sum())


def _ids(journeys: Journeys, index: NDArray[np.signedinteger]) -> pd.Series:
    return journeys.customer_id.take(pa.array(index)).to_pandas()


def _events(
    journeys: Journeys,
    states: Mapping[str, str],
    names: tuple[str, ...],
    ends: NDArray[np.bool_],
    watched: Watched,
    clock: _Clock,
) -> _Events:
    """Return the events at mapped touchpoints, and before them the start state."""
    place = {name: code for code, name in enumerate(names)}
    of_touchpoint = np.array([place[states[t]] if t in states else -1 for t in journeys.names])
    all_times = journeys.need_time("`multistate`")
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    state = of_touchpoint[journeys.touchpoint]
    used = (state >= 0) & (all_times < watched.until[owner]) & (clock.origin[owner] != NEVER)
    # What ended before the clock started was another story.
    used &= ~ends[state] | (all_times >= clock.origin[owner])
    who, time, state = owner[used], all_times[used], state[used]
    before = np.zeros(len(journeys), dtype=bool)
    before[who[time < clock.origin[who]]] = True
    begin = np.flatnonzero(clock.at_start & ~before)
    # Before the customer's own events: the sort is stable and this stands first.
    who = np.concatenate([begin, who])
    time = np.concatenate([clock.origin[begin], time])
    state = np.concatenate([np.zeros(len(begin), dtype=np.int64), state])
    order = np.argsort(who, kind="stable")
    return _Events(who[order], time[order], state[order])


def _stays(events: _Events, ends: NDArray[np.bool_]) -> _Stays:
    """Turn events into stays: one for every change of state."""
    who, time, state = events
    ended = ends[state]
    n_before = np.concatenate([[0], np.cumsum(ended)])
    first = np.searchsorted(who, who)
    after = n_before[:-1] - n_before[first] > 0
    n_after = int((after & ~ended).sum())
    who, time, state = who[~after], time[~after], state[~after]
    last = np.ones(len(who), dtype=bool)
    last[:-1] = (np.diff(who) != 0) | (np.diff(time) != 0)
    # A state that is there again after the instant was not passed, nor the one kept.
    passed = ~last & (np.diff(state, append=-1) != 0)
    n_instant = int(passed.sum())
    who, time, state = who[last], time[last], state[last]
    changed = (np.diff(who, prepend=-1) != 0) | (np.diff(state, prepend=-1) != 0)
    return _Stays(who[changed], time[changed], state[changed], n_instant, n_after)


def _spells(
    journeys: Journeys,
    stays: _Stays,
    ends: NDArray[np.bool_],
    watched: Watched,
    clock: _Clock,
    names: tuple[str, ...],
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Cut the stays to what was watched, and lay them out."""
    who, time, state = stays.who, stays.time, stays.state
    origin = clock.origin[who]
    more = np.zeros(len(who), dtype=bool)
    more[:-1] = np.diff(who) == 0
    stop = np.where(more, np.roll(time, -1), watched.until[who] - 1)
    target = np.where(more, np.roll(state, -1), -1)
    start = np.maximum(np.maximum(time, watched.since[who]), origin)
    kept = np.flatnonzero(~ends[state] & (stop > start))
    left_out = _left_out(clock, who, who[kept])
    entered = (time - origin) / DAY
    entered[(np.diff(who, prepend=-1) != 0) & clock.unknown[who]] = np.nan
    zone = "UTC" if journeys.clock == "instant" else None
    frame = pa.table(
        {
            "customer_id": journeys.customer_id.take(pa.array(journeys.customer_index[who[kept]])),
            "origin_time": pa.array(origin[kept]).cast(pa.timestamp("us", zone)),
            "start_days": (start - origin)[kept] / DAY,
            "stop_days": (stop - origin)[kept] / DAY,
        }
    ).to_pandas()
    frame["source"] = pd.Categorical.from_codes(state[kept], categories=list(names))
    frame["target"] = pd.Categorical.from_codes(target[kept], categories=list(names))
    frame["entered_days"] = entered[kept]
    if journeys.attributes.num_columns:
        attributes = journeys.attributes.take(pa.array(who[kept]))
        frame = frame.join(attributes.to_pandas(strings_to_categorical=True))
    return frame, left_out


def _left_out(
    clock: _Clock, reached: NDArray[np.int64], followed: NDArray[np.int64]
) -> dict[str, int]:
    """Count by reason who is not followed; somebody must be."""
    n = len(clock.origin)
    ever, kept = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    ever[reached] = True
    kept[followed] = True
    without = ~ever & (clock.origin == NEVER)
    reasons = {
        "without a start": int(without.sum()) if clock.given else 0,
        "never in any state": int((~ever & ~(without & clock.given)).sum()),
        "not watched in a state that can be left": int((ever & ~kept).sum()),
    }
    left_out = {reason: count for reason, count in reasons.items() if count}
    if not kept.any():
        told = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise DataError(f"Nobody is left to follow: {told or 'there are no customers'}.")
    return left_out
