"""Where it hurts, in named parts, and what mending it would be worth."""

from journeykit.stages.pains.analysis import PainPoints, pain_points

__all__ = ["PainPoints", "pain_points"]
