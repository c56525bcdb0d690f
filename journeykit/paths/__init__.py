"""Which way customers go."""

from journeykit.paths.occurrences import Search, search
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = ["Search", "Transitions", "Variants", "search", "transitions", "variants"]
