"""Silences of customers, and what came of the first longer than a threshold. Arrays only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.survival.clocks import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

    Ints = NDArray[np.int64]


class Silences(NamedTuple):
    """Every silence after an activity, in order of journey and time; microseconds.

    Attributes
    ----------
    journey : array of int64, shape (n_silences,)
    began : array of int64, same shape
        Time of the activity before it.
    ended : array of int64, same shape
        Time of the activity after it, NEVER where it was still running.
    until : array of int64, same shape
        When the watching of the customer ended.
    """

    journey: Ints
    began: Ints
    ended: Ints
    until: Ints

    def longer_than(self, threshold: int) -> Silences:
        """Return those seen to last longer than `threshold`."""
        return self.at(np.minimum(self.ended, self.until) - self.began > threshold)

    def firsts(self) -> Silences:
        """Return the first of each journey."""
        return self.at(np.diff(self.journey, prepend=-1) != 0)

    def lasts(self) -> Silences:
        """Return the last of each journey."""
        return self.at(np.diff(self.journey, append=-1) != 0)

    def at(self, mask: NDArray[np.bool_]) -> Silences:
        """Return some of them."""
        return Silences(*(array[mask] for array in self))


class Table(NamedTuple):
    """Event times and how many were under risk and had the event; shape (n_times,)."""

    time: Ints
    n_at_risk: Ints
    n_event: Ints


def silences(journeys: Journeys, counted: NDArray[np.bool_], until: Ints) -> Silences:
    """Return the silences after the `counted` events that are watched."""
    time = journeys.need_time("`churn_threshold`")
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    event = np.flatnonzero(counted & (time < until[owner]))
    journey, began = owner[event], time[event]
    ended = np.full(len(event), NEVER)
    ended[:-1] = np.where(journey[:-1] == journey[1:], began[1:], NEVER)
    return Silences(journey, began, ended, until[journey])


def table(exit_: Ints, event: NDArray[np.bool_]) -> Table:
    """Count events and those under risk, (0, exit], at the times of events."""
    time, n_event = np.unique(exit_[event], return_counts=True)
    n_at_risk = len(exit_) - np.searchsorted(np.sort(exit_), time, side="left")
    return Table(time, n_at_risk, n_event)
