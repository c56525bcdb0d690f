"""Random numbers that belong to a customer, whatever is drawn before, beside or after them.

A number is a function of (seed, customer, stream, number in the stream) alone. So a world is the
same on any number of processes; and with a parameter changed, all that does not depend on it stays
as it was: what differs between two worlds is what the parameter does, not chance.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from journeykit.errors import ArgumentError
from journeykit.stats import mix

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
#: exp(-mean) must not underflow.
_LARGEST_MEAN = 600.0


@cache
def _salt(stream: str) -> np.uint64:
    digest = hashlib.blake2b(stream.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


@dataclass(frozen=True, slots=True)
class Points:
    """Points in time: point k happens to customer ``who[k]`` at ``time[k]``.

    Attributes
    ----------
    who : array of int64, shape (n_points,)
        Index of the customer within the block, never decreasing.
    time : array of float64, shape (n_points,)
        Days since the world's first.
    number : array of int64, shape (n_points,)
        Names the point among all of its customer's, for further draws that belong to it.
    height : array of float64, shape (n_points,)
        Between 0 and the bound, evenly spread: a point is one of a process with rate r(t) <= bound
        where its height is less than r(t).
    """

    who: Indices
    time: Floats
    number: Indices
    height: Floats

    def keep(self, chosen: NDArray[np.bool_]) -> Points:
        """Return some of the points, by mask."""
        return Points(self.who[chosen], self.time[chosen], self.number[chosen], self.height[chosen])


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of a block of customers.

    Attributes
    ----------
    key : array of uint64, shape (n_customers,)
    """

    key: NDArray[np.uint64]

    @classmethod
    def of(cls, customers: Indices, /, *, seed: int) -> Draws:
        """Return the draws of customers, named by their number in the world."""
        return cls(mix(mix(customers, seed=seed)))

    def uniform(
        self, stream: str, /, *, who: Indices | None = None, number: ArrayLike = 0
    ) -> Floats:
        """Draw evenly from the open interval (0, 1).

        Parameters
        ----------
        stream : str
            Name of what is drawn; numbers of different streams are unrelated.
        who : array of int64, optional
            A draw for each of these customers; by default one for each of the block.
        number : int or array of int
            Which draw of the stream.
        """
        state = mix(self.key ^ _salt(stream))
        state = state if who is None else state[who]
        with np.errstate(over="ignore"):
            state = state + np.asarray(number).astype(np.uint64) * _GOLDEN
        # 52 bits, not 53: half a step above the largest is then below 1, not rounded to it.
        return (mix(state) >> np.uint64(12)).astype(np.float64) * 2.0**-52 + 2.0**-53

    def normal(
        self, stream: str, /, *, who: Indices | None = None, number: ArrayLike = 0
    ) -> Floats:
        """Draw from the standard normal distribution."""
        drawn: Floats = ndtri(self.uniform(stream, who=who, number=number))
        return drawn

    def exponential(
        self, stream: str, /, *, who: Indices | None = None, number: ArrayLike = 0
    ) -> Floats:
        """Draw from the exponential distribution with mean 1."""
        return -np.log(self.uniform(stream, who=who, number=number))

    def choice(
        self,
        stream: str,
        shares: ArrayLike,
        /,
        *,
        who: Indices | None = None,
        number: ArrayLike = 0,
    ) -> Indices:
        """Draw an index; `shares` are made to sum to 1."""
        bounds = np.cumsum(np.asarray(shares, dtype=np.float64))
        drawn = self.uniform(stream, who=who, number=number) * bounds[-1]
        index: Indices = np.searchsorted(bounds[:-1], drawn, side="right")
        return index

    def points(self, stream: str, rate: ArrayLike, begin: ArrayLike, end: ArrayLike, /) -> Points:
        """Draw a Poisson process with `rate` a day from `begin` to `end`, each one a customer.

        Times within a customer are in no order. All heights are between 0 and 1.
        """
        begin = np.broadcast_to(np.asarray(begin, dtype=np.float64), self.key.shape)
        length = np.maximum(np.asarray(end, dtype=np.float64) - begin, 0.0)
        count = poisson(self.uniform(f"{stream}.count"), np.asarray(rate) * length)
        who = np.repeat(np.arange(len(count)), count)
        number = np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count)
        time = begin[who] + self.uniform(f"{stream}.time", who=who, number=number) * length[who]
        height = self.uniform(f"{stream}.height", who=who, number=number)
        return Points(who, time, number, height)

    def candidates(
        self, stream: str, rate: ArrayLike, begin: ArrayLike, end: ArrayLike, bound: ArrayLike, /
    ) -> Points:
        """Draw candidates of a process whose rate is `rate` times a factor of at most `bound`.

        Heights are in units of `rate`: keep those less than the factor at their time. They come in
        layers of doubling height, so a lower bound takes away only the highest: with a smaller
        factor, the points that are kept are some of the same.

        References
        ----------
        Lewis, Shedler (1979), Simulation of nonhomogeneous Poisson processes by thinning.
        """
        bound = np.broadcast_to(np.asarray(bound, dtype=np.float64), self.key.shape)
        rate = np.broadcast_to(np.asarray(rate, dtype=np.float64), self.key.shape)
        parts, low, layer = [], 0.0, 0
        while layer == 0 or low < bound.max(initial=0.0):
            high = 2.0**layer
            reached = bound > low
            part = self.points(
                f"{stream}.{layer}", np.where(reached, rate * (high - low), 0.0), begin, end
            )
            height = low + part.height * (high - low)
            parts.append(Points(part.who, part.time, part.number * 16 + layer, height))
            low, layer = high, layer + 1
        whole = Points(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("who", "time", "number", "height")
            )
        )
        order = np.argsort(whole.who, kind="stable")
        return Points(whole.who[order], whole.time[order], whole.number[order], whole.height[order])


def poisson(uniform: Floats, mean: ArrayLike, /) -> Indices:
    """Turn uniform numbers into Poisson ones by inversion of the distribution function."""
    means = np.broadcast_to(np.asarray(mean, dtype=np.float64), uniform.shape)
    if means.max(initial=0.0) > _LARGEST_MEAN:
        raise ArgumentError(
            f"A customer may have at most {_LARGEST_MEAN:.0f} events of a kind on average; the "
            f"parameters make it {means.max():.0f}: lower the rate."
        )
    count = np.zeros(uniform.shape, dtype=np.int64)
    term = np.exp(-means)
    left = np.flatnonzero(uniform > term)
    drawn, rest, term = uniform[left], means[left], term[left]
    below = term.copy()
    k = 0
    while len(left):
        k += 1
        count[left] = k
        term = term * rest / k
        before, below = below, below + term
        # Where rounding keeps the sum of all terms below the number, it grows no more.
        more = (drawn > below) & (below > before)
        left, drawn, rest = left[more], drawn[more], rest[more]
        term, below = term[more], below[more]
    return count
