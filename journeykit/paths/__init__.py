"""Which way customers go."""

from journeykit.paths.sequences import Patterns, Precursors, patterns, precursors
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "Patterns",
    "Precursors",
    "Transitions",
    "Variants",
    "patterns",
    "precursors",
    "transitions",
    "variants",
]
