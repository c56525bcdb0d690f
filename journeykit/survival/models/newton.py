"""A step of Newton's method that always goes uphill."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import linalg

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Uphill(NamedTuple):
    """The step, shape (q,), and by how much a parabola would rise along it."""

    step: NDArray[np.float64]
    promised: float


def uphill_step(curvature: NDArray[np.float64], gradient: NDArray[np.float64], /) -> Uphill:
    """Solve curvature * step = gradient; where the hill is no dome, bend it until it is one.

    Parameters
    ----------
    curvature : array, shape (q, q)
        Minus the second derivatives.
    gradient : array, shape (q,)
    """
    size = np.sqrt(np.maximum(np.abs(np.diag(curvature)), 1e-300))
    scaled = curvature / np.outer(size, size)
    lift = 0.0
    while True:
        try:
            factor = linalg.cho_factor(scaled + lift * np.eye(len(scaled)))
            break
        except linalg.LinAlgError:
            lift = max(10 * lift, 1e-8)
    step = linalg.cho_solve(factor, gradient / size) / size
    return Uphill(step, float(step @ gradient) / 2)
