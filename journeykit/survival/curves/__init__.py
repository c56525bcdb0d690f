"""Curves of how long customers stay, and whether groups differ."""

from journeykit.survival.curves.comparing import (
    LogRank,
    PairwiseLogRank,
    log_rank,
    pairwise_log_rank,
)
from journeykit.survival.curves.estimates import product_limit
from journeykit.survival.curves.hazards import (
    CumulativeHazardAt,
    NelsonAalen,
    SmoothedHazard,
    nelson_aalen,
)
from journeykit.survival.curves.later import (
    ConditionalSurvival,
    RemainingMean,
    RemainingQuantiles,
)
from journeykit.survival.curves.levelling import Plateau
from journeykit.survival.curves.means import RestrictedMeanDifferences, RestrictedMeans, rmst
from journeykit.survival.curves.survival import KaplanMeier, Quantiles, SurvivalAt, kaplan_meier

__all__ = [
    "ConditionalSurvival",
    "CumulativeHazardAt",
    "KaplanMeier",
    "LogRank",
    "NelsonAalen",
    "PairwiseLogRank",
    "Plateau",
    "Quantiles",
    "RemainingMean",
    "RemainingQuantiles",
    "RestrictedMeanDifferences",
    "RestrictedMeans",
    "SmoothedHazard",
    "SurvivalAt",
    "kaplan_meier",
    "log_rank",
    "nelson_aalen",
    "pairwise_log_rank",
    "product_limit",
    "rmst",
]
