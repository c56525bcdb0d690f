"""Which way customers go."""

from journeykit.paths.cohorts import Retention, retention
from journeykit.paths.contrasts import Comparison, compare
from journeykit.paths.funnels import Abandonment, ConversionTimes, Exclusion, Funnel, funnel
from journeykit.paths.narrowing import Narrowing, narrow
from journeykit.paths.occurrences import Search, search
from journeykit.paths.sequences import Patterns, Precursors, patterns, precursors
from journeykit.paths.splitting import Segments, segments
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "Abandonment",
    "Comparison",
    "ConversionTimes",
    "Exclusion",
    "Funnel",
    "Narrowing",
    "Patterns",
    "Precursors",
    "Retention",
    "Search",
    "Segments",
    "Transitions",
    "Variants",
    "compare",
    "funnel",
    "narrow",
    "patterns",
    "precursors",
    "retention",
    "search",
    "segments",
    "transitions",
    "variants",
]
