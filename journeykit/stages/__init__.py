"""Where customers are on their way, and what moves them on.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.stages.driving import Drivers, drivers
    from journeykit.stages.following import follow
    from journeykit.stages.goals.cutting import GoalCases, goal_cases
    from journeykit.stages.goals.deflecting import Deflection, deflection
    from journeykit.stages.goals.measuring import Portfolio, portfolio
    from journeykit.stages.goals.model import GoalJourney, JourneyTypes, read_portfolio
    from journeykit.stages.moments import PassionPoints, passion_points
    from journeykit.stages.pains import PainPoints, pain_points
    from journeykit.stages.parting import PassionParts, passion_parts
    from journeykit.stages.placing import Whereabouts, whereabouts
    from journeykit.stages.unaware import Market, market
    from journeykit.study.models import Ladder, Rung

_HOMES = {
    "Deflection": "stages.goals.deflecting",
    "Drivers": "stages.driving",
    "GoalCases": "stages.goals.cutting",
    "GoalJourney": "stages.goals.model",
    "JourneyTypes": "stages.goals.model",
    "Ladder": "study.models",
    "Market": "stages.unaware",
    "PainPoints": "stages.pains",
    "PassionParts": "stages.parting",
    "PassionPoints": "stages.moments",
    "Portfolio": "stages.goals.measuring",
    "Rung": "study.models",
    "Whereabouts": "stages.placing",
    "deflection": "stages.goals.deflecting",
    "drivers": "stages.driving",
    "follow": "stages.following",
    "goal_cases": "stages.goals.cutting",
    "market": "stages.unaware",
    "pain_points": "stages.pains",
    "passion_parts": "stages.parting",
    "passion_points": "stages.moments",
    "portfolio": "stages.goals.measuring",
    "read_portfolio": "stages.goals.model",
    "whereabouts": "stages.placing",
}

__all__ = [
    "Deflection",
    "Drivers",
    "GoalCases",
    "GoalJourney",
    "JourneyTypes",
    "Ladder",
    "Market",
    "PainPoints",
    "PassionParts",
    "PassionPoints",
    "Portfolio",
    "Rung",
    "Whereabouts",
    "deflection",
    "drivers",
    "follow",
    "goal_cases",
    "market",
    "pain_points",
    "passion_parts",
    "passion_points",
    "portfolio",
    "read_portfolio",
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
