"""Which way customers go."""

from journeykit.paths.dwelling import DwellTimes, dwell_times
from journeykit.paths.funnels import Abandonment, ConversionTimes, Exclusion, Funnel, funnel
from journeykit.paths.occurrences import Search, search
from journeykit.paths.stepping import StepTable, step_table
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "Abandonment",
    "ConversionTimes",
    "DwellTimes",
    "Exclusion",
    "Funnel",
    "Search",
    "StepTable",
    "Transitions",
    "Variants",
    "dwell_times",
    "funnel",
    "search",
    "step_table",
    "transitions",
    "variants",
]
