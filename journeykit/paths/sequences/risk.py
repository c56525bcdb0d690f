"""Customers from entry to before their first outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.journeys.shape import keep_events

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

_HOUR = DAY // 24
#: A touchpoint is part of the outcome where more of its events than this have it within an hour.
_LEAK_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class AtRisk:
    """Customers before their first outcome.

    Attributes
    ----------
    journeys : Journeys
        One a customer, with the events from entry to before the first outcome; without any, where
        the entry is known.
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
    late = np.zeros(n, dtype=bool)
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
    # Whoever was there without doing anything counts too: those who do something later are sure not
    # to have had the outcome until then, so that they alone would seem to keep from it.
    customers = (filled | late) & (entry < np.minimum(first, watched_to))
    kept = keep_events(
        journeys,
        before,
        step="precursors",
        reason="not before the first outcome, or not watched",
        stay=customers,
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
    return tuple(
        journeys.names[code]
        for code in np.flatnonzero(n_soon > _LEAK_SHARE * n)
        if len(np.unique(who[what == code])) >= small_cell
    )
