"""The journey as planned, and where the one lived departs from it.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.plan.aligning import Alignments, align
    from journeykit.plan.best import BestJourneys, best_journeys
    from journeykit.plan.bpmn import read_bpmn
    from journeykit.plan.bpmn_writing import write_bpmn
    from journeykit.plan.cjml import read_cjml, write_cjml
    from journeykit.plan.costing import DeviationCosts, deviation_costs
    from journeykit.plan.departing import Deviations, deviations
    from journeykit.plan.files import read_plan, write_plan
    from journeykit.plan.keeping import RulesKept, rules_kept
    from journeykit.plan.model import Plan
    from journeykit.plan.reaching import DeviationOutcomes, deviation_outcomes

_HOMES = {
    "Alignments": "aligning",
    "BestJourneys": "best",
    "DeviationCosts": "costing",
    "DeviationOutcomes": "reaching",
    "Deviations": "departing",
    "Plan": "model",
    "RulesKept": "keeping",
    "align": "aligning",
    "best_journeys": "best",
    "deviation_costs": "costing",
    "deviation_outcomes": "reaching",
    "deviations": "departing",
    "read_bpmn": "bpmn",
    "read_cjml": "cjml",
    "read_plan": "files",
    "rules_kept": "keeping",
    "write_bpmn": "bpmn_writing",
    "write_cjml": "cjml",
    "write_plan": "files",
}

__all__ = [
    "Alignments",
    "BestJourneys",
    "DeviationCosts",
    "DeviationOutcomes",
    "Deviations",
    "Plan",
    "RulesKept",
    "align",
    "best_journeys",
    "deviation_costs",
    "deviation_outcomes",
    "deviations",
    "read_bpmn",
    "read_cjml",
    "read_plan",
    "rules_kept",
    "write_bpmn",
    "write_cjml",
    "write_plan",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit.plan' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeykit.plan.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
