"""Where customers are on their way, and what moves them on.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.stages.following import follow
    from journeykit.stages.moments import PassionPoints, passion_points
    from journeykit.stages.pains import PainPoints, pain_points
    from journeykit.study.models import Ladder, Rung

_HOMES = {
    "Ladder": "study.models",
    "PainPoints": "stages.pains",
    "PassionPoints": "stages.moments",
    "Rung": "study.models",
    "follow": "stages.following",
    "pain_points": "stages.pains",
    "passion_points": "stages.moments",
}

__all__ = [
    "Ladder",
    "PainPoints",
    "PassionPoints",
    "Rung",
    "follow",
    "pain_points",
    "passion_points",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit.stages' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeykit.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
