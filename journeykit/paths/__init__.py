"""Which way customers go."""

from journeykit.paths.cohorts import Retention, retention
from journeykit.paths.contrasts import Comparison, compare
from journeykit.paths.detours import Labyrinth, labyrinth
from journeykit.paths.dwelling import DwellTimes, dwell_times
from journeykit.paths.funnels import Abandonment, ConversionTimes, Exclusion, Funnel, funnel
from journeykit.paths.guarding import guards
from journeykit.paths.kinds import Distances, Typology, distances, typology
from journeykit.paths.lines import Ribbons, ribbons
from journeykit.paths.narrowing import Narrowing, narrow
from journeykit.paths.occurrences import Search, search
from journeykit.paths.predicting import NextTouchpoint, WhatIf, next_touchpoint, what_if
from journeykit.paths.sequences import Patterns, Precursors, patterns, precursors
from journeykit.paths.splitting import Segments, segments
from journeykit.paths.stepping import StepTable, step_table
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "Abandonment",
    "Comparison",
    "ConversionTimes",
    "Distances",
    "DwellTimes",
    "Exclusion",
    "Funnel",
    "Labyrinth",
    "Narrowing",
    "NextTouchpoint",
    "Patterns",
    "Precursors",
    "Retention",
    "Ribbons",
    "Search",
    "Segments",
    "StepTable",
    "Transitions",
    "Typology",
    "Variants",
    "WhatIf",
    "compare",
    "distances",
    "dwell_times",
    "funnel",
    "guards",
    "labyrinth",
    "narrow",
    "next_touchpoint",
    "patterns",
    "precursors",
    "retention",
    "ribbons",
    "search",
    "segments",
    "step_table",
    "transitions",
    "typology",
    "variants",
    "what_if",
]
