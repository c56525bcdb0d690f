"""Sums over strata and customers, compiled by Numba: two passes over the moments."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def stratum_counts(stratum, role, event, n_strata):
    """Count moments by stratum, int64, shape (n_strata, 4): exposed, compared, events of each."""
    table = np.zeros((n_strata, 4), np.int64)
    for moment in range(len(stratum)):
        kind = role[moment]
        if kind < 0:
            continue
        table[stratum[moment], 1 - kind] += 1
        table[stratum[moment], 3 - kind] += event[moment]
    return table


@numba.njit(cache=True, nogil=True)
def cluster_squares(customer, stratum, role, event, table, ratio, difference):
    """Add up the squares over customers of what each contributes to the three estimates.

    Customers stand together. Returns the sums of squares of the score without an effect, of the
    equation of the risk ratio and of that of the risk difference; and of the score by moment, as if
    each were of a customer of its own.
    """
    parts = _contributions(table, ratio, difference)
    score = ratio_part = difference_part = 0.0
    squares = np.zeros(4)
    for moment in range(len(stratum)):
        if moment > 0 and customer[moment] != customer[moment - 1]:
            squares[0] += score * score
            squares[1] += ratio_part * ratio_part
            squares[2] += difference_part * difference_part
            score = ratio_part = difference_part = 0.0
        kind = role[moment]
        if kind < 0:
            continue
        part = parts[stratum[moment], 2 * kind + event[moment]]
        score += part[0]
        squares[3] += part[0] * part[0]
        ratio_part += part[1]
        difference_part += part[2]
    squares[0] += score * score
    squares[1] += ratio_part * ratio_part
    squares[2] += difference_part * difference_part
    return squares


@numba.njit(cache=True, nogil=True)
def _contributions(table, ratio, difference):
    """Return what a moment adds, shape (n_strata, 4, 3): by stratum, 2 * exposed + event, estimate.

    Strata that compare nobody add nothing.
    """
    parts = np.zeros((len(table), 4, 3))
    for stratum in range(len(table)):
        exposed, compared = float(table[stratum, 0]), float(table[stratum, 1])
        if exposed == 0 or compared == 0:
            continue
        n = exposed + compared
        events = float(table[stratum, 2] + table[stratum, 3])
        # What is measured from a stratum's own mean is too small by (n - 1) / n.
        larger = np.sqrt(n / (n - 1))
        under_ratio = events / (ratio * exposed + compared)
        under_difference = (events - difference * exposed) / n
        for event in range(2):
            weight = -larger * exposed / n
            parts[stratum, event, 0] = weight * (event - events / n)
            parts[stratum, event, 1] = weight * ratio * (event - under_ratio)
            parts[stratum, event, 2] = weight * (event - under_difference)
            weight = larger * compared / n
            parts[stratum, 2 + event, 0] = weight * (event - events / n)
            parts[stratum, 2 + event, 1] = weight * (event - ratio * under_ratio)
            parts[stratum, 2 + event, 2] = weight * (event - under_difference - difference)
    return parts
