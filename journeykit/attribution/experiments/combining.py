"""Experiments and a model together: arrays over channels, leading axes for many worlds at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Tested channels from which on a model is heard: one direction is the ratio, three are shrunk.
ENOUGH = 4
#: No tested channel is moved by more of its errors: the estimate stays in the interval of 95 %.
FARTHEST = 1.959963984540054
#: Points of the spread of ratios that are averaged over.
_POINTS = 160
#: Halvings in search of a quantile: they leave 1e-12 of the first span.
_HALVINGS = 44


class Shrunk(NamedTuple):
    """Estimates of tested channels.

    Attributes
    ----------
    estimate : array, shape (..., k)
    weight : array, shape (...)
        What the corrected model weighs, in [0, 1]; the experiment weighs the rest.
    """

    estimate: NDArray[np.float64]
    weight: NDArray[np.float64]


class Ratios(NamedTuple):
    """What is known of the ratio of increments to credits; arrays of shape (..., points).

    Given the spread, the ratio is normal with `mean` and `variance`; the spreads weigh `weight`,
    which sums to 1.
    """

    spread: NDArray[np.float64]
    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Posterior mean of the mean ratio, shape (...)."""
        mean: NDArray[np.float64] = (self.weight * self.mean).sum(axis=-1)
        return mean

    @property
    def ratio_std_error(self) -> NDArray[np.float64]:
        """Posterior standard deviation of the mean ratio, shape (...)."""
        apart = self.variance + (self.mean - self.ratio[..., None]) ** 2
        error: NDArray[np.float64] = np.sqrt((self.weight * apart).sum(axis=-1))
        return error

    @property
    def typical_spread(self) -> NDArray[np.float64]:
        """Posterior median of the spread of the ratios, shape (...)."""
        at = (np.cumsum(self.weight, axis=-1) < 0.5).sum(axis=-1, keepdims=True)
        spread: NDArray[np.float64] = np.take_along_axis(self.spread, at, axis=-1)[..., 0]
        return spread


class Predicted(NamedTuple):
    """Increments of untested channels, shape (..., j); `std_error` is the predictive one."""

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def shrink(
    increment: NDArray[np.float64],
    error: NDArray[np.float64],
    credit: NDArray[np.float64],
) -> Shrunk:
    """Move experiments towards credits times one ratio, as far as that cannot harm.

    In units of the errors, y = increment / error is split into its part along the credits, and a
    rest r with k - 1 dimensions. The estimate is y - min(1, c / |r|^2) r, with c = tr A / max A -
    2, at least 0 and at most `FARTHEST`^2; A is the variance of the rest in conversions, and tr A
    and max A are the sum and the largest of its eigenvalues. With equal errors c = k - 3.

    Parameters
    ----------
    increment, error, credit : arrays, shape (..., k)
    """
    k = increment.shape[-1]
    y, m = increment / error, credit / error
    length = np.sqrt((m**2).sum(axis=-1, keepdims=True))
    if k < ENOUGH or not (length > 0).all():
        return Shrunk(increment, np.zeros(increment.shape[:-1]))
    along = m / length
    rest = y - (y * along).sum(axis=-1, keepdims=True) * along
    left = np.eye(k) - along[..., :, None] * along[..., None, :]
    variance = left @ (error[..., :, None] ** 2 * left)
    effective = np.trace(variance, axis1=-2, axis2=-1) / np.linalg.eigvalsh(variance)[..., -1]
    c = np.clip(effective - 2, 0, FARTHEST**2)
    squares = (rest**2).sum(axis=-1)
    weight = np.ones(c.shape)
    np.divide(c, squares, out=weight, where=squares > c)
    weight = np.where(c > 0, weight, 0.0)
    return Shrunk(increment - weight[..., None] * rest * error, weight)


def ratios(
    increment: NDArray[np.float64],
    error: NDArray[np.float64],
    credit: NDArray[np.float64],
    credit_error: NDArray[np.float64],
) -> Ratios:
    """Learn the ratio of increments to credits, and how far channels differ in it.

    Channel i has a ratio of its own, normal about the mean ratio with standard deviation t. Its
    experiment shows increment / credit, with variance v_i = (error^2 + ratio^2 credit_error^2) /
    credit^2. The mean has a flat prior, t Jeffreys' prior: the square root of the sum of (t / (v_i
    + t^2))^2. t is averaged over numerically, not estimated.

    Parameters
    ----------
    increment, error, credit, credit_error : arrays, shape (..., k)
        Credits are not 0.
    """
    precision = error**-2
    ratio = (precision * increment * credit).sum(axis=-1) / (precision * credit**2).sum(axis=-1)
    shown = increment / credit
    position = (np.arange(_POINTS) + 0.5) / _POINTS
    # The variance from the model's own error depends on the ratio, and hardly: three rounds do.
    for _ in range(3):
        v = (error**2 + (ratio[..., None] * credit_error) ** 2) / credit**2
        known = (1 / v).sum(axis=-1)
        scale = np.sqrt((((shown - ratio[..., None]) ** 2 / v).sum(axis=-1) + 1) / known)
        t = scale[..., None] * position / (1 - position)
        w = 1 / (v[..., None, :] + t[..., :, None] ** 2)
        variance = 1 / w.sum(axis=-1)
        mean = (w * shown[..., None, :]).sum(axis=-1) * variance
        prior = np.log((w**2).sum(axis=-1)) / 2 + np.log(t)
        apart = (w * (shown[..., None, :] - mean[..., :, None]) ** 2).sum(axis=-1)
        height = prior + (np.log(w).sum(axis=-1) + np.log(variance) - apart) / 2
        weight = np.exp(height - height.max(axis=-1, keepdims=True)) / (1 - position) ** 2
        weight /= weight.sum(axis=-1, keepdims=True)
        ratio = (weight * mean).sum(axis=-1)
    return Ratios(t, weight, mean, variance)


def predict(
    known: Ratios,
    credit: NDArray[np.float64],
    credit_error: NDArray[np.float64],
    *,
    confidence: float,
) -> Predicted:
    """Foretell the increments of channels whose ratio is one more of the same kind.

    Parameters
    ----------
    known : Ratios
        Leading axes as of `credit`.
    credit, credit_error : arrays, shape (..., j)
    confidence : float in (0, 1)
    """
    from scipy.special import ndtr, ndtri

    size, weight = credit[..., None], known.weight[..., None, :]
    mean = size * known.mean[..., None, :]
    own = (known.ratio[..., None] * credit_error)[..., None] ** 2
    wide = known.spread**2 + known.variance
    deviation = np.sqrt(size**2 * wide[..., None, :] + own)
    estimate = (weight * mean).sum(axis=-1)
    second = (weight * (deviation**2 + (mean - estimate[..., None]) ** 2)).sum(axis=-1)
    # A channel without credit has no increment, and nothing to search.
    safe = np.where(deviation > 0, deviation, 1.0)
    reach = -ndtri((1 - confidence) / 2) * deviation
    bounds = []
    for level in ((1 - confidence) / 2, (1 + confidence) / 2):
        low, high = (mean - reach).min(axis=-1), (mean + reach).max(axis=-1)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = (weight * ndtr((middle[..., None] - mean) / safe)).sum(axis=-1) < level
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        bounds.append((low + high) / 2)
    return Predicted(estimate, np.sqrt(second), bounds[0], bounds[1])
