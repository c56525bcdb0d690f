"""Who answers for what, what is believed, and what has shifted.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.review.drifting import Drift, drift
    from journeykit.review.interrupting import Interruptions, interruptions
    from journeykit.review.judging import Beliefs, audit_beliefs, judge
    from journeykit.review.measures import DoingShare, LeavingShare, NextShare
    from journeykit.review.model import Belief, Metric, read_beliefs

_HOMES = {
    "Belief": "model",
    "Beliefs": "judging",
    "DoingShare": "measures",
    "Drift": "drifting",
    "Interruptions": "interrupting",
    "LeavingShare": "measures",
    "Metric": "model",
    "NextShare": "measures",
    "audit_beliefs": "judging",
    "drift": "drifting",
    "interruptions": "interrupting",
    "judge": "judging",
    "read_beliefs": "model",
}

__all__ = [
    "Belief",
    "Beliefs",
    "DoingShare",
    "Drift",
    "Interruptions",
    "LeavingShare",
    "Metric",
    "NextShare",
    "audit_beliefs",
    "drift",
    "interruptions",
    "judge",
    "read_beliefs",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit.review' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeykit.review.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
