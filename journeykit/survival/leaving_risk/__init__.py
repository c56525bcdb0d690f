"""Where customers are most at risk of leaving, by how much, and for how long."""

from journeykit.survival.leaving_risk.after_touch import (
    Effect,
    TouchpointHazard,
    touchpoint_hazard,
)
from journeykit.survival.leaving_risk.ever_met import ImmortalTime, immortal_time
from journeykit.survival.leaving_risk.ranking import RiskOfLeaving, risk_of_leaving

__all__ = [
    "Effect",
    "ImmortalTime",
    "RiskOfLeaving",
    "TouchpointHazard",
    "immortal_time",
    "risk_of_leaving",
    "touchpoint_hazard",
]
