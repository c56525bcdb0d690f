"""Which touch earned the sale: rules and removal effects, with the customer as the unit.

Names load on first use: the models import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.attribution.bootstrapping import BootstrappedCredits, bootstrap
    from journeykit.attribution.credit import Credits, Population
    from journeykit.attribution.held_out import MarkovOrders, markov_orders
    from journeykit.attribution.lookback import Touches, touches
    from journeykit.attribution.removal import markov
    from journeykit.attribution.rule_based import rules
    from journeykit.attribution.sensitivities import Sensitivity, sensitivity

# Modules bear other names than the functions: importing a module would hide its namesake here.
_HOMES = {
    "BootstrappedCredits": "bootstrapping",
    "bootstrap": "bootstrapping",
    "Credits": "credit",
    "Population": "credit",
    "MarkovOrders": "held_out",
    "Sensitivity": "sensitivities",
    "Touches": "lookback",
    "markov": "removal",
    "markov_orders": "held_out",
    "rules": "rule_based",
    "sensitivity": "sensitivities",
    "touches": "lookback",
}

__all__ = [
    "BootstrappedCredits",
    "Credits",
    "MarkovOrders",
    "Population",
    "Sensitivity",
    "Touches",
    "bootstrap",
    "markov",
    "markov_orders",
    "rules",
    "sensitivity",
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
