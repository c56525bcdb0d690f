"""States and the moves between them: the stages of a journey, and where customers are when."""

from journeykit.survival.states.results import (
    Census,
    Hazards,
    Occupancy,
    Probabilities,
    Rates,
    Sojourns,
    StatesResult,
    TimeInStates,
)
from journeykit.survival.states.spells import Multistate
from journeykit.survival.states.stages import multistate
from journeykit.survival.states.tables import multistate_from_frame

__all__ = [
    "Census",
    "Hazards",
    "Multistate",
    "Occupancy",
    "Probabilities",
    "Rates",
    "Sojourns",
    "StatesResult",
    "TimeInStates",
    "multistate",
    "multistate_from_frame",
]
