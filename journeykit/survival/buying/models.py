"""Models of buying without a contract, on arrays: customers buy at a rate until they drop out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Seen(NamedTuple):
    """What was seen of customers, arrays of shape (n,), times in periods since the first purchase.

    Attributes
    ----------
    x : array of float64
        Repeat purchases.
    last : array of float64
        When the last of them was, 0 where there is none.
    end : array of float64
        Until when the customer was watched.
    """

    x: Array
    last: Array
    end: Array


class BuyingModel(Protocol):
    """What a model must tell; `theta` are the logarithms of its parameters, in order."""

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]

    def starts(self, scale: float) -> list[Array]:
        """Return where to begin looking for a maximum, for watching of `scale` periods."""

    def log_likelihood(self, theta: Array, seen: Seen) -> tuple[Array, Array]:
        """Return each customer's log likelihood, shape (n,), and gradient, shape (n, p)."""

    def alive(self, theta: Array, seen: Seen) -> Array:
        """Return the probability not to have dropped out by the end, shape (n,)."""

    def mean_if_alive(self, theta: Array, x: Array, end: Array, ahead: Array) -> Array:
        """Return the purchases expected in the `ahead` periods after `end`, if still there."""

    def pairs_if_alive(self, theta: Array, x: Array, end: Array, ahead: Array) -> Array:
        """Return E[Y (Y - 1)] of these purchases Y, from which their variance follows."""

    def counts(self, theta: Array, most: int, end: Array) -> Array:
        """Return P(k repeat purchases by `end`), k = 0, ..., most, shape (len(end), most + 1)."""


def expected(model: BuyingModel, theta: Array, seen: Seen, ahead: Array) -> Array:
    """Return the purchases expected in the `ahead` periods after what was seen, shape (n,)."""
    return model.alive(theta, seen) * model.mean_if_alive(theta, seen.x, seen.end, ahead)


def variance(model: BuyingModel, theta: Array, seen: Seen, ahead: Array) -> Array:
    """Return the variance of one customer's purchases around `expected`, shape (n,)."""
    alive = model.alive(theta, seen)
    mean = model.mean_if_alive(theta, seen.x, seen.end, ahead)
    pairs = model.pairs_if_alive(theta, seen.x, seen.end, ahead)
    return alive * (pairs + mean) - (alive * mean) ** 2


def expected_new(model: BuyingModel, theta: Array, ahead: Array) -> Array:
    """Return the repeat purchases expected in the `ahead` periods after a first purchase."""
    nothing = np.zeros_like(ahead)
    return model.mean_if_alive(theta, nothing, nothing, ahead)


def negative_binomial(r: float, alpha: float, most: int, end: Array) -> Array:
    """Return P(k purchases by `end`) of rates that are Gamma(r, alpha), shape (..., most + 1)."""
    from scipy.special import gammaln, xlog1py, xlogy

    k = np.arange(most + 1)
    seen = end[..., None] / (alpha + end[..., None])
    binomial = gammaln(r + k) - gammaln(r) - gammaln(k + 1)
    return np.asarray(np.exp(binomial + xlog1py(r, -seen) + xlogy(k, seen)))
