"""Which touchpoints an analysis can do without."""

from journeykit.paths.narrowing.verdicts import Narrowing, narrow

__all__ = ["Narrowing", "narrow"]
