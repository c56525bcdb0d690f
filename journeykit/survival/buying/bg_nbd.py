"""BG/NBD: customers may drop out after any purchase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from journeykit.survival.buying.models import Seen, negative_binomial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Enough for horizons of a hundred times the time already watched.
_NODES = 48


@dataclass(frozen=True, slots=True)
class BgNbd:
    """Purchases at a Gamma(r, alpha) rate; after each repeat one drops out with probability p.

    p is Beta(a, b) over customers and does not depend on the rate.

    References
    ----------
    Fader, Hardie, Lee (2005), "Counting your customers" the easy way, Marketing Science 24.
    """

    name: ClassVar[str] = "BG/NBD"
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")

    def starts(self, scale: float) -> list[Array]:
        """Return places from many customers who drop out to few."""
        places = ((0.5, 0.2, 0.7, 2.0), (1.0, 0.5, 1.0, 1.0), (1.0, 0.5, 0.3, 5.0))
        return [np.log([r, scale * part, a, b]) for r, part, a, b in places]

    def log_likelihood(self, theta: Array, seen: Seen) -> tuple[Array, Array]:
        """Return equation (6) of the paper by customer, and its derivatives by theta."""
        from scipy.special import betaln, digamma, gammaln

        r, alpha, a, b = np.exp(theta)
        x, last, end = seen
        stays, drops = _ways(theta, seen)
        both = np.logaddexp(stays, drops)
        w = np.exp(drops - both)
        common = gammaln(r + x) - gammaln(r) + r * theta[1] + betaln(a, b + x) - betaln(a, b)
        log_time = (1 - w) * np.log(alpha + end) + w * np.log(alpha + last)
        per_time = (1 - w) / (alpha + end) + w / (alpha + last)
        either = digamma(a + b) - digamma(a + b + x)
        slopes = np.stack(
            [
                digamma(r + x) - digamma(r) + theta[1] - log_time,
                r / alpha - (r + x) * per_time,
                either + w / a,
                either + digamma(b + x) - digamma(b) - w / np.where(x > 0, b + x - 1, 1.0),
            ],
            axis=1,
        )
        return common + both, slopes * np.exp(theta)

    def alive(self, theta: Array, seen: Seen) -> Array:
        """Return the share of staying among the two ways to see this; 1 before any repeat."""
        from scipy.special import expit

        stays, drops = _ways(theta, seen)
        return np.asarray(expit(stays - drops))

    def mean_if_alive(self, theta: Array, x: Array, end: Array, ahead: Array) -> Array:
        """Integrate (1 - (1 + p t / (alpha + T))^-(r + x)) / p over p, Beta(a, b + x).

        This is equation (10) of the paper without its singularity at a = 1.
        """
        r, alpha, _, _ = np.exp(theta)
        p, weight = _dropping_out(theta, x)
        grown = np.log1p(p * (ahead / (alpha + end))[:, None])
        return np.asarray((weight * -np.expm1(-(r + x)[:, None] * grown) / p).sum(axis=1))

    def pairs_if_alive(self, theta: Array, x: Array, end: Array, ahead: Array) -> Array:
        """Integrate 2 (1 - p) / p^2 (1 - E[(1 + m) e^-m]) over p, m the rate times p times t."""
        r, alpha, _, _ = np.exp(theta)
        p, weight = _dropping_out(theta, x)
        m = p * (ahead / (alpha + end))[:, None]
        shape = (r + x)[:, None]
        stays = -np.expm1(-shape * np.log1p(m)) - shape * m * np.exp(-(shape + 1) * np.log1p(m))
        return np.asarray((weight * 2 * (1 - p) / p**2 * stays).sum(axis=1))

    def counts(self, theta: Array, most: int, end: Array) -> Array:
        """Return equation (8) of the paper."""
        from scipy.special import betaln

        r, alpha, a, b = np.exp(theta)
        k = np.arange(most + 1)
        bought = negative_binomial(r, alpha, most, end)
        # P(at least k purchases): one less the sum of the fewer ones.
        fewer = np.cumsum(bought, axis=1) - bought
        stays = np.exp(betaln(a, b + k) - betaln(a, b))
        drops = np.exp(betaln(a + 1, b + np.maximum(k, 1) - 1) - betaln(a, b)) * (k > 0)
        return np.asarray(stays * bought + drops * (1 - fewer))


def _ways(theta: Array, seen: Seen) -> tuple[Array, Array]:
    """Return the logs of being there still and of having dropped out, but for a common factor."""
    r, alpha, _, b = np.exp(theta)
    x, last, end = seen
    bought = x > 0
    chance = theta[2] - np.log(np.where(bought, b + x - 1, 1.0))
    drops = np.where(bought, chance - (r + x) * np.log(alpha + last), -np.inf)
    return -(r + x) * np.log(alpha + end), drops


def _dropping_out(theta: Array, x: Array) -> tuple[Array, Array]:
    """Return nodes and weights of p for customers of `x` repeats, shape (len(x), nodes)."""
    _, _, a, b = np.exp(theta)
    known, which = np.unique(x, return_inverse=True)
    p, weight = _beta_nodes(a, b + known)
    return p[which], weight[which]


def _beta_nodes(a: float, b: Array) -> tuple[Array, Array]:
    """Return nodes and weights to integrate over Beta(a, b), shape (len(b), nodes).

    Golub and Welsch (1969): eigenvalues of the Jacobi polynomials' recurrence.
    """
    k = np.arange(1, _NODES, dtype=np.float64)
    total = (a + b)[:, None]
    middle = np.empty((len(b), _NODES))
    middle[:, 0] = (a - b) / (a + b)
    turn = 2 * k + total - 2
    middle[:, 1:] = (a - b)[:, None] * (total - 2) / (turn * (turn + 2))
    # At k = 1 the factor (k + a + b - 2) / (turn - 1) is 1, also where both are 0.
    ratio = np.ones_like(turn)
    ratio[:, 1:] = (k + total - 2)[:, 1:] / (turn - 1)[:, 1:]
    side = 4 * k * (k + b[:, None] - 1) * (k + a - 1) * ratio / (turn**2 * (turn + 1))
    matrix = np.zeros((len(b), _NODES, _NODES))
    at = np.arange(_NODES)
    matrix[:, at, at] = middle
    matrix[:, at[1:], at[:-1]] = np.sqrt(side)
    values, vectors = np.linalg.eigh(matrix)
    return (1 + values) / 2, vectors[:, 0, :] ** 2
