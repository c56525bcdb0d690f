"""Which way customers go."""

from journeykit.paths.cohorts import Retention, retention
from journeykit.paths.detours import Labyrinth, labyrinth
from journeykit.paths.dwelling import DwellTimes, dwell_times
from journeykit.paths.funnels import Abandonment, ConversionTimes, Exclusion, Funnel, funnel
from journeykit.paths.guarding import guards
from journeykit.paths.kinds import Distances, Typology, distances, typology
from journeykit.paths.lines import Ribbons, ribbons
from journeykit.paths.occurrences import Search, search
from journeykit.paths.predicting import NextTouchpoint, WhatIf, next_touchpoint, what_if
from journeykit.paths.stepping import StepTable, step_table
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "Abandonment",
    "ConversionTimes",
    "Distances",
    "DwellTimes",
    "Exclusion",
    "Funnel",
    "Labyrinth",
    "NextTouchpoint",
    "Retention",
    "Ribbons",
    "Search",
    "StepTable",
    "Transitions",
    "Typology",
    "Variants",
    "WhatIf",
    "distances",
    "dwell_times",
    "funnel",
    "guards",
    "labyrinth",
    "next_touchpoint",
    "retention",
    "ribbons",
    "search",
    "step_table",
    "transitions",
    "typology",
    "variants",
    "what_if",
]
