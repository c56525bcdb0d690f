"""A smooth curve through points, with its band."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Smooth(NamedTuple):
    """A curve at some places, arrays of shape (n_places,)."""

    estimate: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]


def spline_through(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    at: NDArray[np.float64],
    *,
    n_knots: int = 5,
    confidence: float,
) -> Smooth:
    """Fit a natural cubic spline by least squares, knots at equal shares of the points.

    Natural: straight beyond the outer knots, so that few points there do not bend it. The band is
    pointwise, from the scatter about the curve.
    """
    knots = np.unique(np.quantile(x, np.linspace(0, 1, n_knots), method="nearest"))
    basis, wanted = _natural_basis(x, knots), _natural_basis(at, knots)
    weights, _, rank, _ = np.linalg.lstsq(basis, y)
    left = y - basis @ weights
    variance = left @ left / max(len(y) - int(rank), 1)
    inverse = np.linalg.pinv(basis.T @ basis, hermitian=True)
    error = np.sqrt(variance * np.einsum("ij,jk,ik->i", wanted, inverse, wanted))
    half = stats.norm.isf((1 - confidence) / 2) * error
    middle = wanted @ weights
    return Smooth(middle, middle - half, middle + half)


def _natural_basis(x: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the basis of natural cubic splines, shape (n, max(2, n_knots)); of lines for two."""
    span = (knots[-1] - knots[0]) or 1.0
    u, k = (x - knots[0]) / span, (knots - knots[0]) / span

    def bent(knot: float) -> NDArray[np.float64]:
        up = np.maximum(u - knot, 0) ** 3 - np.maximum(u - k[-1], 0) ** 3
        return np.asarray(up / (k[-1] - knot))

    inner = [bent(knot) - bent(k[-2]) for knot in k[:-2]]
    return np.column_stack([np.ones_like(u), u, *inner])
