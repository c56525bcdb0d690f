"""Walks through journeys that look for patterns, compiled by Numba.

Every journey is walked down the tree of the patterns known to be frequent, so only touchpoints that
follow one are counted. Without limits the earliest event that completes a pattern decides what can
follow it; with a limit on gaps or window, the latest beginning for each event does. Measured on
100,000 journeys of 10 events at 25 touchpoints, patterns of up to three steps that 5 % of customers
have: 0.06 s of CPU time here, 7.4 s by prefixspan of PyPI.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def count_extensions(code, time, start, customer, child, first_node, n_nodes, depth, gap, window):
    """Count the customers who have each known pattern of `depth` steps followed by each touchpoint.

    `code` is the touchpoint of each event, -1 for one of no interest. Known patterns are the nodes
    of a tree, ``child[node, code]`` or -1, root 0; those of `depth` steps are `n_nodes` from
    `first_node` on. A step is at most `gap` events after the one before, the last at most `window`
    microseconds after the first; negative for no limit. Returns int64, shape (n_nodes, n_codes).
    """
    n_codes = child.shape[1]
    counts = np.zeros((n_nodes, n_codes), np.int64)
    counted = np.zeros((n_nodes, n_codes), np.int32)
    limited = gap >= 0 or window >= 0
    begun = _room(start, depth + 1, limited)
    at = np.empty(depth + 1, np.int64)
    node = np.zeros(depth + 1, np.int64)
    tried = np.zeros((depth + 1, n_codes), np.int64)
    visit = np.zeros(depth + 1, np.int64)
    for journey in range(len(start) - 1):
        begin, end = start[journey], start[journey + 1]
        at[0] = begin
        visit[0] += 1
        level = 0
        while level >= 0:
            if level == depth:
                here = node[level] - first_node
                _count_next(
                    code, begun[level], at[level], begin, end, limited,
                    counted[here], counts[here], customer[journey] + 1,
                )  # fmt: skip
                level -= 1
                continue
            event = _next_known(
                code, begun[level], at[level], begin, end, limited,
                tried[level], visit[level], child[node[level]],
            )  # fmt: skip
            at[level] = event + 1
            if event == end:
                level -= 1
                continue
            what = code[event]
            tried[level, what] = visit[level]
            if limited:
                _begin_next(begun, level, code, time, begin, end, what, gap, window)
            node[level + 1] = child[node[level], what]
            level += 1
            at[level] = event + 1
            visit[level] += 1
    return counts


@numba.njit(cache=True, nogil=True)
def _room(start, levels, limited):
    """Make room for where patterns begin, a row a level; the first is that of any single event."""
    longest = 1
    if limited:
        for journey in range(len(start) - 1):
            longest = max(longest, start[journey + 1] - start[journey])
    begun = np.empty((levels, longest), np.int64)
    begun[0] = np.arange(longest)
    return begun


@numba.njit(cache=True, nogil=True)
def _count_next(code, begun, first, begin, end, limited, counted, counts, who):
    """Count, once a customer, each touchpoint that follows the pattern."""
    for event in range(first, end):
        what = code[event]
        if what < 0 or counted[what] == who:
            continue
        if limited and begun[event - begin] < 0:
            continue
        counted[what] = who
        counts[what] += 1


@numba.njit(cache=True, nogil=True)
def _next_known(code, begun, first, begin, end, limited, tried, visit, child):
    """Return the next event that makes a longer known pattern, not tried yet; `end` for none."""
    for event in range(first, end):
        what = code[event]
        if what < 0 or tried[what] == visit or child[what] < 0:
            continue
        if not limited or begun[event - begin] >= 0:
            return event
    return end


@numba.njit(cache=True, nogil=True)
def first_completions(code, time, start, pattern, gap, window):
    """Find the event of each journey that completes a pattern for the first time, -1 for none.

    Limits as in `count_extensions`. Returns int64, shape (n_journeys,), positions in `code`.
    """
    found = np.full(len(start) - 1, -1, np.int64)
    limited = gap >= 0 or window >= 0
    begun = _room(start, len(pattern), limited)
    for journey in range(len(start) - 1):
        begin, end = start[journey], start[journey + 1]
        if limited:
            found[journey] = _first_within(begun, code, time, begin, end, pattern, gap, window)
        else:
            found[journey] = _first_of_all(code, begin, end, pattern)
    return found


@numba.njit(cache=True, nogil=True)
def _first_of_all(code, begin, end, pattern):
    step = 0
    for event in range(begin, end):
        if code[event] == pattern[step]:
            step += 1
            if step == len(pattern):
                return event
    return -1


@numba.njit(cache=True, nogil=True)
def _first_within(begun, code, time, begin, end, pattern, gap, window):
    last = len(pattern) - 1
    for step in range(last):
        _begin_next(begun, step, code, time, begin, end, pattern[step], gap, window)
    for event in range(begin, end):
        if code[event] == pattern[last] and begun[last, event - begin] >= 0:
            return event
    return -1


@numba.njit(cache=True, nogil=True)
def _begin_next(begun, level, code, time, begin, end, what, gap, window):
    """Fill the next row of `begun`: the latest place where a pattern begins that ends in an event.

    Row `level` holds it for the pattern so far with any event as its next step, -1 for none; the
    next row for that pattern with `what` as its next step and any event after it.
    """
    for event in range(begin, end):
        latest = -1
        earliest = begin if gap < 0 else max(begin, event - gap)
        for before in range(earliest, event):
            origin = begun[level, before - begin]
            if code[before] != what or origin <= latest:
                continue
            if window >= 0 and time[event] - time[begin + origin] > window:
                continue
            latest = origin
        begun[level + 1, event - begin] = latest


@numba.njit(cache=True, nogil=True)
def roles_at(completed, customer, place, serves):
    """Say of each moment whether a pattern is completed there (1), not yet (0) or was before (-1).

    `completed` is the event of each customer that does, -1 for none; `place` the event of each
    moment, or the next one after it. `serves` says what a moment is good for: 0 both, 1 only being
    compared with, 2 only being exposed. Returns int8; -1 for moments that are not used as well.
    """
    role = np.empty(len(customer), np.int8)
    for moment in range(len(customer)):
        event = completed[customer[moment]]
        if event == place[moment] and serves[moment] != 1:
            role[moment] = 1
        elif (event < 0 or event >= place[moment]) and serves[moment] != 2:
            role[moment] = 0
        else:
            role[moment] = -1
    return role
