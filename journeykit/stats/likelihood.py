"""Maximum likelihood in positive parameters, and what its uncertainty means for a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.errors import DataError
from journeykit.stats.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Log likelihood and its gradient, shape (p,), at logarithms of parameters.
Objective = Callable[["NDArray[np.float64]"], "tuple[float, NDArray[np.float64]]"]

#: Logarithms further away than this mean that the likelihood rises without end.
_FARTHEST = 12.0
_STEP = 1e-4
_POLISHING = 25


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """Where a likelihood is highest.

    Attributes
    ----------
    theta : array of float64, shape (p,)
        Logarithms of the parameters.
    covariance : array of float64, shape (p, p)
        Of `theta`: the inverse of the observed information.
    log_likelihood : float
    """

    theta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    log_likelihood: float

    @property
    def parameters(self) -> NDArray[np.float64]:
        """The parameters themselves, shape (p,)."""
        return np.exp(self.theta)


def maximum(
    objective: Objective, starts: Sequence[NDArray[np.float64]], /, *, names: Sequence[str]
) -> Maximum:
    """Find the highest maximum that is reached from any of the `starts`.

    Quasi-Newton steps, then Newton's own with differences of the gradient until it vanishes.

    Raises
    ------
    DataError
        When the likelihood has no maximum inside: a parameter runs off to 0 or to infinity, or
        some of them cannot be told apart.
    """
    from scipy import optimize

    def negative(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = objective(theta)
        return -value, -gradient

    bounds = [(start - _FARTHEST, start + _FARTHEST) for start in starts[0]]
    found = [
        optimize.minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds)
        for start in starts
    ]
    theta = min(found, key=lambda tried: float(tried.fun)).x
    low, high = np.array(bounds).T
    off = (theta < low + 1e-3) | (theta > high - 1e-3)
    if not off.any():
        theta = _polished(objective, theta)
        off = (theta < low) | (theta > high)
    information = -_hessian(objective, theta)
    values = np.linalg.eigvalsh(information)
    if off.any() or values[0] <= 1e-10 * max(values[-1], 1.0):
        shown = ", ".join(f"{n} = {v:.3g}" for n, v in zip(names, np.exp(theta), strict=True))
        raise DataError(
            "The likelihood must have a maximum inside; it still rises, or does not change, near "
            f"{shown}. The data do not tell these parameters: watch longer, take more customers or "
            "a model of fewer parameters."
        )
    value, _ = objective(theta)
    covariance: NDArray[np.float64] = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return Maximum(theta, covariance, float(value))


def delta_errors(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], at: Maximum, /
) -> NDArray[np.float64]:
    """Return the standard errors of `function` of the logarithms of parameters, shape (k,).

    The delta method, with central differences.
    """
    slopes = _slopes(function, at.theta)
    variance = np.einsum("ik,ij,jk->k", slopes, at.covariance, slopes)
    return np.asarray(np.sqrt(np.maximum(variance, 0)))


def delta_covariance(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], at: Maximum, /
) -> NDArray[np.float64]:
    """Return the covariance of `function` of the logarithms of parameters, shape (k, k)."""
    slopes = _slopes(function, at.theta)
    return np.asarray(slopes.T @ at.covariance @ slopes)


def positive_interval(
    estimate: NDArray[np.float64], std_error: NDArray[np.float64], /, *, confidence: float
) -> Interval:
    """Bound positive numbers by normal intervals of their logarithms; of 0 there is no interval."""
    from scipy.special import ndtri

    z = float(ndtri((1 + confidence) / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        stretch = np.exp(z * std_error / estimate)
        low, high = estimate / stretch, estimate * stretch
    known = estimate > 0
    return Interval(np.where(known, low, np.nan), np.where(known, high, np.nan))


def _polished(objective: Objective, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    value, gradient = objective(theta)
    for _ in range(_POLISHING):
        hessian = _hessian(objective, theta)
        try:
            step = np.linalg.solve(hessian, -gradient)
        except np.linalg.LinAlgError:
            return theta
        step *= min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-300))
        after = objective(theta + step)
        # Rounding of sums over many customers: a step that no longer gains has arrived.
        if not after[0] > value:
            return theta
        theta, (value, gradient) = theta + step, after
    return theta


def _hessian(objective: Objective, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    slopes = _slopes(lambda at: objective(at)[1], theta)
    return np.asarray((slopes + slopes.T) / 2)


def _slopes(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], theta: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return central differences, shape (p, k)."""
    steps = _STEP * np.eye(len(theta))
    return np.array([(function(theta + h) - function(theta - h)) / (2 * _STEP) for h in steps])
