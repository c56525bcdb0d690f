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
    active = np.arange(len(influence))
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
        for spell in range(len(first)):
            a, b = max(first[spell], low), min(last[spell], high)
            if a >= b:
                continue
            h, j, c = spell_source[spell], spell_target[spell], customer[spell]
            for i in range(width):
                influence[c, i] += drift[b - low, h, i] - drift[a - low, h, i]
            if j >= 0 and last[spell] <= high:
                weight = share[b - 1, h] / n_at_risk[b - 1, h]
                for i in range(width):
                    influence[c, i] += weight * (onward[b - low, j, i] - onward[b - low, h, i])
        n_left = 0
        for c in active:
            if final[c] <= high:
                for i in range(width):
                    for j in range(width):
                        finished[i, j] += influence[c, i] * influence[c, j]
                continue
            active[n_left] = c
            n_left += 1
            for i in range(width):
                squares[g, i] += influence[c, i] ** 2
        active = active[:n_left]
        for i in range(width):
            squares[g, i] += finished[i, i]
        low, since = high, at[g]
    return squares


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
def hazard_squares(drift, jump, cut, happened, first, last, customer, n_customers):
    """Sum the squares of the customers' influence on one cumulative hazard, at some times.

    `drift`, shape (m + 1,), is the running sum of d / n^2 and `jump`, shape (m,), 1 / n; the
    spells are those in the state that is left, and `happened` marks those that left it so.
    """
    squares = np.zeros(len(cut))
    influence = np.zeros(n_customers)
    low = 0
    for g in range(len(cut)):
        high = cut[g]
        for spell in range(len(first)):
            a, b = max(first[spell], low), min(last[spell], high)
            if a >= b:
                continue
            influence[customer[spell]] -= drift[b] - drift[a]
            if happened[spell] and last[spell] <= high:
                influence[customer[spell]] += jump[b - 1]
        for c in range(n_customers):
            squares[g] += influence[c] ** 2
        low = high
    return squares
