"""How good predicted risks of leaving by a day are: one number each, and how customers move it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from journeykit.survival.validation.losses import InSight

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_STEPS = 50


class Scored(NamedTuple):
    """An estimate and its derivative in each customer's weight, shape (n,)."""

    estimate: float
    influence: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of each customer at a day; arrays of shape (n,).

    Attributes
    ----------
    left : array of float64
        1 where the customer has left by then.
    weight : array of float64
        1 / G: at the exit, just before it, of who left; at the day of who was still there; 0 of
        who was lost before. Whoever is known stands for those who were lost.
    steps : array of int64
        After how many steps of G that is taken.
    sight : InSight
    """

    left: NDArray[np.float64]
    weight: NDArray[np.float64]
    steps: NDArray[np.int64]
    sight: InSight

    def moved(self, slope: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return how a sum moves with each customer's weight through all weights 1 / G.

        `slope` is what each customer, weighted, adds to the sum: shape (n,) or (n, k).
        """
        return self.sight.influence(-slope, self.steps)


def known(
    exits: NDArray[np.int64], event: NDArray[np.bool_], time: int, sight: InSight, /
) -> Known | None:
    """Return what is known at a time; None where nobody was still in sight after it."""
    after = exits > time
    if not after.any():
        return None
    left = event & ~after
    last = sight.steps_until(time)
    steps = np.where(left, sight.steps_before(), last)
    with np.errstate(divide="ignore"):
        weight = np.where(left | after, 1 / sight.survival[steps], 0.0)
    return Known(left.astype(np.float64), weight, steps, sight)


def brier(at: Known, risk: NDArray[np.float64], /) -> Scored:
    """Return the mean of weight * (left - risk)^2."""
    return _mean(at, (at.left - risk) ** 2)


def risk_of_all(at: Known, /) -> Scored:
    """Return the share that has left by then: 1 - Kaplan-Meier, as a weighted mean."""
    return _mean(at, at.left)


def brier_of_all(at: Known, /) -> Scored:
    """Return the Brier score of one risk for all, the Kaplan-Meier one.

    That one has the lowest score of all constants, so that its own error does not move the score.
    """
    return brier(at, np.full(len(at.left), risk_of_all(at).estimate))


def scaled(score: Scored, null: Scored, /) -> Scored:
    """Return 1 - score / null: 0 is no better than one risk for all, 1 is perfect."""
    if null.estimate <= 0:
        return Scored(np.nan, np.zeros(len(score.influence)))
    ratio = score.estimate / null.estimate
    return Scored(1 - ratio, (ratio * null.influence - score.influence) / null.estimate)


def area(at: Known, risk: NDArray[np.float64], /) -> Scored:
    """Return P(risk of who leaves by then > risk of who stays), equal risks counting half."""
    case, control = np.flatnonzero(at.left), np.flatnonzero((at.left == 0) & (at.weight > 0))
    n = len(risk)
    if not len(case) or not len(control):
        return Scored(np.nan, np.zeros(n))
    weight = at.weight[case]
    stays = np.sort(risk[control])
    below = _halfway(stays, risk[case])
    order = np.argsort(risk[case], kind="stable")
    leaves, summed = risk[case][order], np.concatenate([[0.0], np.cumsum(weight[order])])
    low = summed[np.searchsorted(leaves, risk[control], side="left")]
    high = summed[np.searchsorted(leaves, risk[control], side="right")]
    above = summed[-1] - (low + high) / 2
    total = summed[-1] * len(control)
    estimate = float(weight @ below) / total
    surplus = np.zeros(n)
    surplus[case] = weight * (below - estimate * len(control))
    pull = surplus.copy()
    pull[control] = above - estimate * summed[-1]
    # All who stay have one weight, which cancels; those of who left do not.
    return Scored(estimate, (pull + at.moved(surplus)[:, 0]) / total)


def observed_to_expected(at: Known, risk: NDArray[np.float64], /) -> Scored:
    """Return the share that left over the mean predicted risk."""
    share, mean = risk_of_all(at), float(risk.mean())
    if mean <= 0:
        return Scored(np.nan, np.zeros(len(risk)))
    ratio = share.estimate / mean
    return Scored(ratio, (share.influence - ratio * (risk - mean) / len(risk)) / mean)


def calibration_slope(at: Known, survival: NDArray[np.float64], /) -> Scored:
    """Return b of logit P(left) = a + b logit(risk), fitted with the weights: 1 is right."""
    return _recalibrated(at, survival, with_slope=True)


def calibration_intercept(at: Known, survival: NDArray[np.float64], /) -> Scored:
    """Return a of logit P(left) = a + logit(risk), fitted with the weights: 0 is right."""
    return _recalibrated(at, survival, with_slope=False)


def _recalibrated(at: Known, survival: NDArray[np.float64], *, with_slope: bool) -> Scored:
    n = len(survival)
    nothing = Scored(np.nan, np.zeros(n))
    if ((survival <= 0) | (survival >= 1)).any() or at.left.min() == at.left.max():
        return nothing
    # From the survival: a risk near 1 is rounded, its complement is not.
    logit = -special.logit(survival)
    if with_slope and np.ptp(logit) < 1e-9:
        return nothing
    columns = [np.ones(n), logit] if with_slope else [np.ones(n)]
    x = np.column_stack(columns)
    offset = np.zeros(n) if with_slope else logit
    theta = np.array([0.0, 1.0])[: x.shape[1]]
    for _ in range(_MOST_STEPS):
        p = special.expit(x @ theta + offset)
        score = (at.weight * (at.left - p))[:, None] * x
        information = x.T @ ((at.weight * p * (1 - p))[:, None] * x)
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
            return nothing
        step = np.linalg.solve(information, score.sum(axis=0))
        theta = theta + step
        if np.abs(step).max() < 1e-10:
            moved = np.linalg.solve(information, (score + at.moved(score)).T)
            return Scored(float(theta[-1]), moved[-1])
    return nothing


def _mean(at: Known, value: NDArray[np.float64]) -> Scored:
    n = len(value)
    summand = at.weight * value
    estimate = float(summand.sum()) / n
    return Scored(estimate, (summand - estimate + at.moved(summand)[:, 0]) / n)


def _halfway(ordered: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count for each value those that are below, and half of those that are equal."""
    low = np.searchsorted(ordered, values, side="left")
    high = np.searchsorted(ordered, values, side="right")
    return np.asarray((low + high) / 2)
