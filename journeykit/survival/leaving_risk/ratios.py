"""Hazard ratios of what is true of some time and not of other: estimates and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from journeykit.survival.leaving_risk.influence import customer_scores
from journeykit.survival.leaving_risk.kernels import customers_with
from journeykit.survival.leaving_risk.partial_likelihood import (
    FARTHEST,
    Fitted,
    Pooled,
    identified,
    pooled,
    solved,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.leaving_risk.person_time import PersonTime


class Ratios(NamedTuple):
    """Hazard ratios of covariates that are 0 or 1; arrays of shape (p,).

    Attributes
    ----------
    n : array of int64
        Customers with time under risk while the covariate is 1.
    n_event : array of int64
    person_days : array of float64
    expected : array of float64
        Events there would be with the others' hazards as they are and this ratio 1;
        ratio = n_event / expected.
    ratio, std_error, low, high, p_value : arrays of float64
        `std_error` of the logarithm, from the customers' influence.
    told : array of bool
        Whether there was something to compare.
    """

    n: NDArray[np.int64]
    n_event: NDArray[np.int64]
    person_days: NDArray[np.float64]
    expected: NDArray[np.float64]
    ratio: NDArray[np.float64]
    std_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]
    told: NDArray[np.bool_]

    def first(self, p: int) -> Ratios:
        """Return those of the first p covariates."""
        return Ratios(*(values[:p] for values in self))  # type: ignore[arg-type]


class _Maximum(NamedTuple):
    """The maximum of the likelihood of p covariates.

    Attributes
    ----------
    log_ratio : array of float64, shape (p,)
        0 for those that are not in the model.
    kept, told, empty : arrays of bool, shape (p,)
        In the model; with something to compare; with time but without an event: the ratio is 0.
    weight : array of float64, shape (m,)
        Of the pooled cells.
    fitted : Fitted
    """

    log_ratio: NDArray[np.float64]
    kept: NDArray[np.bool_]
    told: NDArray[np.bool_]
    empty: NDArray[np.bool_]
    weight: NDArray[np.float64]
    fitted: Fitted


def hazard_ratios(
    data: PersonTime, covariates: NDArray[np.bool_], /, *, confidence: float
) -> Ratios:
    """Estimate hazard ratios with a baseline of its own in every calendar period and band.

    With d events and person-time T of the cells g of stratum s, the log partial likelihood is the
    sum of d_gs log(T_gs e^(b x_g) / sum over h of T_hs e^(b x_h)): Cox's on the calendar,
    stratified by time since the start, with risk sets taken together within a period (Breslow's at
    ties). The covariance is the sandwich of the customers' score residuals. Where nobody left
    while a covariate was 1, its ratio is 0, and the upper bound is the exact Poisson one of no
    event over the events expected.

    Parameters
    ----------
    data : PersonTime
    covariates : array of bool, shape (n_cells, p)
    confidence : float in (0, 1)

    References
    ----------
    Lin, Wei (1989), JASA 84, for the covariance. Holford (1980), Biometrics 36, for the likelihood.
    """
    pool = pooled(data, covariates)
    x = pool.x
    best = _maximum(pool)
    kept, empty = best.kept, best.empty
    expected = _expected(pool, best)
    std_error = np.full(x.shape[1], np.nan)
    if kept.any():
        bread = np.linalg.pinv(best.fitted.information, hermitian=True)
        weight = best.weight[pool.place]
        own = covariates[:, kept]
        scores = customer_scores(data, own, best.log_ratio[kept], weight, best.fitted)
        std_error[kept] = np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread))
    told = (best.told | empty) & (expected > 0)
    ratio = np.where(empty, 0.0, np.exp(best.log_ratio))
    quantile = stats.norm.isf((1 - confidence) / 2)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        low = np.where(empty, 0.0, ratio * np.exp(-quantile * std_error))
        none_of = -np.log((1 - confidence) / 2) / expected
        high = np.where(empty, none_of, ratio * np.exp(quantile * std_error))
        tail = 2 * stats.norm.sf(np.abs(best.log_ratio) / std_error)
    p_value = np.where(empty, np.minimum(1.0, 2 * np.exp(-expected)), tail)
    hidden = np.where(told, 1.0, np.nan)
    return Ratios(
        _customers(data, covariates),
        (x.T @ pool.events.sum(axis=1)).astype(np.int64),
        x.T @ pool.days.sum(axis=1),
        expected * hidden,
        ratio * hidden,
        std_error * hidden,
        low * hidden,
        high * hidden,
        p_value * hidden,
        told,
    )


def ratios_alone(data: PersonTime, covariates: NDArray[np.bool_], /) -> NDArray[np.float64]:
    """Return the estimates of `hazard_ratios`, shape (p,), without intervals."""
    best = _maximum(pooled(data, covariates))
    ratio = np.where(best.empty, 0.0, np.exp(best.log_ratio))
    return np.asarray(np.where(best.told | best.empty, ratio, np.nan))


def _maximum(pool: Pooled) -> _Maximum:
    x = pool.x
    n_event, person_days = x.T @ pool.events.sum(axis=1), x.T @ pool.days.sum(axis=1)
    empty = (n_event == 0) & (person_days > 0)
    # A ratio of 0 takes its cells out of the comparison.
    weight = np.where((x[:, empty] > 0).any(axis=1), 0.0, 1.0)
    told, kept = identified(pool, x, weight, ~empty & (person_days > 0))
    log_ratio = np.zeros(x.shape[1])
    log_ratio[kept], fitted = solved(pool, x[:, kept], weight)
    told &= np.abs(log_ratio) <= FARTHEST
    return _Maximum(log_ratio, kept, told, empty, weight, fitted)


def _expected(
    pool: Pooled,
    best: _Maximum,
) -> NDArray[np.float64]:
    """Return events expected while each covariate is 1 if its own ratio were 1."""
    x = pool.x
    base = (pool.days * best.fitted.hazard[pool.band]).sum(axis=1)
    expected = np.zeros(x.shape[1])
    for at in range(x.shape[1]):
        others = best.log_ratio.copy()
        others[at] = 0.0
        # Nobody is expected where another covariate has the ratio 0.
        none = best.empty.copy()
        none[at] = False
        still = ~(x[:, none] > 0).any(axis=1)
        expected[at] = (x[:, at] * still * np.exp(x @ others)) @ base
    return expected


def _customers(data: PersonTime, covariates: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count customers with time under risk while each covariate is 1."""
    counts: NDArray[np.int64] = customers_with(
        data.rows.owner, data.rows.cell, np.ascontiguousarray(covariates)
    )
    return counts
