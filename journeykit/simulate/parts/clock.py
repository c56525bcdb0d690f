"""A clock that runs faster while events are recent: exact times under a piecewise hazard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.simulate.past import sort_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from journeykit.simulate.draws import Floats, Indices

#: Later than any time there is; finite, because differences of infinities are not numbers.
_FAR = 1e5


@dataclass(frozen=True, slots=True)
class Raise:
    """Events that multiply a hazard by ``exp(log_ratio)`` for some days after each.

    Attributes
    ----------
    who : array of int64, shape (n_events,)
    time, log_ratio : array of float64, shape (n_events,)
    days : float
    """

    who: Indices
    time: Floats
    log_ratio: Floats
    days: float


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, weighted by the factor by which a hazard is raised.

    A process with hazard ``h * factor(t)`` has its next event when ``h`` times the weighted time
    passed reaches an exponential number. Each customer is a row, summed up by itself, so that no
    number depends on who else is in the block.

    Attributes
    ----------
    edge, factor, passed : array of float64, shape (n_customers, n_pieces)
        Where each piece begins, the factor there, and the weighted days that have passed by then.
    """

    edge: Floats
    factor: Floats
    passed: Floats

    @classmethod
    def of(cls, begin: Floats, raises: Sequence[Raise], /) -> Clock:
        """Return the clock of customers who begin at `begin`; ratios of several events multiply."""
        moved = [(one, one.log_ratio != 0) for one in raises if one.days > 0]
        nothing = np.zeros(0)
        who = np.concatenate([nothing, *(np.tile(one.who[is_on], 2) for one, is_on in moved)])
        who = who.astype(np.int64)
        times = [(one.time[is_on], one.time[is_on] + one.days) for one, is_on in moved]
        time = np.concatenate([nothing, *(both for pair in times for both in pair)])
        logs = [one.log_ratio[is_on] for one, is_on in moved]
        log = np.concatenate([nothing, *(both for one in logs for both in (one, -one))])
        order = np.argsort(sort_key(who, time), kind="stable")
        who, time, log = who[order], time[order], log[order]
        count = np.bincount(who, minlength=len(begin))
        place = 1 + np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count)
        shape = (len(begin), 1 + int(count.max(initial=0)))
        edge, change = np.full(shape, _FAR), np.zeros(shape)
        edge[:, 0] = begin
        edge[who, place], change[who, place] = time, log
        factor = np.exp(np.cumsum(change, axis=1))
        passed = np.zeros(shape)
        passed[:, 1:] = np.cumsum(factor[:, :-1] * np.diff(edge, axis=1), axis=1)
        return cls(edge, factor, passed)

    def at(self, who: Indices, time: Floats, /) -> Floats:
        """Return the weighted days that have passed at times."""
        piece = (self.edge[who] <= time[:, None]).sum(axis=1) - 1
        found: Floats = self.passed[who, piece] + self.factor[who, piece] * (
            time - self.edge[who, piece]
        )
        return found

    def after(self, who: Indices, time: Floats, wait: Floats, /) -> Floats:
        """Return when `wait` weighted days have passed since `time`."""
        goal = self.at(who, time) + wait
        piece = (self.passed[who] <= goal[:, None]).sum(axis=1) - 1
        found: Floats = (
            self.edge[who, piece] + (goal - self.passed[who, piece]) / self.factor[who, piece]
        )
        return found
