"""Which way customers go."""

from journeykit.paths.cohorts import Retention, retention
from journeykit.paths.funnels import Abandonment, ConversionTimes, Exclusion, Funnel, funnel
from journeykit.paths.occurrences import Search, search
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "Abandonment",
    "ConversionTimes",
    "Exclusion",
    "Funnel",
    "Retention",
    "Search",
    "Transitions",
    "Variants",
    "funnel",
    "retention",
    "search",
    "transitions",
    "variants",
]
