"""Pareto/NBD: customers may drop out at any time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from journeykit.survival.buying.models import Seen, negative_binomial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_NODES = 48
#: Where the integrand has fallen to exp(-45) of its beginning, nothing is left of it.
_NEGLIGIBLE = 45.0
#: Rows integrated at once: their nodes stay in the processor's cache.
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class ParetoNbd:
    """Purchases at a Gamma(r, alpha) rate; lives are exponential with a Gamma(s, beta) rate.

    The likelihood's Gauss hypergeometric function is the integral over the time of dropping out,
    and is computed as such, in logarithms: that neither overflows nor cancels.

    References
    ----------
    Schmittlein, Morrison, Colombo (1987), Counting your customers, Management Science 33;
    Fader, Hardie (2005), A note on deriving the Pareto/NBD model.
    """

    name: ClassVar[str] = "Pareto/NBD"
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")

    def starts(self, scale: float) -> list[Array]:
        """Return places from many customers who drop out to few."""
        places = ((0.5, 0.3, 0.5, 0.3), (1.0, 0.5, 1.0, 0.5), (1.0, 0.5, 1.0, 3.0))
        return [np.log([r, scale * part, s, scale * life]) for r, part, s, life in places]

    def log_likelihood(self, theta: Array, seen: Seen) -> tuple[Array, Array]:
        """Return each customer's log likelihood and its derivatives by theta."""
        blocks = range(0, max(len(seen.x), 1), _BLOCK)
        parts = [_block(theta, Seen(*(a[at : at + _BLOCK] for a in seen))) for at in blocks]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def alive(self, theta: Array, seen: Seen) -> Array:
        """Return the share of staying among the ways to see this."""
        from scipy.special import expit

        blocks = range(0, max(len(seen.x), 1), _BLOCK)
        parts = [_ways(theta, Seen(*(a[at : at + _BLOCK] for a in seen))) for at in blocks]
        stays = np.concatenate([part.stays for part in parts])
        return np.asarray(expit(stays - np.concatenate([part.drops for part in parts])))

    def mean_if_alive(self, theta: Array, x: Array, end: Array, ahead: Array) -> Array:
        """Return (r + x) / (alpha + T) times the time expected to live of the next t."""
        r, alpha, s, beta = np.exp(theta)
        grown = np.log1p(ahead / (beta + end))
        # The integral of (1 + u / (beta + T))^-s, also at s = 1.
        power = (1 - s) * grown
        lived = (beta + end) * grown * np.where(power == 0, 1.0, _expm1_ratio(power))
        return np.asarray((r + x) / (alpha + end) * lived)

    def pairs_if_alive(self, theta: Array, x: Array, end: Array, ahead: Array) -> Array:
        """Return E[rate^2] times E[L^2], L the time lived of the next t."""
        r, alpha, s, beta = np.exp(theta)
        # With B = beta + T, E[L^2] is the integral of 2 u (1 + u / B)^-s over [0, t].
        u, log_weight = _time_nodes(np.zeros_like(ahead), ahead, beta, beta)
        terms = log_weight - s * np.log1p(u / (beta + end)[:, None])
        lived = 2 * (u * np.exp(terms)).sum(axis=1)
        return np.asarray((r + x) * (r + x + 1) / (alpha + end) ** 2 * lived)

    def counts(self, theta: Array, most: int, end: Array) -> Array:
        """Return the counts of who stays, and of who drops out by the time of dropping out."""
        r, alpha, s, beta = np.exp(theta)
        stays = np.exp(-s * np.log1p(end / beta))
        u, log_weight = _time_nodes(np.zeros_like(end), end, alpha, beta)
        dropped = np.exp(log_weight + theta[2] - s * np.log1p(u / beta) - np.log(beta + u))
        gone = (negative_binomial(r, alpha, most, u) * dropped[..., None]).sum(axis=1)
        return np.asarray(negative_binomial(r, alpha, most, end) * stays[:, None] + gone)


class _Ways(NamedTuple):
    """Logs of the two ways to see this, and the times of dropping out with their shares."""

    stays: Array
    drops: Array
    at: Array
    share: Array


def _block(theta: Array, seen: Seen) -> tuple[Array, Array]:
    from scipy.special import digamma, gammaln

    r, alpha, s, beta = np.exp(theta)
    x, _, end = seen
    ways = _ways(theta, seen)
    both = np.logaddexp(ways.stays, ways.drops)
    gone = np.exp(ways.drops - both)[:, None] * ways.share
    stays = np.exp(ways.stays - both)
    common = gammaln(r + x) - gammaln(r) + r * theta[1] + s * theta[3]

    def mean(function: object) -> Array:
        return np.asarray(stays * function(end) + (gone * function(ways.at)).sum(axis=1))  # type: ignore[operator]

    dropped = gone.sum(axis=1)
    slopes = np.stack(
        [
            digamma(r + x) - digamma(r) + theta[1] - mean(lambda u: np.log(alpha + u)),
            r / alpha - (r + x) * mean(lambda u: 1 / (alpha + u)),
            theta[3] + dropped / s - mean(lambda u: np.log(beta + u)),
            s / beta - s * mean(lambda u: 1 / (beta + u)) - (gone / (beta + ways.at)).sum(axis=1),
        ],
        axis=1,
    )
    return common + both, slopes * np.exp(theta)


def _ways(theta: Array, seen: Seen) -> _Ways:
    r, alpha, s, beta = np.exp(theta)
    x, last, end = seen
    stays = -(r + x) * np.log(alpha + end) - s * np.log(beta + end)
    # Beyond `cut` either factor of the integrand alone is negligible.
    with np.errstate(over="ignore"):
        purchases = (alpha + last) * np.exp(_NEGLIGIBLE / (r + x)) - alpha
        lives = (beta + last) * np.exp(_NEGLIGIBLE / (s + 1)) - beta
    cut = np.minimum(end, np.minimum(purchases, lives))
    at, log_weight = _time_nodes(last, cut, alpha, beta)
    terms = log_weight - (r + x)[:, None] * np.log(alpha + at) - (s + 1) * np.log(beta + at)
    highest = terms.max(axis=1, keepdims=True)
    known = np.isfinite(highest)
    share = np.exp(terms - np.where(known, highest, 0))
    total = share.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        drops = theta[2] + np.where(known, highest, 0)[:, 0] + np.log(total[:, 0])
    return _Ways(stays, drops, at, share / np.where(total > 0, total, 1))


def _time_nodes(begin: Array, end: Array, alpha: float, beta: float) -> tuple[Array, Array]:
    """Return times in (begin, end) and the logs of their weights, shape (n, nodes).

    Gauss and Legendre's on the scale log(c + u), c the smaller of alpha and beta, on which powers
    of alpha + u and beta + u are smooth.
    """
    node, weight = _legendre()
    c = min(alpha, beta)
    low = np.log(c + begin)
    width = np.log1p((end - begin) / (c + begin))
    v = low[:, None] + width[:, None] * node
    with np.errstate(divide="ignore"):
        log_weight = np.log(width)[:, None] + np.log(weight) + v
    return np.maximum(np.exp(v) - c, begin[:, None]), log_weight


@lru_cache(maxsize=1)
def _legendre() -> tuple[Array, Array]:
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    return (node + 1) / 2, weight / 2


def _expm1_ratio(power: Array) -> Array:
    """Return (e^v - 1) / v."""
    return np.asarray(np.expm1(power) / np.where(power == 0, 1.0, power))
