"""Cox regression: which covariates raise the hazard of leaving, and by how much."""

from journeykit.survival.regression.estimation import cox, cox_time_varying
from journeykit.survival.regression.forecasting import CoxBaseline, CoxForecast
from journeykit.survival.regression.model import CoxModel
from journeykit.survival.regression.proportionality import (
    ProportionalHazards,
    proportional_hazards_test,
)

__all__ = [
    "CoxBaseline",
    "CoxForecast",
    "CoxModel",
    "ProportionalHazards",
    "cox",
    "cox_time_varying",
    "proportional_hazards_test",
]
