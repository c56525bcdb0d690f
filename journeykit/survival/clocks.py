"""From sorted events to one clock a customer: origin, last sign of life, end. Arrays only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from journeykit.checks import check_known
from journeykit.errors import DataError
from journeykit.survival.churn import (
    EndAttribute,
    EndTouchpoint,
    FirstOf,
    Start,
    StartTouchpoint,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: A time that never comes; far from the edge of int64, so that differences do not overflow.
NEVER = np.int64(2**62)
#: Cause of an end whose cause is empty.
UNKNOWN_CAUSE = "(unknown)"


class Ended(NamedTuple):
    """When customers left, and how.

    Attributes
    ----------
    time : array of int64, shape (n,)
        NEVER for those who did not.
    cause : pandas.Categorical of length n, or None
        Which end it was, where there are several; it means nothing for those who did not leave.
    """

    time: NDArray[np.int64]
    cause: pd.Categorical | None


@dataclass(frozen=True, slots=True, eq=False)
class Silence:
    """The first silence longer than a threshold, of every customer.

    Attributes
    ----------
    began : array of int64, shape (n,)
        Last sign of life before that silence; the last one of all where there is no such silence
        among the events.
    returned : array of bool, shape (n,)
        Whether the silence was followed by activity.
    active : array of bool, shape (n,)
        Whether there was any activity while the customer was watched.
    latest : array of int64, shape (n,)
        Last sign of life of all.
    """

    began: NDArray[np.int64]
    returned: NDArray[np.bool_]
    active: NDArray[np.bool_]
    latest: NDArray[np.int64]


def mask_of(journeys: Journeys, name: str, touchpoints: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return the events at any of `touchpoints`, a mask of shape (n_events,)."""
    check_known(name, touchpoints, journeys.names, what="touchpoints")
    wanted = np.array([known in set(touchpoints) for known in journeys.names], dtype=bool)
    return np.asarray(wanted[journeys.touchpoint])


def first_of(journeys: Journeys, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the first event of each journey in `mask`, n_events where there is none."""
    # Filled from behind, `upcoming[e]` is the first event in the mask at or after event e.
    n = journeys.n_events
    where = np.append(np.flatnonzero(mask), n)
    first = where[np.searchsorted(where, journeys.start[:-1])]
    return np.where(first < journeys.start[1:], first, n)


def times_at(journeys: Journeys, event: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the times of events, NEVER for event n_events."""
    time = journeys.need_time("`lifetimes`")
    return np.append(time, NEVER)[event]


def attribute_times(journeys: Journeys, argument: str, name: str) -> NDArray[np.int64]:
    """Read an attribute as microseconds since 1970, NEVER where it is empty."""
    check_known(argument, [name], journeys.attributes.column_names, what="attributes")
    column = journeys.attributes[name]
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise DataError(
            f"Attribute {name!r} must hold times for `{argument}`; it holds {kind}. Read it as a "
            "date, a timestamp or whole microseconds since 1970."
        )
    if not pa.types.is_integer(kind):
        column = column.cast(pa.timestamp("us", getattr(kind, "tz", None)))
    return np.asarray(column.cast(pa.int64()).fill_null(int(NEVER)).to_numpy())


def origins(
    journeys: Journeys, start: Start | None, counted: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return when each customer's clock starts: NEVER where it is not known."""
    if start is None:
        return times_at(journeys, first_of(journeys, counted))
    if isinstance(start, StartTouchpoint):
        return times_at(
            journeys, first_of(journeys, mask_of(journeys, "start", (start.touchpoint,)))
        )
    return attribute_times(journeys, "start", start.attribute)


def ends(journeys: Journeys, touchpoint: str, start: Start | None) -> NDArray[np.int64]:
    """Return the time of the first event at `touchpoint`, NEVER where there is none.

    After a start touchpoint only: an earlier end belongs to an earlier contract.
    """
    mask = mask_of(journeys, "churn", (touchpoint,))
    if isinstance(start, StartTouchpoint):
        begin = first_of(journeys, mask_of(journeys, "start", (start.touchpoint,)))
        owner = np.repeat(begin, journeys.length)
        mask = mask & (np.arange(journeys.n_events) > owner)
    return times_at(journeys, first_of(journeys, mask))


def ended(
    journeys: Journeys, churn: EndTouchpoint | EndAttribute | FirstOf, start: Start | None
) -> Ended:
    """Return when each customer's end was, and which of several."""
    if isinstance(churn, EndTouchpoint):
        return Ended(ends(journeys, churn.touchpoint, start), None)
    if isinstance(churn, EndAttribute):
        time = attribute_times(journeys, "churn", churn.attribute)
        return Ended(time, None if churn.cause is None else _read_causes(journeys, churn.cause))
    times = np.stack([ended(journeys, end, start).time for end in churn.ends.values()])
    # The first of the smallest: at a tie, the one named first.
    which = np.argmin(times, axis=0)
    return Ended(times.min(axis=0), pd.Categorical.from_codes(which, categories=list(churn.ends)))


def _read_causes(journeys: Journeys, name: str) -> pd.Categorical:
    check_known("churn", [name], journeys.attributes.column_names, what="attributes")
    column = journeys.attributes[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    coded = column.cast(pa.string()).fill_null("").combine_chunks().dictionary_encode()
    written = [text or UNKNOWN_CAUSE for text in coded.dictionary.to_pylist()]
    names = [*sorted(set(written) - {UNKNOWN_CAUSE}), UNKNOWN_CAUSE]
    place = np.array([names.index(text) for text in written], dtype=np.int64)
    return pd.Categorical.from_codes(place[coded.indices.to_numpy()], categories=names)


def first_silence(
    journeys: Journeys,
    counted: NDArray[np.bool_],
    base: NDArray[np.int64],
    until: NDArray[np.int64],
    threshold: int,
) -> Silence:
    """Find the first silence of more than `threshold` microseconds after `base`.

    Parameters
    ----------
    counted : array of bool, shape (n_events,)
        Events that are activity.
    base, until : arrays of int64, shape (n_journeys,)
        A sign of life at `base` is taken for granted; events outside [base, until) do not count.
    """
    time = journeys.need_time("`lifetimes`")
    owner = np.repeat(np.arange(len(journeys), dtype=np.int32), journeys.length)
    event = np.flatnonzero(counted & (time >= base[owner]) & (time < until[owner]))
    who, when = owner[event], time[event]
    begins = np.diff(who, prepend=-1) != 0
    before = np.where(begins, base[who], np.roll(when, 1))
    began = base.copy()
    last = np.diff(who, append=-1) != 0
    began[who[last]] = when[last]
    latest = began.copy()
    late = np.flatnonzero(when - before > threshold)
    late = late[np.diff(who[late], prepend=-1) != 0]
    began[who[late]] = before[late]
    returned, active = np.zeros(len(base), dtype=bool), np.zeros(len(base), dtype=bool)
    returned[who[late]] = True
    active[who] = True
    return Silence(began, returned, active, latest)
