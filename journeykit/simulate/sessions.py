"""Sessions: how they are named, and how fast their steps follow each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.past import Past

#: What a session may be.
KINDS = ("visit", "purchase", "loop")
#: Bits of a session's id for the kind, and for its number among the customer's. An id stays below
#: 2**53 for 16 million customers: pandas makes it a float where other events have none.
_KIND_BITS, _NUMBER_BITS = 2, 27
#: Fewest seconds between two steps.
LEAST_GAP = 2.0


def session_ids(past: Past, kind: str, who: Indices, number: Indices, /) -> Indices:
    """Return ids of sessions, which no two sessions of the world share.

    Parameters
    ----------
    past : Past
    kind : str
        One of `KINDS`.
    who : array of int64, shape (n,)
        Index of the customer within the block.
    number : array of int64, shape (n,)
        Names the session among the customer's of its kind.

    Raises
    ------
    ArgumentError
        A number that has no room in an id.
    """
    if len(number) and not (number.min() >= 0 and number.max() < 1 << _NUMBER_BITS):
        raise ArgumentError(
            f"The number of a session must be from 0 to {(1 << _NUMBER_BITS) - 1:,}; "
            f"got {number.min():,} to {number.max():,}."
        )
    named = (past.customers[who] << _NUMBER_BITS) + number
    ids: Indices = (named << _KIND_BITS) + KINDS.index(kind)
    return ids


def of_kind(session_id: Indices, kind: str, /) -> NDArray[np.bool_]:
    """Tell which ids are of sessions of a kind; -1, no session, is of none."""
    found: NDArray[np.bool_] = session_id % (1 << _KIND_BITS) == KINDS.index(kind)
    return found & (session_id >= 0)


def gap_seconds(uniform: Floats, /, *, median: float, sigma: float, most: float) -> Floats:
    """Turn uniform numbers into whole seconds between steps.

    Lognormal with the given median and spread of the logarithm, cut off (the law given that it
    lies between) at `LEAST_GAP` and `most` seconds, then rounded.
    """
    if sigma == 0:
        return np.full(uniform.shape, np.rint(np.clip(median, LEAST_GAP, most)))
    low, high = ndtr(np.log(np.array([LEAST_GAP, most]) / median) / sigma)
    drawn = np.exp(np.log(median) + sigma * ndtri(low + uniform * (high - low)))
    seconds: Floats = np.rint(np.clip(drawn, LEAST_GAP, most))
    return seconds


def mean_gap(*, median: float, sigma: float, most: float) -> float:
    """Return the mean of `gap_seconds`, but for the rounding."""
    if sigma == 0:
        return float(np.rint(np.clip(median, LEAST_GAP, most)))
    edges = np.log(np.array([LEAST_GAP, most]) / median) / sigma
    kept = np.diff(ndtr(edges))
    return float(median * np.exp(sigma**2 / 2) * (np.diff(ndtr(edges - sigma)) / kept)[0])
