"""Entropy of what follows: how many ways lead on, with an interval that knows customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.counts.kernels import clustered_cells
from journeykit.paths.predicting.splitting import ClusteredMean, clustered_mean
from journeykit.stats import wilson_interval
from journeykit.stats.intervals import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Fewer customers leave the bias of an entropy too uncertain: no interval is given.
LEAST_CUSTOMERS = 200


@dataclass(frozen=True, slots=True)
class Entropy:
    """Entropy of what follows a context, in bits.

    Attributes
    ----------
    plug_in : float
        Of the observed frequencies; too low on average.
    estimate : float
        `plug_in` and the bias that customers' variation implies.
    conf_low, conf_high : float
        Missing below 200 customers.
    n : int
        Steps.
    n_customers : int
    """

    plug_in: float
    estimate: float
    conf_low: float
    conf_high: float
    n: int
    n_customers: int


def clustered_entropy(
    cell: NDArray[np.integer],
    cell_context: NDArray[np.int64],
    customer: NDArray[np.int64],
    /,
    *,
    confidence: float,
) -> Entropy:
    """Estimate H(follower | context) over steps, contexts weighing as often as they occur.

    The plug-in estimate is the mean over steps of -log2 p, p = n_ab / n_a, and its standard error
    is that mean's, residuals added up by customer: to first order the error in p itself cancels.
    To second order the plug-in is too low by

        1 / (2 n ln 2) * C / (C - 1) * sum over a, b, customers of (n_abc - p_ab n_ac)^2 / n_ab,

    which is added. Where every step is its own customer's it is Miller and Madow's
    sum over a of (k_a - 1) / (2 n ln 2), with k_a followers seen; customers who repeat themselves
    make it larger. The interval is the estimate with t on customers, cut at 0.

    Where every context has one follower the standard error is 0 and says nothing: `conf_high` is
    then the entropy of a way taken with the upper Wilson bound of 0 among the customers.

    Parameters
    ----------
    cell : array of int, shape (n,)
        Context and follower of each step, all known.
    cell_context : array of int64, shape (n_cells,)
    customer : array of int64, shape (n,)
        Never decreasing.
    confidence : float in (0, 1)

    References
    ----------
    Miller (1955), Note on the bias of information estimates; Basharin (1959), On a statistical
    estimate for the entropy of a sequence of independent random variables.
    """
    n_contexts = int(cell_context.max(initial=-1)) + 1
    begins = np.flatnonzero(np.diff(customer, prepend=-1))
    cells, contexts = clustered_cells(
        cell,
        cell_context,
        np.ones(len(cell_context), dtype=bool),
        np.append(begins, len(cell)),
        np.arange(len(begins)),
        len(cell_context),
        n_contexts,
    )
    n_cell, _, squares, cross, _ = cells.T
    seen = n_cell > 0
    n_context, _, context_squares = contexts[cell_context].T
    share = np.divide(n_cell, n_context, out=np.ones(len(n_cell)), where=seen)
    surprise = clustered_mean(-np.log2(share)[cell], customer)
    spread = squares - 2 * share * cross + share**2 * context_squares
    missing = np.divide(spread, n_cell, out=np.zeros(len(n_cell)), where=seen).sum()
    customers = surprise.n_customers
    inflation = customers / (customers - 1) if customers > 1 else 1.0
    bias = float(missing) * inflation / (2 * len(cell) * np.log(2))
    bounds = _bounds(surprise, bias, confidence)
    return Entropy(
        plug_in=surprise.estimate,
        estimate=surprise.estimate + bias,
        conf_low=bounds.low,
        conf_high=bounds.high,
        n=len(cell),
        n_customers=customers,
    )


def _bounds(surprise: ClusteredMean, bias: float, confidence: float) -> Estimate:
    middle = surprise.estimate + bias
    if surprise.n_customers < LEAST_CUSTOMERS:
        return Estimate(middle, np.nan, np.nan)
    if surprise.estimate == 0:
        other = float(wilson_interval(0, surprise.n_customers, confidence=confidence).high)
        high = -other * np.log2(other) - (1 - other) * np.log2(1 - other)
        return Estimate(0.0, 0.0, float(high))
    if surprise.std_error == 0:  # all customers do the same: how they vary is not known
        return Estimate(middle, np.nan, np.nan)
    _, low, high = surprise.interval(confidence)
    return Estimate(middle, max(0.0, low + bias), high + bias)
