"""Least-cost alignment of paths with an automaton, compiled by Numba: a table for each path."""

from __future__ import annotations

import numba
import numpy as np

#: One move; what is added below it only decides between alignments of equally many moves.
MOVE = 1 << 20
_FAR = np.int64(1) << 60


@numba.njit(cache=True, nogil=True)
def _relax(row, source, target, cost):
    """Lower a row of costs to go by moves on the plan alone, until nothing changes."""
    changed = True
    while changed:
        changed = False
        for edge in range(len(source) - 1, -1, -1):
            through = row[target[edge]] + cost[edge]
            if through < row[source[edge]]:
                row[source[edge]] = through
                changed = True


@numba.njit(cache=True, nogil=True)
def align_paths(symbol, start, match, source, step, target, final, first, longest, room):
    """Align every path; see `aligning.align`.

    Parameters: `symbol` of all events, paths from `start`; `match` (symbols, steps); the edges of
    the automaton, those of a state beginning at `first`; `longest` path; `room` for plan moves
    beyond the length of a path. Returns, for each path, its number of moves; for each event the
    step it is, or -1; and the steps of the plan that did not come, those of a path at
    ``start[path] + path * room``, in a buffer filled with -1, each with the number of events before
    it.
    """
    n_paths, n_states, n_edges = len(start) - 1, len(final), len(source)
    moves = np.zeros(n_paths, np.int64)
    synchronous = np.full(len(symbol), -1, np.int32)
    skipped = np.full(len(symbol) + n_paths * room, -1, np.int32)
    before = np.zeros(len(skipped), np.int32)
    table = np.empty((longest + 1, n_states), np.int64)
    cost = np.empty(n_edges, np.int64)
    seen = np.zeros(match.shape[1], np.bool_)
    for path in range(n_paths):
        begin, length = start[path], start[path + 1] - start[path]
        seen[:] = False
        for at in range(length):
            for one in range(match.shape[1]):
                if match[symbol[begin + at], one]:
                    seen[one] = True
        for edge in range(n_edges):
            cost[edge] = MOVE + (0 if seen[step[edge]] else 1)
        for state in range(n_states):
            table[length, state] = 0 if final[state] else _FAR
        _relax(table[length], source, target, cost)
        for at in range(length - 1, -1, -1):
            row, following, what = table[at], table[at + 1], symbol[begin + at]
            for state in range(n_states):
                row[state] = following[state] + MOVE
            for edge in range(n_edges):
                if match[what, step[edge]] and following[target[edge]] < row[source[edge]]:
                    row[source[edge]] = following[target[edge]]
            _relax(row, source, target, cost)
        moves[path] = table[0, 0] // MOVE
        _walk(
            symbol[begin : begin + length], table, match, step, target, first, cost,
            synchronous[begin : begin + length],
            skipped[begin + path * room : begin + length + (path + 1) * room],
            before[begin + path * room : begin + length + (path + 1) * room],
        )  # fmt: skip
    return moves, synchronous, skipped, before


@numba.njit(cache=True, nogil=True)
def _walk(symbol, table, match, step, target, first, cost, synchronous, skipped, before):
    """Follow the least cost from the beginning: the event as a step first, then the event alone."""
    state, at, n_skipped, length = 0, 0, 0, len(symbol)
    while True:
        here = table[at, state]
        moved = False
        if at < length:
            for edge in range(first[state], first[state + 1]):
                if match[symbol[at], step[edge]] and table[at + 1, target[edge]] == here:
                    synchronous[at] = step[edge]
                    state, at, moved = target[edge], at + 1, True
                    break
            if moved:
                continue
            if table[at + 1, state] + MOVE == here:
                at += 1
                continue
        elif here == 0:
            return
        for edge in range(first[state], first[state + 1]):
            if table[at, target[edge]] + cost[edge] == here:
                skipped[n_skipped], before[n_skipped] = step[edge], at
                n_skipped += 1
                state = target[edge]
                break


@numba.njit(cache=True, nogil=True)
def rising_paths(symbol, start, match, source, step, target):
    """Mark the events at which the least number of moves so far rises: it was not their turn.

    What the plan would still need is not counted, and nothing later is looked at.
    """
    n_states = target.max() + 1
    rises = np.zeros(len(symbol), np.bool_)
    row, following = np.empty(n_states, np.int64), np.empty(n_states, np.int64)
    cost = np.ones(len(source), np.int64)
    for path in range(len(start) - 1):
        row[:] = _FAR
        row[0] = 0
        _relax_onwards(row, source, target, cost)
        least = np.int64(0)
        for at in range(start[path], start[path + 1]):
            following[:] = row + 1
            for edge in range(len(source)):
                if match[symbol[at], step[edge]] and row[source[edge]] < following[target[edge]]:
                    following[target[edge]] = row[source[edge]]
            _relax_onwards(following, source, target, cost)
            row, following = following, row
            rises[at] = row.min() > least
            least = row.min()
    return rises


@numba.njit(cache=True, nogil=True)
def _relax_onwards(row, source, target, cost):
    """Lower a row of costs so far by moves on the plan alone, until nothing changes."""
    changed = True
    while changed:
        changed = False
        for edge in range(len(source)):
            through = row[source[edge]] + cost[edge]
            if through < row[target[edge]]:
                row[target[edge]] = through
                changed = True


@numba.njit(cache=True, nogil=True)
def name_moves(symbol, begin, step, match, fails, single, skipped_begin, skipped_step):
    """Say which type of deviation every move is; see `departing.deviations`.

    `single` marks the steps of which several in a row are failed tries. Returns for each event its
    type (0 as planned, 1 extra, 2 irregular, 3 failed) and its step, or -1; and which of the
    skipped steps are missing.
    """
    kind = np.zeros(len(symbol), np.int8)
    of = np.full(len(symbol), -1, np.int32)
    missing = np.ones(len(skipped_step), np.bool_)
    for way in range(len(begin) - 1):
        counted, counted_symbol, counted_step = -1, np.int64(-1), np.int32(-1)
        for at in range(begin[way], begin[way + 1]):
            if symbol[at] != counted_symbol:
                counted_symbol, counted = symbol[at], -1
            if step[at] >= 0:
                of[at] = step[at]
                if counted < 0 and single[step[at]]:
                    # Tries before the one that counts were taken for extra ones.
                    back = at - 1
                    while back >= begin[way] and symbol[back] == symbol[at] and kind[back] == 1:
                        kind[back], of[back] = 3, step[at]
                        back -= 1
                counted, counted_step = at, step[at]
                continue
            kind[at] = 1
            for one in range(fails.shape[1]):
                if fails[symbol[at], one]:
                    kind[at], of[at] = 3, one
                    break
            if kind[at] == 3:
                continue
            if counted >= 0 and single[counted_step]:
                # The last of several tries is the one that counts.
                kind[at], of[at] = kind[counted], counted_step
                kind[counted], counted = 3, at
                continue
            for place in range(skipped_begin[way], skipped_begin[way + 1]):
                if missing[place] and match[symbol[at], skipped_step[place]]:
                    missing[place] = False
                    kind[at], of[at] = 2, skipped_step[place]
                    counted, counted_step = at, skipped_step[place]
                    break
    return kind, of, missing
