"""Which way customers go."""

from journeykit.paths.detours import Labyrinth, labyrinth
from journeykit.paths.predicting import NextTouchpoint, WhatIf, next_touchpoint, what_if
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "Labyrinth",
    "NextTouchpoint",
    "Transitions",
    "Variants",
    "WhatIf",
    "labyrinth",
    "next_touchpoint",
    "transitions",
    "variants",
    "what_if",
]
