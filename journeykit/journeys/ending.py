"""What is known of a journey's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys.journeys import Journeys

#: Attributes that cutting adds: how a piece ended.
END_ATTRIBUTES = ("outcome", "ended")


def has_attribute(journeys: Journeys, name: str, value: str) -> NDArray[np.bool_]:
    """Return a mask of the journeys whose attribute `name` is `value`."""
    return np.asarray(pc.fill_null(pc.equal(journeys.attributes[name], value), False).to_numpy())


def is_open(journeys: Journeys) -> NDArray[np.bool_]:
    """Return a mask of the journeys that are still running: what comes next is not known.

    Journeys that were cut know how they ended. Whole journeys of customers who are watched until
    some time end only because the watching does, so all are open. Path tables without times hold
    finished journeys.
    """
    for name in END_ATTRIBUTES:
        if name in journeys.attributes.column_names:
            return has_attribute(journeys, name, "open")
    return np.full(len(journeys), journeys.observed_to is not None)
