"""How good predictions are, judged on customers and what became of them."""

from journeykit.survival.validation.calibrating import Calibration
from journeykit.survival.validation.crossing import (
    CrossPredictions,
    Split,
    cross_predict,
    split_customers,
)
from journeykit.survival.validation.judging import Validation, validate
from journeykit.survival.validation.ordering import Concordance, concordance

__all__ = [
    "Calibration",
    "Concordance",
    "CrossPredictions",
    "Split",
    "Validation",
    "concordance",
    "cross_predict",
    "split_customers",
    "validate",
]
