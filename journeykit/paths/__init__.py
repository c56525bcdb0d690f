"""Which way customers go."""

from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = ["Transitions", "Variants", "transitions", "variants"]
