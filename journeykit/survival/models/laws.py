"""Laws of a logarithm of time: log T = location + scale * error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

DistributionName = Literal["weibull", "lognormal", "log-logistic", "exponential"]

_HALF_LOG_TWO_PI = 0.9189385332046727


class Derivatives(NamedTuple):
    """A function of z, its first and its second derivative, arrays of one shape."""

    value: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Law:
    """Distribution of the error: logarithms of its density and of its survival, and quantiles.

    Attributes
    ----------
    log_density, log_survival : functions of z
    quantile : function of a share
        Where that share is below.
    fixed_scale : bool
        Whether the scale is 1 instead of estimated.
    """

    log_density: Callable[[NDArray[np.float64]], Derivatives]
    log_survival: Callable[[NDArray[np.float64]], Derivatives]
    quantile: Callable[[float], float]
    fixed_scale: bool = False


def _extreme_density(z: NDArray[np.float64]) -> Derivatives:
    e = np.exp(z)
    return Derivatives(z - e, 1 - e, -e)


def _extreme_survival(z: NDArray[np.float64]) -> Derivatives:
    e = -np.exp(z)
    return Derivatives(e, e, e)


def _normal_density(z: NDArray[np.float64]) -> Derivatives:
    return Derivatives(-(z**2) / 2 - _HALF_LOG_TWO_PI, -z, -np.ones_like(z))


def _normal_survival(z: NDArray[np.float64]) -> Derivatives:
    value = special.log_ndtr(-z)
    mills = np.exp(-(z**2) / 2 - _HALF_LOG_TWO_PI - value)
    return Derivatives(value, -mills, -mills * (mills - z))


def _logistic_density(z: NDArray[np.float64]) -> Derivatives:
    p = special.expit(z)
    return Derivatives(-np.logaddexp(0, z) - np.logaddexp(0, -z), 1 - 2 * p, -2 * p * (1 - p))


def _logistic_survival(z: NDArray[np.float64]) -> Derivatives:
    p = special.expit(z)
    return Derivatives(-np.logaddexp(0, z), -p, -p * (1 - p))


def _extreme_quantile(share: float) -> float:
    return float(np.log(-np.log1p(-share)))


def _normal_quantile(share: float) -> float:
    return float(special.ndtri(share))


def _logistic_quantile(share: float) -> float:
    return float(special.logit(share))


LAWS: dict[DistributionName, Law] = {
    "weibull": Law(_extreme_density, _extreme_survival, _extreme_quantile),
    "lognormal": Law(_normal_density, _normal_survival, _normal_quantile),
    "log-logistic": Law(_logistic_density, _logistic_survival, _logistic_quantile),
    "exponential": Law(_extreme_density, _extreme_survival, _extreme_quantile, fixed_scale=True),
}
DISTRIBUTIONS: tuple[DistributionName, ...] = tuple(LAWS)
