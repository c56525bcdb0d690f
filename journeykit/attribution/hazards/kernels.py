"""One pass over the moments at which exposure changes; exposure decays exactly in between."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def exposure_products(time, kind, customer, channel, n_customers, rate):
    """Integrate exposure and its products over the risk set.

    `kind` is 0 for a conversion, 1 for the end of watching, 2 for an entry, 3 for a touch; rows
    are sorted by time, then kind. Returns (A, b, B, exposure), as `moments` documents them.
    """
    m = len(rate)
    x, since = np.zeros((n_customers, m)), np.zeros(n_customers)
    active = np.zeros(n_customers, np.bool_)
    at_risk, total = 0, np.zeros(m)
    a, b, meat, exposure = np.zeros((m, m)), np.zeros(m), np.zeros((m, m)), np.zeros(m)
    now = time[0] if len(time) else 0.0
    for row in range(len(time)):
        step = time[row] - now
        now = time[row]
        if at_risk > 0 and step > 0:
            for c in range(m):
                exposure[c] += total[c] * -np.expm1(-rate[c] * step) / rate[c]
                for d in range(m):
                    both = rate[c] + rate[d]
                    a[c, d] -= total[c] * total[d] / at_risk * -np.expm1(-both * step) / both
            for c in range(m):
                total[c] *= np.exp(-rate[c] * step)
        i = customer[row]
        own = now - since[i]
        since[i] = now
        for c in range(m):
            if active[i] and x[i, c] != 0:
                for d in range(m):
                    both = rate[c] + rate[d]
                    a[c, d] += x[i, c] * x[i, d] * -np.expm1(-both * own) / both
        for c in range(m):
            x[i, c] *= np.exp(-rate[c] * own)
        if kind[row] == 3:
            x[i, channel[row]] += 1
            if active[i]:
                total[channel[row]] += 1
        elif kind[row] == 2:
            active[i] = True
            at_risk += 1
            total += x[i]
        else:
            if kind[row] == 0:
                apart = x[i] - total / at_risk
                b += apart
                meat += np.outer(apart, apart)
            active[i] = False
            at_risk -= 1
            total -= x[i]
            if at_risk == 0:
                total[:] = 0
    return a, b, meat, exposure
