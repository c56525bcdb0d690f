"""Where customers are on their way, and what moves them on.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.stages.driving import Drivers, drivers
    from journeykit.stages.following import follow
    from journeykit.stages.moments import PassionPoints, passion_points
    from journeykit.stages.parting import PassionParts, passion_parts
    from journeykit.stages.placing import Whereabouts, whereabouts
    from journeykit.stages.unaware import Market, market
    from journeykit.study.models import Ladder, Rung

_HOMES = {
    "Drivers": "stages.driving",
    "Ladder": "study.models",
    "Market": "stages.unaware",
    "PassionParts": "stages.parting",
    "PassionPoints": "stages.moments",
    "Rung": "study.models",
    "Whereabouts": "stages.placing",
    "drivers": "stages.driving",
    "follow": "stages.following",
    "market": "stages.unaware",
    "passion_parts": "stages.parting",
    "passion_points": "stages.moments",
    "whereabouts": "stages.placing",
}

__all__ = [
    "Drivers",
    "Ladder",
    "Market",
    "PassionParts",
    "PassionPoints",
    "Rung",
    "Whereabouts",
    "drivers",
    "follow",
    "market",
    "passion_parts",
    "passion_points",
    "whereabouts",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit.stages' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeykit.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
