"""Loops over customers and over events that tie.

Sums over those under risk gain and lose customers. What one of them adds is taken away again when
they leave, so every sum is kept as a number and the rounding it has lost: otherwise a customer of a
high hazard would leave their rounding behind for all who stay.
"""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, inline="always")
def _added(total, value):
    """Return the rounded sum and exactly what rounding lost (Knuth)."""
    rounded = total + value
    part = rounded - total
    return rounded, (total - (rounded - part)) + (value - part)


@numba.njit(cache=True, nogil=True)
def _accumulated(step, rest):
    """Return cumulative sums before each step, shape (n + 1,), and their lost rounding."""
    high = np.zeros(len(step) + 1)
    low = np.zeros(len(step) + 1)
    for at in range(len(step)):
        high[at + 1], lost = _added(high[at], step[at])
        low[at + 1] = low[at] + lost + rest[at]
    return high, low


@numba.njit(cache=True, nogil=True)
def sums_under_risk(first, last, value, n_cells):
    """Sum `value` over the rows under risk in each cell, shape (n_cells,).

    Row i is under risk in the cells from first[i] up to but not including last[i].
    """
    step = np.zeros(n_cells + 1)
    rest = np.zeros(n_cells + 1)
    for row in range(len(value)):
        enters, leaves = first[row], last[row]
        if enters < leaves:
            step[enters], lost = _added(step[enters], value[row])
            rest[enters] += lost
            step[leaves], lost = _added(step[leaves], -value[row])
            rest[leaves] += lost
    high, low = _accumulated(step, rest)
    return high[1:-1] + low[1:-1]


@numba.njit(cache=True, nogil=True)
def sums_while_under_risk(first, last, event, weight, per_cell, per_event):
    """Sum `per_cell` over the cells of each row, less `per_event` of its own event; weighted."""
    high, low = _accumulated(per_cell, np.zeros(len(per_cell)))
    out = np.zeros(len(first))
    for row in range(len(first)):
        enters, leaves = first[row], last[row]
        if enters < leaves:
            total = (high[leaves] - high[enters]) + (low[leaves] - low[enters])
            if event[row]:
                total -= per_event[leaves - 1]
            out[row] = weight[row] * total
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def tie_sums(n_event, weight, under_risk, leaving, efron):
    """Sum over the events that tie in each cell, shape (6, n_cells).

    The j-th of d has f = j / d with `efron`, else 0. With a = under_risk - f leaving and the mean
    weight w of the events, the sums are of w log a, w / a, w f / a, w / a^2, w f / a^2 and
    w f^2 / a^2.
    """
    out = np.zeros((6, len(n_event)))
    for cell in range(len(n_event)):
        d = n_event[cell]
        mean = weight[cell] / d
        for j in range(d):
            f = j / d if efron else 0.0
            a = under_risk[cell] - f * leaving[cell]
            hazard = mean / a
            out[0, cell] += mean * np.log(a)
            out[1, cell] += hazard
            out[2, cell] += f * hazard
            out[3, cell] += hazard / a
            out[4, cell] += f * hazard / a
            out[5, cell] += f * f * hazard / a
    return out


@numba.njit(cache=True, nogil=True)
def score_residuals(
    first, last, event, weight, unit, cluster, n_clusters, ratio, residual, x, mean, step, own
):
    """Sum one covariate's score residuals by cluster, shape (n_clusters,).

    `ratio` and `x` are of units (`unit` tells each row's), `residual` (martingale, weighted) is of
    rows; `mean`, `step` and `own` of cells: the mean covariate of those under risk at the events,
    and its sum weighted with the hazard and with the part of it that events of the cell are spared.
    """
    high, low = _accumulated(step, np.zeros(len(step)))
    out = np.zeros(n_clusters)
    for row in range(len(first)):
        enters, leaves = first[row], last[row]
        if enters < leaves:
            at = unit[row]
            total = (high[leaves] - high[enters]) + (low[leaves] - low[enters])
            score = x[at] * residual[row]
            if event[row]:
                total -= own[leaves - 1]
                score -= weight[row] * mean[leaves - 1]
            out[cluster[row]] += score + weight[row] * ratio[at] * total
    return out
