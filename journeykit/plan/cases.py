"""The cases of a plan: which events belong to one attempt, and which attempts are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import CUT_ATTRIBUTES, begins_unseen, is_cut, is_open
from journeykit.journeys.shape import keep_events, pick, rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.plan.model import Plan


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Cases of a plan, and what is known of them.

    Attributes
    ----------
    journeys : Journeys
        One a case, without what the plan has `beside`.
    event : array of int64, shape (n_events,)
        Which event of the whole journeys each one is.
    touches, reaches : arrays of bool, shape (n_cases,)
        Whether any step of the plan, or a failed try, is in it; whether it is one of the cases that
        the plan means.
    closed, unseen : arrays of bool, shape (n_cases,)
        Whether it is over; whether it may have begun before anybody watched.
    """

    journeys: Journeys
    event: NDArray[np.int64]
    touches: NDArray[np.bool_]
    reaches: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    unseen: NDArray[np.bool_]

    def kept(self, mask: NDArray[np.bool_]) -> Cases:
        """Return some of the cases."""
        inside = np.repeat(mask, self.journeys.length)
        return Cases(
            self.journeys.take(mask), self.event[inside], self.touches[mask], self.reaches[mask],
            self.closed[mask], self.unseen[mask],
        )  # fmt: skip

    @property
    def owner(self) -> NDArray[np.int64]:
        """The case of each event."""
        return np.repeat(np.arange(len(self.journeys)), self.journeys.length)


def cases_of(journeys: Journeys, plan: Plan, /, *, case: str | None = None) -> Cases:
    """Cut journeys into the cases of a plan.

    What the plan has `beside` is taken out first: it may come at any time, so it neither belongs to
    a case nor keeps one going. So is what `ends` cases. Then a case is what the event column `case`
    numbers, where one is named; a piece, where the journeys are cut already; what lies between
    pauses of more than `pause_days`, where the plan has them; else all of a customer.

    A case is over when a pause of more than `pause_days` after its last event was watched to its
    end, or when the customer has an event that `ends` cases at or after its beginning (not where
    cases are numbered); pieces cut before carry how they ended; journeys of a table without times
    are over; all others are open, since a step may still come.

    Raises
    ------
    MappingError
        When the column does not exist.
    ArgumentError
        When `case` is named for journeys already cut.
    DataError
        When no event lies at a touchpoint of the plan.
    """
    touched = _mask(journeys, _touchpoints(plan))
    if not touched[journeys.touchpoint].any():
        raise DataError(
            f"No event is at a touchpoint of plan {plan.name!r}: the plan must be about these "
            f"journeys; it has {', '.join(map(repr, sorted(_touchpoints(plan))[:8]))}."
        )
    keep = ~_mask(journeys, {*plan.beside, *plan.ends})[journeys.touchpoint]
    whole = keep_events(journeys, keep, step="plan", reason="beside the plan")
    event = np.flatnonzero(keep)
    if case is not None:
        cut, event = _by_column(whole, event, case)
    elif plan.pause_days is not None and not is_cut(journeys):
        cut = whole.sessions(timedelta(days=plan.pause_days))
    else:
        cut = whole
    goal = _mask(journeys, set(plan.reaches))
    touches = _any(cut, touched)
    closed = ~is_open(cut) if case is None else _over(cut, plan.pause_days)
    if case is None:
        closed |= _ended(journeys, plan, event[cut.start[:-1]])
    return Cases(
        journeys=cut,
        event=event,
        touches=touches,
        reaches=touches & _any(cut, goal) if plan.reaches else touches,
        closed=closed,
        unseen=begins_unseen(cut) if case is None else _edge(cut, plan.pause_days),
    )


def _ended(journeys: Journeys, plan: Plan, first: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of the first events of cases whether the customer has one at or after it that ends cases.

    What comes after the end, late, still belongs to the case.
    """
    if not plan.ends:
        return np.zeros(len(first), dtype=bool)
    time = np.arange(journeys.n_events) if journeys.time is None else journeys.time
    ends = _mask(journeys, set(plan.ends))[journeys.touchpoint]
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    last = np.full(len(journeys), np.iinfo(np.int64).min)
    np.maximum.at(last, owner[ends], time[ends])
    return np.asarray(last[owner[first]] >= time[first])


def _touchpoints(plan: Plan) -> set[str]:
    return {name for step in plan.all_steps for name in (*step.seen_as, *step.failed_by)}


def _mask(journeys: Journeys, names: set[str]) -> NDArray[np.bool_]:
    """Mark the touchpoints of these names; those that nobody ever met are in no journey."""
    return np.array([name in names for name in journeys.names], dtype=bool)


def _any(cut: Journeys, touchpoints: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of each journey whether it has an event at any of these touchpoints."""
    found = np.concatenate([[0], np.cumsum(touchpoints[cut.touchpoint])])
    return found[cut.start[1:]] > found[cut.start[:-1]]


def _by_column(
    whole: Journeys, event: NDArray[np.int64], case: str
) -> tuple[Journeys, NDArray[np.int64]]:
    """Gather the events of a customer that carry one number; those without are in no case."""
    check_known("case", [case], list(whole.columns), what="event columns")
    if is_cut(whole):
        raise ArgumentError(
            "`case` is for whole journeys, and these are already cut into pieces; leave it out, or "
            "do it before `sessions`, `cases` or `outcomes`."
        )
    number, known = _numbers(np.asarray(whole.columns[case]))
    owner = np.repeat(np.arange(len(whole)), whole.length)[known]
    place = np.flatnonzero(known)
    order = np.lexsort((place, number[known], owner))
    owner, place = owner[order], place[order]
    begins = np.ones(len(place), dtype=bool)
    begins[1:] = (np.diff(owner) != 0) | (np.diff(number[place]) != 0)
    first = np.flatnonzero(begins)
    parent = owner[first]
    cut = whole.replace(
        touchpoint=whole.touchpoint[place],
        time=None if whole.time is None else whole.time[place],
        columns={name: column[place] for name, column in whole.columns.items()},
        start=np.concatenate([first, [len(place)]]).astype(np.int64),
        customer_index=whole.customer_index[parent],
        observed_from=pick(whole.observed_from, parent),
        observed_to=pick(whole.observed_to, parent),
        attributes=rows(whole.attributes, parent),
    )
    return cut, event[place]


def _numbers(column: NDArray[np.generic]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return sortable numbers, and where there are any: empty and negative ones are none."""
    if column.dtype.kind in "iuf":
        return column, np.asarray(np.isfinite(column) & (column >= 0))  # type: ignore[operator]
    empty = {"None", "nan", "<NA>", "NaT"}
    texts = np.array(["" if str(v) in empty else str(v) for v in column.tolist()])
    return np.unique(texts, return_inverse=True)[1], texts != ""


def _over(cut: Journeys, pause_days: float | None) -> NDArray[np.bool_]:
    """Say of each case whether a whole pause after it was watched."""
    if cut.observed_to is None or cut.time is None:
        return np.ones(len(cut), dtype=bool)
    pause = np.inf if pause_days is None else round(pause_days * DAY)
    over: NDArray[np.bool_] = cut.observed_to - cut.time[cut.start[1:] - 1] > pause
    return over


def _edge(cut: Journeys, pause_days: float | None) -> NDArray[np.bool_]:
    """Say of each numbered case whether it begins within a pause of the window's beginning.

    Customers who are known to have entered later are seen from their entry on.
    """
    if cut.window is None or cut.time is None or pause_days is None:
        return np.zeros(len(cut), dtype=bool)
    since = cut.time[cut.start[:-1]] - cut.window[0]
    edge: NDArray[np.bool_] = since < round(pause_days * DAY)
    return edge if cut.observed_from is None else edge & (cut.observed_from <= cut.window[0])


def attribute_of(cases: Cases, by: str) -> NDArray[np.object_]:
    """Return the value of an attribute of each case as text, ``(none)`` where there is none."""
    names = [n for n in cases.journeys.attributes.column_names if n not in CUT_ATTRIBUTES]
    check_known("by", [by], names, what="attributes")
    values = cases.journeys.attributes[by].to_pylist()
    return np.array(["(none)" if v is None else str(v) for v in values], dtype=object)
