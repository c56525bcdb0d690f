"""Reports: a notebook, typed parameters, a page people trust."""

from journeykit.report.contract import data, finding, guard, people, term
from journeykit.report.figures import figure
from journeykit.report.jobs import Job, plan, verify
from journeykit.report.journey_maps import journey_map
from journeykit.report.kpis import kpi
from journeykit.report.models import (
    AttributionParameters,
    MapParameters,
    PathsParameters,
    PlanParameters,
    SegmentParameters,
    StagesParameters,
    SurvivalParameters,
)
from journeykit.report.parameters import Month, Parameters
from journeykit.report.pooling import one_journey
from journeykit.report.privacy.secrets import Secret
from journeykit.report.registry import REPORTS
from journeykit.report.run import Made, make
from journeykit.report.tables import table

__all__ = [
    "REPORTS",
    "AttributionParameters",
    "Job",
    "Made",
    "MapParameters",
    "Month",
    "Parameters",
    "PathsParameters",
    "PlanParameters",
    "Secret",
    "SegmentParameters",
    "StagesParameters",
    "SurvivalParameters",
    "data",
    "figure",
    "finding",
    "guard",
    "journey_map",
    "kpi",
    "make",
    "one_journey",
    "people",
    "plan",
    "table",
    "term",
    "verify",
]
