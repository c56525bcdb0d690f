"""Where journeys are at their first, second, third ... step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_whole
from journeykit.counts.align import same, union_names
from journeykit.journeys.ending import begins_unseen, is_cut, is_open

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepCounts:
    """Journeys by step and touchpoint.

    Attributes
    ----------
    names : tuple of str
    n : array of int64, shape (steps, m + 2)
        ``n[s, a]`` journeys whose event number s is at a; column m those that ended before it,
        column m + 1 those still open when they stopped being watched before it. Every row sums
        to the number of journeys whose beginning was seen.
    n_unseen : int
        Pieces of cut journeys that may have begun before anybody watched (`edge`): which of their
        steps is the first is not known, so they are left out.
    fingerprint : int
    """

    names: tuple[str, ...]
    n: NDArray[np.int64]
    n_unseen: int
    fingerprint: int

    def __add__(self, other: StepCounts) -> StepCounts:
        """Add the counts of other customers."""
        same("number of steps", len(self.n), len(other.n))
        union = union_names(self.names, other.names)
        n = np.zeros((len(self.n), len(union.names) + 2), dtype=np.int64)
        n[:, union.left] += self.n
        n[:, union.right] += other.n
        return StepCounts(
            union.names,
            n,
            self.n_unseen + other.n_unseen,
            (self.fingerprint + other.fingerprint) % (1 << 128),
        )


def step_counts(journeys: Journeys, /, *, steps: int = 10) -> StepCounts:
    """Count journeys by touchpoint at each of the first `steps` events.

    Whole journeys are counted from their first event in the window, pieces from their beginning.

    O(journeys x steps) time; no copy of the events.
    """
    check_whole("steps", steps, least=1)
    m = len(journeys.names)
    seen = ~begins_unseen(journeys) if is_cut(journeys) else np.ones(len(journeys), dtype=bool)
    begin, length = journeys.start[:-1][seen], journeys.length[seen]
    ended = np.where(is_open(journeys), m + 1, m)[seen]
    n = np.empty((steps, m + 2), dtype=np.int64)
    for step in range(steps):
        there = length > step
        at = ended.copy()
        at[there] = journeys.touchpoint[begin[there] + step]
        n[step] = np.bincount(at, minlength=m + 2)
    return StepCounts(journeys.names, n, int((~seen).sum()), journeys.fingerprint_number)
