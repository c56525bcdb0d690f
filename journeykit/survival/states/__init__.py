"""States and the moves between them: the stages of a journey, and where customers are when."""

from journeykit.survival.states.results import (
    Hazards,
    Occupancy,
    Probabilities,
    Rates,
    Sojourns,
    StatesResult,
    TimeInStates,
)
from journeykit.survival.states.spells import Multistate, multistate_from_frame
from journeykit.survival.states.stages import multistate

__all__ = [
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
