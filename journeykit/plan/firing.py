"""When a rule fired, and what became of it: one pass over sorted arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.errors import DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import begins_unseen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.plan.model import Plan
    from journeykit.plan.rules import Names, Rule

HONOURED, LATE, NEVER, EXCUSED, OPEN = range(5)
_FAR = np.iinfo(np.int64).max


class Fired(NamedTuple):
    """How often a rule fired, in order of customers and times; arrays of one length.

    `journey` and `time`, in microseconds, say where and when. `outcome` is one of five. `waited` is
    how long until the reaction, where `reacted`, else how long none was seen to come.
    """

    journey: NDArray[np.int64]
    time: NDArray[np.int64]
    outcome: NDArray[np.int64]
    waited: NDArray[np.int64]
    reacted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """Journeys as rules look at them.

    Attributes
    ----------
    names : tuple of str
    touchpoint, time, owner : arrays, shape (n_events,)
        `owner` is the journey.
    instant : array of int64, shape (n_events,)
        The first event of the journey at the same time.
    good : array of bool, shape (n_events,)
        Whether the event counts: the plan may say by a column that it failed.
    last : array of int64, shape (n_journeys,)
        One after the journey's last event.
    until : array of int64, shape (n_journeys,)
        The journey is watched up to, not including, this time.
    begins : array of int64
        Events with which cases of the plan begin, as far as that was seen.
    n_unseen : int
        Cases whose beginning was not seen.
    columns : mapping of name to array, shape (n_events,)
    """

    names: tuple[str, ...]
    touchpoint: NDArray[np.unsignedinteger]
    time: NDArray[np.int64]
    owner: NDArray[np.int64]
    instant: NDArray[np.int64]
    good: NDArray[np.bool_]
    last: NDArray[np.int64]
    until: NDArray[np.int64]
    begins: NDArray[np.int64]
    n_unseen: int
    columns: Mapping[str, NDArray[np.generic]]

    def at(self, touchpoints: Names) -> NDArray[np.int64]:
        """Return the events at any of these touchpoints that did not fail."""
        wanted = np.array([name in touchpoints for name in self.names], dtype=bool)
        return np.flatnonzero(wanted[self.touchpoint] & self.good)

    def next_of(
        self, events: NDArray[np.int64], begin: NDArray[np.int64], journey: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the first of `events` at or after `begin` in a journey, or -1."""
        padded = np.append(events, len(self.time))
        found = padded[np.searchsorted(events, begin)]
        return np.where(found < self.last[journey], found, -1)


def watched(journeys: Journeys, plan: Plan, /) -> Watched:
    """Prepare journeys for the rules of a plan."""
    time = journeys.need_time("`rules_kept`")
    n = len(journeys)
    if journeys.observed_to is not None:
        until = journeys.observed_to
    elif journeys.window is not None:
        until = np.full(n, journeys.window[1])
    else:
        raise NotObservedError(
            "`rules_kept` needs to know until when customers were watched; give the journeys an "
            "`observed_to` or a `window`."
        )
    owner = np.repeat(np.arange(n), journeys.length)
    begins, n_unseen = _beginnings(journeys, plan, time, owner)
    new = np.ones(len(time), dtype=bool)
    new[1:] = (np.diff(time) != 0) | (np.diff(owner) != 0)
    return Watched(
        names=journeys.names,
        touchpoint=journeys.touchpoint,
        time=time,
        owner=owner,
        instant=np.maximum.accumulate(np.where(new, np.arange(len(new)), 0)),
        good=_good(journeys, plan),
        last=journeys.start[1:],
        until=until.astype(np.int64),
        begins=begins,
        n_unseen=n_unseen,
        columns=journeys.columns,
    )


def _good(journeys: Journeys, plan: Plan) -> NDArray[np.bool_]:
    if plan.failed is None:
        return np.ones(journeys.n_events, dtype=bool)
    column, values = np.asarray(journeys.columns[plan.failed.column]), list(plan.failed.values)
    if column.dtype.kind not in "iufb":
        return ~np.isin(column.astype(str), values)
    kinds, place = np.unique(column, return_inverse=True)
    texts = [f"{kind:g}" if isinstance(kind, float) else str(kind) for kind in kinds.tolist()]
    return ~np.isin(texts, values)[place]


def _beginnings(
    journeys: Journeys, plan: Plan, time: NDArray[np.int64], owner: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Find the first event at a touchpoint of the plan in each case, where it was seen to begin.

    What is `beside` the plan is not looked at. A journey of a customer who was there when the
    window began may have begun before it, unless a pause was watched since.
    """
    beside = np.array([name in (*plan.beside, *plan.ends) for name in journeys.names], dtype=bool)
    touches = {name for step in plan.all_steps for name in (*step.seen_as, *step.failed_by)}
    touching = np.array([name in touches for name in journeys.names], dtype=bool)
    kept = np.flatnonzero(~beside[journeys.touchpoint])
    first = np.ones(len(kept), dtype=bool)
    first[1:] = np.diff(owner[kept]) != 0
    cut = first.copy()
    pause = None if plan.pause_days is None else round(plan.pause_days * DAY)
    if pause is not None:
        cut[1:] |= np.diff(time[kept]) > pause
    case = np.cumsum(cut) - 1
    inside = np.flatnonzero(touching[journeys.touchpoint[kept]])
    one = np.unique(case[inside], return_index=True)[1]
    event = kept[inside[one]]
    # The case that may have begun unseen is the journey's first, of those there from the start.
    of_case = np.flatnonzero(cut)[case[inside[one]]]
    unseen = begins_unseen(journeys)[owner[event]] & first[of_case]
    if pause is not None and journeys.observed_from is not None:
        watched_before = time[kept[of_case]] - journeys.observed_from[owner[event]]
        unseen &= watched_before <= pause
    return event[~unseen], int(unseen.sum())


def fire(data: Watched, rule: Rule, /) -> Fired:
    """Find how often a rule fired, and whether the reaction came in time."""
    if rule.due:
        return _due(data, rule)
    within = round(rule.within_days * DAY)
    reactions = data.at(rule.reactions)
    event, reaction = _started(data, rule, reactions, within)
    journey, time = data.owner[event], data.time[event]
    end = data.until[journey]
    waited = np.where(reaction >= 0, data.time[reaction] - time, _FAR)
    other = _first_other(data, rule, event, journey) - time
    # What comes at the same instant was not chosen instead: the reaction counts.
    excused = (other < waited) & (other <= within)
    reacted = (waited < _FAR) & ~excused
    outcome = np.select(
        [time + within >= end, excused, waited <= within, reacted],
        [OPEN, EXCUSED, HONOURED, LATE],
        NEVER,
    )
    return Fired(journey, time, outcome, np.where(reacted, waited, end - time - 1), reacted)


def _due(data: Watched, rule: Rule) -> Fired:
    """Judge every event of a step that has a due time by it: at that time is in time.

    There is no wait, since nothing says when the clock started; what was due and never came has no
    event, and no due time.
    """
    column = data.columns[rule.due]
    if column.dtype.kind != "M":
        raise DataError(
            f"Event column {rule.due!r} must hold times at which events were due; it holds "
            f"{column.dtype}. Read it as dates or times."
        )
    event = data.at(rule.triggers[0])
    event = event[~np.isnat(column[event])]
    due = column[event].astype("datetime64[us]").astype(np.int64)
    if str(column.dtype) == "datetime64[D]":
        # What is due on a day is in time to its end.
        due += DAY - 1
    late = data.time[event] > due
    return Fired(
        data.owner[event],
        data.time[event],
        np.where(late, LATE, HONOURED),
        np.full(len(event), -1),
        np.ones(len(event), dtype=bool),
    )


def _first_other(
    data: Watched, rule: Rule, event: NDArray[np.int64], journey: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return when something else that the plan allows came first, far off where nothing did."""
    if not rule.instead:
        return np.full(len(event), _FAR)
    found = data.next_of(data.at(rule.instead), event + 1, journey)
    return np.where(found >= 0, data.time[found], _FAR)


def _started(
    data: Watched, rule: Rule, reactions: NDArray[np.int64], within: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the events with which the clock of a rule started, and the reaction to each, or -1.

    A deadline's clock starts anew when what is before the step comes again before the step did and
    before the deadline: then that is the step before it.
    """
    sets = [data.at(names) for names in rule.triggers]
    begins = data.begins if rule.begin else np.zeros(0, dtype=np.int64)
    alike = len(sets) == 1 and not len(begins)
    event = sets[0] if alike else np.unique(np.concatenate([*sets, begins]))
    journey = data.owner[event]
    after = data.next_of(reactions, event + 1, journey)
    at_once = _at_once(data, event, journey, reactions, after)
    if rule.begin:
        # A case may begin with the very step that is due.
        itself = np.isin(event, begins) & np.isin(event, reactions)
        at_once = np.where(itself, event, at_once)
    reaction = np.where(at_once >= 0, at_once, after)
    if rule.kind == "promise":
        return event, reaction
    alone = at_once >= 0
    complete = alone | _completed(sets, event, journey, after)
    event, reaction = event[complete], reaction[complete]
    after, alone, journey = after[complete], alone[complete], journey[complete]
    again = np.zeros(len(event), dtype=bool)
    again[:-1] = (np.diff(journey) == 0) & (after[1:] == after[:-1])
    again[:-1] &= (np.diff(data.time[event]) <= within) & ~alone[1:]
    started = alone | ~again
    return event[started], reaction[started]


def _at_once(
    data: Watched,
    event: NDArray[np.int64],
    journey: NDArray[np.int64],
    reactions: NDArray[np.int64],
    after: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return reactions at the very instant of a trigger, wherever sorting has put them, or -1.

    An event that is a trigger itself answers only those sorted before it.
    """
    others = np.setdiff1d(reactions, event, assume_unique=True)
    if len(others) == 0:
        same = (after >= 0) & (data.time[after] == data.time[event])
        return np.where(same, after, -1)
    found = data.next_of(others, data.instant[event], journey)
    same = (found >= 0) & (data.time[found] == data.time[event])
    later = (after >= 0) & (data.time[after] == data.time[event])
    return np.where(later, after, np.where(same, found, -1))


def _completed(
    sets: list[NDArray[np.int64]],
    event: NDArray[np.int64],
    journey: NDArray[np.int64],
    after: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Say by which events all that must come before the step has come, since it came last."""
    if len(sets) < 2:
        return np.ones(len(event), dtype=bool)
    new = np.ones(len(event), dtype=bool)
    new[1:] = (np.diff(journey) != 0) | (np.diff(after) != 0)
    part = np.cumsum(new) - 1
    begin = event[new][part]
    complete = np.ones(len(event), dtype=bool)
    for one in sets:
        # The first of this set since the part began is at or before the event.
        padded = np.append(one, _FAR)
        complete &= padded[np.searchsorted(one, begin)] <= event
    return complete
