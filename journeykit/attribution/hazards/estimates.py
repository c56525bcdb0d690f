"""Credits of the additive hazard, and how far they would move with other customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.attribution.hazards.decays import Moments, check_told_apart
from journeykit.attribution.hazards.kernels import add_shared_scores, own_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.hazards.at_risk import AtRisk

#: Rows of time whose mean exposure is held at once.
BLOCK = 4096


class Estimates(NamedTuple):
    """What is credited, the baseline last; channels never met at risk have no effect (NaN).

    Attributes
    ----------
    effect, effect_error : arrays of float64, shape (m,)
    conversions, value : arrays of float64, shape (m + 1,)
    covariance : array of float64, shape (2 m + 2, 2 m + 2)
        Over customers, of the conversions credited and of the bounds that they cannot pass: per
        channel the conversions that met it, last those that met none.
    """

    effect: NDArray[np.float64]
    effect_error: NDArray[np.float64]
    conversions: NDArray[np.float64]
    value: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @property
    def error(self) -> NDArray[np.float64]:
        """Standard errors of the conversions credited, shape (m + 1,)."""
        return np.sqrt(np.diag(self.covariance)[: len(self.conversions)])

    @property
    def share_error(self) -> NDArray[np.float64]:
        """Standard errors of the shares of all conversions, by the delta method."""
        k, total = len(self.conversions), self.conversions.sum()
        slope = (np.eye(k) - self.conversions[:, None] / total) / total
        variance = np.diag(slope @ self.covariance[:k, :k] @ slope.T)
        # Rounding may leave less than nothing where credits do not vary.
        return np.sqrt(np.maximum(variance, 0.0))


def estimated(risk: AtRisk, part: Moments) -> Estimates:
    """Solve for the effects at the half-lives chosen, one a channel."""
    m, met = len(risk.channels), np.flatnonzero(part.exposure > 0)
    fitted = part.at(met)
    check_told_apart(fitted, tuple(risk.channels[c] for c in met))
    beta, worth = np.zeros(m), np.zeros(m)
    if len(met):
        beta[met] = np.linalg.solve(fitted.apart, fitted.converted)
        worth[met] = np.linalg.solve(fitted.apart, fitted.worth)
    inverse = np.zeros((m, m))
    inverse[np.ix_(met, met)] = np.linalg.inv(fitted.apart)
    score, exposure = scores(risk, np.log(2) / part.days, beta)
    credit, value = beta * part.exposure, worth * part.exposure
    effect, error = np.full(m, np.nan), np.full(m, np.nan)
    effect[met] = beta[met]
    error[met] = np.sqrt(np.diag(inverse @ (score.T @ score) @ inverse))[met]
    return Estimates(
        effect=effect,
        effect_error=error,
        conversions=np.append(credit, risk.converts.sum() - credit.sum()),
        value=np.append(value, risk.value.sum() - value.sum()),
        covariance=_covariance(risk, score, exposure, inverse * part.exposure, beta),
    )


def scores(
    risk: AtRisk, rate: NDArray[np.float64], beta: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what each customer adds to the estimating equations, and its exposure at risk.

    With the mean exposure and the baseline estimated from all customers: the integral of exposure
    less its mean by the conversion less its fitted hazard. Sums to 0 over customers.

    Returns
    -------
    tuple of arrays of float64, shape (n, m)
    """
    layout = (risk.time, risk.code, risk.start, risk.begin, risk.stop, rate, beta)
    score, exposure = own_scores(*layout)
    rows = (risk.order, risk.when, risk.owner)
    add_shared_scores(score, *rows, *layout, np.ones(len(risk.begin)), BLOCK)
    return score, exposure


def _covariance(
    risk: AtRisk,
    score: NDArray[np.float64],
    exposure: NDArray[np.float64],
    slope: NDArray[np.float64],
    beta: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Add up the squared influence of customers on credits and on their bounds."""
    n, m = exposure.shape
    influence = np.empty((n, 2 * m + 2))
    np.matmul(score, slope, out=influence[:, :m])
    influence[:, :m] += exposure * beta
    influence[:, m] = risk.converts - influence[:, :m].sum(axis=1)
    touched = risk.touched
    influence[:, m + 1 : -1] = touched & risk.converts[:, None]
    influence[:, -1] = risk.converts & ~touched.any(axis=1)
    influence -= influence.mean(axis=0)
    return np.asarray(influence.T @ influence * (n / max(n - 1, 1)), dtype=np.float64)
