"""Durations as people write them: ``30min``, ``12h``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta

from journeykit.errors import ArgumentError

SECOND = 1_000_000
DAY = 86_400 * SECOND
_UNITS = {"s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d|w)\s*")


def microseconds(name: str, duration: str | timedelta) -> int:
    """Turn a duration into elapsed microseconds: ``7d`` is 168 hours, whatever the clocks do.

    Raises
    ------
    ArgumentError
        When `duration`, given for the argument `name`, is not above 0 or cannot be read.
    """
    if isinstance(duration, timedelta):
        elapsed = round(duration.total_seconds() * SECOND)
    else:
        found = _WRITTEN.fullmatch(duration) if isinstance(duration, str) else None
        elapsed = round(float(found[1]) * _UNITS[found[2]]) if found else 0
    if elapsed <= 0:
        raise ArgumentError(
            f"`{name}` must be a duration above 0 such as '30min', '12h', '7d' or a timedelta; "
            f"got {duration!r}."
        )
    return elapsed
