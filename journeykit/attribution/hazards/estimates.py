"""Credits of the additive hazard, and how far they would move with other customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.attribution.hazards.decays import check_told_apart
from journeykit.attribution.hazards.kernels import add_shared_scores, own_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.attribution.hazards.at_risk import AtRisk
    from journeykit.attribution.hazards.decays import Fold, Moments

#: Rows of time whose mean exposure is held at once.
BLOCK = 4096


class Estimates(NamedTuple):
    """What is credited, the baseline last; channels never met at risk have no effect (NaN).

    Attributes
    ----------
    effect, effect_error, exposure : arrays of float64, shape (m,)
        What a touch adds to the hazard of a day, and the integral of exposure: their product is
        credited.
    conversions, value : arrays of float64, shape (m + 1,)
    covariance : array of float64, shape (2 m + 2, 2 m + 2)
        Over customers, of the conversions credited and of the bounds that they cannot pass: per
        channel the conversions that met it, last those that met none.
    """

    effect: NDArray[np.float64]
    effect_error: NDArray[np.float64]
    exposure: NDArray[np.float64]
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


def estimated(parts: Sequence[Fold]) -> Estimates:
    """Add up the credits of customers credited apart, who are independent of each other."""
    fits = [_solved(risk, part) for risk, part in parts]
    exposure = np.sum([fit.exposure for fit in fits], axis=0)
    weighed = [np.where(fit.exposure > 0, fit.exposure * fit.effect, 0.0) for fit in fits]
    errors = [np.where(fit.exposure > 0, fit.exposure * fit.effect_error, 0.0) for fit in fits]
    some = np.where(exposure > 0, exposure, np.nan)
    return Estimates(
        effect=np.sum(weighed, axis=0) / some,
        effect_error=np.sqrt(np.sum(np.square(errors), axis=0)) / some,
        exposure=exposure,
        conversions=np.sum([fit.conversions for fit in fits], axis=0),
        value=np.sum([fit.value for fit in fits], axis=0),
        covariance=np.sum([fit.covariance for fit in fits], axis=0),
    )


def _solved(risk: AtRisk, part: Moments) -> Estimates:
    """Solve for the effects at the half-lives chosen, one a channel."""
    m, met = len(risk.channels), np.flatnonzero(part.exposure > 0)
    fitted = part.at(met)
    check_told_apart(fitted, tuple(risk.channels[c] for c in met))
    beta, worth, inverse = np.zeros(m), np.zeros(m), np.zeros((m, m))
    if len(met):
        beta[met] = np.linalg.solve(fitted.apart, fitted.converted)
        worth[met] = np.linalg.solve(fitted.apart, fitted.worth)
        inverse[np.ix_(met, met)] = np.linalg.inv(fitted.apart)
    score, exposure = scores(risk, np.log(2) / part.days, beta)
    credit, value = beta * part.exposure, worth * part.exposure
    variance = np.diag(inverse @ (score.T @ score) @ inverse)
    lacking = _lacking(variance, np.diag(inverse) * _mean_hazard(risk))
    return Estimates(
        effect=np.where(part.exposure > 0, beta, np.nan),
        effect_error=np.where(part.exposure > 0, np.sqrt(variance + lacking), np.nan),
        exposure=part.exposure,
        conversions=np.append(credit, risk.converts.sum() - credit.sum()),
        value=np.append(value, risk.value.sum() - value.sum()),
        covariance=_covariance(risk, score, exposure, inverse * part.exposure, beta)
        + _more(lacking * part.exposure**2),
    )


def _mean_hazard(risk: AtRisk) -> float:
    """Return the conversions of a day at risk."""
    return float(risk.converts.sum() / ((risk.stop - risk.begin).sum()))


def _more(variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay out variances of credits that the baseline shares and bounds do not, as `_covariance`."""
    m = len(variance)
    table = np.zeros((2 * m + 2, 2 * m + 2))
    table[:m, :m] = np.diag(variance)
    table[:m, m] = table[m, :m] = -variance
    table[m, m] = variance.sum()
    return table


def _lacking(seen: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the variances of effects lack of what is expected of them.

    The sum over customers counts conversions that happened: where hardly any follows a channel's
    touches, it is too small by chance. At a hazard that goes neither with time nor with exposure it
    is, in expectation, that hazard times the inverse of the centred exposure.
    """
    return np.maximum(expected - seen, 0.0)


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
