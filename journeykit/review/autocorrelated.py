"""Least squares for series whose errors remember the period before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TURNS = 8
_LEAST, _MOST = -0.5, 0.95


class Regression(NamedTuple):
    """Coefficients, their covariance, the autocorrelation of the errors, degrees of freedom."""

    coefficient: NDArray[np.float64]
    covariance: NDArray[np.float64]
    autocorrelation: float
    freedom: int


def regression(
    y: NDArray[np.float64],
    design: NDArray[np.float64],
    weight: NDArray[np.float64],
    /,
    *,
    autocorrelation: float | None = None,
) -> Regression:
    """Fit by generalised least squares with first-order autoregressive errors.

    Observations are scaled by the roots of their weights; the scaled errors follow
    e_t = rho e_{t-1} + u_t. The first observation is kept, scaled by sqrt(1 - rho^2) (Prais,
    Winsten). rho is that of the residuals, iterated, plus k (1 + rho) / T with k columns and T
    periods, because fitted columns take autocorrelation away, and held within -0.5 and 0.95.

    Parameters
    ----------
    y, weight : arrays of shape (T,)
    design : array, shape (T, k)
    autocorrelation : float, optional
        When it is known.

    References
    ----------
    Prais, Winsten (1954), Cowles Commission Discussion Paper 383.
    """
    t, k = design.shape
    root = np.sqrt(weight / weight.mean())
    x, z = design * root[:, None], y * root
    rho = 0.0 if autocorrelation is None else autocorrelation
    for _ in range(1 if autocorrelation is not None else _TURNS):
        coefficient = np.linalg.lstsq(_turned(x, rho), _turned(z, rho), rcond=None)[0]
        if autocorrelation is None:
            left = z - x @ coefficient
            found = (left[1:] @ left[:-1]) / max(float(left @ left), 1e-300)
            rho = float(np.clip(found + k * (1 + found) / t, _LEAST, _MOST))
    turned = _turned(x, rho)
    coefficient = np.linalg.lstsq(turned, _turned(z, rho), rcond=None)[0]
    error = _turned(z, rho) - turned @ coefficient
    variance = float(error @ error) / (t - k)
    covariance = variance * np.linalg.pinv(turned.T @ turned, hermitian=True)
    return Regression(np.asarray(coefficient, dtype=np.float64), covariance, rho, t - k)


def _turned(values: NDArray[np.float64], rho: float) -> NDArray[np.float64]:
    """Take from each row rho times the row before."""
    turned = values.copy()
    turned[1:] -= rho * values[:-1]
    turned[0] *= np.sqrt(1 - rho**2)
    return turned
