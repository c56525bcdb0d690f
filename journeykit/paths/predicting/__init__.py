"""What comes next, and what would come of it if one step were taken more often."""

from journeykit.paths.predicting.changes import WhatIf, what_if
from journeykit.paths.predicting.following import NextTouchpoint, next_touchpoint

__all__ = ["NextTouchpoint", "WhatIf", "next_touchpoint", "what_if"]
