"""From journeys to lifetimes: each customer's clock, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from journeykit.checks import check_choice
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed
from journeykit.results import Provenance
from journeykit.survival.churn import (
    ChurnRule,
    EndAttribute,
    EndTouchpoint,
    FirstOf,
    Inactivity,
    Start,
)
from journeykit.survival.clocks import (
    NEVER,
    ended,
    first_silence,
    mask_of,
    origins,
)
from journeykit.survival.lives import Lifetimes, check_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


class Watched(NamedTuple):
    """Customers are watched in [since, until); microseconds, shape (n,)."""

    since: NDArray[np.int64]
    until: NDArray[np.int64]


def lifetimes(
    journeys: Journeys,
    /,
    *,
    churn: ChurnRule,
    start: Start | None = None,
    activity: Sequence[str] | None = None,
    edge: Literal["keep", "leave_out"] = "keep",
) -> Lifetimes:
    """Follow every customer from the start of their clock until they leave or are lost from sight.

    **End touchpoint or end attribute.** The event is at that time T when the customer is still
    watched then, T < observed_to; otherwise the customer is censored just before observed_to, by
    a microsecond: at observed_to itself nobody could be seen to leave, so nobody is under risk
    there. On a day clock, where watching often ends as many whole days after the start as
    somebody else leaves, one would otherwise count customers who could not have been seen to.
    Ends at or before the start of the clock are left out and counted: that contract never ran.
    Activity after an end touchpoint is coming back, counted in `returned`; after an end attribute
    it says nothing of a new contract, and `returned` is None.

    **Several ends.** Where the rule names them (`FirstOf`), T is the first, and `cause` which it
    was; with `EndAttribute` the cause is read from an attribute. One minus a curve of all ends is
    the share gone; the share gone by one of them is its cumulative incidence, not one minus a
    curve that censors the others.

    **Inactivity**, threshold h. T is the last activity before the first silence longer than h; a
    start of the clock that is watched counts as activity, so a customer who never did more has
    T = 0. It is known only if T + h < observed_to. *Dated at last activity* the event is at T and
    everyone's observation ends just before observed_to - h: to count the active ones until
    observed_to would give them time in which nobody can be seen to leave. *Dated at declaration*
    the event is at T + h, observation ends just before observed_to, and risk starts at entry + h,
    because nobody can be declared sooner. Both give one curve, shifted by h. Coming back later
    does not undo an event; it is counted in `returned`.

    **Late entry.** Whoever is watched from later than their start is under risk from then on
    only (left truncation); with inactivity those whose first silence runs from the beginning of
    watching are left out, since they had left before. A silence that began before the watching is
    seen from the beginning of watching only. Customers without a single event are in no event
    log, so a curve of activity is one of customers who ever did something.

    **Unknown beginnings.** Where the clock starts with the first activity seen (`start` is None)
    and a customer is watched from the window's own beginning, an activity less than h after it
    may continue a history that the data does not hold. The clock of these customers, `edge` in the
    frame, reads "since first seen", not "since they came"; long-standing customers are
    over-represented among them. ``edge="leave_out"`` keeps only customers with h days of silence
    before their first activity (a washout); `start` with the true time is better. Under an end
    touchpoint or attribute nothing tells them apart, and without `start` all of them are `edge`.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    churn : Inactivity, EndTouchpoint, EndAttribute or FirstOf
    start : StartTouchpoint or StartAttribute, optional
        When a customer's clock starts; by default at the first activity.
    activity : sequence of str, optional
        Touchpoints that are signs of life, by default all: leave out what the firm sends.
    edge : {"keep", "leave_out"}

    Returns
    -------
    Lifetimes

    Raises
    ------
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.
    ArgumentError
        When the journeys are cut finer than customers, or repeats are merged and the churn rule is
        inactivity.
    MappingError
        When a touchpoint or attribute does not exist.
    DataError
        When nobody is left to follow, or an attribute cannot be read.
    """
    check_choice("edge", edge, ("keep", "leave_out"))
    watched = watched_customers(journeys, "`lifetimes`")
    counted = (
        np.ones(journeys.n_events, dtype=bool)
        if activity is None
        else mask_of(journeys, "activity", tuple(activity))
    )
    origin = origins(journeys, start, counted)
    if isinstance(churn, Inactivity):
        refuse_collapsed(journeys, "`lifetimes` with `Inactivity`")
        spans = _followed_activity(journeys, churn, origin, counted, watched)
        if start is None and journeys.window is not None:
            begin = journeys.window[0]
            spans.edge = (watched.since <= begin) & (origin - begin < _threshold(churn))
    else:
        spans = _followed_end(journeys, churn, start, origin, watched)
        spans.returned = spans.event & _active_after(journeys, spans.exit + origin, counted)
        if start is None and journeys.window is not None:
            spans.edge = watched.since <= journeys.window[0]
    if edge == "leave_out":
        spans.leave_out("may have begun before the window", spans.edge)
    given = {"churn": churn, "start": start, "activity": activity, "edge": edge}
    provenance = Provenance(journeys.fingerprint, {k: repr(v) for k, v in given.items()})
    parts = churn.ends.values() if isinstance(churn, FirstOf) else [churn]
    tells_returns = not any(isinstance(part, EndAttribute) for part in parts)
    return _assembled(journeys, origin, spans, provenance, tells_returns=tells_returns)


class _Spans:
    """Spans under risk in microseconds on the customer's own clock, all of shape (n,)."""

    def __init__(self, origin: NDArray[np.int64], watched_from: NDArray[np.int64]) -> None:
        self.late = watched_from > origin
        self.entry = np.where(self.late, watched_from - np.minimum(origin, watched_from), 0)
        self.exit = np.zeros_like(self.entry)
        self.event = np.zeros(len(origin), dtype=bool)
        self.returned = np.zeros(len(origin), dtype=bool)
        self.edge = np.zeros(len(origin), dtype=bool)
        self.followed = np.ones(len(origin), dtype=bool)
        self.cause: pd.Categorical | None = None
        self.undecided: NDArray[np.bool_] | None = None
        self.left_out: dict[str, int] = {}

    def leave_out(self, reason: str, mask: NDArray[np.bool_]) -> None:
        """Take customers out who are not out yet, and count them."""
        out = mask & self.followed
        if out.any():
            self.left_out[reason] = int(out.sum())
            self.followed &= ~out


def watched_customers(journeys: Journeys, what: str) -> Watched:
    """Return from when to when customers are watched, or say what `what` needs to know it."""
    journeys.need_time(what)
    if len(journeys) != journeys.n_customers:
        raise ArgumentError(
            f"{what} follows whole customers, one journey each; got "
            f"{len(journeys):,} journeys of {journeys.n_customers:,} customers. Call it on the "
            "journeys before they were cut."
        )
    if journeys.observed_to is None:
        raise NotObservedError(
            f"{what} needs to know until when customers are watched; these journeys have no "
            "`observed_to`."
        )
    since = journeys.observed_from
    beginning = np.full(len(journeys), -NEVER) if since is None else since
    return Watched(beginning, journeys.observed_to)


def _threshold(churn: Inactivity) -> int:
    return round(churn.threshold_days * DAY)


def _followed_end(
    journeys: Journeys,
    churn: EndTouchpoint | EndAttribute | FirstOf,
    start: Start | None,
    origin: NDArray[np.int64],
    watched: Watched,
) -> _Spans:
    since, until = watched
    end, cause = ended(journeys, churn, start)
    spans = _Spans(origin, since)
    spans.cause = cause
    spans.event = end < until
    # An end at `until` could not be seen, so nobody is under risk there.
    spans.exit = np.where(spans.event, end, until - 1) - origin
    spans.leave_out("without a start", origin == NEVER)
    spans.leave_out("ended at or before their start", end <= origin)
    spans.leave_out("left before they were watched", spans.late & (end <= since))
    spans.leave_out("not watched after their start", spans.exit <= spans.entry)
    return spans


def _active_after(
    journeys: Journeys, left: NDArray[np.int64], counted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mark customers with activity later than the time they left."""
    time = journeys.need_time("`lifetimes`")
    later = counted & (time > np.repeat(left, journeys.length))
    seen = np.concatenate([[0], np.cumsum(later)])
    return np.diff(seen[journeys.start]) > 0


def _followed_activity(
    journeys: Journeys,
    churn: Inactivity,
    origin: NDArray[np.int64],
    counted: NDArray[np.bool_],
    watched: Watched,
) -> _Spans:
    since, until = watched
    threshold = _threshold(churn)
    spans = _Spans(origin, since)
    base = np.where(spans.late, since, origin)
    silence = first_silence(journeys, counted, base, until, threshold)
    spans.event = silence.began + threshold < until
    spans.returned = silence.returned & spans.event
    spans.undecided = silence.latest + threshold >= until
    if churn.dated_at == "last_activity":
        spans.exit = np.where(spans.event, silence.began, until - threshold - 1) - origin
    else:
        spans.exit = np.where(spans.event, silence.began + threshold, until - 1) - origin
        spans.entry = spans.entry + threshold
    spans.leave_out("without a start", origin == NEVER)
    spans.leave_out("started after they were watched", origin >= until)
    spans.leave_out("without activity while watched", spans.late & ~silence.active)
    spans.leave_out(
        "silent beyond the threshold when watching began",
        spans.late & spans.event & (silence.began == since) & silence.returned,
    )
    # The entry itself counts for those who are there from the beginning.
    at_risk = spans.exit >= spans.entry + spans.late
    spans.leave_out("not watched for longer than the threshold", ~at_risk & ~spans.event)
    spans.leave_out("last active as watching began", ~at_risk)
    return spans


def _assembled(
    journeys: Journeys,
    origin: NDArray[np.int64],
    spans: _Spans,
    provenance: Provenance,
    *,
    tells_returns: bool,
) -> Lifetimes:
    keep = np.flatnonzero(spans.followed)
    if len(keep) == 0:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in spans.left_out.items())
        raise DataError(f"Nobody is left to follow: {reasons or 'there are no customers'}.")
    columns = {
        "origin_time": origin[keep],
        "entry_days": spans.entry[keep] / DAY,
        "exit_days": spans.exit[keep] / DAY,
        "event": spans.event[keep],
        "late": spans.late[keep],
        "edge": spans.edge[keep],
    }
    frame = framed(journeys, keep, columns)
    if spans.cause is not None:
        cause = pd.Series(spans.cause[keep]).where(frame["event"]).cat.remove_unused_categories()
        frame.insert(frame.columns.get_loc("event") + 1, "cause", cause)
    return Lifetimes(
        frame=frame,
        provenance=provenance,
        left_out=spans.left_out,
        returned=int(spans.returned[keep].sum()) if tells_returns else None,
        undecided=None if spans.undecided is None else int(spans.undecided[keep].sum()),
    )


def framed(
    journeys: Journeys, row: NDArray[np.int64], columns: Mapping[str, NDArray[np.generic]]
) -> pd.DataFrame:
    """Return one row of `columns` for each journey of `row`, with its customer and attributes.

    Column `origin_time` is in microseconds and becomes a time.
    """
    check_names(journeys.attributes.column_names)
    zone = "UTC" if journeys.clock == "instant" else None
    origin = pa.array(columns["origin_time"]).cast(pa.timestamp("us", zone))
    customer = journeys.customer_id.take(pa.array(journeys.customer_index[row]))
    frame = pa.table({"customer_id": customer, **columns, "origin_time": origin}).to_pandas()
    if journeys.attributes.num_columns:
        # Few texts are shared by many customers: categories are small, and grouped already.
        attributes = journeys.attributes.take(pa.array(row))
        frame = frame.join(attributes.to_pandas(strings_to_categorical=True))
    return frame
