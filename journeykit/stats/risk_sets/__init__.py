"""Customers compared with others who were at the same point of their journey."""

from journeykit.stats.risk_sets.comparing import (
    RiskSetEffect,
    compare_in_risk_sets,
    pearson_three_tail,
)
from journeykit.stats.risk_sets.strata import geometric_bins, joint_strata

__all__ = [
    "RiskSetEffect",
    "compare_in_risk_sets",
    "geometric_bins",
    "joint_strata",
    "pearson_three_tail",
]
