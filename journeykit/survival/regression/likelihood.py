"""Cox's partial likelihood, its derivatives and residuals, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from journeykit.survival.regression.kernels import (
    score_residuals,
    sums_while_under_risk,
    tie_sums,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.regression.riskset import RiskSets, Units

Ties = Literal["efron", "breslow"]
#: One covariate, or some.
Columns = int | slice
ALL = slice(None)

#: Rows whose products are held in memory at a time.
_CHUNK = 1 << 16


class Moments(NamedTuple):
    """All that the likelihood needs at one value of the coefficients.

    In each cell with d tied events of mean weight w, a_j = s0 - f d0 and m_j = (s1 - f d1) / a_j,
    j = 0, ..., d - 1, are the hazard ratios and the mean covariate of those under risk; f = j / d
    for Efron and 0 for Breslow.

    Attributes
    ----------
    log_likelihood : float
    ratio : array, shape (n_units,)
        Hazard ratio of each unit, over a constant.
    log_constant : float
        Logarithm of that constant.
    hazard, spared : arrays, shape (n_cells,)
        Sums of w / a_j, and of w f / a_j, by which the hazard of those with an event is less.
    variance, cross, square : arrays, shape (n_cells,)
        Sums of w / a_j^2, w f / a_j^2 and w f^2 / a_j^2.
    s1, d1 : arrays, shape (n_cells, p)
        Covariates summed over those under risk, and over those with the event, times `ratio`.
    """

    log_likelihood: float
    ratio: NDArray[np.float64]
    log_constant: float
    hazard: NDArray[np.float64]
    spared: NDArray[np.float64]
    variance: NDArray[np.float64]
    cross: NDArray[np.float64]
    square: NDArray[np.float64]
    s1: NDArray[np.float64]
    d1: NDArray[np.float64]

    def within(self, cells: slice) -> Moments:
        """Return what concerns some of the cells."""
        names = ("hazard", "spared", "variance", "cross", "square", "s1", "d1")
        return self._replace(**{name: getattr(self, name)[cells] for name in names})

    def mean_sum(self, part: Columns) -> NDArray[np.float64]:
        """Sum w m_j in each cell, of some columns of the covariates."""
        return _times(self.hazard, self.s1[:, part]) - _times(self.spared, self.d1[:, part])

    def step(self, part: Columns) -> NDArray[np.float64]:
        """Sum w m_j / a_j: the mean covariate of those under risk, times the hazard."""
        return _times(self.variance, self.s1[:, part]) - _times(self.cross, self.d1[:, part])

    def own(self, part: Columns) -> NDArray[np.float64]:
        """Sum w f m_j / a_j: what those with the event are spared of `step`."""
        return _times(self.cross, self.s1[:, part]) - _times(self.square, self.d1[:, part])


def _times(cell: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply each cell's row, or number, with the number of the cell."""
    return np.asarray((value.T * cell).T)


def moments(sets: RiskSets, units: Units, beta: NDArray[np.float64], ties: Ties) -> Moments:
    """Evaluate the partial likelihood of `beta`.

    log L = sum over events of w x' beta - sum over tied events j of w log a_j.
    """
    predictor = units.x @ beta
    # A constant in all predictors changes nothing, and keeps the largest from overflowing.
    constant = float(predictor.max(initial=-np.inf))
    predictor -= constant
    ratio = np.exp(predictor)
    s0, s1, d0, d1 = units.sums(ratio)
    with np.errstate(all="ignore"):
        logs, hazard, spared, variance, cross, square = tie_sums(
            sets.n_event, sets.event_weight, s0, d0, ties == "efron"
        )
        return Moments(
            log_likelihood=float(units.events() @ predictor - logs.sum()),
            ratio=ratio,
            log_constant=constant,
            hazard=hazard,
            spared=spared,
            variance=variance,
            cross=cross,
            square=square,
            s1=s1,
            d1=d1,
        )


def score(units: Units, at: Moments) -> NDArray[np.float64]:
    """Return the first derivative of log L, shape (p,)."""
    left = units.events() - at.ratio * units.exposure(at.hazard, at.spared)
    slope: NDArray[np.float64] = units.x.T @ left
    return slope


def information(
    units: Units, at: Moments, cell_weight: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return minus the second derivative of log L, shape (p, p).

    It is the sum over events of the covariances of x among those under risk, each cell weighted
    with `cell_weight` where given.
    """
    weight = np.ones_like(at.hazard) if cell_weight is None else cell_weight
    each = at.ratio * units.exposure(weight * at.hazard, weight * at.spared)
    p = units.x.shape[1]
    squares = np.zeros((p, p))
    for begin in range(0, len(each), _CHUNK):
        x = units.x[begin : begin + _CHUNK]
        squares += (x * each[begin : begin + _CHUNK, None]).T @ x
    for begin in range(0, len(weight), _CHUNK):
        some = slice(begin, begin + _CHUNK)
        s1, d1 = at.s1[some], at.d1[some]
        variance, cross, square = (
            weight[some, None] * part[some, None] for part in (at.variance, at.cross, at.square)
        )
        squares -= (variance * s1 - cross * d1).T @ s1 - (cross * s1 - square * d1).T @ d1
    return (squares + squares.T) / 2


def martingale_residuals(sets: RiskSets, units: Units, at: Moments) -> NDArray[np.float64]:
    """Return each row's events less those expected of it, weighted, shape (n_rows,)."""
    expected: NDArray[np.float64] = sums_while_under_risk(
        sets.first, sets.last, sets.event, sets.weight, at.hazard, at.spared
    )
    expected *= at.ratio[units.unit]
    return np.asarray(sets.weight * sets.event - expected)


def clustered_scores(
    sets: RiskSets, units: Units, at: Moments, cluster: NDArray[np.int64], n_clusters: int
) -> NDArray[np.float64]:
    """Sum the score residuals by cluster, shape (n_clusters, p); their sum is the score.

    A row's is the integral of (x - mean x of those under risk) over its martingale, weighted.
    """
    residual = martingale_residuals(sets, units, at)
    p = units.x.shape[1]
    out = np.empty((n_clusters, p), order="F")
    for column in range(p):
        out[:, column] = score_residuals(
            sets.first,
            sets.last,
            sets.event,
            sets.weight,
            units.unit,
            cluster,
            n_clusters,
            at.ratio,
            residual,
            np.ascontiguousarray(units.x[:, column]),
            at.mean_sum(column) / sets.event_weight,
            at.step(column),
            at.own(column),
        )
    return out
