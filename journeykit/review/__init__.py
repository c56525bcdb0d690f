"""Who answers for what, what is believed, and what has shifted.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.review.aligning import GoalsServed, goals_served
    from journeykit.review.owning import Ownership, ownership
    from journeykit.review.strategy import Goal, Objective, Owned, Strategy, Tactic, read_strategy

_HOMES: dict[str, str] = {
    "Goal": "strategy",
    "GoalsServed": "aligning",
    "Objective": "strategy",
    "Owned": "strategy",
    "Ownership": "owning",
    "Strategy": "strategy",
    "Tactic": "strategy",
    "goals_served": "aligning",
    "ownership": "owning",
    "read_strategy": "strategy",
}

__all__ = [
    "Goal",
    "GoalsServed",
    "Objective",
    "Owned",
    "Ownership",
    "Strategy",
    "Tactic",
    "goals_served",
    "ownership",
    "read_strategy",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit.review' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeykit.review.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
