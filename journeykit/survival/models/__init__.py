"""Models of the time until customers leave: of its logarithm, and period by period."""

from journeykit.survival.models.chances import DiscreteHazard, PeriodHazards
from journeykit.survival.models.comparing import DistributionComparison, compare_distributions
from journeykit.survival.models.discrete import discrete_hazard
from journeykit.survival.models.failure_time import (
    AcceleratedFailureTime,
    accelerated_failure_time,
)
from journeykit.survival.models.predicted import PredictedDays, PredictedSurvival

__all__ = [
    "AcceleratedFailureTime",
    "DiscreteHazard",
    "DistributionComparison",
    "PeriodHazards",
    "PredictedDays",
    "PredictedSurvival",
    "accelerated_failure_time",
    "compare_distributions",
    "discrete_hazard",
]
