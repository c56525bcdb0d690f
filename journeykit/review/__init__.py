"""Who answers for what, what is believed, and what has shifted.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.review.aligning import GoalsServed, goals_served
    from journeykit.review.drifting import Drift, drift
    from journeykit.review.interrupting import Interruptions, interruptions
    from journeykit.review.judging import Beliefs, audit_beliefs, judge
    from journeykit.review.measures import DoingShare, LeavingShare, NextShare
    from journeykit.review.model import Belief, Metric, read_beliefs
    from journeykit.review.owning import Ownership, ownership
    from journeykit.review.strategy import Goal, Objective, Owned, Strategy, Tactic, read_strategy

_HOMES = {
    "Belief": "model",
    "Beliefs": "judging",
    "DoingShare": "measures",
    "Drift": "drifting",
    "Goal": "strategy",
    "GoalsServed": "aligning",
    "Interruptions": "interrupting",
    "LeavingShare": "measures",
    "Metric": "model",
    "NextShare": "measures",
    "Objective": "strategy",
    "Owned": "strategy",
    "Ownership": "owning",
    "Strategy": "strategy",
    "Tactic": "strategy",
    "audit_beliefs": "judging",
    "drift": "drifting",
    "goals_served": "aligning",
    "interruptions": "interrupting",
    "judge": "judging",
    "ownership": "owning",
    "read_beliefs": "model",
    "read_strategy": "strategy",
}

__all__ = [
    "Belief",
    "Beliefs",
    "DoingShare",
    "Drift",
    "Goal",
    "GoalsServed",
    "Interruptions",
    "LeavingShare",
    "Metric",
    "NextShare",
    "Objective",
    "Owned",
    "Ownership",
    "Strategy",
    "Tactic",
    "audit_beliefs",
    "drift",
    "goals_served",
    "interruptions",
    "judge",
    "ownership",
    "read_beliefs",
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
