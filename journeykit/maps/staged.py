"""In which stage each event finds its customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.maps.kernels import last_entry
from journeykit.stages.following import entries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.stages.following import Entries
    from journeykit.study.models import Ladder

#: Where nothing has led to a stage yet.
BEFORE = "(no stage yet)"


def stage_at_events(
    journeys: Journeys, ladder: Ladder, what: str, /
) -> tuple[NDArray[np.int64], Entries]:
    """Return the rung in which each event finds its customer, -1 before any, and all entries.

    It is that of the last entry strictly before the event: what an event itself leads to comes
    after it.
    """
    came = entries(journeys, ladder)
    begin = np.searchsorted(came.who, np.arange(len(journeys) + 1))
    last = last_entry(journeys.need_time(what), journeys.start, came.time, begin)
    if not len(came.who):
        return last, came
    return np.where(last >= 0, came.rung[np.maximum(last, 0)], -1), came
