"""Funnels: steps in order, windows, exclusions, leaving; who came, who was lost, how fast."""

from journeykit.paths.funnels.analysis import funnel
from journeykit.paths.funnels.curves import Abandonment, ConversionTimes
from journeykit.paths.funnels.result import Funnel
from journeykit.paths.funnels.rules import Exclusion

__all__ = ["Abandonment", "ConversionTimes", "Exclusion", "Funnel", "funnel"]
