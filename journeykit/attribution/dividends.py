"""Interactions of channels in a declared game on sets of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.attribution.coalition import _over_subsets

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pair_interactions(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Shapley interaction index of every pair of players.

    Sum over sets S with i and j of dividend(S) / (|S| - 1), dividends by Moebius transform.

    Parameters
    ----------
    worth : array, shape (b, 2^m)
        Bit i of the column number says whether player i is in the set.

    Returns
    -------
    array of float64, shape (b, m, m)
        Symmetric; NaN on the diagonal. Above 0 where two add more together than apart.

    References
    ----------
    Grabisch, Roubens (1999), An axiomatic approach to the concept of interaction.
    """
    m = worth.shape[1].bit_length() - 1
    part, sets = _over_subsets(worth, sign=-1), np.arange(worth.shape[1])
    part /= np.maximum(np.bitwise_count(sets) - 1.0, 1.0)
    index = np.full((len(worth), m, m), np.nan)
    for i in range(m):
        for j in range(i):
            both = (sets >> i & sets >> j & 1) == 1
            index[:, i, j] = index[:, j, i] = part[:, both].sum(axis=1)
    return index
