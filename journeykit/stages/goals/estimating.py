"""What became of the cases of one kind: how many, how often which end, how long, at what cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.journeys.durations import DAY
from journeykit.stages.goals.kernels import GOAL, OPEN
from journeykit.stats import incidence_at, mix, poisson_weights, salted
from journeykit.stats.horizons import common_horizon
from journeykit.stats.intervals import Estimate
from journeykit.stats.waiting import Waits, censoring_weights, wait_quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.stats import IncidenceAt

QUANTILES = (0.25, 0.5, 0.75, 0.9)
_DRAWS = 400
_GROUPS = 4096
#: Share of draws with a success, below which the cost of one has no upper bound.
_ENOUGH = 0.99
_ROUNDING = 1e-18
_UNKNOWN = Estimate(np.nan, np.nan, np.nan)


class Fates(NamedTuple):
    """Cases of one kind whose start was seen; arrays of one length.

    Attributes
    ----------
    took : array of int64
        Microseconds from the start to the end, or to the end of the watching.
    ended : array of int8
        Index into `ENDS`.
    customer : array of int64
    watched : array of int64
        Microseconds from the start to the end of the watching.
    horizon : int
        Microseconds after the start at which all is judged; below 0 where nothing is known.
    """

    took: NDArray[np.int64]
    ended: NDArray[np.int8]
    customer: NDArray[np.int64]
    watched: NDArray[np.int64]
    horizon: int


def horizon_of(
    days: float | None, took: NDArray[np.int64], ended: NDArray[np.int8], watched: NDArray[np.int64]
) -> int:
    """Return the horizon declared, else one by which half of the cases are known for certain.

    Below 0 where there is none: no case has ended.
    """
    if days is not None:
        return round(days * DAY)
    # Where none has ended, half of them are not known at any time that matters.
    return common_horizon(took[ended != OPEN], watched) if (ended != OPEN).any() else -1


def share_ended(fates: Fates, end: int, /, *, confidence: float) -> IncidenceAt:
    """Estimate the share of cases that have come to an end by the horizon (Aalen, Johansen)."""
    if fates.horizon < 0:
        return incidence_at([], [], of=end, confidence=confidence)
    return incidence_at(
        fates.took,
        fates.ended,
        of=end,
        horizon=fates.horizon,
        cluster=fates.customer,
        confidence=confidence,
    )


class Times(NamedTuple):
    """Days to the goal of those who come to it: quantiles, and the bounds of the median."""

    quantiles: tuple[float, ...]
    low: float
    high: float


def times_to_goal(fates: Fates, /, *, confidence: float) -> Times:
    """Estimate how long those take who come to the goal by the horizon.

    Every goal weighs 1 / G(T-), the inverse of the probability that a case is still watched then,
    so that slow ones, which are cut off more often, count for those not seen.
    """
    inside = fates.took <= fates.horizon
    reached = inside & (fates.ended == GOAL)
    if not reached.any():
        return Times((np.nan,) * len(QUANTILES), np.nan, np.nan)
    order = np.argsort(fates.took, kind="stable")
    took, group = fates.took[order], np.zeros(len(order), dtype=np.int64)
    weight = _end_weights(fates, order) * reached[order]
    # Ends other than the goal have no weight and no part in the quantiles.
    rows = Waits(group, took, weight, fates.customer[order])
    found = wait_quantiles(rows, np.zeros(len(order), bool), QUANTILES, confidence=confidence)
    low, high = (float(bound[0]) / DAY for bound in (found.low, found.high))
    return Times(tuple(float(time[0]) / DAY for time in found.times), low, high)


def _end_weights(fates: Fates, order: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 / G(T-) of the ends by the horizon, in the order of time."""
    took, ended = fates.took[order], fates.ended[order]
    inside = took <= fates.horizon
    return censoring_weights(
        np.zeros(len(order), dtype=np.int64),
        took,
        inside & (ended != OPEN),
        inside & (ended == OPEN),
    )


def complete_sums(parts: Sequence[NDArray[np.float64]], fates: Fates, /) -> NDArray[np.float64]:
    """Return what each case contributes to sums over all cases, shape (n parts, n cases).

    A case whose way to the horizon, or to an earlier end, is known whole counts with the weight
    1 / G(U-), others with 0; U is the end or the horizon, whichever is first, and G the product
    limit estimate of still being watched. To that comes what the case moves by its part in G, which
    sums to 0 over all: with q(u) the mean, over those under risk, of what comes after u, q(u) at
    the case's own censoring less the sum of q(u) dC(u) / Y(u) while it was watched. Where those
    under risk last were cut off before the horizon, all are NaN.

    References
    ----------
    Bang, Tsiatis (2000), Estimating medical costs with censored data, Biometrika 87.
    """
    until = np.minimum(fates.took, fates.horizon)
    known = (fates.ended != OPEN) | (fates.took >= fates.horizon)
    if fates.horizon < 0 or not len(until) or not known[until == until.max()].any():
        return np.full((len(parts), len(until)), np.nan)
    # By time, ends before censorings.
    order = np.lexsort((~known, until))
    time, cut = until[order], ~known[order]
    first = np.flatnonzero(np.diff(time, prepend=-1))
    tie = np.cumsum(np.diff(time, prepend=-1) != 0) - 1
    n_cut = np.add.reduceat(cut.astype(np.int64), first)
    # Under risk of being cut off: those who have not ended by then, that time included.
    left = len(time) - first - np.add.reduceat((~cut).astype(np.int64), first)
    group = np.zeros(len(time), dtype=np.int64)
    weight = censoring_weights(group, time, ~cut, cut)
    sums = np.empty((len(parts), len(time)))
    for row, part in enumerate(parts):
        ahead = weight * part[order]
        after = ahead.sum() - np.cumsum(np.add.reduceat(ahead, first))
        mean = np.divide(after, left, out=np.zeros(len(first)), where=left > 0)
        spent = np.cumsum(np.divide(mean * n_cut, left, out=np.zeros(len(first)), where=left > 0))
        before = np.concatenate([[0.0], spent])[tie]
        sums[row, order] = ahead + np.where(cut, mean[tie] - spent[tie], -before)
    return sums


class Spending(NamedTuple):
    """What a case adds up to, and what all add up to by success, with their intervals."""

    per_case: Estimate
    per_success: Estimate


def mean_per_case(
    amounts: Sequence[NDArray[np.float64]],
    fates: Fates,
    customer_hash: NDArray[np.uint64],
    /,
    *,
    confidence: float,
    seed: int,
) -> list[Spending]:
    """Estimate what a case adds up to by the horizon, and what all add up to by success.

    Means of the cases whose way is known whole, weighted for those cut off, who have not spent it
    all; see `complete_sums`. Intervals are bias-corrected, accelerated ones of a bootstrap whose
    weights are drawn by customer (by groups of customers made by hash, where there are more than
    4,096).

    Parameters
    ----------
    amounts : sequence of arrays, one entry a case
    fates : Fates
    customer_hash : array of uint64, one entry a case

    References
    ----------
    Efron (1987), Better bootstrap confidence intervals, JASA 82.
    """
    goal = (fates.ended == GOAL) & (fates.took <= fates.horizon)
    parts = [np.ones(len(goal)), goal.astype(np.float64), *amounts]
    contributed = complete_sums(parts, fates)
    if not len(goal) or np.isnan(contributed).any():
        return [Spending(_UNKNOWN, _UNKNOWN) for _ in amounts]
    hashed, who = np.unique(salted(customer_hash, "cost"), return_inverse=True)
    if len(hashed) > _GROUPS:
        hashed, who = mix(np.arange(_GROUPS)), (hashed % np.uint64(_GROUPS)).astype(int)[who]
    by_customer = [np.bincount(who, part, minlength=len(hashed)) for part in contributed]
    sums = np.stack(by_customer).astype(np.float64)
    drawn = np.array(
        [
            sums @ poisson_weights(hashed, replicate=replicate, seed=seed)
            for replicate in range(_DRAWS)
        ]
    )
    return [
        Spending(*(_ratio(sums[[at, by]], drawn[:, [at, by]], confidence) for by in (0, 1)))
        for at in range(2, len(parts))
    ]


def _ratio(sums: NDArray[np.float64], drawn: NDArray[np.float64], confidence: float) -> Estimate:
    """Divide the first sum over customers by the second; see `mean_per_case`.

    `sums` are by customer, shape (2, n); `drawn` by replicate, shape (n_draws, 2). The acceleration
    is Efron's, from what each customer moves: that of `accelerated_interval`, from the skewness of
    the draws, holds for sums and reaches too far for ratios (costs by success were covered in
    92.6 % of 1,000 worlds).
    """
    from scipy.special import ndtr, ndtri

    above, below = sums.sum(axis=1)
    if below <= 0:
        return _UNKNOWN
    estimate = above / below
    there = drawn[:, 1] > 0
    draws = drawn[there, 0] / drawn[there, 1]
    moved = sums[0] - estimate * sums[1]
    spread = float(moved @ moved)
    if spread <= _ROUNDING * above**2 or not len(draws):
        # The draws do not vary: nothing is known of how far the estimate could move.
        return Estimate(estimate, np.nan, np.nan)
    below_it = (draws < estimate).sum() + (draws == estimate).sum() / 2
    z0 = ndtri((below_it + 0.5) / (len(draws) + 1))
    acceleration = float((moved**3).sum()) / (6 * spread**1.5)
    z = z0 + ndtri((1 + confidence) / 2) * np.array([-1.0, 1.0])
    room = 1 - acceleration * z
    # With very skewed draws the correction runs off to infinity before z: no draw is beyond.
    beyond = np.where(z > 0, np.inf, -np.inf)
    levels = ndtr(z0 + np.where(room > 0, z / np.where(room > 0, room, 1), beyond))
    low, high = np.quantile(draws, levels, method="weibull")
    # Where some draws hold no success at all, nothing bounds the cost of one.
    return Estimate(estimate, low, high if there.mean() > _ENOUGH else np.nan)


def begun_per_time(
    n_begun: NDArray[np.int64],
    watched: NDArray[np.int64],
    customer: NDArray[np.int64],
    /,
    *,
    confidence: float,
) -> Estimate:
    """Estimate cases begun per 100 customers in 30 days, of those whose start can be seen.

    The ratio of sums over customers, its variance linearised by customer, the interval symmetric
    on the log scale with the t quantile of (customers with a case) - 1 degrees of freedom; without
    any case its upper bound is that of a Poisson count of 0.

    Parameters
    ----------
    n_begun, watched, customer : arrays of one length, one entry a journey
        Cases; microseconds watched; whose journey it is.
    """
    from scipy.special import stdtrit

    _, who = np.unique(customer, return_inverse=True)
    begun = np.bincount(who, n_begun)
    days = np.bincount(who, watched) / DAY
    total, scale = days.sum(), 100 * 30
    if total <= 0:
        return _UNKNOWN
    rate = begun.sum() / total
    if rate == 0:
        return Estimate(0.0, 0.0, -np.log((1 - confidence) / 2) / total * scale)
    n, with_any = len(begun), int((begun > 0).sum())
    variance = n / max(n - 1, 1) * np.square(begun - rate * days).sum() / total**2
    half = stdtrit(max(with_any - 1, 1), (1 + confidence) / 2) * variance**0.5 / rate
    return Estimate(rate * scale, rate * np.exp(-half) * scale, rate * np.exp(half) * scale)
