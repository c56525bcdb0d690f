"""Customers who move between states: stages of a journey, and leaving it."""

from journeykit.survival.states.results import (
    Hazards,
    Occupancy,
    Probabilities,
    Rates,
    Sojourns,
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
    "TimeInStates",
    "multistate",
    "multistate_from_frame",
]
