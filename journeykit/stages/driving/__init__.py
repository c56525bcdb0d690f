"""What moves customers on: hazards of the next move up, period by period."""

from journeykit.stages.driving.results import Drivers
from journeykit.stages.driving.searching import drivers

__all__ = ["Drivers", "drivers"]
