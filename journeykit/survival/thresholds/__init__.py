"""After how long a silence customers do not return: what a threshold of inactivity does."""

from journeykit.survival.thresholds.choosing import churn_threshold
from journeykit.survival.thresholds.result import ChurnThreshold, ThresholdSensitivity

__all__ = ["ChurnThreshold", "ThresholdSensitivity", "churn_threshold"]
