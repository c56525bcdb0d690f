"""Hashes that never change: of numbers, of texts, and the random weights made from them.

Random draws are functions of (seed, replicate, customer id), so a result does not depend on the
order, the partition or the thread in which customers are visited.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_WORD = 8


def mix(values: ArrayLike, *, seed: int = 0) -> NDArray[np.uint64]:
    """Scramble 64-bit numbers: splitmix64's output function, one to one for a given seed.

    Parameters
    ----------
    values : array of integers (floats are taken by their bits), any shape
    seed : int
        Another seed gives another, unrelated scrambling.

    Returns
    -------
    array of uint64, same shape

    References
    ----------
    Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
    """
    array = np.asarray(values)
    if array.dtype.kind == "f":
        array = array.astype(np.float64).view(np.uint64)
    state = array.astype(np.uint64)
    with np.errstate(over="ignore"):
        state += _GOLDEN * np.uint64((2 * seed + 1) & 0xFFFFFFFFFFFFFFFF)
        state ^= state >> np.uint64(30)
        state *= _FIRST
        state ^= state >> np.uint64(27)
        state *= _SECOND
        state ^= state >> np.uint64(31)
    return state


def salted(customer_hash: NDArray[np.uint64], /, purpose: str) -> NDArray[np.uint64]:
    """Scramble hashes of customers for one purpose.

    Two draws by the same hash and seed are one draw: customers sampled by it would all fall on one
    side of a split by it. With a purpose of its own each draw is unrelated to the others.

    Parameters
    ----------
    customer_hash : array of uint64, any shape
    purpose : str

    Returns
    -------
    array of uint64, same shape
    """
    return mix(customer_hash ^ mix(np.array([zlib.crc32(purpose.encode())]))[0])


def uniform(hashes: NDArray[np.uint64], /) -> NDArray[np.float64]:
    """Turn hashes into numbers in [0, 1), of 53 bits each."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def hash_strings(texts: pa.Array, /) -> NDArray[np.uint64]:
    """Hash texts by their UTF-8 bytes, eight at a time.

    Parameters
    ----------
    texts : pyarrow array of n strings
        A null hashes as the empty text.

    Returns
    -------
    array of uint64, shape (n,)
    """
    import pyarrow as pa

    array = texts.cast(pa.large_string())
    if array.null_count:
        array = array.fill_null("")
    _, offset_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)
    offsets = offsets[array.offset : array.offset + len(array) + 1]
    data = np.frombuffer(data_buffer or b"", dtype=np.uint8)
    length = np.diff(offsets)
    state = mix(length)
    padded = np.concatenate([data, np.zeros(_WORD, dtype=np.uint8)])
    for skipped in range(0, int(length.max(initial=0)), _WORD):
        longer = np.flatnonzero(length > skipped)
        at = offsets[longer] + skipped
        taken = padded[at[:, None] + np.arange(_WORD)]
        taken[np.arange(_WORD) >= (length[longer] - skipped)[:, None]] = 0
        words = np.ascontiguousarray(taken).view("<u8")[:, 0]
        state[longer] = mix(state[longer] ^ words)
    return state


def poisson_weights(
    customer_hash: NDArray[np.uint64], /, *, replicate: int, seed: int
) -> NDArray[np.int64]:
    """Draw one bootstrap weight a customer, Poisson with mean 1.

    Parameters
    ----------
    customer_hash : array of uint64, shape (n,)
        `hash_strings` or `mix` of the customer ids.
    replicate, seed : int
        The weight is a function of customer, replicate and seed alone.

    Returns
    -------
    array of int64, shape (n,)

    References
    ----------
    Chamandy, Muralidharan, Najmi, Naidu (2012), Estimating uncertainty for massive data streams.
    """
    key = mix(np.asarray([replicate]), seed=seed)[0]
    drawn = uniform(mix(customer_hash ^ key))
    terms = np.cumprod(np.concatenate([[1.0], 1.0 / np.arange(1, 20)]))
    return np.searchsorted(np.cumsum(terms) / np.e, drawn, side="right").astype(np.int64)
