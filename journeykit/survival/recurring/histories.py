"""From journeys to lifetimes of several events a customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.survival.churn import EndAttribute, EndTouchpoint, Start, StartTouchpoint
from journeykit.survival.clocks import NEVER, attribute_times, ends, mask_of, origins
from journeykit.survival.lives import Lifetimes, check_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: Causes of the events where an end of the relationship is declared.
AGAIN, LEFT = "again", "left"


def recurrences(
    journeys: Journeys,
    /,
    *,
    touchpoints: Sequence[str],
    start: Start | None = None,
    end: EndTouchpoint | EndAttribute | None = None,
) -> Lifetimes:
    """Follow every customer through all events at `touchpoints`, one row from event to event.

    The clock starts at `start`, by default at the first such event, which then is no recurrence.
    A row ends with an event (`event` true), or where sight of the customer is lost. Events of one
    customer at the same moment are one event. Whoever is watched from later than the start of the
    clock is under risk from then on only. With an `end`, the last row of who is seen to leave is
    an event of cause ``left``, all others are of cause ``again``, and nothing counts from the end
    on; `recurrent` then takes ``terminal="left"``.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    touchpoints : sequence of str
        What recurs, such as orders or complaints.
    start : StartTouchpoint or StartAttribute, optional
    end : EndTouchpoint or EndAttribute, optional
        After which nothing can recur.

    Returns
    -------
    Lifetimes

    Raises
    ------
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.
    ArgumentError, MappingError
        When the journeys are cut finer than customers, or a name does not exist.
    DataError
        When nobody is left to follow.
    """
    _check(journeys)
    recurs = mask_of(journeys, "touchpoints", tuple(touchpoints))
    watched = _watched(journeys, start, end, recurs)
    if not watched.keep.any():
        told = ", ".join(f"{n:,} {reason}" for reason, n in watched.left_out.items())
        raise DataError(f"Nobody is left to follow: {told or 'there are no customers'}.")
    # Where the clock starts with one of these events, that one is the start and no recurrence.
    itself = start is None or (
        isinstance(start, StartTouchpoint) and start.touchpoint in set(touchpoints)
    )
    rows = _rows(journeys, recurs, watched, itself=itself)
    own = watched.origin[rows.who]
    entry = np.where(rows.first, watched.begin[rows.who], np.roll(rows.stop, 1))
    gone = ~rows.event & (watched.left == watched.until)[rows.who]
    ids = journeys.customer_id.take(pa.array(journeys.customer_index[rows.who]))
    frame = pd.DataFrame(
        {
            "customer_id": ids.to_pandas(),
            "entry_days": (entry - own) / DAY,
            "exit_days": (rows.stop - own) / DAY,
            "event": rows.event | gone,
            "late": ~rows.first | watched.late[rows.who],
            "edge": watched.edge[rows.who],
        }
    )
    if end is not None:
        code = np.where(rows.event, 0, np.where(gone, 1, -1))
        frame.insert(4, "cause", pd.Categorical.from_codes(code, categories=[AGAIN, LEFT]))
    check_names(journeys.attributes.column_names)
    if journeys.attributes.num_columns:
        attributes = journeys.attributes.take(pa.array(rows.who))
        frame = frame.join(attributes.to_pandas(strings_to_categorical=True))
    given = {"touchpoints": tuple(touchpoints), "start": repr(start), "end": repr(end)}
    return Lifetimes(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, given),
        left_out=watched.left_out,
    )


class _Watched(NamedTuple):
    """Customers' clocks in microseconds, arrays of shape (n_journeys,).

    Attributes
    ----------
    origin, begin, until, left : arrays of int64
        Start of the clock, of the risk, its end, and when the customer left (NEVER: did not).
    late, keep, edge : arrays of bool
    left_out : dict of reason to number of customers
    """

    origin: NDArray[np.int64]
    begin: NDArray[np.int64]
    until: NDArray[np.int64]
    left: NDArray[np.int64]
    late: NDArray[np.bool_]
    keep: NDArray[np.bool_]
    edge: NDArray[np.bool_]
    left_out: dict[str, int]


def _check(journeys: Journeys) -> None:
    journeys.need_time("`recurrences`")
    if len(journeys) != journeys.n_customers:
        raise ArgumentError(
            "`recurrences` follows whole customers, one journey each; got "
            f"{len(journeys):,} journeys of {journeys.n_customers:,} customers. Call it on the "
            "journeys before they were cut."
        )
    if journeys.observed_to is None:
        raise NotObservedError(
            "`recurrences` needs to know until when customers are watched; these journeys have no "
            "`observed_to`."
        )


def _watched(
    journeys: Journeys,
    start: Start | None,
    end: EndTouchpoint | EndAttribute | None,
    recurs: NDArray[np.bool_],
) -> _Watched:
    assert journeys.observed_to is not None, "_check sees to it"
    n = len(journeys)
    origin = origins(journeys, start, recurs)
    since = journeys.observed_from
    since = np.full(n, -NEVER) if since is None else since
    left = _ends(journeys, end, start)
    until, begin = np.minimum(journeys.observed_to, left), np.maximum(origin, since)
    # An end at the very time at which watching ends is not seen.
    left = np.where(left < journeys.observed_to, left, NEVER)
    known, runs = origin < NEVER, until > begin
    reasons = {"without a start": ~known, "not watched after their start": known & ~runs}
    left_out = {reason: int(mask.sum()) for reason, mask in reasons.items() if mask.any()}
    # The clock of these may read "since first seen": an event may lie before the data.
    edge = np.zeros(n, dtype=bool)
    if start is None and journeys.window is not None:
        edge = since <= journeys.window[0]
    return _Watched(origin, begin, until, left, since > origin, known & runs, edge, left_out)


class _Rows:
    """Every event of a customer and the end of their watching, in order; shape (n_rows,)."""

    def __init__(
        self,
        who: NDArray[np.int64],
        stop: NDArray[np.int64],
        event: NDArray[np.bool_],
    ) -> None:
        self.who, self.stop, self.event = who, stop, event
        self.first = np.diff(who, prepend=-1) != 0


def _rows(
    journeys: Journeys, recurs: NDArray[np.bool_], watched: _Watched, *, itself: bool
) -> _Rows:
    time = journeys.need_time("`recurrences`")
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    after = time > watched.origin[owner] if itself else time >= watched.origin[owner]
    # A late customer is under risk after watching began; who is there from the start, at it too.
    after &= ~watched.late[owner] | (time > watched.begin[owner])
    happened = recurs & after & (time < watched.until[owner]) & watched.keep[owner]
    who, when = owner[happened], time[happened]
    first = (np.diff(who, prepend=-1) != 0) | (np.diff(when, prepend=-1) != 0)
    kept = np.flatnonzero(watched.keep)
    everyone = np.concatenate([who[first], kept])
    stop = np.concatenate([when[first], watched.until[kept]])
    event = np.arange(len(everyone)) < first.sum()
    # Events lie before the end, and come in order already.
    order = np.argsort(everyone, kind="stable")
    return _Rows(everyone[order], stop[order], event[order])


def _ends(
    journeys: Journeys, end: EndTouchpoint | EndAttribute | None, start: Start | None
) -> NDArray[np.int64]:
    if end is None:
        return np.full(len(journeys), NEVER)
    if isinstance(end, EndTouchpoint):
        return ends(journeys, end.touchpoint, start)
    return attribute_times(journeys, "end", end.attribute)
