"""How long until customers leave."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.survival.churn import (
        EndAttribute,
        EndTouchpoint,
        Inactivity,
        StartAttribute,
        StartTouchpoint,
        churn_rule,
    )
    from journeykit.survival.curves import (
        KaplanMeier,
        LogRank,
        Quantiles,
        SurvivalAt,
        kaplan_meier,
        log_rank,
    )
    from journeykit.survival.departures import leaving
    from journeykit.survival.following import lifetimes
    from journeykit.survival.lives import Lifetimes, LifetimesAudit, lifetimes_from_frame

__all__ = [
    "EndAttribute",
    "EndTouchpoint",
    "Inactivity",
    "KaplanMeier",
    "Lifetimes",
    "LifetimesAudit",
    "LogRank",
    "Quantiles",
    "StartAttribute",
    "StartTouchpoint",
    "SurvivalAt",
    "churn_rule",
    "churn_start",
    "kaplan_meier",
    "leaving",
    "lifetimes",
    "lifetimes_from_frame",
    "log_rank",
]

_MODULES = {
    "churn": (
        "EndAttribute",
        "EndTouchpoint",
        "Inactivity",
        "StartAttribute",
        "StartTouchpoint",
        "churn_rule",
        "churn_start",
    ),
    "curves": ("KaplanMeier", "LogRank", "Quantiles", "SurvivalAt", "kaplan_meier", "log_rank"),
    "following": ("lifetimes",),
    "departures": ("leaving",),
    "lives": ("Lifetimes", "LifetimesAudit", "lifetimes_from_frame"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import the module of a public name when the name is first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
