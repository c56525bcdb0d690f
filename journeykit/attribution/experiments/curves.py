"""Response curves: conversions at another spend, with what is not known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Elasticities tried where a curve is fitted.
_GRID = 401


class Band(NamedTuple):
    """Conversions at each of several costs, arrays of one shape.

    `middle_low`, `middle_high` and `half` take the band apart for adding up channels: it lies
    within `middle_low` - `half` and `middle_high` + `half`.
    """

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    middle_low: NDArray[np.float64]
    middle_high: NDArray[np.float64]
    half: NDArray[np.float64]


class Fit(NamedTuple):
    """Conversions = scale * cost^elasticity at every elasticity tried; arrays, shape (grid,).

    Attributes
    ----------
    elasticity, scale, error : arrays
        `error` is the standard error of `scale` given the elasticity.
    squares : array
        Sum of squared residuals in units of the errors.
    """

    elasticity: NDArray[np.float64]
    scale: NDArray[np.float64]
    error: NDArray[np.float64]
    squares: NDArray[np.float64]

    @property
    def best(self) -> int:
        """Where the squares are least."""
        return int(np.argmin(self.squares))


def declared_band(factor: NDArray[np.float64], estimate: float, low: float, high: float) -> Band:
    """Multiply an increment with its interval by factors that depend on the elasticity.

    Parameters
    ----------
    factor : array, shape (3, costs)
        At the least, the middle and the largest elasticity declared; monotone in between.
    """
    ends = factor[[0, 2]]
    corners = np.concatenate([ends * low, ends * high])
    middles, half = ends * (low + high) / 2, np.abs(ends).max(axis=0) * (high - low) / 2
    return Band(
        factor[1] * estimate,
        corners.min(axis=0),
        corners.max(axis=0),
        middles.min(axis=0),
        middles.max(axis=0),
        half,
    )


def fit(
    cost: NDArray[np.float64],
    increment: NDArray[np.float64],
    error: NDArray[np.float64],
    span: tuple[float, float],
) -> Fit:
    """Fit increment = scale * cost^elasticity by weighted least squares, elasticity within `span`.

    Parameters
    ----------
    cost, increment, error : arrays, shape (levels,)
    """
    elasticity = np.linspace(*span, _GRID if span[0] < span[1] else 1)
    shape = cost[None, :] ** elasticity[:, None] / error
    known = (shape**2).sum(axis=1)
    scale = shape @ (increment / error) / known
    rest = increment / error - scale[:, None] * shape
    return Fit(elasticity, scale, known**-0.5, (rest**2).sum(axis=1))


def fitted_band(fitted: Fit, factor: NDArray[np.float64], quantile: float) -> Band:
    """Bound scale * factor by the profile likelihood.

    An elasticity whose squares exceed the least by d leaves quantile^2 - d to the scale; the
    bounds are the farthest that any elasticity allows.

    Parameters
    ----------
    factor : array, shape (grid, costs)
        A function of the elasticity and a cost.
    """
    left = quantile**2 - (fitted.squares - fitted.squares.min())
    some = left >= 0
    at = fitted.scale[some, None] * factor[some]
    half = np.abs(factor[some]) * (fitted.error[some] * np.sqrt(left[some]))[:, None]
    low, high = (at - half).min(axis=0), (at + half).max(axis=0)
    middle = (low + high) / 2
    estimate = fitted.scale[fitted.best] * factor[fitted.best]
    return Band(estimate, low, high, middle, middle, (high - low) / 2)
