"""Array engines that several share: intervals, incidence, hashing, resampling, multiplicity."""

from journeykit.stats.aalen_johansen import CumulativeIncidence, cumulative_incidence
from journeykit.stats.bounds import bounded_wilson_interval
from journeykit.stats.differences import Differences, Tallies, difference_of_shares
from journeykit.stats.hashing import hash_strings, mix, poisson_weights, salted, uniform
from journeykit.stats.incidence import IncidenceAt, incidence_at
from journeykit.stats.intervals import (
    ClusterSums,
    cluster_effective_n,
    clustered_wilson_interval,
    esty_interval,
    wilson_interval,
)
from journeykit.stats.multiplicity import benjamini_hochberg, holm

__all__ = [
    "ClusterSums",
    "CumulativeIncidence",
    "Differences",
    "IncidenceAt",
    "Tallies",
    "benjamini_hochberg",
    "bounded_wilson_interval",
    "cluster_effective_n",
    "clustered_wilson_interval",
    "cumulative_incidence",
    "difference_of_shares",
    "esty_interval",
    "hash_strings",
    "holm",
    "incidence_at",
    "mix",
    "poisson_weights",
    "salted",
    "uniform",
    "wilson_interval",
]
