"""How groups and periods differ."""

from journeykit.paths.contrasts.comparison import Comparison, compare

__all__ = ["Comparison", "compare"]
