"""Which touch earned the sale: rules and removal effects, with the customer as the unit.

Names load on first use: the models import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.attribution.assisting import Assists, assists
    from journeykit.attribution.coalition import ShapleyCredits, shapley
    from journeykit.attribution.comparison import Comparison, compare
    from journeykit.attribution.cooperation import Roles, roles
    from journeykit.attribution.credit import Credits, Population
    from journeykit.attribution.hazards.additive import HazardCredits, hazard
    from journeykit.attribution.held_out import MarkovOrders, markov_orders
    from journeykit.attribution.interacting import Interactions, interactions
    from journeykit.attribution.lookback import Touches, touches
    from journeykit.attribution.ordering import OrderedCredits, ordered_shapley
    from journeykit.attribution.removal import markov
    from journeykit.attribution.rule_based import rules

# Modules bear other names than the functions: importing a module would hide its namesake here.
_HOMES = {
    "Assists": "assisting",
    "Comparison": "comparison",
    "Credits": "credit",
    "HazardCredits": "hazards.additive",
    "Interactions": "interacting",
    "MarkovOrders": "held_out",
    "OrderedCredits": "ordering",
    "Population": "credit",
    "Roles": "cooperation",
    "ShapleyCredits": "coalition",
    "Touches": "lookback",
    "assists": "assisting",
    "compare": "comparison",
    "hazard": "hazards.additive",
    "interactions": "interacting",
    "markov": "removal",
    "markov_orders": "held_out",
    "ordered_shapley": "ordering",
    "roles": "cooperation",
    "rules": "rule_based",
    "shapley": "coalition",
    "touches": "lookback",
}

__all__ = [
    "Assists",
    "Comparison",
    "Credits",
    "HazardCredits",
    "Interactions",
    "MarkovOrders",
    "OrderedCredits",
    "Population",
    "Roles",
    "ShapleyCredits",
    "Touches",
    "assists",
    "compare",
    "hazard",
    "interactions",
    "markov",
    "markov_orders",
    "ordered_shapley",
    "roles",
    "rules",
    "shapley",
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
