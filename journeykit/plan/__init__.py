"""The journey as planned, and where the one lived departs from it.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.plan.aligning import Alignments, align
    from journeykit.plan.best import BestJourneys, best_journeys
    from journeykit.plan.costing import DeviationCosts, deviation_costs
    from journeykit.plan.departing import Deviations, deviations
    from journeykit.plan.model import Plan
    from journeykit.plan.reaching import DeviationOutcomes, deviation_outcomes

_HOMES = {
    "Alignments": "aligning",
    "BestJourneys": "best",
    "DeviationCosts": "costing",
    "DeviationOutcomes": "reaching",
    "Deviations": "departing",
    "Plan": "model",
    "align": "aligning",
    "best_journeys": "best",
    "deviation_costs": "costing",
    "deviation_outcomes": "reaching",
    "deviations": "departing",
}

__all__ = [
    "Alignments",
    "BestJourneys",
    "DeviationCosts",
    "DeviationOutcomes",
    "Deviations",
    "Plan",
    "align",
    "best_journeys",
    "deviation_costs",
    "deviation_outcomes",
    "deviations",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit.plan' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeykit.plan.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
