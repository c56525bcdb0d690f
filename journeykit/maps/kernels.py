"""Loops that NumPy cannot express without sorting, compiled by Numba.

Measured on 10M events of 1M customers: sums of a rate by group and customer take 0.06 s here and
1.9 s with NumPy, which has to sort by customer and group.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def group_sums(group, event, customer, n_groups):
    """Add up what clustered shares are known by: events among observations, group by group.

    `customer` never decreases; observations of group -1 are not looked at. Returns an int64 table,
    per group (events, observations, sum of squared events, of events times observations, of squared
    observations, customers, customers with an event, customers with nothing else).
    """
    out = np.zeros((n_groups, 8), np.int64)
    events = np.zeros(n_groups, np.int64)
    size = np.zeros(n_groups, np.int64)
    met = np.empty(n_groups, np.int64)
    n = len(group)
    at = 0
    while at < n:
        who = customer[at]
        n_met = 0
        while at < n and customer[at] == who:
            g = group[at]
            if g >= 0:
                if size[g] == 0:
                    met[n_met] = g
                    n_met += 1
                size[g] += 1
                events[g] += event[at]
            at += 1
        for k in range(n_met):
            g = met[k]
            x, m = events[g], size[g]
            out[g, 0] += x
            out[g, 1] += m
            out[g, 2] += x * x
            out[g, 3] += x * m
            out[g, 4] += m * m
            out[g, 5] += 1
            out[g, 6] += x > 0
            out[g, 7] += x == m
            events[g] = size[g] = 0
    return out


@numba.njit(cache=True, nogil=True)
def first_from(time, start, shift):
    """Return for each event the first of its journey at `shift` after it or later.

    Where there is none, the journey's end, ``start[i + 1]``.
    """
    out = np.empty(len(time), np.int64)
    for journey in range(len(start) - 1):
        at = start[journey]
        stop = start[journey + 1]
        for event in range(start[journey], stop):
            while at < stop and time[at] < time[event] + shift:
                at += 1
            out[event] = at
    return out


@numba.njit(cache=True, nogil=True)
def last_entry(time, start, entry_time, entry_start):
    """Return for each event the last entry of its journey strictly before it, -1 for none."""
    out = np.empty(len(time), np.int64)
    for journey in range(len(start) - 1):
        at = entry_start[journey]
        stop = entry_start[journey + 1]
        for event in range(start[journey], start[journey + 1]):
            while at < stop and entry_time[at] < time[event]:
                at += 1
            out[event] = at - 1 if at > entry_start[journey] else -1
    return out


@numba.njit(cache=True, nogil=True)
def any_within(time, start, marked, low, high):
    """Tell for each event whether a marked one of its journey lies `low` to `high` after it.

    Ends included; `low` and `high` may be negative. An event that is marked itself counts where 0
    lies between them.
    """
    out = np.zeros(len(time), np.bool_)
    for journey in range(len(start) - 1):
        stop = start[journey + 1]
        first = last = start[journey]
        inside = 0
        for event in range(start[journey], stop):
            while last < stop and time[last] <= time[event] + high:
                inside += marked[last]
                last += 1
            while first < last and time[first] < time[event] + low:
                inside -= marked[first]
                first += 1
            out[event] = inside > 0
    return out
