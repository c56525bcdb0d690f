"""What there is on one page: touchpoints, channels, and the map of the journey.

Names load on first use: the methods import pandas and SciPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.maps.automating import Automation, automation
    from journeykit.maps.channels.integration import ChannelIntegration, channel_integration
    from journeykit.maps.satisfying import Satisfaction, satisfaction
    from journeykit.maps.sending.cadences import Cadence, cadence
    from journeykit.maps.sending.coverage import ContentCoverage, content_coverage, content_roles

_HOMES = {
    "Automation": "automating",
    "Cadence": "sending.cadences",
    "ChannelIntegration": "channels.integration",
    "ContentCoverage": "sending.coverage",
    "Satisfaction": "satisfying",
    "automation": "automating",
    "cadence": "sending.cadences",
    "channel_integration": "channels.integration",
    "content_coverage": "sending.coverage",
    "content_roles": "sending.coverage",
    "satisfaction": "satisfying",
}

__all__ = [
    "Automation",
    "Cadence",
    "ChannelIntegration",
    "ContentCoverage",
    "Satisfaction",
    "automation",
    "cadence",
    "channel_integration",
    "content_coverage",
    "content_roles",
    "satisfaction",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit.maps' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeykit.maps.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
