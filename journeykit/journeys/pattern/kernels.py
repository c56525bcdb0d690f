"""The matcher's loops, compiled by Numba; linear in events times elements of the pattern.

Time bounds make a greedy search wrong: of ``a >> [1h] b`` the first a may be too early, and of
``a >> [2h..3h] b >> [1h] c`` the first b too. So nothing is guessed. From the last element to the
first, and in each journey from the last event to the first, it is worked out at which event a match
could end earliest, if the element began here. What may come next is always an unbroken range of
events whose two ends only rise (a *window*), so the least of a range is had from a queue that
every event enters and leaves once.

`pattern` is a `sequence.Compiled`. Indices are those of the journey's own events; `NEVER` stands
for no match.
"""

from __future__ import annotations

import numba
import numpy as np

NEVER = np.int64(2**62)


@numba.njit(cache=True, nogil=True)
def _gap_windows(codes, times, through, limits, low, high):
    """Set ``low[j]`` and ``high[j]``: where the next element may begin if this one ended at j."""
    n = len(codes)
    shortest, longest, fewest, most = limits[0], limits[1], limits[2], limits[3]
    stop = n - 1
    for j in range(n - 1, -1, -1):
        low[j] = j + fewest
        high[j] = min(stop, j + most)
        if not through[codes[j]]:
            stop = j
    if len(times) and (shortest > 0 or longest < NEVER):
        k = reach = 0
        for j in range(n):
            while k < n and times[k] - times[j] < shortest:
                k += 1
            low[j] = max(low[j], k)
            while reach + 1 < n and times[reach + 1] - times[j] <= longest:
                reach += 1
            high[j] = min(high[j], reach)


@numba.njit(cache=True, nogil=True)
def _run_windows(codes, mask, least, most, low, high):
    """Set ``low[j]`` and ``high[j]``: where a repeated element may end if it began at j."""
    n = len(codes)
    end = n - 1
    for j in range(n - 1, -1, -1):
        if not mask[codes[j]]:
            end = j - 1
        low[j] = j + least - 1
        high[j] = min(end, j + most - 1)


@numba.njit(cache=True, nogil=True)
def _least_in_windows(values, low, high, queue, out):
    """Set ``out[j]`` to the least of ``values[low[j]:high[j] + 1]``; both ends only rise with j."""
    n = len(low)
    head = tail = 0
    entered = n
    for j in range(n - 1, -1, -1):
        while entered > low[j]:
            entered -= 1
            while tail > head and values[queue[tail - 1]] >= values[entered]:
                tail -= 1
            queue[tail] = entered
            tail += 1
        while tail > head and queue[head] > high[j]:
            head += 1
        out[j] = values[queue[head]] if tail > head else NEVER


@numba.njit(cache=True, nogil=True)
def _reach_windows(reached, low, high, out):
    """Mark every event that is in the window of a reached one."""
    n = len(low)
    out[:] = False
    covered = -1
    for j in range(n):
        if reached[j]:
            for k in range(max(low[j], covered + 1), min(high[j], n - 1) + 1):
                out[k] = True
                covered = k


@numba.njit(cache=True, nogil=True)
def _last_start(codes, before):
    """Return the last event at which an anchored match may begin: only `before` precede it."""
    for j in range(len(codes)):
        if not before[codes[j]]:
            return j
    return len(codes) - 1


@numba.njit(cache=True, nogil=True)
def _first_end(codes, after):
    """Return the first event at which an anchored match may end: only `after` follow it."""
    for j in range(len(codes) - 1, -1, -1):
        if not after[codes[j]]:
            return j
    return 0


@numba.njit(cache=True, nogil=True)
def _ways_of_element(codes, mask, least, most, onward, low, high, queue, way):
    """Set ``way[j]`` from ``onward[j]``, the same for an element that ends at j; say if any is."""
    n = len(codes)
    if least == 1 and most == 1:
        way[:n] = onward[:n]
    else:
        _run_windows(codes, mask, least, most, low, high)
        _least_in_windows(onward, low, high, queue, way)
    found = False
    for j in range(n):
        if not mask[codes[j]]:
            way[j] = NEVER
        found |= way[j] < NEVER
    return found


@numba.njit(cache=True, nogil=True)
def _could_match(codes, mask):
    """Say whether events of all elements follow each other at all: most journeys are done here."""
    i = 0
    for code in codes:
        if mask[i, code]:
            i += 1
            if i == len(mask):
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _earliest(codes, times, begins, ends, pattern, ways, low, high, queue):
    """Set ``ways[i, j]``: where a match ends earliest whose element i begins at event j.

    Returns whether the journey has a match; if not, `ways` is not filled. `low` and `high` are
    left as the windows of the gaps.
    """
    mask, limits = pattern.mask, pattern.limits
    n, m = len(codes), len(mask)
    if (pattern.from_begin and not begins) or (pattern.to_end and not ends):
        return False
    if not _could_match(codes, mask):
        return False
    onward, row_low, row_high = ways[m], low[m, :n], high[m, :n]
    first_end = _first_end(codes, pattern.after) if pattern.to_end else 0
    for j in range(n):
        onward[j] = j if j >= first_end else NEVER
    for i in range(m - 1, -1, -1):
        if i < m - 1:
            _gap_windows(codes, times, pattern.through[i], limits[i], low[i, :n], high[i, :n])
            _least_in_windows(ways[i + 1], low[i, :n], high[i, :n], queue, onward)
        if not _ways_of_element(
            codes,
            mask[i],
            pattern.least[i],
            pattern.most[i],
            onward,
            row_low,
            row_high,
            queue,
            ways[i],
        ):
            return False
    if pattern.from_begin:
        ways[0, _last_start(codes, pattern.before) + 1 : n] = NEVER
    return ways[0, :n].min() < NEVER


@numba.njit(cache=True, nogil=True)
def _place(first, last, least, ways, low, high, step):
    """Set where each element begins: lexicographically earliest among all ways to end at `last`."""
    step[0] = first
    for i in range(len(least) - 1):
        end = step[i] + least[i] - 1
        looked = -1
        placed = False
        while not placed:
            for k in range(max(low[i, end], looked + 1), high[i, end] + 1):
                looked = k
                if ways[i + 1, k] == last:
                    step[i + 1] = k
                    placed = True
                    break
            end += 1


@numba.njit(cache=True, nogil=True)
def _scratch(start, m):
    longest = 1
    for journey in range(len(start) - 1):
        longest = max(longest, start[journey + 1] - start[journey])
    ways = np.empty((m + 1, longest), np.int64)
    low = np.empty((m + 1, longest), np.int64)
    high = np.empty((m + 1, longest), np.int64)
    return ways, low, high, np.empty(longest, np.int64)


@numba.njit(cache=True, nogil=True)
def find(touchpoint, time, start, begins, ends, pattern):
    """Return (journey, last, step) of the leftmost-shortest matches that do not overlap."""
    m = len(pattern.mask)
    once = pattern.from_begin or pattern.to_end
    ways, low, high, queue = _scratch(start, m)
    journeys = np.empty(1024, np.int64)
    lasts = np.empty(1024, np.int64)
    steps = np.empty((1024, m), np.int64)
    found = 0
    for journey in range(len(start) - 1):
        a, b = start[journey], start[journey + 1]
        codes = touchpoint[a:b]
        times = time[a:b] if len(time) else time
        if not _earliest(
            codes, times, begins[journey], ends[journey], pattern, ways, low, high, queue
        ):
            continue
        j = 0
        while j < b - a:
            last = ways[0, j]
            if last == NEVER:
                j += 1
                continue
            if found == len(journeys):
                journeys = np.concatenate((journeys, np.empty_like(journeys)))
                lasts = np.concatenate((lasts, np.empty_like(lasts)))
                steps = np.concatenate((steps, np.empty_like(steps)))
            journeys[found] = journey
            lasts[found] = a + last
            _place(j, last, pattern.least, ways, low, high, steps[found])
            steps[found] += a
            found += 1
            if once:
                break
            j = last + 1
    return journeys[:found].copy(), lasts[:found].copy(), steps[:found].copy()


@numba.njit(cache=True, nogil=True)
def earliest_ends(touchpoint, time, start, begins, ends, pattern):
    """Return for each event where a match that begins there ends earliest, -1 for none."""
    ways, low, high, queue = _scratch(start, len(pattern.mask))
    out = np.full(len(touchpoint), -1, np.int64)
    for journey in range(len(start) - 1):
        a, b = start[journey], start[journey + 1]
        times = time[a:b] if len(time) else time
        if _earliest(
            touchpoint[a:b], times, begins[journey], ends[journey],
            pattern, ways, low, high, queue,
        ):  # fmt: skip
            for j in range(b - a):
                if ways[0, j] < NEVER:
                    out[a + j] = a + ways[0, j]
    return out


@numba.njit(cache=True, nogil=True)
def _goes_on(codes, times, stops, watched_to, through, limits):
    """Say whether an element that ended may still be followed by an event after the watching."""
    n = len(codes)
    for j in range(n - 1, -1, -1):
        waited = watched_to - times[j] if len(times) else 0
        if n - j > limits[3] or waited > limits[1]:
            return False
        if stops[j]:
            return True
        if not through[codes[j]]:
            return False
    return False


@numba.njit(cache=True, nogil=True)
def _ends_of_element(codes, mask, least, most, starts, stops, low, high):
    """Keep in `starts` where the element is, mark where it may end; say if it may still go on."""
    n = len(codes)
    for j in range(n):
        starts[j] &= mask[codes[j]]
    if most == 1:
        stops[:] = starts
        return False
    _run_windows(codes, mask, least, most, low, high)
    _reach_windows(starts, low, high, stops)
    grows = False
    for j in range(n):
        grows |= starts[j] and high[j] == n - 1 and n - j < most
    return grows


@numba.njit(cache=True, nogil=True)
def _completed(codes, times, closed, watched_to, pattern, starts, stops, low, high):
    """Return how many elements one journey completes, and the first that may still complete."""
    mask, through, limits = pattern.mask, pattern.through, pattern.limits
    m = len(mask)
    pending = m
    for i in range(m):
        if _ends_of_element(
            codes, mask[i], pattern.least[i], pattern.most[i], starts, stops, low, high
        ):
            pending = min(pending, i)
        if i == m - 1 and pattern.to_end:
            waits = stops[_first_end(codes, pattern.after) :].any()
            if waits and not closed:
                pending = min(pending, i)
            return (m if waits and closed else i), pending
        if not stops.any():
            return i, pending
        if i < m - 1:
            if _goes_on(codes, times, stops, watched_to, through[i], limits[i]):
                pending = min(pending, i + 1)
            _gap_windows(codes, times, through[i], limits[i], low, high)
            _reach_windows(stops, low, high, starts)
    return m, pending


@numba.njit(cache=True, nogil=True)
def progress(touchpoint, time, start, begins, ends, pattern, watched_to):
    """Return (elements completed, first element that may still complete) of each journey.

    The second is the number of elements where nothing that has begun can go on after the end.
    """
    n_journeys = len(start) - 1
    _, lows, highs, _ = _scratch(start, 0)
    starts = np.empty(lows.shape[1], np.bool_)
    stops = np.empty(lows.shape[1], np.bool_)
    completed = np.zeros(n_journeys, np.int64)
    pending = np.full(n_journeys, len(pattern.mask), np.int64)
    for journey in range(n_journeys):
        a, b = start[journey], start[journey + 1]
        n = b - a
        if n == 0 or (pattern.from_begin and not begins[journey]):
            continue
        starts[:n] = True
        if pattern.from_begin:
            starts[_last_start(touchpoint[a:b], pattern.before) + 1 : n] = False
        completed[journey], pending[journey] = _completed(
            touchpoint[a:b],
            time[a:b] if len(time) else time,
            ends[journey],
            watched_to[journey],
            pattern,
            starts[:n],
            stops[:n],
            lows[0, :n],
            highs[0, :n],
        )
    return completed, pending
