"""Products of transition matrices and each customer's influence on them, compiled by Numba."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def multiplied(offset, source, target, count, n_at_risk, begin):
    """Carry a distribution over states through all times, shape (m + 1, S)."""
    m, n_states = n_at_risk.shape
    share = np.empty((m + 1, n_states))
    share[0] = begin
    for k in range(m):
        share[k + 1] = share[k]
        for move in range(offset[k], offset[k + 1]):
            h, j = source[move], target[move]
            part = share[k, h] * count[move] / n_at_risk[k, h]
            share[k + 1, h] -= part
            share[k + 1, j] += part
    return share


@numba.njit(cache=True, nogil=True)
def small_sets(offset, source, target, count, n_at_risk, share, cut):
    """Add up what squares of influences miss of the variance of shares, at some times, (G, S).

    The multinomial covariance C of dA from n customers is too small by a factor (n - 1) / n, and 0
    from one: what is missing is C / (n - 1), or the Poisson variance 1 / n^2 of one. It is carried
    through the later moves like any error.
    """
    m, n_states = n_at_risk.shape
    missing = np.zeros((len(cut), n_states))
    carried = np.zeros((n_states, n_states))
    g = 0
    for k in range(m + 1):
        while g < len(cut) and cut[g] == k:
            for h in range(n_states):
                missing[g, h] = carried[h, h]
            g += 1
        if k == m or g == len(cut):
            break
        first, last = offset[k], offset[k + 1]
        carried = _carried(carried, source, target, count, n_at_risk[k], first, last)
        for move in range(first, last):
            if move == first or source[move - 1] != source[move]:
                _add_missing(carried, move, last, source, target, count, n_at_risk[k], share[k])
    return missing


@numba.njit(cache=True, nogil=True)
def _carried(covariance, source, target, count, n_at_risk, first, last):
    """Return (I + dA)' C (I + dA) for the moves of one time."""
    rows = covariance.copy()
    for move in range(first, last):
        h, j = source[move], target[move]
        hazard = count[move] / n_at_risk[h]
        rows[j] += hazard * covariance[h]
        rows[h] -= hazard * covariance[h]
    both = rows.copy()
    for move in range(first, last):
        h, j = source[move], target[move]
        hazard = count[move] / n_at_risk[h]
        both[:, j] += hazard * rows[:, h]
        both[:, h] -= hazard * rows[:, h]
    return both


@numba.njit(cache=True, nogil=True)
def _add_missing(covariance, first, last, source, target, count, n_at_risk, share):
    """Add what is missing of the moves out of the state that move `first` leaves, in place."""
    n_states, h = len(share), source[first]
    n = n_at_risk[h]
    change = np.zeros(n_states)
    weight = (share[h] / n) ** 2 / max(n - 1.0, 1.0)
    for move in range(first, last):
        if source[move] != h:
            break
        j, d = target[move], count[move]
        covariance[j, j] += weight * d
        covariance[h, h] += weight * d
        covariance[j, h] -= weight * d
        covariance[h, j] -= weight * d
        change[j] += d
        change[h] -= d
    if n > 1.0:
        for a in range(n_states):
            for b in range(n_states):
                covariance[a, b] -= weight / n * change[a] * change[b]


@numba.njit(cache=True, nogil=True)
def influence_squares(
    time, offset, source, target, count, n_at_risk, share, cut, at, begin,
    spell_source, spell_target, first, last, customer, influence,
):  # fmt: skip
    """Sum the squares of the customers' influence on shares and on time spent, at some times.

    Between two wanted times everything is counted backwards from the later one: `onward[q]` is
    what a share in each state after the q-th time between becomes by then (first S columns), and
    the time it spends in each state until then (last S). A customer's influence is carried on by
    it, and each of their spells adds the sum over its times of -share / n * dA (drift), and its
    own move. So a spell costs the same however many times it spans.

    Customers whose last spell is over are carried on together, as the sum of their squares.

    `influence`, shape (n, 2 S), is that at the beginning, and is changed. Returns (G, 2 S).
    """
    n_states = n_at_risk.shape[1]
    width = 2 * n_states
    squares = np.zeros((len(cut), width))
    finished = np.zeros((width, width))
    final = np.zeros(len(influence), np.int64)
    for spell in range(len(last)):
        final[customer[spell]] = max(final[customer[spell]], last[spell])
    active, unfinished = np.arange(len(influence)), np.arange(len(first))
    low, since = 0, begin
    for g in range(len(cut)):
        high = cut[g]
        onward, drift = _backwards(
            time, offset, source, target, count, n_at_risk, share, low, high, since, at[g]
        )
        onwards = np.eye(width)
        onwards[:n_states] = onward[0]
        finished = onwards.T @ finished @ onwards
        for c in active:
            _carry(influence[c], onward[0])
        unfinished = _add_spells(
            unfinished, low, high, spell_source, spell_target, first, last, customer,
            share, n_at_risk, onward, drift, influence,
        )  # fmt: skip
        n_left = 0
        for c in active:
            if final[c] <= high:
                _add_products(finished, influence[c])
                continue
            active[n_left] = c
            n_left += 1
            for i in range(width):
                squares[g, i] += influence[c, i] ** 2
        active = active[:n_left]
        squares[g] += np.diag(finished)
        low, since = high, at[g]
    return squares


@numba.njit(cache=True, nogil=True)
def _add_spells(
    unfinished, low, high, source, target, first, last, customer,
    share, n_at_risk, onward, drift, influence,
):  # fmt: skip
    """Add what each spell does between two times; return the spells that go on after the later."""
    n_left = 0
    for spell in unfinished:
        a, b = max(first[spell], low), min(last[spell], high)
        if last[spell] > high:
            unfinished[n_left] = spell
            n_left += 1
        if a >= b:
            continue
        h, j, own = source[spell], target[spell], influence[customer[spell]]
        _add_difference(own, 1.0, drift[b - low, h], drift[a - low, h])
        if j >= 0 and last[spell] <= high:
            weight = share[b - 1, h] / n_at_risk[b - 1, h]
            _add_difference(own, weight, onward[b - low, j], onward[b - low, h])
    return unfinished[:n_left]


@numba.njit(cache=True, nogil=True)
def _add_difference(into, weight, plus, minus):
    for i in range(len(into)):
        into[i] += weight * (plus[i] - minus[i])


@numba.njit(cache=True, nogil=True)
def _add_products(into, values):
    for i in range(len(values)):
        for j in range(len(values)):
            into[i, j] += values[i] * values[j]


@numba.njit(cache=True, nogil=True)
def _carry(influence, onward):
    """Carry a customer's influence on to a later time, in place."""
    n_states, width = onward.shape
    now = influence[:n_states].copy()
    influence[:n_states] = 0.0
    for h in range(n_states):
        if now[h] != 0.0:
            for i in range(width):
                influence[i] += now[h] * onward[h, i]


@numba.njit(cache=True, nogil=True)
def _backwards(
    time, offset, source, target, count, n_at_risk, share, low, high, since, until
):  # fmt: skip
    n_states = n_at_risk.shape[1]
    length = high - low
    onward = np.zeros((length + 1, n_states, 2 * n_states))
    drift = np.zeros((length + 1, n_states, 2 * n_states))
    for q in range(length, -1, -1):
        later = until if q == length else time[low + q]
        earlier = since if q == 0 else time[low + q - 1]
        if q == length:
            for h in range(n_states):
                onward[q, h, h] = 1.0
        else:
            onward[q] = onward[q + 1]
            for move in range(offset[low + q], offset[low + q + 1]):
                h, j = source[move], target[move]
                hazard = count[move] / n_at_risk[low + q, h]
                onward[q, h] += hazard * (onward[q + 1, j] - onward[q + 1, h])
        for h in range(n_states):
            onward[q, h, n_states + h] += later - earlier
    for q in range(length):
        drift[q + 1] = drift[q]
        for move in range(offset[low + q], offset[low + q + 1]):
            h, j = source[move], target[move]
            n = n_at_risk[low + q, h]
            weight = share[low + q, h] * count[move] / (n * n)
            drift[q + 1, h] -= weight * (onward[q + 1, j] - onward[q + 1, h])
    return onward, drift


@numba.njit(cache=True, nogil=True)
def hazard_squares(drift, jump, cut, goal, first, last, customer, n_customers):
    """Sum the squares of the customers' influence on cumulative hazards, at some times.

    `drift`, shape (m + 1, J), is the running sum of d / n^2 of each of J moves out of one state
    and `jump`, shape (m,), 1 / n; the spells are those in that state, and `goal` is the move that
    ended each, or -1. A spell that is over is not looked at again. Returns (G, J).
    """
    n_moves = drift.shape[1]
    squares = np.zeros((len(cut), n_moves))
    influence = np.zeros((n_customers, n_moves))
    open_spells = np.arange(len(first))
    low = 0
    for g in range(len(cut)):
        high = cut[g]
        n_left = 0
        for spell in open_spells:
            a, b, c = max(first[spell], low), min(last[spell], high), customer[spell]
            if a < b:
                for move in range(n_moves):
                    influence[c, move] -= drift[b, move] - drift[a, move]
                if goal[spell] >= 0 and last[spell] <= high:
                    influence[c, goal[spell]] += jump[b - 1]
            if last[spell] > high:
                open_spells[n_left] = spell
                n_left += 1
        open_spells = open_spells[:n_left]
        for c in range(n_customers):
            for move in range(n_moves):
                squares[g, move] += influence[c, move] ** 2
        low = high
    return squares
