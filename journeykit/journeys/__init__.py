"""Journeys: all events of all customers as flat arrays sorted by customer and time."""

import sys
from types import ModuleType

from journeykit.journeys.build import journeys
from journeykit.journeys.durations import microseconds
from journeykit.journeys.journeys import Journeys
from journeykit.journeys.store import load, save

__all__ = ["Journeys", "journeys", "load", "microseconds", "save"]


class _Callable(ModuleType):
    """``jk.journeys`` is both this package and the verb, whichever is imported first."""

    __call__ = staticmethod(journeys)


sys.modules[__name__].__class__ = _Callable
