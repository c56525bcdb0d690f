"""What there is on one page: touchpoints, channels, and the map of the journey.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.maps.automating import Automation, automation
    from journeykit.maps.channels.integration import ChannelIntegration, channel_integration
    from journeykit.maps.differences import MapChanges, diff
    from journeykit.maps.exchange import read_map, write_map
    from journeykit.maps.mapping import JourneyMap, journey_map
    from journeykit.maps.matrix import TouchpointMatrix, touchpoint_matrix
    from journeykit.maps.mentioned import MissingTouchpoints, missing_touchpoints
    from journeykit.maps.satisfying import Satisfaction, satisfaction
    from journeykit.maps.sending.cadences import Cadence, cadence
    from journeykit.maps.sending.coverage import ContentCoverage, content_coverage, content_roles
    from journeykit.maps.uncharted import Unmapped, unmapped

_HOMES = {
    "Automation": "automating",
    "Cadence": "sending.cadences",
    "ChannelIntegration": "channels.integration",
    "ContentCoverage": "sending.coverage",
    "JourneyMap": "mapping",
    "MapChanges": "differences",
    "MissingTouchpoints": "mentioned",
    "Satisfaction": "satisfying",
    "TouchpointMatrix": "matrix",
    "Unmapped": "uncharted",
    "automation": "automating",
    "cadence": "sending.cadences",
    "channel_integration": "channels.integration",
    "content_coverage": "sending.coverage",
    "content_roles": "sending.coverage",
    "diff": "differences",
    "journey_map": "mapping",
    "missing_touchpoints": "mentioned",
    "read_map": "exchange",
    "satisfaction": "satisfying",
    "touchpoint_matrix": "matrix",
    "unmapped": "uncharted",
    "write_map": "exchange",
}

__all__ = [
    "Automation",
    "Cadence",
    "ChannelIntegration",
    "ContentCoverage",
    "JourneyMap",
    "MapChanges",
    "MissingTouchpoints",
    "Satisfaction",
    "TouchpointMatrix",
    "Unmapped",
    "automation",
    "cadence",
    "channel_integration",
    "content_coverage",
    "content_roles",
    "diff",
    "journey_map",
    "missing_touchpoints",
    "read_map",
    "satisfaction",
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
