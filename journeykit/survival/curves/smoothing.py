"""Kernel smoothing of the steps of a cumulative hazard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def smooth_increments(
    at: NDArray[np.float64],
    time: NDArray[np.float64],
    increment: NDArray[np.float64],
    variance: NDArray[np.float64],
    /,
    *,
    bandwidth: float,
    first: float,
    last: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smooth a step function into its slope, with the standard error.

    Parameters
    ----------
    at : array, shape (n_points,)
        Where to estimate, from `first` to `last`.
    time, increment, variance : arrays, shape (n_times,)
        Where the function steps, in order, by how much, and the variance of each step.
    bandwidth : float
        Steps within this distance count; at most half of `last` - `first`.
    first, last : float
        Where the data ends: no step can be seen outside.

    Returns
    -------
    slope, std_error : arrays, shape (n_points,)
        The slope is never below 0.
    """
    slope, error = np.empty(len(at)), np.empty(len(at))
    begin = np.searchsorted(time, at - bandwidth, side="left")
    end = np.searchsorted(time, at + bandwidth, side="right")
    for point, t in enumerate(at):
        near = slice(begin[point], end[point])
        # Near the last time the kernel of the first, seen in a mirror.
        x = (t - time[near]) / bandwidth
        reach = min((t - first) / bandwidth, (last - t) / bandwidth, 1.0)
        weight = _epanechnikov(x if t - first <= last - t else -x, reach) / bandwidth
        slope[point] = weight @ increment[near]
        error[point] = np.sqrt(np.square(weight) @ variance[near])
    return np.maximum(slope, 0.0), error


def _epanechnikov(x: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """Return the kernel of second order on [-1, reach], Epanechnikov's for a reach of 1.

    It is (1 - x^2) times a line such that the weights integrate to 1 and their mean is 0.
    """
    q = reach
    below = (1 + q) ** 4 * (19 - 18 * q + 3 * q**2)
    level = 64 * (2 - 4 * q + 6 * q**2 - 3 * q**3) / below
    tilt = 240 * (1 - q) ** 2 / below
    return 0.75 * (1 - np.square(x)) * (level + tilt * x)
