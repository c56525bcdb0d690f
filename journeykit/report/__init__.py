"""Reports: a notebook, typed parameters, a page people trust."""

from journeykit.report.contract import (
    data,
    figure,
    finding,
    guard,
    table,
)
from journeykit.report.parameters import (
    REPORTS,
    AttributionParameters,
    Parameters,
    PathsParameters,
    SurvivalParameters,
)
from journeykit.report.run import Job, Made, make, plan, verify

__all__ = [
    "REPORTS",
    "AttributionParameters",
    "Job",
    "Made",
    "Parameters",
    "PathsParameters",
    "SurvivalParameters",
    "data",
    "figure",
    "finding",
    "guard",
    "make",
    "plan",
    "table",
    "verify",
]
