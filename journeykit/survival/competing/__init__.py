"""Ends that compete: to whom, and how, customers are lost."""

from journeykit.survival.competing.gray import GrayTest, gray_test
from journeykit.survival.competing.incidence import cumulative_incidence
from journeykit.survival.competing.model import FineGray, IncidenceForecast
from journeykit.survival.competing.results import CumulativeIncidences, IncidencesAt
from journeykit.survival.competing.subdistribution import fine_gray

__all__ = [
    "CumulativeIncidences",
    "FineGray",
    "GrayTest",
    "IncidenceForecast",
    "IncidencesAt",
    "cumulative_incidence",
    "fine_gray",
    "gray_test",
]
