"""Cox regression: which covariates raise the hazard of leaving, and by how much."""

from journeykit.survival.regression.estimation import cox, cox_time_varying
from journeykit.survival.regression.model import CoxModel

__all__ = ["CoxModel", "cox", "cox_time_varying"]
