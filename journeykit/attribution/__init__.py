"""Which touch earned the sale: rules and removal effects, with the customer as the unit.

Names load on first use: the models import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.attribution.assisting import Assists, assists
    from journeykit.attribution.bootstrapping import BootstrappedCredits, bootstrap
    from journeykit.attribution.coalition import shapley
    from journeykit.attribution.comparison import Comparison, compare
    from journeykit.attribution.cooperation import Roles, roles
    from journeykit.attribution.credit import Credits, Population
    from journeykit.attribution.experiments.arms import holdout_arms
    from journeykit.attribution.experiments.budgeting import BudgetPlan, budget
    from journeykit.attribution.experiments.calibration import CalibratedCredits, calibrate
    from journeykit.attribution.experiments.costing import Costs, costs
    from journeykit.attribution.experiments.holdouts import holdout_increments
    from journeykit.attribution.hazards.additive import HazardCredits, hazard
    from journeykit.attribution.held_out import MarkovOrders, markov_orders
    from journeykit.attribution.interacting import Interactions, interactions
    from journeykit.attribution.lookback import Touches, touches
    from journeykit.attribution.ordering import OrderedCredits, ordered_shapley
    from journeykit.attribution.removal import markov
    from journeykit.attribution.rule_based import rules
    from journeykit.attribution.sensitivities import Sensitivity, sensitivity
    from journeykit.attribution.supporting.answers import Support
    from journeykit.attribution.supporting.pairs import support

# Modules bear other names than the functions: importing a module would hide its namesake here.
_HOMES = {
    "Assists": "assisting",
    "BootstrappedCredits": "bootstrapping",
    "BudgetPlan": "experiments.budgeting",
    "CalibratedCredits": "experiments.calibration",
    "Comparison": "comparison",
    "Costs": "experiments.costing",
    "Credits": "credit",
    "HazardCredits": "hazards.additive",
    "Interactions": "interacting",
    "MarkovOrders": "held_out",
    "OrderedCredits": "ordering",
    "Population": "credit",
    "Roles": "cooperation",
    "Sensitivity": "sensitivities",
    "Support": "supporting.answers",
    "Touches": "lookback",
    "assists": "assisting",
    "bootstrap": "bootstrapping",
    "budget": "experiments.budgeting",
    "calibrate": "experiments.calibration",
    "compare": "comparison",
    "costs": "experiments.costing",
    "hazard": "hazards.additive",
    "holdout_arms": "experiments.arms",
    "holdout_increments": "experiments.holdouts",
    "interactions": "interacting",
    "markov": "removal",
    "markov_orders": "held_out",
    "ordered_shapley": "ordering",
    "roles": "cooperation",
    "rules": "rule_based",
    "sensitivity": "sensitivities",
    "shapley": "coalition",
    "support": "supporting.pairs",
    "touches": "lookback",
}

__all__ = [
    "Assists",
    "BootstrappedCredits",
    "BudgetPlan",
    "CalibratedCredits",
    "Comparison",
    "Costs",
    "Credits",
    "HazardCredits",
    "Interactions",
    "MarkovOrders",
    "OrderedCredits",
    "Population",
    "Roles",
    "Sensitivity",
    "Support",
    "Touches",
    "assists",
    "bootstrap",
    "budget",
    "calibrate",
    "compare",
    "costs",
    "hazard",
    "holdout_arms",
    "holdout_increments",
    "interactions",
    "markov",
    "markov_orders",
    "ordered_shapley",
    "roles",
    "rules",
    "sensitivity",
    "shapley",
    "support",
    "touches",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit.attribution' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeykit.attribution.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
