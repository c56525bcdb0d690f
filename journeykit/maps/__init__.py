"""What there is on one page: touchpoints, channels, and the map of the journey.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.maps.differences import MapChanges, diff
    from journeykit.maps.exchange import read_map, write_map
    from journeykit.maps.mapping import JourneyMap, journey_map
    from journeykit.maps.matrix import TouchpointMatrix, touchpoint_matrix
    from journeykit.maps.mentioned import MissingTouchpoints, missing_touchpoints
    from journeykit.maps.uncharted import Unmapped, unmapped

_HOMES = {
    "JourneyMap": "mapping",
    "MapChanges": "differences",
    "MissingTouchpoints": "mentioned",
    "TouchpointMatrix": "matrix",
    "Unmapped": "uncharted",
    "diff": "differences",
    "journey_map": "mapping",
    "missing_touchpoints": "mentioned",
    "read_map": "exchange",
    "touchpoint_matrix": "matrix",
    "unmapped": "uncharted",
    "write_map": "exchange",
}

__all__ = [
    "JourneyMap",
    "MapChanges",
    "MissingTouchpoints",
    "TouchpointMatrix",
    "Unmapped",
    "diff",
    "journey_map",
    "missing_touchpoints",
    "read_map",
    "touchpoint_matrix",
    "unmapped",
    "write_map",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit.maps' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeykit.maps.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
