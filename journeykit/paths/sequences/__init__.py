"""Sequences of touchpoints: which are frequent, and which come before an outcome."""

from journeykit.paths.sequences.findings import Precursors
from journeykit.paths.sequences.frequent import Patterns, patterns
from journeykit.paths.sequences.preceding import precursors

__all__ = ["Patterns", "Precursors", "patterns", "precursors"]
