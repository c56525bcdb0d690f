"""Exposure decays exactly between its jumps, so its integrals are sums over jumps.

With x' = -r x in between, d(x y)/dt = -(r + s) x y: the integral of x y is the sum of the jumps of
x y, divided by r + s. A touch makes one row of products jump, so nothing is done that grows with
the square of the channels but at entries and at the ends of watching.

Customers are numbered from 0. A row of `order` below n is the entry of that customer, below 2 n the
end of its time at risk, below 3 n its conversion, and from 3 n on a touch. Rows are in order of
time; at one instant conversions come first, then ends, entries and touches.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def exposure_at(i, at, time, code, start, first, rate, x):
    """Write the exposure of customer `i` just before `at` into `x`.

    Channel c has one entry of `x` for each rate, from ``first[c]`` to ``first[c + 1]``.
    """
    for p in range(len(x)):
        x[p] = 0.0
    for touch in range(start[i], start[i + 1]):
        if time[touch] >= at:
            break
        for p in range(first[code[touch]], first[code[touch] + 1]):
            x[p] += np.exp(-rate[p] * (at - time[touch]))


@numba.njit(cache=True, nogil=True)
def own_products(time, code, start, begin, stop, first, rate):
    """Sum the jumps of each customer's own exposure and of its products, while at risk.

    Returns (jumps of x, at entries less at ends; those of x x'; the exposure that touches of a
    channel meet; touches at risk by channel).
    """
    m, size = len(first) - 1, len(rate)
    x, single, double = np.zeros(size), np.zeros(size), np.zeros((size, size))
    met, touches = np.zeros((m, size)), np.zeros(m)
    for i in range(len(begin)):
        exposure_at(i, begin[i], time, code, start, first, rate, x)
        now = begin[i]
        for p in range(size):
            single[p] += x[p]
            if x[p] != 0:
                for q in range(size):
                    double[p, q] += x[p] * x[q]
        for touch in range(start[i], start[i + 1]):
            if time[touch] < begin[i]:
                continue
            c = code[touch]
            step = time[touch] - now
            now = time[touch]
            for p in range(size):
                if x[p] != 0:
                    x[p] *= np.exp(-rate[p] * step)
            for p in range(size):
                met[c, p] += x[p]
            touches[c] += 1
            for p in range(first[c], first[c + 1]):
                x[p] += 1
        for p in range(size):
            if x[p] != 0:
                x[p] *= np.exp(-rate[p] * (stop[i] - now))
        for p in range(size):
            single[p] -= x[p]
            if x[p] != 0:
                for q in range(size):
                    double[p, q] -= x[p] * x[q]
    return single, double, met, touches


@numba.njit(cache=True, nogil=True)
def mean_products(order, when, time, code, start, begin, stop, first, rate, kind, rates, mark):
    """Sum the jumps of S S' / Y, S being the exposure of the Y customers at risk.

    ``rates[kind[p]]`` is ``rate[p]``: few rates are decayed by, many entries. Returns (jumps at
    entries and ends; S / Y summed over touches by channel; 1 / Y summed over them; the exposure
    less its mean summed over conversions, and the same with each conversion counted `mark` times).
    """
    n, m, size = len(begin), len(first) - 1, len(rate)
    total, x, decay = np.zeros(size), np.zeros(size), np.zeros(len(rates))
    double, met, weight = np.zeros((size, size)), np.zeros((m, size)), np.zeros(m)
    apart, worth = np.zeros(size), np.zeros(size)
    at_risk, changing = 0, False
    now = when[0]
    for row in range(len(order)):
        which = order[row]
        step = when[row] - now
        moving = n > which or n <= which < 2 * n
        if changing and (step > 0 or not moving):
            changing = False
            add_square(double, total, at_risk, 1.0)
        if step > 0:
            now = when[row]
            for k in range(len(rates)):
                decay[k] = np.exp(-rates[k] * step)
            for p in range(size):
                total[p] *= decay[kind[p]]
        if moving:
            i = which % n
            if not changing:
                changing = True
                add_square(double, total, at_risk, -1.0)
            entering = which < n
            exposure_at(i, begin[i] if entering else stop[i], time, code, start, first, rate, x)
            at_risk += 1 if entering else -1
            if at_risk == 0:
                for p in range(size):
                    total[p] = 0.0
            else:
                for p in range(size):
                    total[p] += x[p] if entering else -x[p]
        elif which < 3 * n:
            i = which - 2 * n
            exposure_at(i, stop[i], time, code, start, first, rate, x)
            for p in range(size):
                gap = x[p] - total[p] / at_risk
                apart[p] += gap
                worth[p] += mark[i] * gap
        else:
            c = code[which - 3 * n]
            for p in range(size):
                met[c, p] += total[p] / at_risk
            weight[c] += 1 / at_risk
            for p in range(first[c], first[c + 1]):
                total[p] += 1
    return double, met, weight, apart, worth


@numba.njit(cache=True, nogil=True)
def add_square(double, total, at_risk, sign):
    """Add ``sign * total total' / at_risk`` to `double`, its lower half only."""
    if at_risk > 0:
        for p in range(len(total)):
            scaled = sign * total[p] / at_risk
            if scaled != 0:
                for q in range(p + 1):
                    double[p, q] += scaled * total[q]


@numba.njit(cache=True, nogil=True)
def own_scores(time, code, start, begin, stop, rate, beta):
    """Return the exposure at risk of each customer, and minus the integral of x x' beta."""
    n, m = len(begin), len(rate)
    score, exposure, x = np.zeros((n, m)), np.zeros((n, m)), np.zeros(m)
    first = np.arange(m + 1)
    for i in range(n):
        exposure_at(i, begin[i], time, code, start, first, rate, x)
        now = begin[i]
        for c in range(m):
            exposure[i, c] += x[c] / rate[c]
            for d in range(m):
                score[i, c] -= x[c] * x[d] * beta[d] / (rate[c] + rate[d])
        for touch in range(start[i], start[i + 1]):
            if time[touch] < begin[i]:
                continue
            k = code[touch]
            step = time[touch] - now
            now = time[touch]
            for c in range(m):
                if x[c] != 0:
                    x[c] *= np.exp(-rate[c] * step)
                    both = x[c] / (rate[c] + rate[k])
                    score[i, k] -= both * beta[c]
                    score[i, c] -= both * beta[k]
            score[i, k] -= beta[k] / (2 * rate[k])
            exposure[i, k] += 1 / rate[k]
            x[k] += 1
        for c in range(m):
            if x[c] != 0:
                x[c] *= np.exp(-rate[c] * (stop[i] - now))
        for c in range(m):
            exposure[i, c] -= x[c] / rate[c]
            for d in range(m):
                score[i, c] += x[c] * x[d] * beta[d] / (rate[c] + rate[d])
    return score, exposure


@numba.njit(cache=True, nogil=True)
def decays(rate, step, decay):
    """Write what is left of each channel's exposure after `step` days into `decay`."""
    for c in range(len(rate)):
        if c > 0 and rate[c] == rate[c - 1]:
            decay[c] = decay[c - 1]
        else:
            decay[c] = np.exp(-rate[c] * step)


@numba.njit(cache=True, nogil=True)
def move(which, time, code, start, begin, stop, first, rate, total, at_risk, x):
    """Let exposure `total` jump at a row, and return the customers at risk after it."""
    n, m = len(begin), len(rate)
    if which >= 3 * n:
        total[code[which - 3 * n]] += 1
    elif which < 2 * n:
        i, entering = which % n, which < n
        at = begin[i] if entering else stop[i]
        exposure_at(i, at, time, code, start, first, rate, x)
        at_risk += 1 if entering else -1
        for c in range(m):
            total[c] = (total[c] + (x[c] if entering else -x[c])) if at_risk > 0 else 0.0
    return at_risk


@numba.njit(cache=True, nogil=True)
def add_shared_scores(
    score, order, when, owner, time, code, start, begin, stop, rate, beta, mark, block
):
    """Add to `score` what a customer's influence has to do with all customers at risk.

    What is to come is known only backwards, and the mean exposure only forwards: it is kept at the
    first row of each `block`, and run through again within one. Going backwards, from any t on,
    `jump[c]` integrates ``exp(-r_c (u - t)) dN / Y``, ``mean[d, c]`` the mean exposure of c times
    ``exp(-r_d (u - t)) du``, and `drift[c]` the mean exposure of c by the baseline.
    """
    n, m, n_rows = len(begin), len(rate), len(order)
    x, decay, total, first = np.zeros(m), np.zeros(m), np.zeros(m), np.arange(m + 1)
    bar_then = np.zeros(m)
    n_blocks = (n_rows + block - 1) // block
    kept, kept_risk = np.zeros((n_blocks, m)), np.zeros(n_blocks, np.int64)
    at_risk = 0
    for row in range(n_rows):
        if row > 0:
            decays(rate, when[row] - when[row - 1], decay)
            for c in range(m):
                total[c] *= decay[c]
        if row % block == 0:
            for c in range(m):
                kept[row // block, c] = total[c]
            kept_risk[row // block] = at_risk
        at_risk = move(order[row], time, code, start, begin, stop, first, rate, total, at_risk, x)
    average, risk = np.zeros((block, m)), np.zeros(block, np.int64)
    jump, drift, mean = np.zeros(m), np.zeros(m), np.zeros((m, m))
    inverse = np.zeros((m, m))
    for c in range(m):
        for d in range(m):
            inverse[c, d] = 1 / (rate[c] + rate[d])
    for number in range(n_blocks - 1, -1, -1):
        low, high = number * block, min(n_rows, (number + 1) * block)
        at_risk = kept_risk[number]
        for c in range(m):
            total[c] = kept[number, c]
        for row in range(low, high):
            if row > low:
                decays(rate, when[row] - when[row - 1], decay)
                for c in range(m):
                    total[c] *= decay[c]
            at_risk = move(
                order[row], time, code, start, begin, stop, first, rate, total, at_risk, x
            )
            risk[row - low] = at_risk
            for c in range(m):
                average[row - low, c] = total[c] / at_risk if at_risk > 0 else 0.0
        for row in range(high - 1, low - 1, -1):
            which, step = order[row], when[row + 1] - when[row] if row + 1 < n_rows else 0.0
            bar = average[row - low]
            if step > 0:
                decays(rate, step, decay)
                for c in range(m):
                    jump[c] *= decay[c]
                    bar_then[c] = bar[c] * decay[c]
                for d in range(m):
                    fade_mean(mean[d], drift, bar, bar_then, inverse[d], decay[d], beta[d] * bar[d])
            if which >= 3 * n:
                d = code[which - 3 * n]
                add_exposure(score, owner[which - 3 * n], d, 1.0, jump, mean, beta)
            elif which >= 2 * n:
                i = which - 2 * n
                exposure_at(i, stop[i], time, code, start, first, rate, x)
                for c in range(m):
                    score[i, c] += mark[i] * (x[c] - bar[c])
                    jump[c] += mark[i] / risk[row - low]
                    drift[c] += mark[i] * bar[c] / risk[row - low]
            else:
                i, sign = which % n, 1.0 if which < n else -1.0
                at = begin[i] if which < n else stop[i]
                exposure_at(i, at, time, code, start, first, rate, x)
                for d in range(m):
                    score[i, d] += sign * drift[d]
                    if x[d] != 0:
                        add_exposure(score, i, d, sign * x[d], jump, mean, beta)


@numba.njit(cache=True, nogil=True)
def fade_mean(mean, drift, bar, bar_then, inverse, decay, slope):
    """Go one step of time back in the integrals of the mean exposure, for one channel."""
    for c in range(len(mean)):
        part = (bar[c] - decay * bar_then[c]) * inverse[c]
        mean[c] = decay * mean[c] + part
        drift[c] -= slope * part


@numba.njit(cache=True, nogil=True)
def add_exposure(score, i, d, amount, jump, mean, beta):
    """Add what exposure `amount` to channel `d` gives customer `i` from here on."""
    baseline = jump[d]
    for c in range(len(beta)):
        baseline -= beta[c] * mean[d, c]
        score[i, c] += amount * beta[d] * mean[d, c]
    score[i, d] -= amount * baseline
