"""Which way customers go."""

from journeykit.paths.kinds import Distances, Typology, distances, typology
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "Distances",
    "Transitions",
    "Typology",
    "Variants",
    "distances",
    "transitions",
    "typology",
    "variants",
]
