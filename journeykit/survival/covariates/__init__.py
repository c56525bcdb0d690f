"""What had happened to customers so far: covariates that change while they are under risk."""

from journeykit.survival.covariates.building import counting_process

__all__ = ["counting_process"]
