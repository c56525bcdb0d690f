"""What is known of a journey's beginning and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys.journeys import Journeys

#: Attributes that cutting adds: how a piece ended.
END_ATTRIBUTES = ("outcome", "ended")
#: All attributes that cutting adds; data may not bring attributes of these names.
CUT_ATTRIBUTES = (*END_ATTRIBUTES, "outcome_value", "edge")


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


def begins_unseen(journeys: Journeys) -> NDArray[np.bool_]:
    """Return a mask of the journeys that may have begun before anybody watched.

    Pieces of cut journeys carry `edge`. Whole journeys of watched customers begin unseen when the
    customer was there when the window began. Path tables without times hold whole journeys.
    """
    if "edge" in journeys.attributes.column_names:
        return np.asarray(journeys.attributes["edge"].to_numpy())
    if journeys.window is None or journeys.observed_from is None:
        return np.zeros(len(journeys), dtype=bool)
    return journeys.observed_from <= journeys.window[0]


def is_cut(journeys: Journeys) -> bool:
    """Say whether `sessions`, `cases` or `outcomes` made these journeys."""
    return any(name in journeys.attributes.column_names for name in END_ATTRIBUTES)


def refuse_cut(journeys: Journeys, what: str) -> None:
    """Refuse `what` on cut journeys: it would change how they end behind their attributes."""
    if is_cut(journeys):
        raise ArgumentError(
            f"{what} changes where journeys end, and these are already cut into pieces whose ends "
            "are known; do it before `sessions`, `cases` or `outcomes`."
        )


def refuse_collapsed(journeys: Journeys, what: str) -> None:
    """Refuse `what` on journeys whose repeats are merged: when a run ended is forgotten."""
    if journeys.collapsed:
        raise ArgumentError(
            f"{what} measures pauses, and `collapse_repeats` has forgotten when runs of one "
            "touchpoint ended; collapse afterwards."
        )
