"""Which event belongs to which journey with a goal: several kinds at once, cut from one log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.journeys.pattern import parse
from journeykit.stages.goals.kernels import (
    GIVES_UP,
    NOTHING,
    OUTSIDE,
    REACHES,
    STEP,
    UNWATCHED,
    cut_cases,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.stages.goals.model import GoalJourney, JourneyTypes

#: What became of a case, in the order of the numbers in `GoalCases.ended`.
ENDS = ("open", "goal", "abandoned", "timed out")
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class GoalCases:
    """Cases of several kinds, by kind, customer's journey and begin.

    Attributes
    ----------
    names : tuple of str
        Of the kinds.
    kind, journey, customer : arrays of integers, shape (n_cases,)
        Index into `names`, into the journeys cut, and of the customer.
    begin, end : arrays of int64, shape (n_cases,)
        Microseconds; the end of an open case is that of the watching.
    ended : array of int8, shape (n_cases,)
        Index into `ENDS`.
    edge : array of bool, shape (n_cases,)
        It may have begun before anybody watched: its first event seen need not be its start.
    steps : array of int64, shape (n_cases,)
        Events that belong to it.
    case_of : array of int32, shape (n_kinds, n_events)
        Which case an event belongs to; below 0 NOT_OWN (of no concern to that kind), OUTSIDE (its
        own, but no case is open and none begins), UNWATCHED (outside the customer's watching).
    counted_from : array of int64, shape (n_journeys, n_kinds)
        Since when starts are counted: the begin of the watching, and of customers who were there
        when the window began `timeout_days` or `within_days` later, whichever is less.
    watched_from, watched_to : arrays of int64, shape (n_journeys,)
    """

    names: tuple[str, ...]
    kind: NDArray[np.int64]
    journey: NDArray[np.int64]
    customer: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    ended: NDArray[np.int8]
    edge: NDArray[np.bool_]
    steps: NDArray[np.int64]
    case_of: NDArray[np.int32]
    counted_from: NDArray[np.int64]
    watched_from: NDArray[np.int64]
    watched_to: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Watching:
    """Since when and until when customers are watched; arrays of one entry a journey.

    `unseen` is 0 where a case may have begun before the watching did, else -1.
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    unseen: NDArray[np.int64]


def goal_cases(journeys: Journeys, registry: JourneyTypes, /) -> GoalCases:
    """Cut the cases of all kinds of a portfolio from one log, in one pass.

    Per kind a case begins at a start event while none of the kind is open, and takes up all events
    of its own touchpoints until it ends: at a goal; when it is given up; `timeout_days` after its
    last own event or `within_days` after its start, whichever is first (an event exactly then is
    still in time). Cases that no end has come to when the watching ends are open. Kinds know
    nothing of each other: their cases run at the same time, and an event belongs to a case of each
    kind that names its touchpoint. Touchpoints that no kind names belong to the kinds without
    `steps`; with several of these open at once, to the one whose case had the last event (the
    first declared where they are equal). With `column` only events of one id make a case.

    A start pattern begins a case where its match ends. Customers who were there when the window
    began may have cases whose start was not seen: until the timeout has passed since the window's
    begin, or the last own event in the chain, or a goal has come, what begins is an `edge` case.

    Raises
    ------
    MappingError
        When a touchpoint or an event column does not exist; the file and key are named.
    DataError
        When a column of costs holds no numbers.
    NotObservedError
        When the journeys have no times.
    ArgumentError
        When they are cut already, or repeats are merged.
    """
    refuse_cut(journeys, "A portfolio")
    refuse_collapsed(journeys, "A portfolio")
    time = journeys.need_time("A portfolio")
    _check(journeys, registry)
    watching = watching_of(journeys, time)
    kinds = tuple(registry.journeys.values())
    by_time = [k for k, kind in enumerate(kinds) if kind.column is None]
    by_id = [k for k, kind in enumerate(kinds) if kind.column is not None]
    case_of = np.empty((len(kinds), journeys.n_events), dtype=np.int32)
    parts: list[tuple[NDArray[Any], ...]] = []
    if by_time:
        cut = _cut(journeys, registry, by_time, journeys.start, None, watching)
        case_of[by_time] = cut[0]
        parts.append((cut[1], np.array(by_time)[cut[2]], *cut[3:]))
    for k in by_id:
        case_of[k], rows = _cut_by_id(journeys, registry, k, watching)
        placed = case_of[k] >= 0
        case_of[k, placed] += sum(len(part[0]) for part in parts)
        parts.append(rows)
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return _ordered(journeys, registry, joined, case_of, watching)


def _check(journeys: Journeys, registry: JourneyTypes) -> None:
    for name, kind in registry.journeys.items():
        for key, wanted in (
            ("start", kind.starts),
            ("goal", kind.goal),
            ("abandon", kind.abandon),
            ("steps", kind.steps),
        ):
            check_known(registry.where(name, key), wanted, journeys.names, what="touchpoints")
        for key, column in (("column", kind.column), ("cost", kind.cost)):
            given = [] if column is None else [column]
            check_known(
                registry.where(name, key), given, list(journeys.columns), what="event columns"
            )
        if kind.cost is not None and journeys.columns[kind.cost].dtype.kind not in "biuf":
            raise DataError(
                f"`{registry.where(name, 'cost')}` must be a column of numbers; {kind.cost!r} "
                "holds other things. Name another one."
            )


def watching_of(journeys: Journeys, time: NDArray[np.int64]) -> Watching:
    """Return the spans; where nobody says, from the first event up to and with the last."""
    n, filled = len(journeys), journeys.length > 0
    begin, end = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    if journeys.observed_from is not None:
        begin = np.array(journeys.observed_from)
    else:
        begin[filled] = time[journeys.start[:-1][filled]]
    if journeys.observed_to is not None:
        end = np.array(journeys.observed_to)
    else:
        end[filled] = time[journeys.start[1:][filled] - 1] + 1
    unseen = np.full(n, -1, dtype=np.int64)
    if journeys.window is not None:
        there = np.ones(n, dtype=bool)
        if journeys.observed_from is not None:
            there = begin <= journeys.window[0]
        else:
            begin = np.full(n, journeys.window[0])
        unseen[there] = 0
    return Watching(begin, end, unseen)


def _cut(
    journeys: Journeys,
    registry: JourneyTypes,
    wanted: list[int],
    start: NDArray[np.int64],
    events: NDArray[np.int64] | None,
    watching: Watching,
) -> tuple[NDArray[Any], ...]:
    """Run the kernel for some kinds, over all events or those given in their order."""
    kinds = [list(registry.journeys.values())[k] for k in wanted]
    named = np.isin(journeys.names, [x for kind in registry.journeys.values() for x in kind.named])
    role = np.array([_roles(journeys, kind) for kind in kinds])
    starts = np.array([np.isin(journeys.names, kind.starts) for kind in kinds])
    row, masks = _patterns(journeys, kinds)
    touchpoint, time = journeys.touchpoint, journeys.need_time("A portfolio")
    if events is not None:
        touchpoint, time, masks = touchpoint[events], time[events], masks[:, events]
    met = np.bincount(touchpoint, minlength=len(journeys.names))
    room = int((starts @ met).sum() + masks.sum())
    found: tuple[NDArray[Any], ...] = cut_cases(
        touchpoint,
        time,
        start,
        role,
        starts,
        row,
        masks,
        np.array([not kind.steps and kind.column is None for kind in kinds]),
        ~named,
        _elapsed([kind.timeout_days for kind in kinds]),
        _elapsed([kind.within_days for kind in kinds]),
        watching.begin,
        watching.end,
        watching.unseen,
        room,
    )
    return found


def _roles(journeys: Journeys, kind: GoalJourney) -> NDArray[np.uint8]:
    """Say what each touchpoint is to a kind; with ids and no steps, all belong to it."""
    every = STEP if kind.column is not None and not kind.steps else NOTHING
    role = np.full(len(journeys.names), every, dtype=np.uint8)
    for what, touchpoints in (
        (STEP, (*kind.starts, *kind.steps)),
        (REACHES, kind.goal),
        (GIVES_UP, kind.abandon),
    ):
        role[np.isin(journeys.names, touchpoints)] = what
    return role


def _patterns(
    journeys: Journeys, kinds: list[GoalJourney]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return which row of the masks is a kind's, or -1, and where matches of patterns end."""
    masks: list[NDArray[np.bool_]] = []
    row = np.full(len(kinds), -1)
    for k, kind in enumerate(kinds):
        if isinstance(kind.start, str):
            row[k] = len(masks)
            mask = np.zeros(journeys.n_events, dtype=bool)
            mask[parse(kind.start).find(journeys).last] = True
            masks.append(mask)
    return row, np.array(masks) if masks else np.zeros((0, journeys.n_events), dtype=bool)


def _elapsed(days: list[float | None]) -> NDArray[np.int64]:
    return np.array([_NEVER if day is None else round(day * DAY) for day in days], dtype=np.int64)


def _cut_by_id(
    journeys: Journeys, registry: JourneyTypes, k: int, watching: Watching
) -> tuple[NDArray[np.int32], tuple[NDArray[Any], ...]]:
    """Cut one kind whose events carry the id of their case: every id is a journey of its own."""
    kind = list(registry.journeys.values())[k]
    ids = pd.factorize(journeys.columns[str(kind.column)], use_na_sentinel=True)[0]
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    events = np.flatnonzero(ids >= 0)
    events = events[np.lexsort((events, ids[events], owner[events]))]
    new = np.ones(len(events), dtype=bool)
    new[1:] = (np.diff(ids[events]) != 0) | (np.diff(owner[events]) != 0)
    start = np.append(np.flatnonzero(new), len(events))
    parent = owner[events[start[:-1]]] if len(events) else np.zeros(0, dtype=np.int64)
    within = Watching(*(span[parent] for span in (watching.begin, watching.end, watching.unseen)))
    cut = _cut(journeys, registry, [k], start, events, within)
    case_of = np.full(journeys.n_events, -1, dtype=np.int32)
    case_of[events] = cut[0][0]
    # An event without an id is nobody's; but it is named where it would have been own.
    lost = (ids < 0) & (_roles(journeys, kind)[journeys.touchpoint] != NOTHING) & bool(kind.steps)
    time = journeys.need_time("A portfolio")
    watched = (time >= watching.begin[owner]) & (time < watching.end[owner])
    case_of[lost] = np.where(watched[lost], OUTSIDE, UNWATCHED)
    rows = (parent[cut[1]], np.full(len(cut[1]), k), *cut[3:])
    return case_of, rows


def _counted_from(registry: JourneyTypes, watching: Watching) -> NDArray[np.int64]:
    columns = []
    for kind in registry.journeys.values():
        days = [day for day in (kind.timeout_days, kind.within_days) if day is not None]
        lead = np.where(watching.unseen >= 0, round(min(days) * DAY), 0)
        columns.append(np.minimum(watching.begin + lead, watching.end))
    return np.stack(columns, axis=1)


def _ordered(
    journeys: Journeys,
    registry: JourneyTypes,
    joined: list[NDArray[Any]],
    case_of: NDArray[np.int32],
    watching: Watching,
) -> GoalCases:
    """Sort the cases by kind, journey and begin, and renumber them in `case_of`."""
    journey, kind, begin = joined[:3]
    order = np.lexsort((begin, journey, kind))
    number = np.empty(len(order) + 3, dtype=np.int32)
    number[order] = np.arange(len(order))
    # What is below 0 counts from the end of the table, and stays what it is.
    number[-3:] = (-3, -2, -1)
    sorted_ = [column[order] for column in joined]
    return GoalCases(
        names=tuple(registry.journeys),
        kind=sorted_[1].astype(np.int64),
        journey=sorted_[0].astype(np.int64),
        customer=journeys.customer_index[sorted_[0]].astype(np.int64),
        begin=sorted_[2],
        end=sorted_[3],
        ended=sorted_[4],
        edge=sorted_[5],
        steps=sorted_[6],
        case_of=number[case_of],
        counted_from=_counted_from(registry, watching),
        watched_from=watching.begin,
        watched_to=watching.end,
    )
