"""Passion points taken apart: what customers do there, what they say, and what is at stake."""

from journeykit.stages.parting.parts import PassionParts, passion_parts

__all__ = ["PassionParts", "passion_parts"]
