"""Walks through journeys that look for patterns, compiled by Numba.

Measured on 100,000 journeys of 10 events at 25 touchpoints, all patterns of up to three that 5 % of
the customers have: the CPU time is in `tests/benchmarks`. Without a limit on gaps and window the
earliest place at which a pattern is complete decides what can follow it; with one, the latest
beginning of every place at which it is complete does.
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
    longest = 1
    for journey in range(len(start) - 1):
        longest = max(longest, start[journey + 1] - start[journey])
    limited = gap >= 0 or window >= 0
    begun = np.empty((depth + 1, longest if limited else 1), np.int64)
    low = np.empty(depth + 1, np.int64)
    at = np.empty(depth + 1, np.int64)
    node = np.empty(depth + 1, np.int64)
    tried = np.zeros((depth + 1, n_codes), np.int64)
    visit = np.zeros(depth + 1, np.int64)
    for journey in range(len(start) - 1):
        begin, end = start[journey], start[journey + 1]
        who = customer[journey] + 1
        if limited:
            for place in range(end - begin):
                begun[0, place] = place
        level = 0
        node[0] = 0
        low[0] = at[0] = begin
        visit[0] += 1
        while level >= 0:
            if level == depth:
                here = node[level] - first_node
                for event in range(low[level], end):
                    what = code[event]
                    if what < 0 or counted[here, what] == who:
                        continue
                    if limited and begun[level, event - begin] < 0:
                        continue
                    counted[here, what] = who
                    counts[here, what] += 1
                level -= 1
                continue
            event = at[level]
            if event >= end:
                level -= 1
                continue
            at[level] += 1
            what = code[event]
            if what < 0 or tried[level, what] == visit[level]:
                continue
            if limited and begun[level, event - begin] < 0:
                continue
            tried[level, what] = visit[level]
            next_node = child[node[level], what]
            if next_node < 0:
                continue
            if limited:
                _begin_next(begun, level, code, time, begin, end, what, gap, window)
            level += 1
            node[level] = next_node
            low[level] = at[level] = event + 1
            visit[level] += 1
    return counts


@numba.njit(cache=True, nogil=True)
def first_completions(code, time, start, pattern, gap, window):
    """Find the event of each journey that completes a pattern for the first time, -1 for none.

    Limits as in `count_extensions`. Returns int64, shape (n_journeys,), positions in `code`.
    """
    steps = len(pattern)
    found = np.full(len(start) - 1, -1, np.int64)
    if gap < 0 and window < 0:
        for journey in range(len(start) - 1):
            step = 0
            for event in range(start[journey], start[journey + 1]):
                if code[event] == pattern[step]:
                    step += 1
                    if step == steps:
                        found[journey] = event
                        break
        return found
    longest = 1
    for journey in range(len(start) - 1):
        longest = max(longest, start[journey + 1] - start[journey])
    begun = np.empty((steps, longest), np.int64)
    for journey in range(len(start) - 1):
        begin, end = start[journey], start[journey + 1]
        for place in range(end - begin):
            begun[0, place] = place
        for step in range(steps - 1):
            _begin_next(begun, step, code, time, begin, end, pattern[step], gap, window)
        for event in range(begin, end):
            if code[event] == pattern[steps - 1] and begun[steps - 1, event - begin] >= 0:
                found[journey] = event
                break
    return found


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
    """Say of each moment whether its customer completes a pattern there (1), has not yet (0) or has.

    `completed` is the event of each customer that does, -1 for none; `place` the event of each
    moment, or the next one after it. `serves` says what a moment is good for: 0 both, 1 only being
    compared with, 2 only being exposed. Returns int8; -1 for moments that are not used.
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
