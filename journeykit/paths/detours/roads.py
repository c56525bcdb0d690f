"""The common road to success, and every absence from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from journeykit.counts.kernels import path_hashes
from journeykit.journeys.ending import begins_unseen, is_cut, is_open
from journeykit.paths.detours.kernels import absences, without_loops
from journeykit.stats.hashing import hash_strings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


@dataclass(frozen=True, slots=True, eq=False)
class Trips:
    """Journeys whose beginning counts, read up to and including their first success.

    Uncut journeys count as they are: what the customer did in the window.

    Attributes
    ----------
    journey : array of int64, shape (n_trips,)
        Index of the journey; all have an event.
    start, stop : arrays of int64, shape (n_trips,)
        Events.
    customer : array of int64, shape (n_trips,)
        Index of the customer; never decreasing.
    success, still : arrays of bool, shape (n_trips,)
        Whether an outcome was reached; whether the journey is still open without one.
    """

    journey: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    customer: NDArray[np.int64]
    success: NDArray[np.bool_]
    still: NDArray[np.bool_]


def trips_of(journeys: Journeys, outcome: NDArray[np.int64]) -> Trips:
    """Take the journeys whose beginning was seen, up to their first event at an outcome."""
    seen = journeys.length > 0
    if is_cut(journeys):
        seen &= ~begins_unseen(journeys)
    at = np.flatnonzero(seen)
    start, stop = journeys.start[:-1][at], journeys.start[1:][at]
    reaches = np.zeros(len(journeys.names), dtype=bool)
    reaches[outcome] = True
    goals = np.flatnonzero(reaches[journeys.touchpoint])
    following = np.append(goals, journeys.n_events)[np.searchsorted(goals, start)]
    success = following < stop
    return Trips(
        journey=at,
        start=start,
        stop=np.where(success, following + 1, stop),
        customer=journeys.customer_index[at].astype(np.int64),
        success=success,
        still=is_open(journeys)[at] & ~success,
    )


def common_road(journeys: Journeys, trips: Trips) -> tuple[tuple[int, ...], int]:
    """Return the most frequent way to success without its loops, and how many trips took it.

    Loops are erased in the order they close (Lawler), so a way meets no touchpoint twice. Of
    equally frequent ways the shortest is taken, then the first by name. Success at the very first
    event is no way, unless there is no other. Without success there is none.
    """
    start, stop = trips.start[trips.success], trips.stop[trips.success]
    if not len(start):
        return (), 0
    path, offset = without_loops(journeys.touchpoint, start, stop, len(journeys.names))
    name_hash = hash_strings(pa.array(journeys.names, type=pa.string()))
    key = path_hashes(path, offset[:-1], offset[1:], name_hash)
    _, first, n = np.unique(key[:, 0], return_index=True, return_counts=True)
    long = np.diff(offset)[first] > 1
    if long.any():
        first, n = first[long], n[long]
    most = first[n == n.max()]
    ways = [tuple(path[offset[i] : offset[i + 1]].tolist()) for i in most]
    return min(ways, key=lambda way: (len(way), way)), int(n.max())


@dataclass(frozen=True, slots=True, eq=False)
class Absences:
    """Absences of trips from the road, in their order.

    Attributes
    ----------
    trip, left, away, back : arrays of int64, shape (n,)
        Index of the trip; place on the road it left, 0 for the entry; first touchpoint away;
        place it came back to, -1 if it did not.
    leaves, returns : arrays of int64, shape (n,)
        Events; -1 at the entry and where it did not come back.
    extra_steps : array of float64, shape (n,)
        Moves made beyond those along the road; missing where it did not come back.
    extra_days : array of float64, shape (n,)
        Time away beyond what those who keep to the road need (the sum of their median times
        between its places); missing without times too.
    """

    trip: NDArray[np.int64]
    left: NDArray[np.int64]
    away: NDArray[np.int64]
    back: NDArray[np.int64]
    leaves: NDArray[np.int64]
    returns: NDArray[np.int64]
    extra_steps: NDArray[np.float64]
    extra_days: NDArray[np.float64]


def absences_from(
    journeys: Journeys, trips: Trips, road: Sequence[int], outcome: NDArray[np.int64]
) -> Absences:
    """List the absences of all trips; every outcome stands for the road's last place."""
    place = np.zeros(len(journeys.names), dtype=np.int64)
    place[outcome] = len(road)
    place[list(road)] = np.arange(1, len(road) + 1)
    found = absences(journeys.touchpoint, trips.start, trips.stop, place)
    trip, left, away, back, leaves, returns, moves = found.T
    came_back = back > 0
    extra = np.where(came_back, moves - (back - left), np.nan)
    return Absences(
        trip=trip,
        left=left,
        away=away,
        back=back,
        leaves=leaves,
        returns=returns,
        extra_steps=extra,
        extra_days=_extra_days(journeys, trips, place, len(road), found, came_back),
    )


def _extra_days(
    journeys: Journeys,
    trips: Trips,
    place: NDArray[np.int64],
    n_places: int,
    found: NDArray[np.int64],
    came_back: NDArray[np.bool_],
) -> NDArray[np.float64]:
    from journeykit.journeys.durations import DAY

    trip, left, _, back, leaves, returns, _ = found.T
    days = np.full(len(found), np.nan)
    if journeys.time is None:
        return days
    here = place[journeys.touchpoint]
    inside = np.zeros(journeys.n_events, dtype=bool)
    inside[1:] = True
    inside[journeys.start[:-1][journeys.length > 0]] = False
    direct = np.flatnonzero(inside)
    direct = direct[(here[direct] > 1) & (here[direct - 1] == here[direct] - 1)]
    took = np.diff(journeys.time, prepend=journeys.time[:1])[direct]
    # Time along the road up to each place; a leg that nobody ever took directly costs nothing.
    along = np.zeros(n_places + 1)
    for there in range(2, n_places + 1):
        legs = took[here[direct] == there]
        along[there] = along[there - 1] + (float(np.median(legs)) if len(legs) else 0.0)
    left_from = np.where(leaves < 0, trips.start[trip], leaves)
    spent = journeys.time[returns] - journeys.time[left_from]
    extra = (spent - (along[back] - along[left])) / DAY
    days[came_back] = extra[came_back]
    return days
