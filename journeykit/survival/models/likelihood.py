"""Maximum likelihood of log T = x b + scale * error, by Newton's method on grouped rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.errors import DataError
from journeykit.survival.models.columns import spreads
from journeykit.survival.models.laws import Law
from journeykit.survival.models.newton import uphill_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Rows whose derivatives are held at once.
_CHUNK = 1 << 17
_MOST_STEPS = 100
#: How far the log-likelihood may still be from its maximum, by Newton's own reckoning.
_NEAR = 1e-9
#: The scale and its inverse stay below e^15: beyond, the likelihood has no maximum.
_WIDEST = 15.0
#: An event alone in its level gives a standard error of about one scale.
_FLATTEST = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class LogTimes:
    """Rows under risk from `log_entry` to `log_exit`; arrays of shape (n,) but for the matrix.

    Attributes
    ----------
    log_entry : array
        Minus infinity for who is under risk from the very beginning.
    log_exit : array
    event : array of bool
    matrix : array, shape (n, p)
        The first column is 1.
    n : array
        How often the row occurs.
    """

    log_entry: NDArray[np.float64]
    log_exit: NDArray[np.float64]
    event: NDArray[np.bool_]
    matrix: NDArray[np.float64]
    n: NDArray[np.float64]


class Moments(NamedTuple):
    """Log-likelihood, its gradient, shape (q,), and its Hessian, shape (q, q).

    The last of the q parameters is the logarithm of the scale.
    """

    value: float
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LocationScale:
    """The fit: coefficients, shape (p,), scale, and the covariance of (b, log scale)."""

    coefficients: NDArray[np.float64]
    scale: float
    covariance: NDArray[np.float64]
    log_likelihood: float


def fit(data: LogTimes, law: Law, /) -> LocationScale:
    """Find the maximum of the likelihood.

    A row adds log f(exit) - log t where it ends with the event, log S(exit) where not, less
    log S(entry) where it enters late.

    Raises
    ------
    DataError
        When there is no maximum, as when a column tells exactly who has no event.
    """
    theta = _start(data)
    free = np.ones(len(theta), dtype=bool)
    if law.fixed_scale:
        theta[-1], free[-1] = 0.0, False
    now = moments(data, law, theta)
    for _ in range(_MOST_STEPS):
        step, promised = _step(now, free)
        if promised < _NEAR:
            found = _fitted(theta + step, data, law, free)
            if _is_steep(found, data):
                return found
            break
        theta, now = _climb(data, law, theta, step, now)
        if not np.isfinite(now.value) or abs(theta[-1]) > _WIDEST:
            break
    raise DataError(
        "The likelihood has no maximum: a covariate, or a level of one, may tell exactly who has "
        "no event, or all events may lie at one time. Look at events by level, and merge levels."
    )


def moments(data: LogTimes, law: Law, theta: NDArray[np.float64], /) -> Moments:
    """Add up the log-likelihood and its derivatives in (b, log scale), a chunk of rows at once."""
    q = len(theta)
    value, gradient, hessian = 0.0, np.zeros(q), np.zeros((q, q))
    for rows in _chunks(len(data.n)):
        part = _parts(data, rows, law, theta)
        n, x = data.n[rows], data.matrix[rows]
        value += float(n @ part.value)
        gradient[:-1] += x.T @ (n * part.by_location)
        gradient[-1] += n @ part.by_scale
        hessian[:-1, :-1] += x.T @ ((n * part.location_location)[:, None] * x)
        hessian[:-1, -1] += x.T @ (n * part.location_scale)
        hessian[-1, -1] += n @ part.scale_scale
    hessian[-1, :-1] = hessian[:-1, -1]
    return Moments(value, gradient, hessian)


def scores(data: LogTimes, law: Law, fitted: LocationScale, /) -> NDArray[np.float64]:
    """Return the derivative of each row's log-likelihood in (b, log scale), shape (n, p + 1)."""
    theta = np.append(fitted.coefficients, np.log(fitted.scale))
    parts = [_parts(data, rows, law, theta) for rows in _chunks(len(data.n))]
    return np.column_stack(
        [
            data.matrix * np.concatenate([part.by_location for part in parts])[:, None],
            np.concatenate([part.by_scale for part in parts]),
        ]
    )


class _Parts(NamedTuple):
    """What each row adds to the log-likelihood and its derivatives, arrays of shape (n,)."""

    value: NDArray[np.float64]
    by_location: NDArray[np.float64]
    by_scale: NDArray[np.float64]
    location_location: NDArray[np.float64]
    location_scale: NDArray[np.float64]
    scale_scale: NDArray[np.float64]


def _parts(data: LogTimes, rows: slice, law: Law, theta: NDArray[np.float64]) -> _Parts:
    scale = np.exp(theta[-1])
    location = data.matrix[rows] @ theta[:-1]
    event, exit_ = data.event[rows], data.log_exit[rows]
    end = (exit_ - location) / scale
    with np.errstate(over="ignore"):
        died, lived = law.log_density(end), law.log_survival(end)
    value, first, second = (np.where(event, a, b) for a, b in zip(died, lived, strict=True))
    total = _in_parameters(value, first, second, end, scale)
    value = total.value - event * (theta[-1] + exit_)
    by_scale = total.by_scale - event
    total = total._replace(value=value, by_scale=by_scale)
    late = np.flatnonzero(np.isfinite(data.log_entry[rows]))
    if len(late):
        begin = (data.log_entry[rows][late] - location[late]) / scale
        taken = _in_parameters(*law.log_survival(begin), begin, scale)
        for whole, part in zip(total, taken, strict=True):
            whole[late] -= part
    return total


def _in_parameters(
    value: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    z: NDArray[np.float64],
    scale: float,
) -> _Parts:
    """Turn derivatives in z = (log t - location) / scale into those in location and log scale."""
    return _Parts(
        value=value,
        by_location=-first / scale,
        by_scale=-first * z,
        location_location=second / scale**2,
        location_scale=(second * z + first) / scale,
        scale_scale=second * z**2 + first * z,
    )


def _chunks(n: int) -> list[slice]:
    return [slice(at, min(at + _CHUNK, n)) for at in range(0, n, _CHUNK)]


def _start(data: LogTimes) -> NDArray[np.float64]:
    """Begin with one location for all, at which the expected number of events is the observed."""
    theta = np.zeros(data.matrix.shape[1] + 1)
    entered = np.where(np.isfinite(data.log_entry), np.exp(data.log_entry), 0.0)
    watched = float(data.n @ (np.exp(data.log_exit) - entered))
    theta[0] = np.log(watched / float(data.n @ data.event))
    return theta


def _step(now: Moments, free: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    step = np.zeros(len(free))
    uphill = uphill_step(-now.hessian[np.ix_(free, free)], now.gradient[free])
    step[free] = uphill.step
    return step, uphill.promised


def _climb(
    data: LogTimes,
    law: Law,
    theta: NDArray[np.float64],
    step: NDArray[np.float64],
    now: Moments,
) -> tuple[NDArray[np.float64], Moments]:
    """Go as far along the step as the likelihood rises."""
    for halved in range(40):
        tried = theta + step / 2**halved
        there = moments(data, law, tried)
        if np.isfinite(there.value) and there.value >= now.value:
            return tried, there
    return theta, Moments(np.nan, now.gradient, now.hessian)


def _is_steep(found: LocationScale, data: LogTimes) -> bool:
    """Tell a maximum from a plain that rises for ever, on which errors are without bound."""
    spread = spreads(lambda rows: data.matrix[rows], _chunks(len(data.n)))
    error = np.sqrt(np.diag(found.covariance))[:-1]
    return bool((error * spread < _FLATTEST * found.scale).all())


def _fitted(
    theta: NDArray[np.float64], data: LogTimes, law: Law, free: NDArray[np.bool_]
) -> LocationScale:
    there = moments(data, law, theta)
    covariance = np.zeros((len(theta), len(theta)))
    covariance[np.ix_(free, free)] = np.linalg.inv(-there.hessian[np.ix_(free, free)])
    return LocationScale(theta[:-1], float(np.exp(theta[-1])), covariance, there.value)
