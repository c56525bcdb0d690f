"""A world whose truth is known, and how methods do in it.

- `world(customers=..., seed=..., settings=...)` simulates a company: a `World` with its tables, its
  hidden tables and its truth. ``journeykit describe world`` lists the parameters and the laws.
- `World.null` is the same world without an effect; `World.changed` has other parameters,
  `World.journeys` the persons behind all ids, `World.write` makes a study of it.
- `coverage` and `false_findings` run a method on many worlds and score it.
- `marginal_hazard_ratio` computes what a Cox model without frailty estimates.
- `exposure_null`, `attribute_null` and `resampled` make worlds of real journeys.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.simulate.hazard_ratio import HazardRatio
    from journeykit.simulate.marginal import marginal_hazard_ratio
    from journeykit.simulate.permuting import attribute_null, exposure_null, resampled
    from journeykit.simulate.scores import Coverage, FalseFindings
    from journeykit.simulate.scoring import coverage, false_findings
    from journeykit.simulate.world import World, world

__all__ = [
    "Coverage",
    "FalseFindings",
    "HazardRatio",
    "World",
    "attribute_null",
    "coverage",
    "exposure_null",
    "false_findings",
    "marginal_hazard_ratio",
    "resampled",
    "world",
]

_MODULES = {
    "hazard_ratio": ("HazardRatio",),
    "marginal": ("marginal_hazard_ratio",),
    "permuting": ("attribute_null", "exposure_null", "resampled"),
    "scores": ("Coverage", "FalseFindings"),
    "scoring": ("coverage", "false_findings"),
    "world": ("World",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import the module of a public name when the name is first used."""
    if name == "world":  # the module is itself the verb, whichever is imported first
        return import_module(f"{__name__}.world")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
