"""How often does it happen again to a customer, and what makes it."""

from journeykit.survival.recurring.histories import recurrences
from journeykit.survival.recurring.mean_count import MeanCount, MeanCountAt, recurrent
from journeykit.survival.recurring.regressions import (
    andersen_gill,
    numbered,
    prentice_williams_peterson,
)

__all__ = [
    "MeanCount",
    "MeanCountAt",
    "andersen_gill",
    "numbered",
    "prentice_williams_peterson",
    "recurrences",
    "recurrent",
]
