"""Funnels: steps in order, windows, exclusions, leaving; who came, who was lost, how fast."""

from journeykit.paths.funnels.analysis import Abandonment, ConversionTimes, Funnel, funnel
from journeykit.paths.funnels.rules import Exclusion

__all__ = ["Abandonment", "ConversionTimes", "Exclusion", "Funnel", "funnel"]
