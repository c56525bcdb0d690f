"""Regression of events among those under risk, cell by cell, by Fisher scoring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import special

from journeykit.errors import DataError
from journeykit.survival.models.columns import spreads
from journeykit.survival.models.newton import uphill_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

Link = Literal["cloglog", "logit"]

#: Cells whose design is held at once.
_CHUNK = 1 << 15
_MOST_STEPS = 100
#: How far the log-likelihood may still be from its maximum, by Newton's own reckoning. However
#: many customers there are: what a rare level adds is as little as it is.
_NEAR = 1e-9
#: An event alone in its level gives a standard error of about one.
_FLATTEST = 1000.0


class Hazard(NamedTuple):
    """A probability and what goes with it, arrays of one shape.

    Attributes
    ----------
    log_leave, log_stay : arrays
        Logarithms of the probability and of its complement.
    leave : array
    slope : array
        Derivative of `leave` in the linear predictor.
    """

    log_leave: NDArray[np.float64]
    log_stay: NDArray[np.float64]
    leave: NDArray[np.float64]
    slope: NDArray[np.float64]


def hazard(eta: NDArray[np.float64], link: Link, /) -> Hazard:
    """Turn linear predictors into probabilities of leaving within a period."""
    if link == "logit":
        leave = special.expit(eta)
        return Hazard(special.log_expit(eta), special.log_expit(-eta), leave, leave * (1 - leave))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        rate = np.exp(eta)
        leave = -np.expm1(-rate)
        return Hazard(np.log(leave), -rate, leave, np.where(rate < 700, rate * np.exp(-rate), 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class BinomialFit:
    """The fit: coefficients, shape (q,), inverse expected information, log-likelihood."""

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    log_likelihood: float


Design = Callable[[slice], "NDArray[np.float64]"]


def fit(
    design: Design, n: NDArray[np.float64], n_event: NDArray[np.float64], q: int, link: Link, /
) -> BinomialFit:
    """Maximise the sum of n_event log h + (n - n_event) log(1 - h).

    Parameters
    ----------
    design : function of a slice of cells to their rows of the matrix, shape (m, q)
    n, n_event : arrays of shape (n_cells,)
    q : int
    link : {"cloglog", "logit"}

    Raises
    ------
    DataError
        When there is no maximum.
    """
    theta = np.zeros(q)
    value, gradient, information = _moments(design, n, n_event, theta, link)
    for _ in range(_MOST_STEPS):
        uphill = uphill_step(information, gradient)
        for halved in range(40):
            tried = theta + uphill.step / 2**halved
            there = _moments(design, n, n_event, tried, link)
            if np.isfinite(there[0]) and there[0] >= value - 1e-9 * abs(value):
                break
        theta, (value, gradient, information) = tried, there
        if uphill.promised < _NEAR and halved == 0:
            found = BinomialFit(theta, _inverse(information), value)
            if _is_steep(found, design, n):
                return found
            break
    raise DataError(
        "The likelihood has no maximum: a covariate, or a level of one, may tell exactly who has "
        "no event. Look at events by level, and merge levels."
    )


def _inverse(information: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert with columns scaled: they may differ by orders of magnitude, and each has an error."""
    with np.errstate(divide="ignore"):
        scale = 1 / np.sqrt(np.diag(information))
    if not np.isfinite(scale).all():
        return np.full_like(information, np.inf)
    inner = np.linalg.pinv(information * np.outer(scale, scale), hermitian=True)
    return np.asarray(inner * np.outer(scale, scale), dtype=np.float64)


def _moments(
    design: Design,
    n: NDArray[np.float64],
    n_event: NDArray[np.float64],
    theta: NDArray[np.float64],
    link: Link,
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    value, gradient = 0.0, np.zeros(len(theta))
    information = np.zeros((len(theta), len(theta)))
    for rows in chunks(len(n)):
        x = design(rows)
        at = hazard(x @ theta, link)
        m, d = n[rows], n_event[rows]
        stayed = np.where(m > d, (m - d) * at.log_stay, 0.0)
        value += float(special.xlogy(d, at.leave).sum() + stayed.sum())
        weight = weight_of(at)
        gradient += x.T @ ((d - m * at.leave) * weight)
        information += x.T @ ((m * at.slope * weight)[:, None] * x)
    return value, gradient, information


def weight_of(at: Hazard, /) -> NDArray[np.float64]:
    """Return what a residual counts in the score: the slope over the variance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = at.slope / at.leave * np.exp(-at.log_stay)
    return np.where(np.isfinite(weight), weight, 0.0)


def chunks(n: int) -> list[slice]:
    """Cut n cells into slices whose design fits into memory."""
    return [slice(at, min(at + _CHUNK, n)) for at in range(0, n, _CHUNK)]


def _is_steep(found: BinomialFit, design: Design, n: NDArray[np.float64]) -> bool:
    """Tell a maximum from a plain that rises for ever, on which errors are without bound."""
    spread = spreads(design, chunks(len(n)))
    error = np.sqrt(np.maximum(np.diag(found.covariance), 0))
    return bool(np.isfinite(error).all() and (error * spread < _FLATTEST).all())
