"""How likely a customer was still in sight, and what each customer adds to that estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class InSight:
    """Kaplan-Meier's estimate G of not being lost from sight; at equal times events come first.

    Attributes
    ----------
    time : array of int64, shape (m,)
        Times at which anyone went, in order.
    survival : array of float64, shape (m + 1,)
        G before the first time and after each.
    place : array of int64, shape (n,)
        Where each customer's exit is among the times.
    lost : array of bool, shape (n,)
    at_risk, n_lost : arrays of float64, shape (m,)
        Who could be lost at each time, and who was.
    """

    time: NDArray[np.int64]
    survival: NDArray[np.float64]
    place: NDArray[np.int64]
    lost: NDArray[np.bool_]
    at_risk: NDArray[np.float64]
    n_lost: NDArray[np.float64]

    def steps_before(self) -> NDArray[np.int64]:
        """Return for each customer how many of the times are before the exit, shape (n,)."""
        return self.place

    def steps_until(self, time: int) -> int:
        """Return how many of the times are at or before `time`."""
        return int(np.searchsorted(self.time, time, side="right"))

    def influence(
        self, slope: NDArray[np.float64], steps: NDArray[np.int64], /
    ) -> NDArray[np.float64]:
        """Return how a statistic moves with each customer's weight through log G.

        Parameters
        ----------
        slope : array, shape (n,) or (n, k)
            Derivative of the statistic in the log G that belongs to each customer.
        steps : array of int64, shape (n,)
            After how many of the times that G is taken.

        Returns
        -------
        array, shape (n,) or (n, k)
        """
        slope = slope if slope.ndim == 2 else slope[:, None]
        m = len(self.time)
        with np.errstate(divide="ignore", invalid="ignore"):
            stay = 1 / (self.at_risk - self.n_lost)
            drift = np.where(self.n_lost > 0, self.n_lost * stay / self.at_risk, 0.0)
        found = np.empty(slope.shape)
        for column in range(slope.shape[1]):
            by_step = np.bincount(steps, slope[:, column], m + 1)
            # Of all whose G has the factor of a time.
            beyond = by_step.sum() - np.cumsum(by_step)[:-1]
            beyond[int(steps.max()) :] = 0.0
            with np.errstate(invalid="ignore"):
                drawn = np.where(beyond != 0, beyond * drift, 0.0)
                pulled = np.where(beyond != 0, beyond * stay, 0.0)
            total = np.concatenate([[0.0], np.cumsum(drawn)])
            found[:, column] = total[self.place + self.lost] - self.lost * pulled[self.place]
        return found


def in_sight(exits: NDArray[np.int64], event: NDArray[np.bool_], /) -> InSight:
    """Estimate G of customers who are all watched from the beginning."""
    time, place = np.unique(exits, return_inverse=True)
    gone = np.bincount(place, minlength=len(time)).astype(np.float64)
    left = np.bincount(place, event, len(time)).astype(np.float64)
    under_risk = len(exits) - np.concatenate([[0.0], np.cumsum(gone)[:-1]])
    at_risk, n_lost = under_risk - left, gone - left
    factors = np.where(n_lost > 0, 1 - n_lost / np.maximum(at_risk, 1), 1.0)
    return InSight(
        time, np.concatenate([[1.0], np.cumprod(factors)]), place, ~event, at_risk, n_lost
    )
