"""Partition around medoids: groups of journeys, each around one that was really lived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.paths.kinds.kernels import build, nearest_two, silhouette, swap

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_ROUNDS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Items around medoids.

    Attributes
    ----------
    medoid : array of int64, shape (K,)
        Items, rising.
    label : array of int64, shape (n,)
        Place of the nearest medoid; a tie goes to the first.
    """

    medoid: NDArray[np.int64]
    label: NDArray[np.int64]


def partition(distance: NDArray[np.float64], weight: NDArray[np.float64], groups: int) -> Partition:
    """Find `groups` medoids: greedily at first, then by swaps while the total distance falls.

    Parameters
    ----------
    distance : array, shape (n, n)
    weight : array, shape (n,)
        Items of weight 0 are assigned and count for nothing.

    References
    ----------
    Schubert, Rousseeuw (2021), Fast and eager k-medoids clustering, Information Systems 101.
    """
    medoid = build(distance, weight, groups)
    medoid = np.sort(swap(distance, weight, medoid, _MOST_ROUNDS))
    return Partition(medoid, nearest_two(distance, medoid)[0])


def silhouette_width(
    distance: NDArray[np.float64], weight: NDArray[np.float64], found: Partition
) -> float:
    """Return the mean silhouette width, in [-1, 1].

    References
    ----------
    Rousseeuw (1987), Silhouettes, Journal of Computational and Applied Mathematics 20.
    """
    return float(silhouette(distance, weight, found.label, len(found.medoid)))
