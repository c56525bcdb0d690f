"""The parameters of the reports that ship."""

from journeykit.report.models.attribution import AttributionParameters
from journeykit.report.models.journey import MapParameters, PlanParameters, StagesParameters
from journeykit.report.models.paths import PathsParameters
from journeykit.report.models.segment import SegmentParameters
from journeykit.report.models.survival import SurvivalParameters

__all__ = [
    "AttributionParameters",
    "MapParameters",
    "PathsParameters",
    "PlanParameters",
    "SegmentParameters",
    "StagesParameters",
    "SurvivalParameters",
]
