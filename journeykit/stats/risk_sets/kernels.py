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
    equation of the risk ratio and of that of the risk difference.
    """
    score = ratio_part = difference_part = 0.0
    squares = np.zeros(3)
    for moment in range(len(stratum)):
        if moment > 0 and customer[moment] != customer[moment - 1]:
            squares[0] += score * score
            squares[1] += ratio_part * ratio_part
            squares[2] += difference_part * difference_part
            score = ratio_part = difference_part = 0.0
        kind = role[moment]
        if kind < 0:
            continue
        row = table[stratum[moment]]
        exposed, compared = float(row[0]), float(row[1])
        if exposed == 0 or compared == 0:
            continue
        n = exposed + compared
        events = float(row[2] + row[3])
        # What is measured from a stratum's own mean is too small by (n - 1) / n.
        larger = np.sqrt(n / (n - 1))
        happened = 1.0 if event[moment] else 0.0
        under_ratio = events / (ratio * exposed + compared)
        under_difference = (events - difference * exposed) / n
        if kind == 1:
            weight = compared / n
            score += larger * weight * (happened - events / n)
            ratio_part += larger * weight * (happened - ratio * under_ratio)
            difference_part += larger * weight * (happened - under_difference - difference)
        else:
            weight = exposed / n
            score -= larger * weight * (happened - events / n)
            ratio_part -= larger * ratio * weight * (happened - under_ratio)
            difference_part -= larger * weight * (happened - under_difference)
    squares[0] += score * score
    squares[1] += ratio_part * ratio_part
    squares[2] += difference_part * difference_part
    return squares
