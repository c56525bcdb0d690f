"""journeykit: a research workbench for customer journeys.

Names load on first use (PEP 562): importing the package, or checking a study or a parameter,
does not pay for pandas, lifelines and the like.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit import (
        attribution,
        counts,
        maps,
        paths,
        plan,
        report,
        review,
        simulate,
        stages,
        survival,
    )
    from journeykit.errors import JourneyKitError, JourneyKitWarning
    from journeykit.events import EventLog, PostgresQuery, read_events, stitch
    from journeykit.journeys import Journeys, journeys  # type: ignore[no-redef]
    from journeykit.study import Study, load_study

__version__ = "0.1.0"

#: Public name -> module that holds it; None for a subpackage of that name.
_HOMES = {
    "EventLog": "events",
    "JourneyKitError": "errors",
    "JourneyKitWarning": "errors",
    "Journeys": "journeys",
    "PostgresQuery": "events",
    "Study": "study",
    "attribution": None,
    "counts": None,
    "journeys": None,  # the package is itself the verb
    "load_study": "study",
    "maps": None,
    "paths": None,
    "plan": None,
    "read_events": "events",
    "report": None,
    "review": None,
    "simulate": None,
    "stages": None,
    "stitch": "events",
    "survival": None,
}

__all__ = [
    "EventLog",
    "JourneyKitError",
    "JourneyKitWarning",
    "Journeys",
    "PostgresQuery",
    "Study",
    "__version__",
    "attribution",
    "counts",
    "journeys",
    "load_study",
    "maps",
    "paths",
    "plan",
    "read_events",
    "report",
    "review",
    "simulate",
    "stages",
    "stitch",
    "survival",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeykit' has no attribute {name!r}")
    home = _HOMES[name]
    if home is None:
        return importlib.import_module(f"journeykit.{name}")
    return getattr(importlib.import_module(f"journeykit.{home}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
