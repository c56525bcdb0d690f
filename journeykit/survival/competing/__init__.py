"""Ends that compete: to whom, and how, customers are lost."""

from journeykit.survival.competing.incidence import cumulative_incidence
from journeykit.survival.competing.results import CumulativeIncidences, IncidencesAt

__all__ = ["CumulativeIncidences", "IncidencesAt", "cumulative_incidence"]
