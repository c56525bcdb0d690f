"""Cohorts by their start, and how many of them come back."""

from journeykit.paths.cohorts.analysis import Retention, retention

__all__ = ["Retention", "retention"]
