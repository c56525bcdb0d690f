"""Spells: how long customers were where, cut to what is observed, and how many at a week's end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices


@dataclass(frozen=True, slots=True)
class Spells:
    """Stretches of time that customers spend in a state.

    Attributes
    ----------
    who, state : array of int64, shape (n_spells,)
    begin, end : array of float64, shape (n_spells,)
        Days; an end before the begin is an empty spell.
    """

    who: Indices
    state: Indices
    begin: Floats
    end: Floats

    @classmethod
    def of(cls, who: Indices, state: Indices, begin: Floats, /, *, last: float) -> Spells:
        """Return the spells that follow one another, rows sorted by customer and time."""
        end = np.full(len(who), last)
        follows = who[1:] == who[:-1]
        end[:-1][follows] = begin[1:][follows]
        return cls(who, state, begin, end)

    def within(self, low: Floats, high: Floats) -> Spells:
        """Cut to a stretch of each customer's; those outside of it become empty."""
        begin = np.maximum(self.begin, low[self.who])
        return Spells(self.who, self.state, begin, np.minimum(self.end, high[self.who]))

    def keep(self, chosen: NDArray[np.bool_]) -> Spells:
        """Return some of the spells, by mask."""
        return Spells(self.who[chosen], self.state[chosen], self.begin[chosen], self.end[chosen])

    def days(self, group: Indices, /, *, groups: int, states: int) -> Floats:
        """Return the days spent by the customer's group and state, shape (groups, states)."""
        cell = group[self.who] * states + self.state
        length = np.maximum(self.end - self.begin, 0.0)
        summed = np.bincount(cell, weights=length, minlength=groups * states)
        return summed.astype(np.float64).reshape(groups, states)

    def weekly(self, *, states: int, days: int) -> Indices:
        """Return how many are in each state at the end of each full week, shape (weeks, states).

        At the end of week w, that is at ``7 (w + 1)``, a spell counts where it began before and has
        not ended before: it holds the stretch of time just before.
        """
        weeks = days // 7
        real = self.end > self.begin
        change = np.zeros((weeks + 1) * states, dtype=np.int64)
        for times, sign in ((self.begin, 1), (self.end, -1)):
            week = np.clip(np.floor(times[real] / 7), 0, weeks).astype(np.int64)
            cell = week * states + self.state[real]
            change += sign * np.bincount(cell, minlength=len(change))
        return np.cumsum(change.reshape(weeks + 1, states), axis=0)[:weeks]
