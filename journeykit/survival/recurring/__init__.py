"""How often does it happen again to a customer."""

from journeykit.survival.recurring.histories import recurrences
from journeykit.survival.recurring.mean_count import MeanCount, MeanCountAt, recurrent

__all__ = ["MeanCount", "MeanCountAt", "recurrences", "recurrent"]
