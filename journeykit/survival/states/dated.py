"""Who is in which state on calendar dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError
from journeykit.results import Provenance
from journeykit.stats.disclosure import suppress
from journeykit.stats.intervals import wilson_interval
from journeykit.survival.states.grouping import Group, grouped
from journeykit.survival.states.results import Census

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.states.spells import Multistate


def census_of(
    data: Multistate,
    dates: Sequence[str | date],
    /,
    *,
    by: str | None,
    confidence: float,
    small_cell: int,
) -> Census:
    """Count who is in each state at the beginning of calendar dates.

    A customer is in a state at a time when one of the spells holds it, start included; who moved to
    a state that nobody leaves is in it from then on. Who is not watched at that time is not
    counted. The interval is Wilson's of the share, for customers who are a sample of others like
    them.

    Parameters
    ----------
    data : Multistate
        Of journeys: a table has no calendar.
    dates : sequence of str or date
        Also with a time of day.
    by, confidence
        As in `curves.occupancy_of`.
    small_cell : int
        Groups of fewer customers are not shown; counts of fewer are empty, and others of that date
        until nothing can be told by subtraction.

    Raises
    ------
    ArgumentError
        When the spells have no calendar, `dates` holds none, or every group is small.
    """
    if "origin_time" not in data.frame:
        raise ArgumentError(
            "`on` needs to know when each clock started; a table of spells tells of no calendar. "
            "Build the states from journeys."
        )
    times = _times(dates, data.frame["origin_time"].dt.tz)
    found = grouped(data, by, confidence, small_cell)
    origin = data.frame["origin_time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    counts = [
        _rows(data, group, origin[group.rows], times, confidence=confidence) for group in found
    ]
    published = suppress(
        pd.concat(counts, ignore_index=True),
        n="n", hide=["share", "conf_low", "conf_high"], by=["group", "event_time"],
        small_cell=small_cell,
    )  # fmt: skip
    given = {"dates": times.tolist(), "by": by, "confidence": confidence, "small_cell": small_cell}
    return Census(
        frame=published.frame,
        provenance=Provenance(data.provenance.fingerprint, given),
        confidence=confidence,
        small_cell=small_cell,
        suppressed=found.suppressed,
        states=data.states,
    )


def _times(dates: Sequence[str | date], zone: object) -> pd.DatetimeIndex:
    """Read the dates as times of the journeys' clock, in order."""
    try:
        read = pd.to_datetime(list(dates), utc=zone is not None, format="ISO8601")
        times = pd.DatetimeIndex(read)
    except (TypeError, ValueError):
        times = pd.DatetimeIndex([])
    if not len(times) or times.hasnans:
        raise ArgumentError(f"`dates` must hold dates; got {list(dates)[:5]!r}.")
    return times.unique().sort_values().as_unit("us")


def _rows(
    data: Multistate,
    group: Group,
    origin: NDArray[np.int64],
    times: pd.DatetimeIndex,
    *,
    confidence: float,
) -> pd.DataFrame:
    n = _there(data, group, origin, times.to_numpy(dtype="datetime64[us]").astype(np.int64))
    everyone = np.broadcast_to(n.sum(axis=1, keepdims=True), n.shape)
    interval = wilson_interval(n, everyone, confidence=confidence)
    with np.errstate(invalid="ignore"):
        share = n / everyone
    return pd.DataFrame(
        {
            "group": group.name,
            "event_time": np.repeat(times, len(data.states)),
            "state": np.tile(np.array(data.states, dtype=object), len(times)),
            "n": n.ravel(),
            "share": share.ravel(),
            "conf_low": interval.low.ravel(),
            "conf_high": interval.high.ravel(),
        }
    )


def _there(
    data: Multistate, group: Group, origin: NDArray[np.int64], at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count who is in each state at each time, shape (len(at), S)."""
    spells = group.spells
    n = np.zeros((len(at), len(data.states)), dtype=np.int64)
    for code, state in enumerate(data.states):
        here = spells.source == code
        came, left = (origin + spells.start)[here], (origin + spells.stop)[here]
        # A customer who is lost from sight was seen until the microsecond before.
        left = left + (spells.target[here] < 0)
        if state in data.absorbing:
            came = (origin + spells.stop)[spells.target == code]
        n[:, code] = np.searchsorted(np.sort(came), at, side="right")
        n[:, code] -= np.searchsorted(np.sort(left), at, side="right")
    return n
