"""How well groups survive when customers are drawn again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from journeykit.stats import poisson_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Hennig's rule: a group whose mean Jaccard is below is not there.
LEAST = 0.6
REPLICATES = 20

#: Given weights of the customers and the replicate's number, returns their labels.
Regroup = Callable[["NDArray[np.float64]", int], "NDArray[np.int64]"]


def jaccard(
    label: NDArray[np.int64], other: NDArray[np.int64], present: NDArray[np.bool_], groups: int
) -> NDArray[np.float64]:
    """Return for each group its likeness to the most like one among the others, shape (groups,).

    The likeness of two sets of customers is the share of those in either who are in both.
    """
    pair = label[present] * groups + other[present]
    both = np.bincount(pair, minlength=groups * groups).reshape(groups, groups).astype(np.float64)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    likeness = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    most: NDArray[np.float64] = likeness.max(axis=1)
    return most


def stability(
    label: NDArray[np.int64],
    customer_hash: NDArray[np.uint64],
    regroup: Regroup,
    *,
    groups: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return each group's mean Jaccard over bootstrap replicates, shape (groups,).

    Customers are drawn again by Poisson weights from a hash of their ids; all is fitted anew,
    from other starts; groups are compared among the customers drawn.

    References
    ----------
    Hennig (2007), Cluster-wise assessment of cluster stability, Computational Statistics & Data
    Analysis 52.
    """
    total = np.zeros(groups)
    for replicate in range(REPLICATES):
        drawn = poisson_weights(customer_hash, replicate=replicate, seed=seed)
        if not drawn.any():
            # Nobody drawn of very few: nothing was found again.
            continue
        again = regroup(drawn.astype(np.float64), replicate)
        total += jaccard(label, again, drawn > 0, groups)
    return total / REPLICATES
