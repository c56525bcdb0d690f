"""Loops over pairs of journeys and over customers, compiled by Numba; all release the lock.

Alignment compares one journey with `LANES` others at once, position by position, so that the
innermost loop runs over independent numbers and the processor takes several at a time.
"""

from __future__ import annotations

import numba
import numpy as np

#: Journeys aligned at once: enough to fill vector registers, few enough for the first cache.
LANES = 32


@numba.njit(cache=True, nogil=True)
def lay_out(right, right_start, first, width, substitution, indel):
    """Lay `width` journeys from `first` on side by side, a lane each.

    Returns their lengths, the cost of having each name in the place of what a lane has at each
    position, shape (names, longest, LANES), and of putting that in, shape (longest, LANES).
    """
    length = np.zeros(LANES, np.int64)
    for lane in range(width):
        length[lane] = right_start[first + lane + 1] - right_start[first + lane]
    names, longest = len(indel), length.max()
    cost = np.zeros((names, longest, LANES))
    insert = np.zeros((longest, LANES))
    for lane in range(width):
        begin = right_start[first + lane]
        for j in range(length[lane]):
            code = right[begin + j]
            insert[j, lane] = indel[code]
            for a in range(names):
                cost[a, j, lane] = substitution[a, code]
    return length, cost, insert


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def align_block(left, left_start, n_left, right, right_start, first, substitution, indel, out):
    """Align left journeys 0 to `n_left` with the right ones `first` to ``first + LANES``.

    Right journeys must be sorted by length, and none be empty. Writes the least cost into
    ``out[i, j - first]``: Needleman and Wunsch's recursion, one column of the table a right
    position.
    """
    width = min(LANES, len(right_start) - 1 - first)
    length, cost, insert = lay_out(right, right_start, first, width, substitution, indel)
    most = 0
    for row in range(n_left):
        most = max(most, left_start[row + 1] - left_start[row])
    table = np.empty((most + 1, LANES))
    before = np.empty(LANES)
    for row in range(n_left):
        begin, n = left_start[row], left_start[row + 1] - left_start[row]
        table[0, :] = 0.0
        for i in range(n):
            table[i + 1, :] = table[i, :] + indel[left[begin + i]]
        done = 0
        for j in range(len(insert)):
            for lane in range(LANES):
                before[lane] = table[0, lane]
                table[0, lane] += insert[j, lane]
            for i in range(n):
                code = left[begin + i]
                delete = indel[code]
                for lane in range(LANES):
                    replaced = before[lane] + cost[code, j, lane]
                    inserted = table[i + 1, lane] + insert[j, lane]
                    deleted = table[i, lane] + delete
                    before[lane] = table[i + 1, lane]
                    table[i + 1, lane] = min(replaced, inserted, deleted)
            while done < width and length[done] == j + 1:
                out[row, done] = table[n, done]
                done += 1


@numba.njit(cache=True, nogil=True)
def hamming_rows(left, right, begin, end, out):
    """Count differing positions of left rows `begin` to `end`; `right` is turned: a row a position.

    Both are padded with one code that no touchpoint has, so an absent position differs.
    """
    positions, n = right.shape
    differ = np.empty(n, np.int32)
    for row in range(begin, end):
        differ[:] = 0
        for position in range(positions):
            code = left[row, position]
            for column in range(n):
                differ[column] += right[position, column] != code
        for column in range(n):
            out[row, column] = differ[column]


@numba.njit(cache=True, nogil=True)
def nearest_two(distance, medoid):
    """Return of each item the places of its nearest and second nearest medoid in `medoid`."""
    n, k = len(distance), len(medoid)
    first, second = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for item in range(n):
        low, next_low = np.inf, np.inf
        for place in range(k):
            far = distance[medoid[place], item]
            if far < low:
                next_low, second[item] = low, first[item]
                low, first[item] = far, place
            elif far < next_low:
                next_low, second[item] = far, place
    return first, second


@numba.njit(cache=True, nogil=True)
def build(distance, weight, k):
    """Choose first medoids greedily: each is the item that lowers the total distance most."""
    n = len(distance)
    medoid = np.empty(k, np.int64)
    near = np.full(n, np.inf)
    for place in range(k):
        best, at = np.inf, -1
        for candidate in range(n):
            if weight[candidate] == 0:
                continue
            total = 0.0
            row = distance[candidate]
            for item in range(n):
                total += weight[item] * min(near[item], row[item])
            taken = False
            for earlier in range(place):
                taken |= medoid[earlier] == candidate
            if total < best and not taken:
                best, at = total, candidate
        medoid[place] = at
        near = np.minimum(near, distance[at])
    return medoid


@numba.njit(cache=True, nogil=True)
def swap(distance, weight, medoid, most_rounds):
    """Exchange medoids as long as that lowers the total distance (FasterPAM, eager swaps)."""
    n, k = len(distance), len(medoid)
    medoid = medoid.copy()
    is_medoid = np.zeros(n, np.bool_)
    is_medoid[medoid] = True
    first, second = nearest_two(distance, medoid)
    gain = np.empty(k)
    since = 0
    for step in range(most_rounds * n):
        candidate = step % n
        since += 1
        if since > n:
            break
        if is_medoid[candidate] or weight[candidate] == 0:
            continue
        gain[:] = 0.0
        shared = 0.0
        row = distance[candidate]
        for item in range(n):
            w = weight[item]
            if w == 0:
                continue
            nearest = distance[medoid[first[item]], item]
            runner_up = distance[medoid[second[item]], item] if k > 1 else np.inf
            to = row[item]
            if k == 1 or to < nearest:
                shared += w * (to - nearest)
            else:
                gain[first[item]] += w * (min(to, runner_up) - nearest)
        place = np.argmin(gain)
        # Rounding alone must not swap for ever.
        if gain[place] + shared < -1e-9:
            is_medoid[medoid[place]] = False
            is_medoid[candidate] = True
            medoid[place] = candidate
            first, second = nearest_two(distance, medoid)
            since = 0
    return medoid


@numba.njit(cache=True, nogil=True)
def silhouette(distance, weight, label, k):
    """Return the mean silhouette width; an item of weight w counts as w equal ones."""
    n = len(distance)
    mass = np.zeros(k)
    for item in range(n):
        mass[label[item]] += weight[item]
    total, everyone = 0.0, 0.0
    to = np.empty(k)
    for item in range(n):
        if weight[item] == 0:
            continue
        everyone += weight[item]
        own = label[item]
        if mass[own] <= 1:
            continue
        to[:] = 0.0
        for other in range(n):
            to[label[other]] += weight[other] * distance[item, other]
        inside = to[own] / (mass[own] - 1)
        outside = np.inf
        for group in range(k):
            if group != own and mass[group] > 0:
                outside = min(outside, to[group] / mass[group])
        larger = max(inside, outside)
        if larger > 0 and np.isfinite(outside):
            total += weight[item] * (outside - inside) / larger
    return total / everyone


@numba.njit(cache=True, nogil=True)
def expect(start, cell, count, weight, log_step, log_share, probability, steps):
    """Do EM's first half: fill membership probabilities and expected steps of each group.

    `log_step` and `steps` have a row a cell and a column a group. Returns the log-likelihood.
    """
    n, k = len(start) - 1, len(log_share)
    steps[:] = 0.0
    score = np.empty(k)
    total = 0.0
    for row in range(n):
        score[:] = log_share
        for at in range(start[row], start[row + 1]):
            c, times = cell[at], count[at]
            for group in range(k):
                score[group] += times * log_step[c, group]
        top = score[0]
        for group in range(1, k):
            top = max(top, score[group])
        scale = 0.0
        for group in range(k):
            score[group] = np.exp(score[group] - top)
            scale += score[group]
        w = weight[row]
        total += w * (top + np.log(scale))
        for group in range(k):
            score[group] /= scale
            probability[row, group] = score[group]
            score[group] *= w
        if w > 0:
            for at in range(start[row], start[row + 1]):
                c, times = cell[at], count[at]
                for group in range(k):
                    steps[c, group] += times * score[group]
    return total


@numba.njit(cache=True, nogil=True)
def ways_to_end(row_start, target, probability, ends, longest):
    """Return P(a walk makes r more steps and ends as it should), scaled, shape (longest, n).

    `ends` is the probability of ending in each state: of leaving, or 1 where the end is unseen.
    """
    n = len(ends)
    ways = np.zeros((longest, n))
    for state in range(n):
        ways[0, state] = ends[state]
    for left in range(1, longest):
        most = 0.0
        for state in range(n):
            total = 0.0
            for at in range(row_start[state], row_start[state + 1]):
                if target[at] >= 0:
                    total += probability[at] * ways[left - 1, target[at]]
            ways[left, state] = total
            most = max(most, total)
        if most > 0:
            ways[left] /= most
    return ways


@numba.njit(cache=True, nogil=True)
def walks(begin, length, is_open, row_start, target, probability, closed, opened, uniform, out):
    """Walk a chain for as many steps as each journey has, given how it ends.

    `begin` is the state before the first step; `closed` and `opened` are `ways_to_end`. Writes
    the states reached into `out`, one after the other.
    """
    at_event = 0
    for journey in range(len(begin)):
        state = begin[journey]
        ways = opened if is_open[journey] else closed
        for step in range(length[journey]):
            left = length[journey] - step - 1
            total = 0.0
            for at in range(row_start[state], row_start[state + 1]):
                if target[at] >= 0:
                    total += probability[at] * ways[left, target[at]]
            goal = uniform[at_event] * total
            reached, chosen = 0.0, -1
            for at in range(row_start[state], row_start[state + 1]):
                if target[at] >= 0:
                    part = probability[at] * ways[left, target[at]]
                    if part > 0:
                        reached += part
                        chosen = target[at]
                        if reached > goal:
                            break
            state = chosen
            out[at_event] = state
            at_event += 1
