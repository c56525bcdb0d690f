"""Which way customers go."""

from journeykit.paths.dwelling import DwellTimes, dwell_times
from journeykit.paths.lines import Ribbons, ribbons
from journeykit.paths.occurrences import Search, search
from journeykit.paths.stepping import StepTable, step_table
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "DwellTimes",
    "Ribbons",
    "Search",
    "StepTable",
    "Transitions",
    "Variants",
    "dwell_times",
    "ribbons",
    "search",
    "step_table",
    "transitions",
    "variants",
]
