"""Waiting times that may be censored, of customers who wait many times: weights and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Up to this many possible codes a table of all of them beats sorting.
DENSE_CODES = 1 << 16
#: A share that rounding alone keeps below another counts as having reached it.
_ROUNDING = 1e-9


def run_begins(code: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Mark where a value differs from the one before."""
    begins = np.ones(len(code), dtype=bool)
    begins[1:] = code[1:] != code[:-1]
    return begins


def sorted_by_code(code: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort `order` by the code it points to, keeping it within equal ones."""
    small = code if code.max(initial=0) < DENSE_CODES else numbered(code)[1]
    # Numbers of 16 bits are sorted by digits, several times faster.
    small = small.astype(np.min_scalar_type(int(small.max(initial=0))))
    return order[np.argsort(small[order], kind="stable")]


def numbered(code: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct codes, sorted, and the number of each in them."""
    if code.max(initial=0) >= DENSE_CODES:
        return np.unique(code, return_inverse=True)
    there = np.bincount(code) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[code]


def censoring_weights(
    group: NDArray[np.int64],
    time: NDArray[np.int64],
    event: NDArray[np.bool_],
    censored: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return 1 / G(T-) of each event, 0 of the rest; rows are sorted by group and time.

    G is the Kaplan-Meier estimate, within the group, of not being censored; at equal times events
    come before censorings. Rows that are neither stay under risk to the end.
    """
    begins = run_begins(group)
    tie = run_begins(time) | begins
    first = np.flatnonzero(tie)
    end = np.append(np.flatnonzero(begins)[1:], len(group))
    at_risk = end[group[first]] - first
    n_event = np.add.reduceat(event.astype(np.int64), first)
    n_censored = np.add.reduceat(censored.astype(np.int64), first)
    left = at_risk - n_event
    # Where the last ones under risk are censored G falls to 0, but no event comes after.
    falls = (n_censored > 0) & (n_censored < left)
    log_factor = np.log1p(-n_censored / np.maximum(left, 1), where=falls, out=np.zeros(len(first)))
    before = np.cumsum(log_factor) - log_factor
    row = np.cumsum(tie) - 1
    group_first = np.flatnonzero(begins)[group]
    return np.where(event, np.exp(before[row[group_first]] - before[row]), 0.0)


class Waits(NamedTuple):
    """Waiting times sorted by group and time; groups are numbered from 0 without gaps.

    `weight` is that of `censoring_weights`: 0 of the censored.
    """

    group: NDArray[np.int64]
    time: NDArray[np.int64]
    weight: NDArray[np.float64]
    customer: NDArray[np.int64]


class WaitQuantiles(NamedTuple):
    """Quantiles by group; NaN where they are not reached.

    Attributes
    ----------
    n_customers : array of int64, shape (n_groups,)
    times : array of float64, shape (n_shares, n_groups)
    low, high : arrays of float64, shape (n_groups,)
        Bounds of the median.
    """

    n_customers: NDArray[np.int64]
    times: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def wait_quantiles(
    rows: Waits, all_end: NDArray[np.bool_], shares: Sequence[float], *, confidence: float
) -> WaitQuantiles:
    """Find by when shares of the waits have ended, and bound the median.

    Where `all_end`, of all rows of the group: the Kaplan-Meier quantile. Elsewhere of the weight
    there is: given that the wait ends. The interval of the median is Woodruff's: the share that
    has ended by it, 1/2, with its linearised variance over customers (of the Kaplan-Meier
    estimate; elsewhere of the weighted share, whose weights count as known) and the t quantile of
    customers - 1 degrees of freedom, turned back into time.

    Parameters
    ----------
    rows : Waits
    all_end : array of bool, one a row, the same within a group
    shares : sequence of float in (0, 1)
    confidence : float in (0, 1)

    References
    ----------
    Woodruff (1952), Confidence intervals for medians and other position measures, JASA 47;
    Satten, Datta (2001), The Kaplan-Meier estimator as an inverse-probability-of-censoring
    weighted average, American Statistician 55.
    """
    n_groups = int(rows.group[-1]) + 1
    whole = np.bincount(rows.group, np.where(all_end, 1.0, rows.weight))
    added = np.cumsum(rows.weight)
    begins = np.flatnonzero(run_begins(rows.group))
    base = added[begins] - rows.weight[begins]
    # Increasing over all groups: the whole part of half the key is the group.
    reached = 2.0 * rows.group + (added - base[rows.group]) / whole[rows.group]
    end = np.append(begins[1:], len(rows.group))

    def first_at(level: NDArray[np.float64]) -> NDArray[np.int64]:
        key = 2.0 * np.arange(n_groups) + np.clip(level, _ROUNDING, 1.5) - _ROUNDING
        return np.searchsorted(reached, key)

    def times(level: NDArray[np.float64]) -> NDArray[np.float64]:
        at = first_at(level)
        found = rows.time[np.minimum(at, len(rows.time) - 1)].astype(np.float64)
        return np.where(at < end, found, np.nan)

    half = np.full(n_groups, 0.5)
    middle = rows.time[np.minimum(first_at(half), end - 1)]
    by_half = rows.time <= middle[rows.group]
    influence = np.where(
        all_end,
        _kaplan_meier_influence(rows, by_half),
        rows.weight * (by_half - 0.5) / whole[rows.group],
    )
    n_customers, half_width = _half_width(rows, influence, confidence)
    low = np.where(half_width < 0.5, times(half - half_width), 0.0)
    return WaitQuantiles(
        n_customers=n_customers,
        times=np.array([times(np.full(n_groups, share)) for share in shares]),
        low=np.where(np.isnan(times(half)), np.nan, low),
        high=times(half + half_width),
    )


def _kaplan_meier_influence(rows: Waits, by_half: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what each stay adds to the Kaplan-Meier share gone at the median, 1/2.

    It is S(t) [event by t / Y(T) - sum of dN(s) / Y(s)^2 over s <= min(T, t)] with Y under risk.
    """
    begins = run_begins(rows.group)
    tie = run_begins(rows.time) | begins
    first, row = np.flatnonzero(tie), np.cumsum(tie) - 1
    end = np.append(np.flatnonzero(begins)[1:], len(rows.group))
    at_risk = end[rows.group[first]] - first
    event = rows.weight > 0
    spent = np.cumsum(np.add.reduceat(event.astype(np.int64), first) / at_risk**2)
    group_first = row[begins]
    before = np.append(0.0, spent)[group_first]
    until = np.maximum.reduceat(np.where(by_half[first], spent, 0.0), group_first)
    spent_by = np.minimum(spent[row], np.maximum(until, before)[rows.group]) - before[rows.group]
    influence: NDArray[np.float64] = 0.5 * (event * by_half / at_risk[row] - spent_by)
    return influence


def _half_width(
    rows: Waits, influence: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return customers per group and the half-width of the interval of the share at the median."""
    from scipy.special import stdtrit

    by_customer = sorted_by_code(rows.group, np.argsort(rows.customer))
    group, customer = rows.group[by_customer], rows.customer[by_customer]
    first = np.flatnonzero(run_begins(group) | run_begins(customer))
    clusters = np.add.reduceat(influence[by_customer], first)
    n_customers = np.bincount(group[first])
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n_customers / (n_customers - 1) * np.bincount(group[first], clusters**2)
        width = stdtrit(n_customers - 1, (1 + confidence) / 2) * np.sqrt(variance)
    return n_customers, np.where(n_customers > 1, width, np.inf)
