"""Which way customers go."""

from journeykit.paths.contrasts import Comparison, compare
from journeykit.paths.narrowing import Narrowing, narrow
from journeykit.paths.splitting import Segments, segments
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = [
    "Comparison",
    "Narrowing",
    "Segments",
    "Transitions",
    "Variants",
    "compare",
    "narrow",
    "segments",
    "transitions",
    "variants",
]
