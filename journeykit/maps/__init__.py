"""What there is on one page: touchpoints, channels, and the map of the journey.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.maps.automated.automating import Automation, automation
    from journeykit.maps.channels.integration import ChannelIntegration, channel_integration
    from journeykit.maps.journey.differences import MapChanges, diff
    from journeykit.maps.journey.exchange import read_map, write_map
    from journeykit.maps.journey.mapping import JourneyMap, journey_map
    from journeykit.maps.satisfied.satisfying import Satisfaction, satisfaction
    from journeykit.maps.sending.cadences import Cadence, cadence
    from journeykit.maps.sending.coverage import ContentCoverage, content_coverage, content_roles
    from journeykit.maps.touchpoints.matrix import TouchpointMatrix, touchpoint_matrix
    from journeykit.maps.touchpoints.mentioned import MissingTouchpoints, missing_touchpoints
    from journeykit.maps.touchpoints.uncharted import Unmapped, unmapped

_HOMES = {
    "Automation": "automated.automating",
    "Cadence": "sending.cadences",
    "ChannelIntegration": "channels.integration",
    "ContentCoverage": "sending.coverage",
    "JourneyMap": "journey.mapping",
    "MapChanges": "journey.differences",
    "MissingTouchpoints": "touchpoints.mentioned",
    "Satisfaction": "satisfied.satisfying",
    "TouchpointMatrix": "touchpoints.matrix",
    "Unmapped": "touchpoints.uncharted",
    "automation": "automated.automating",
    "cadence": "sending.cadences",
    "channel_integration": "channels.integration",
    "content_coverage": "sending.coverage",
    "content_roles": "sending.coverage",
    "diff": "journey.differences",
    "journey_map": "journey.mapping",
    "missing_touchpoints": "touchpoints.mentioned",
    "read_map": "journey.exchange",
    "satisfaction": "satisfied.satisfying",
    "touchpoint_matrix": "touchpoints.matrix",
    "unmapped": "touchpoints.uncharted",
    "write_map": "journey.exchange",
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
