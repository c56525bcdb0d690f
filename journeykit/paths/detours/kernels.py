"""Walks through journeys that carry a state from event to event, compiled by Numba."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def wanderings(touchpoint, start, stop, n_names):
    """Count moves and returns of each journey over the events ``start[i]:stop[i]``.

    A move leads to another touchpoint than the last. It is a return where the journey has been
    there before, and a step back where it was there just before the last. Returns an int64 table,
    shape (n_journeys, 3): moves, returns, steps back.
    """
    table = np.zeros((len(start), 3), np.int64)
    met = np.full(n_names, -1, np.int64)
    for journey in range(len(start)):
        last = before = np.int64(-1)
        for event in range(start[journey], stop[journey]):
            here = np.int64(touchpoint[event])
            if here == last:
                continue
            if last >= 0:
                table[journey, 0] += 1
                table[journey, 1] += met[here] == journey
                table[journey, 2] += here == before
            met[here] = journey
            before, last = last, here
    return table


@numba.njit(cache=True, nogil=True)
def without_loops(touchpoint, start, stop, n_names):
    """Erase loops in the order they close: what is left of each journey meets nothing twice.

    Returns (touchpoints of the paths one after another, offsets of each).
    """
    n_journeys = len(start)
    size = 0
    for journey in range(n_journeys):
        size += stop[journey] - start[journey]
    path = np.empty(size, np.int64)
    offset = np.zeros(n_journeys + 1, np.int64)
    place = np.full(n_names, -1, np.int64)
    end = 0
    for journey in range(n_journeys):
        begin = end
        for event in range(start[journey], stop[journey]):
            here = np.int64(touchpoint[event])
            if place[here] >= 0:
                while end > place[here] + 1:
                    end -= 1
                    place[path[end]] = -1
            else:
                path[end] = here
                place[here] = end
                end += 1
        for at in range(begin, end):
            place[path[at]] = -1
        offset[journey + 1] = end
    return path[:end], offset


@numba.njit(cache=True, nogil=True)
def absences(touchpoint, start, stop, place):
    """List every absence from a road, journey by journey.

    `place` is each touchpoint's place on the road, from 1, and 0 off it. A journey begins at
    place 0, the entry. A move to a place further on is made along the road, short cuts included;
    any other move begins an absence, which ends at the place it began at or further on.

    Returns an int64 table, one row an absence: journey, place left, first touchpoint away, place
    come back to (-1 if never), event left from (-1 at the entry), event come back with, moves.
    """
    rows = np.empty((stop[-1] - start[0] + 1 if len(start) else 1, 7), np.int64)
    n = 0
    for journey in range(len(start)):
        at, left = np.int64(0), np.int64(-1)
        last = np.int64(-1)
        away = False
        for event in range(start[journey], stop[journey]):
            here = np.int64(touchpoint[event])
            if here == last:
                if not away:
                    left = np.int64(event)
                continue
            last = here
            there = place[here]
            if away:
                rows[n, 6] += 1
                if there >= at and there > 0:
                    rows[n, 3], rows[n, 5] = there, event
                    n += 1
                    at, left, away = there, np.int64(event), False
            elif there > at:
                at, left = there, np.int64(event)
            else:
                away = True
                rows[n, 0], rows[n, 1], rows[n, 2], rows[n, 3] = journey, at, here, -1
                rows[n, 4], rows[n, 5], rows[n, 6] = left, -1, 1
        if away:
            n += 1
    return rows[:n]
