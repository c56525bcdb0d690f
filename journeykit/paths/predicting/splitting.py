"""Customers split by a hash, and means over their steps with intervals that know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.journeys.fingerprint import hash_customers
from journeykit.stats import mix, salted, uniform
from journeykit.stats.intervals import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


class ClusteredMean(NamedTuple):
    """A mean over steps of customers, its standard error, and how many customers made them."""

    estimate: float
    std_error: float
    n_customers: int

    def interval(self, confidence: float) -> Estimate:
        """Bound the mean with t on the customers; missing below two of them."""
        from scipy.special import stdtrit

        if self.n_customers < 2:
            return Estimate(self.estimate, np.nan, np.nan)
        half = float(stdtrit(self.n_customers - 1, (1 + confidence) / 2)) * self.std_error
        return Estimate(self.estimate, self.estimate - half, self.estimate + half)


def customer_draws(journeys: Journeys, /, *, seed: int) -> NDArray[np.float64]:
    """Draw a number in [0, 1) for each customer by a hash of `seed` and their id."""
    hashed = mix(salted(hash_customers(journeys.customer_id), "held out"), seed=seed)
    return uniform(hashed)


def clustered_mean(values: NDArray[np.float64], customer: NDArray[np.int64], /) -> ClusteredMean:
    """Average values of steps; the standard error adds the residuals of a customer up.

    With the sum S_c of m_c values of customer c, the variance of h = sum S / sum m is
    C / (C - 1) * sum (S_c - h m_c)^2 / (sum m)^2.
    """
    m = np.bincount(customer)
    present = m > 0
    size = m[present]
    sums = np.bincount(customer, weights=values)[present]
    n, customers = int(size.sum()), len(size)
    mean = float(sums.sum() / n)
    spread = float(((sums - mean * size) ** 2).sum())
    inflation = customers / (customers - 1) if customers > 1 else np.nan
    return ClusteredMean(mean, float(np.sqrt(inflation * spread)) / n, customers)
