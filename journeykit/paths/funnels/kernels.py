"""Attempts at a funnel, journey by journey, compiled by Numba.

What may come next depends on all events that could have served the step before. For each step the
events that ended a possible chain are kept in order, with the start of the chain that began last.
Of those that are far enough back for the next step, the latest is best in every respect: it is
nearest to the maximum gap, has fewest events to be excluded behind it, and its chain began last.
So one pass decides exactly what a greedy choice would miss. Only a minimum from start to end could
prefer an earlier start; then every start has a pass of its own.

Strict order is an exclusion of everything between two steps.
"""

# ruff: noqa: SIM102 (a compiled loop reads better in the order in which it decides)
from __future__ import annotations

import numba
import numpy as np

NEVER = np.int64(1 << 61)
OPEN, LEFT, DROPPED = np.int8(0), np.int8(1), np.int8(2)


@numba.njit(cache=True, nogil=True)
def _sum(a, b):
    """Add times of which one may be NEVER."""
    return NEVER if b >= NEVER else a + b


@numba.njit(cache=True, nogil=True)
def _latest(time, chain, root, size, cut, j, rules, last_step):
    """Find the latest chain at step j that may go on: (place, until when), -1 where none may."""
    lo, hi, within, at_least = rules
    for place in range(size[j] - 1, -1, -1):
        p, began = chain[j, place], time[root[j, place]]
        if p < cut:
            break
        upper = min(_sum(time[p], hi[j]), _sum(began, within))
        lower = time[p] + lo[j]
        if j + 1 == last_step:
            lower = max(lower, began + at_least)
        if lower <= upper:
            return place, upper
    return -1, np.int64(-1)


@numba.njit(cache=True, nogil=True)
def _alive_until(time, chain, root, size, cut, rules, last_step):
    """Return until when any chain may take its next step, -1 where none may."""
    best = np.int64(-1)
    for j in range(last_step):
        if size[j] > 0:
            best = max(best, _latest(time, chain, root, size, cut[j], j, rules, last_step)[1])
    return best


@numba.njit(cache=True, nogil=True)
def _close(
    code, time, stop, until, running, chain, root, size, exclude, leaving, rules, status, ended
):
    """Say for each step whether a chain up to it could still go on, or when it no longer could.

    `stop` is behind the last event looked at; `until` is when the watching ends, or the time of
    the last event where the journey is finished (not `running`).
    """
    last_step = len(status) - 1
    best, how = np.int64(-1), DROPPED
    for j in range(last_step):
        place, upper = _latest(time, chain, root, size, -1, j, rules, last_step)
        if place < 0 and size[j] > 0:
            place, upper = size[j] - 1, time[chain[j, size[j] - 1]]
        if place >= 0:
            end, kind = upper, DROPPED
            for event in range(chain[j, place] + 1, stop):
                if time[event] > upper:
                    break
                if leaving[code[event]] or exclude[j, code[event]]:
                    end = time[event]
                    kind = LEFT if leaving[code[event]] else DROPPED
                    break
            else:
                if end >= until:
                    end = until
                    kind = OPEN if running else DROPPED
            better = end > best or (end == best and kind < how)
            if how != OPEN or best < 0:
                if better or kind == OPEN:
                    best, how = end, kind
        status[j], ended[j] = how, best


@numba.njit(cache=True, nogil=True)
def _ordered(
    code, time, first, stop, until, running, step, exclude, leaving, matters, rules,
    shared, renews, stays, open_entry, chain, root, size, ready, cut, reached, came, status, ended,
):  # fmt: skip
    """Follow one attempt from event `first`; return the event at which the next may begin."""
    lo, hi, within, at_least = rules
    last_step = len(step) - 1
    onward = stop
    size[:] = 0
    ready[:] = -1
    cut[:] = -1
    seen = stop
    alive_until = NEVER
    for event in range(first, stop):
        now, name = time[event], code[event]
        if not stays and now > alive_until:
            seen, onward = event, event
            break
        if not matters[name]:
            continue
        used = False
        for turn in range(last_step + 1):
            j = turn if shared else last_step - turn
            if not step[j, name]:
                continue
            began = np.int64(-1)
            if j > 0:
                b = j - 1
                while ready[b] + 1 < size[b] and time[chain[b, ready[b] + 1]] + lo[b] <= now:
                    ready[b] += 1
                if ready[b] >= 0:
                    p, r = chain[b, ready[b]], root[b, ready[b]]
                    if p >= cut[b] and now - time[p] <= hi[b] and now - time[r] <= within:
                        if j < last_step or now - time[r] >= at_least:
                            began = np.int64(r)
                            if came[j] < 0:
                                came[j] = event
            if renews and (j == 0 or open_entry):
                began = np.int64(event)
            elif event == first and _lowest(step, name) == j:
                # A fixed start enters at the first step that it matches, and at no other.
                began = np.int64(event)
            if began < 0:
                continue
            used = True
            if reached[j] < 0:
                reached[j] = event
            chain[j, size[j]], root[j, size[j]] = event, began
            size[j] += 1
        for j in range(last_step):
            if exclude[j, name] or leaving[name]:
                cut[j] = event
        if came[last_step] >= 0 and not (open_entry and stays):
            seen, onward = event + 1, event + 1
            break
        if not stays:
            alive_until = _alive_until(time, chain, root, size, cut, rules, last_step)
            if now > alive_until:
                seen, onward = event + 1, event + 1 if used or leaving[name] else event
                break
    _close(
        code, time, seen, until, running, chain, root, size, exclude, leaving, rules, status, ended
    )
    return onward


@numba.njit(cache=True, nogil=True)
def _lowest(step, name):
    for j in range(len(step)):
        if step[j, name]:
            return j
    return -1


@numba.njit(cache=True, nogil=True)
def _augment(event, name, code, step, owner, parent, waiting):
    """Let one more event serve a step, rearranging the others; say whether that could be done."""
    parent[:] = -2
    begin, end = 0, 0
    for s in range(len(step)):
        if step[s, name]:
            parent[s] = -1
            waiting[end] = s
            end += 1
    while begin < end:
        s = waiting[begin]
        begin += 1
        if owner[s] < 0:
            while parent[s] >= 0:
                owner[s] = owner[parent[s]]
                s = parent[s]
            owner[s] = event
            return True
        for other in range(len(step)):
            if parent[other] == -2 and step[other, code[owner[s]]]:
                parent[other] = s
                waiting[end] = other
                end += 1
    return False


@numba.njit(cache=True, nogil=True)
def _unordered(
    code, time, first, stop, until, running, step, exclude, leaving, within, shared,
    owner, parent, waiting, reached, came, status, ended,
):  # fmt: skip
    """Follow one attempt at all steps in any order; k events that serve k steps reach step k."""
    n_steps = len(step)
    owner[:] = -1
    done = 0
    upper = _sum(time[first], within)
    end, kind, onward = upper, DROPPED, stop
    for event in range(first, stop):
        name = code[event]
        if time[event] > upper:
            onward = event
            break
        used = False
        if shared:
            for s in range(n_steps):
                if step[s, name] and owner[s] < 0:
                    owner[s] = event
                    reached[done] = event
                    done += 1
                    used = True
        elif _augment(event, name, code, step, owner, parent, waiting):
            reached[done] = event
            done += 1
            used = True
        if done == n_steps:
            onward = event + 1
            break
        if leaving[name] or (exclude[0, name] and not used):
            end, onward = time[event], event + 1 if leaving[name] else event
            kind = LEFT if leaving[name] else DROPPED
            break
    else:
        if end >= until:
            end, kind = until, OPEN if running else DROPPED
    for j in range(n_steps):
        status[j], ended[j] = kind, end
        if j > 0:
            came[j] = reached[j]
    return onward


@numba.njit(cache=True, nogil=True)
def _merge(reached, came, status, ended, r, c, s, e):
    """Add what another start of the same customer reached: the earliest, and the last hope."""
    for j in range(len(reached)):
        if r[j] >= 0 and (reached[j] < 0 or r[j] < reached[j]):
            reached[j] = r[j]
        if c[j] >= 0 and (came[j] < 0 or c[j] < came[j]):
            came[j] = c[j]
        if status[j] != OPEN or ended[j] < 0:
            if (
                (s[j] == OPEN and e[j] >= 0)
                or e[j] > ended[j]
                or (e[j] == ended[j] and s[j] < status[j])
            ):
                status[j], ended[j] = s[j], e[j]


@numba.njit(cache=True, nogil=True)
def attempts(
    code, time, start, until, running, step, begins, exclude, leaving,
    lo, hi, within, at_least, unordered, shared, open_entry, mode, reentry, n_rows,
):  # fmt: skip
    """Follow the attempts of every journey; one row an attempt.

    `mode` is 0 for the first start, 1 for any, 2 for the last. Returns the journey of each row and
    tables by step: the event that reached it first, the event that came to it from the step before
    (both -1 where there is none), what became of those who did not go on, and when.
    """
    n_steps, n_journeys = len(step), len(start) - 1
    longest = 1
    for journey in range(n_journeys):
        longest = max(longest, start[journey + 1] - start[journey])
    journey_of = np.empty(n_rows, np.int64)
    reached = np.full((n_rows, n_steps), -1, np.int64)
    came = np.full((n_rows, n_steps), -1, np.int64)
    status = np.full((n_rows, n_steps), DROPPED, np.int8)
    ended = np.full((n_rows, n_steps), -1, np.int64)
    chain = np.empty((n_steps, longest), np.int64)
    root = np.empty((n_steps, longest), np.int64)
    scratch = np.empty((9, n_steps), np.int64)
    size, ready, cut = scratch[0], scratch[1], scratch[2]
    owner, parent, waiting = scratch[3], scratch[4], scratch[5]
    r, c, e = scratch[6], scratch[7], scratch[8]
    s = np.empty(n_steps, np.int8)
    rules = (lo, hi, within, at_least)
    matters = leaving.copy()
    for name in range(len(matters)):
        matters[name] |= step[:, name].any() or exclude[:, name].any()
    # Each start has a pass of its own where the start that is best for one rule is not for another.
    apart = mode == 1 and not reentry and (unordered or at_least > 0) and not open_entry
    row = 0
    for journey in range(n_journeys):
        event, stop = start[journey], start[journey + 1]
        watched, going = until[journey], running[journey]
        if not going and stop > event:
            watched = time[stop - 1]
        if mode == 2:
            last = stop - 1
            while last >= event and not begins[code[last]]:
                last -= 1
            event = max(last, event)
        opened = False
        while event < stop:
            if not begins[code[event]]:
                event += 1
                continue
            if not opened:
                journey_of[row] = journey
                opened = True
                row += 1
            at = row - 1
            if apart:
                r[:], c[:], e[:], s[:] = -1, -1, -1, DROPPED
                if unordered:
                    onward = _unordered(
                        code, time, event, stop, watched, going, step, exclude, leaving, within,
                        shared, owner, parent, waiting, r, c, s, e,
                    )  # fmt: skip
                else:
                    _ordered(
                        code, time, event, stop, watched, going, step, exclude, leaving,
                        matters, rules, shared, False, False, False,
                        chain, root, size, ready, cut, r, c, s, e,
                    )  # fmt: skip
                _merge(reached[at], came[at], status[at], ended[at], r, c, s, e)
                if unordered and r[n_steps - 1] >= 0:
                    break
                # An endless attempt holds all that later starts could reach.
                event = max(event + 1, onward) if unordered and within >= NEVER else event + 1
                continue
            if unordered:
                event = _unordered(
                    code, time, event, stop, watched, going, step, exclude, leaving, within,
                    shared, owner, parent, waiting, reached[at], came[at], status[at], ended[at],
                )  # fmt: skip
            else:
                event = _ordered(
                    code, time, event, stop, watched, going, step, exclude, leaving, matters,
                    rules, shared, mode == 1, mode == 1 and not reentry, open_entry,
                    chain, root, size, ready, cut, reached[at], came[at], status[at], ended[at],
                )  # fmt: skip
            if not reentry:
                break
            opened = False
    return journey_of[:row], reached[:row], came[:row], status[:row], ended[:row]
