"""From journeys to spells: touchpoints that move a customer from state to state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.survival.states.spells import OWN, Multistate, check_ladder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


def multistate(
    journeys: Journeys,
    /,
    *,
    states: Mapping[str, str],
    absorbing: Sequence[str] = (),
    start_state: str | None = None,
    ladder: Sequence[str] | None = None,
) -> Multistate:
    """Follow every customer through states, such as the stages of a journey.

    An event at a touchpoint of `states` moves the customer to its state; other events change
    nothing, and an event of the state the customer is in is no move. Moves backwards and over
    stages are moves like any other. Of several states at one instant the last counts; the others
    were passed in no time and are counted in `n_instant`. A state in `absorbing` ends the
    following; later events of other states are counted in `n_after`.

    The clock starts with the customer's first state: at the first mapped event, or with
    `start_state` at the first event of any kind. Customers watched from later than that are under
    risk from then on only (late entry), in the state they had come to. Nobody is under risk at an
    instant at which nothing could be seen: customers are watched before `observed_to` only, so a
    spell that goes on then is censored a microsecond before it. Where the window cuts off the
    beginning of a history the clock reads "since first seen".

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    states : mapping of touchpoint to state
        The order of the states in it is the one in which they are shown.
    absorbing : sequence of str
        States that nobody leaves, such as having left.
    start_state : str, optional
        State that everyone is in before their first mapped event.
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
        When a touchpoint, or a state of `absorbing` or `ladder`, does not exist.
    DataError
        When nobody is left to follow, or an attribute has the name of a column of spells.

    References
    ----------
    Putter, Fiocco, Geskus (2007), Tutorial in biostatistics: competing risks and multi-state
    models, Statistics in Medicine 26.
    """
    until = _watched_until(journeys)
    if not states:
        raise ArgumentError("`states` must map at least one touchpoint to a state; got none.")
    check_known("states", states, journeys.names, what="touchpoints")
    first = [] if start_state is None else [start_state]
    names = tuple(dict.fromkeys([*first, *states.values()]))
    check_known("absorbing", absorbing, names, what="states")
    if ladder is None:
        ladder = [name for name in names if name not in set(absorbing)]
    ends = np.array([name in set(absorbing) for name in names])
    stays = _stays(journeys, states, names, ends, until, start_state is not None)
    frame, left_out = _spells(journeys, stays, ends, until, names)
    given = {
        "states": dict(states),
        "absorbing": tuple(absorbing),
        "start_state": start_state,
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
    )


class _Stays(NamedTuple):
    """When which customer came into which state, in order; arrays of shape (n_stays,)."""

    who: NDArray[np.int64]
    time: NDArray[np.int64]
    state: NDArray[np.int64]
    n_instant: int
    n_after: int


def _watched_until(journeys: Journeys) -> NDArray[np.int64]:
    journeys.need_time("`multistate`")
    if len(journeys) != journeys.n_customers:
        raise ArgumentError(
            "`multistate` follows whole customers, one journey each; got "
            f"{len(journeys):,} journeys of {journeys.n_customers:,} customers. Call it on the "
            "journeys before they were cut."
        )
    if journeys.observed_to is None:
        raise NotObservedError(
            "`multistate` needs to know until when customers are watched; these journeys have no "
            "`observed_to`."
        )
    if taken := sorted(set(journeys.attributes.column_names) & set(OWN)):
        raise DataError(
            f"{', '.join(map(repr, taken))} cannot be the name of an attribute here: spells have "
            "a column of that name. Rename it."
        )
    return journeys.observed_to


def _stays(
    journeys: Journeys,
    states: Mapping[str, str],
    names: tuple[str, ...],
    ends: NDArray[np.bool_],
    until: NDArray[np.int64],
    begins: bool,
) -> _Stays:
    """Turn events into stays: one for every change of state."""
    place = {name: code for code, name in enumerate(names)}
    of_touchpoint = np.array([place[states[t]] if t in states else -1 for t in journeys.names])
    all_times = journeys.need_time("`multistate`")
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    state = of_touchpoint[journeys.touchpoint]
    used = np.flatnonzero((state >= 0) & (all_times < until[owner]))
    who, time, state = owner[used], all_times[used], state[used]
    if begins:
        # Before the customer's own events: the sort is stable and this stands first.
        filled = np.flatnonzero(journeys.length)
        who = np.concatenate([filled, who])
        time = np.concatenate([all_times[journeys.start[filled]], time])
        state = np.concatenate([np.zeros(len(filled), dtype=np.int64), state])
        order = np.argsort(who, kind="stable")
        who, time, state = who[order], time[order], state[order]
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
    until: NDArray[np.int64],
    names: tuple[str, ...],
) -> tuple[pd.DataFrame, dict[str, int]]:
    who, time, state = stays.who, stays.time, stays.state
    head = np.searchsorted(who, who)
    origin = time[head]
    more = np.zeros(len(who), dtype=bool)
    more[:-1] = np.diff(who) == 0
    stop = np.where(more, np.roll(time, -1), until[who] - 1)
    target = np.where(more, np.roll(state, -1), -1)
    since = journeys.observed_from
    start = time if since is None else np.maximum(time, since[who])
    kept = np.flatnonzero(~ends[state] & (stop > start))
    reached = np.zeros(len(journeys), dtype=bool)
    reached[who] = True
    followed = np.zeros(len(journeys), dtype=bool)
    followed[who[kept]] = True
    reasons = {
        "never in any state": int((~reached).sum()),
        "not watched in a state that can be left": int((reached & ~followed).sum()),
    }
    left_out = {reason: count for reason, count in reasons.items() if count}
    if not len(kept):
        told = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise DataError(f"Nobody is left to follow: {told or 'there are no customers'}.")
    who = who[kept]
    zone = "UTC" if journeys.clock == "instant" else None
    columns = {
        "customer_id": journeys.customer_id.take(pa.array(journeys.customer_index[who])),
        "origin_time": pa.array(origin[kept]).cast(pa.timestamp("us", zone)),
        "start_days": (start - origin)[kept] / DAY,
        "stop_days": (stop - origin)[kept] / DAY,
    }
    frame = pa.table(columns).to_pandas()
    frame["source"] = pd.Categorical.from_codes(state[kept], categories=list(names))
    frame["target"] = pd.Categorical.from_codes(target[kept], categories=list(names))
    frame["entered_days"] = (time - origin)[kept] / DAY
    if journeys.attributes.num_columns:
        attributes = journeys.attributes.take(pa.array(who))
        frame = frame.join(attributes.to_pandas(strings_to_categorical=True))
    return frame, left_out
