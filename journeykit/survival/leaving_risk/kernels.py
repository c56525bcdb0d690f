"""Loops over rows of customers, each with all covariates at once."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def subtract_expected(
    scores, owner, cell, begin, end, band, raised, present, total, slope, since, step, width
):
    """Take from each customer's score what was expected of it over the rows (begin, end].

    `total` and `slope`, shape (n_bands * width, 1 + p), are the hazard and the hazard times the
    mean covariates, added up to the edges of periods, and their growth in the period from there.
    """
    p = scores.shape[1]
    for row in range(len(owner)):
        what = cell[row]
        own = raised[what]
        if own == 0.0:
            continue
        period = min((begin[row] - since) // step, width - 2)
        past = (begin[row] - since - period * step) / step
        first = band[what] * width + period
        period = min((end[row] - since) // step, width - 2)
        until = (end[row] - since - period * step) / step
        last = band[what] * width + period
        who = owner[row]
        grown = total[last, 0] - total[first, 0] + until * slope[last, 0] - past * slope[first, 0]
        for at in range(p):
            mean = total[last, 1 + at] - total[first, 1 + at]
            mean += until * slope[last, 1 + at] - past * slope[first, 1 + at]
            scores[who, at] += own * mean
            if present[what, at]:
                scores[who, at] -= own * grown


@numba.njit(cache=True, nogil=True)
def customers_with(owner, cell, present):
    """Count customers, whose rows stand together, with a row where each covariate is 1."""
    counts = np.zeros(present.shape[1], dtype=np.int64)
    latest = np.full(present.shape[1], -1, dtype=np.int64)
    for row in range(len(owner)):
        for at in range(present.shape[1]):
            if present[cell[row], at] and latest[at] != owner[row]:
                latest[at] = owner[row]
                counts[at] += 1
    return counts
