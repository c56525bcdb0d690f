"""Which touch earned the sale: rules and removal effects, with the customer as the unit.

Names load on first use: the models import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.attribution.credit import Credits, Population
    from journeykit.attribution.held_out import MarkovOrders, markov_orders
    from journeykit.attribution.lookback import Touches, touches
    from journeykit.attribution.removal import markov
    from journeykit.attribution.rule_based import rules
    from journeykit.attribution.supporting.answers import Support
    from journeykit.attribution.supporting.pairs import support

# Modules bear other names than the functions: importing a module would hide its namesake here.
_HOMES = {
    "Credits": "credit",
    "Population": "credit",
    "MarkovOrders": "held_out",
    "Support": "supporting.answers",
    "Touches": "lookback",
    "markov": "removal",
    "markov_orders": "held_out",
    "rules": "rule_based",
    "support": "supporting.pairs",
    "touches": "lookback",
}

__all__ = [
    "Credits",
    "MarkovOrders",
    "Population",
    "Support",
    "Touches",
    "markov",
    "markov_orders",
    "rules",
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
