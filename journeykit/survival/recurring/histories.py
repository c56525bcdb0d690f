"""From journeys to lifetimes of several events a customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    time = journeys.need_time("`recurrences`")
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
    recurs = mask_of(journeys, "touchpoints", tuple(touchpoints))
    origin = origins(journeys, start, recurs)
    since = (
        np.full(len(journeys), -NEVER) if journeys.observed_from is None else journeys.observed_from
    )
    left = _ends(journeys, end, start)
    until = np.minimum(journeys.observed_to, left)
    begin = np.maximum(origin, since)
    known = origin < NEVER
    keep = known & (until > begin)
    left_out = {
        reason: int(mask.sum())
        for reason, mask in (
            ("without a start", ~known),
            ("not watched after their start", known & ~keep),
        )
        if mask.any()
    }
    if not keep.any():
        told = ", ".join(f"{n:,} {reason}" for reason, n in left_out.items())
        raise DataError(f"Nobody is left to follow: {told or 'there are no customers'}.")
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    # Where the clock starts with one of these events, that one is the start and no recurrence.
    itself = start is None or (
        isinstance(start, StartTouchpoint) and start.touchpoint in set(touchpoints)
    )
    after = time > origin[owner] if itself else time >= origin[owner]
    # A late customer is under risk after watching began; who is there from the start, at it too.
    late = since > origin
    after &= np.where(late[owner], time > begin[owner], True)
    happened = recurs & after & (time < until[owner]) & keep[owner]
    who, when = owner[happened], time[happened]
    first = (np.diff(who, prepend=-1) != 0) | (np.diff(when, prepend=-1) != 0)
    who, when = who[first], when[first]
    rows = _rows(who, when, np.flatnonzero(keep), until)
    entry = np.where(rows.first, begin[rows.who], np.roll(rows.stop, 1)) - origin[rows.who]
    gone = ~rows.event & (left <= until)[rows.who]
    frame = pd.DataFrame(
        {
            "customer_id": journeys.customer_id.take(
                pa.array(journeys.customer_index[rows.who])
            ).to_pandas(),
            "entry_days": entry / DAY,
            "exit_days": (rows.stop - origin[rows.who]) / DAY,
            "event": rows.event | gone,
            "late": ~rows.first | late[rows.who],
            "edge": _edge(journeys, start, since)[rows.who],
        }
    )
    if end is not None:
        cause = pd.Categorical.from_codes(
            np.where(rows.event, 0, np.where(gone, 1, -1)), categories=[AGAIN, LEFT]
        )
        frame.insert(4, "cause", cause)
    check_names(journeys.attributes.column_names)
    if journeys.attributes.num_columns:
        attributes = journeys.attributes.take(pa.array(rows.who))
        frame = frame.join(attributes.to_pandas(strings_to_categorical=True))
    given = {"touchpoints": tuple(touchpoints), "start": repr(start), "end": repr(end)}
    return Lifetimes(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, given),
        left_out=left_out,
    )


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
    who: NDArray[np.int64],
    when: NDArray[np.int64],
    kept: NDArray[np.int64],
    until: NDArray[np.int64],
) -> _Rows:
    everyone = np.concatenate([who, kept])
    stop = np.concatenate([when, until[kept]])
    event = np.arange(len(everyone)) < len(who)
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


def _edge(journeys: Journeys, start: Start | None, since: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark customers whose clock may read "since first seen": an event may lie before the data."""
    if start is not None or journeys.window is None:
        return np.zeros(len(journeys), dtype=bool)
    return np.asarray(since <= journeys.window[0])
