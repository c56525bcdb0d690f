"""Differences between two shares of customers who count many times, in one group or in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.checks import check_fraction
from journeykit.stats.intervals import ClusterSums, Interval, clustered_wilson_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Tallies:
    """Observations of customers by context, and events among them by cell; two groups.

    A row is a customer who has observations in a context, an entry one who has events in a cell.
    Who has no event in a cell has no entry, so both stay as short as the data.

    Attributes
    ----------
    cell_context : array of int64, shape (n_cells,)
        The context whose observations are the cell's denominator.
    context : array of int64, shape (n_rows,)
    m : array of int64, shape (n_rows, 2)
        Observations of the row's customer in each group, together at least 1.
    cell, row : arrays of int64, shape (n_entries,)
        Each pair occurs once.
    x : array of int64, shape (n_entries, 2)
        Events in each group, together at least 1 and at most `m`.
    """

    cell_context: NDArray[np.int64]
    context: NDArray[np.int64]
    m: NDArray[np.int64]
    cell: NDArray[np.int64]
    row: NDArray[np.int64]
    x: NDArray[np.int64]

    def over_rows(self, values: Floats) -> Floats:
        """Sum values of rows over each cell's context, shape (n_cells,)."""
        n_contexts = int(self.cell_context.max(initial=-1)) + 1
        sums = np.bincount(self.context, weights=values, minlength=n_contexts)
        return np.asarray(sums[self.cell_context])

    def over_entries(self, values: Floats) -> Floats:
        """Sum values of entries over each cell, shape (n_cells,)."""
        sums = np.bincount(self.cell, weights=values, minlength=len(self.cell_context))
        return sums.astype(np.float64)

    def n_customers(self) -> Floats:
        """Count the customers of each group with an observation, shape (n_cells, 2)."""
        there = (self.m > 0).astype(float)
        return np.stack([self.over_rows(there[:, 0]), self.over_rows(there[:, 1])], axis=1)

    def n_with_event(self) -> Floats:
        """Count the customers of both groups together with an event, shape (n_cells,)."""
        return self.over_entries(np.ones(len(self.cell)))

    def n_rarer(self) -> Floats:
        """Count those with an event, or those with an observation that is none, if fewer."""
        every = (self.x == self.m[self.row]).all(axis=1)
        others = self.over_rows(np.ones(len(self.m))) - self.over_entries(every.astype(float))
        return np.minimum(self.n_with_event(), others)

    def sums(self, group: int) -> ClusterSums:
        """Return what the share of one group is known by, cell by cell."""
        m, x = self.m[:, group].astype(float), self.x[:, group].astype(float)
        m_entry = m[self.row]
        n_customers = self.over_rows((m > 0).astype(float))
        with_event = self.over_entries((x > 0).astype(float))
        only_events = self.over_entries(((x > 0) & (x == m_entry)).astype(float))
        return ClusterSums(
            n_event=self.over_entries(x),
            n=self.over_rows(m),
            event_squares=self.over_entries(x**2),
            event_cross=self.over_entries(x * m_entry),
            squares=self.over_rows(m**2),
            n_customers=n_customers,
            n_rarer=np.minimum(with_event, n_customers - only_events),
        )


class Differences(NamedTuple):
    """Shares of two groups and their difference, second less first.

    Attributes
    ----------
    n_event, n : arrays, shape (n_cells, 2)
        Events and observations.
    share : array, shape (n_cells, 2)
    estimate, conf_low, conf_high, p_value : arrays, shape (n_cells,)
    """

    n_event: Floats
    n: Floats
    share: Floats
    estimate: Floats
    conf_low: Floats
    conf_high: Floats
    p_value: Floats


def difference_of_shares(tallies: Tallies, /, *, confidence: float = 0.95) -> Differences:
    r"""Compare the share of events among observations between two groups, cell by cell.

    The customer is the unit; the same customers may be in both groups (two periods), which the
    covariance knows. With x events in m observations of customer c in group g, the share is
    P_g = sum x / sum m, and P that of both groups together.

    *Interval* of P_2 - P_1: the bounds of both groups (`clustered_wilson_interval`) put together,
    ``d - sqrt(a^2 - 2 r a b + b^2)`` with their distances a and b from the shares and the
    correlation r of the two shares (Newcombe's hybrid score interval; MOVER).

    *Test* of P_1 = P_2. Where every customer counts once and in one group, Fisher's exact test
    (twice the smaller tail). Otherwise a score test: under the hypothesis,
    ``V_g = P(1 - P) (M + rho (S - M)) / M^2`` with M = sum m and S = sum m^2, where rho, the
    correlation within customers, is taken from both groups together (at least 0), so a group with
    few events borrows from the other; ``V = V_1 + V_2 - 2 r sqrt(V_1 V_2)``. The statistic is held
    against t. Its degrees of freedom are one less than the number of customers the variance rests
    on, ``(sum u^2)^2 / sum u^4`` with u what a customer adds to the difference: few, where few have
    events, some have most of them, or one group is small.

    Returns
    -------
    Differences
        NaN where a group has no observation.

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17; Zou, Donner (2008), Construction of confidence limits about effect
    measures, Statistics in Medicine 27; Rao, Scott (1992), A simple method for the analysis of
    clustered binary data, Biometrics 48; Satterthwaite (1946), Biometrics Bulletin 2.
    """
    check_fraction("confidence", confidence)
    first, second = tallies.sums(0), tallies.sums(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        n_event, n = (
            np.stack([np.asarray(getattr(side, name)) for side in (first, second)], axis=1)
            for name in ("n_event", "n")
        )
        share = n_event / n
        bounds = tuple(clustered_wilson_interval(s, confidence=confidence) for s in (first, second))
        low, high = _together(share, bounds, _correlation(tallies, first, second, share))
        p_value = _score_test(tallies, first, second, share)
    once = (n == np.stack([np.asarray(s.squares) for s in (first, second)], axis=1)).all(axis=1)
    exact = once & (tallies.over_rows(tallies.m.prod(axis=1).astype(float)) == 0)
    p_value[exact] = _fisher(n_event[exact], n[exact])
    nobody = (n == 0).any(axis=1)
    estimate = share[:, 1] - share[:, 0]
    return Differences(
        n_event,
        n,
        share,
        estimate,
        np.where(nobody, np.nan, np.minimum(low, estimate)),
        np.where(nobody, np.nan, np.maximum(high, estimate)),
        np.where(nobody, np.nan, p_value),
    )


def _correlation(
    tallies: Tallies, first: ClusterSums, second: ClusterSums, share: Floats
) -> Floats:
    """Correlate the two shares: 0 where no customer is in both groups."""
    m_entry, x = tallies.m[tallies.row].astype(float), tallies.x.astype(float)
    one, two = share.T
    cross = (
        tallies.over_entries(x[:, 0] * x[:, 1])
        - one * tallies.over_entries(m_entry[:, 0] * x[:, 1])
        - two * tallies.over_entries(x[:, 0] * m_entry[:, 1])
        + one * two * tallies.over_rows(tallies.m.prod(axis=1).astype(float))
    )
    correlation = cross / np.sqrt(_spread(first, one) * _spread(second, two))
    return np.asarray(np.clip(np.nan_to_num(correlation, posinf=0, neginf=0), -1, 1))


def _spread(sums: ClusterSums, share: Floats) -> Floats:
    """Sum (x - share m)^2 over customers."""
    xx = np.asarray(sums.event_squares, dtype=float)
    xm = np.asarray(sums.event_cross, dtype=float)
    mm = np.asarray(sums.squares, dtype=float)
    return np.asarray(np.maximum(xx - 2 * share * xm + share**2 * mm, 0))


def _together(share: Floats, bounds: tuple[Interval, ...], r: Floats) -> Interval:
    """Put the bounds of two shares together to those of their difference."""
    below, above = (
        np.stack([np.abs(getattr(side, name) - share[:, g]) for g, side in enumerate(bounds)])
        for name in ("low", "high")
    )
    half_low = np.sqrt(below[1] ** 2 + above[0] ** 2 - 2 * r * below[1] * above[0])
    half_high = np.sqrt(above[1] ** 2 + below[0] ** 2 - 2 * r * above[1] * below[0])
    estimate = share[:, 1] - share[:, 0]
    return Interval(np.maximum(estimate - half_low, -1), np.minimum(estimate + half_high, 1))


def _score_test(tallies: Tallies, first: ClusterSums, second: ClusterSums, share: Floats) -> Floats:
    from scipy.special import stdtr

    x, n, squares = (
        np.stack([np.asarray(s[i], dtype=float) for s in (first, second)]) for i in (0, 1, 4)
    )
    pooled = x.sum(axis=0) / n.sum(axis=0)
    binomial = pooled * (1 - pooled)
    spread = np.stack([_spread(first, pooled), _spread(second, pooled)]).sum(axis=0)
    excess = (spread - binomial * n.sum(axis=0)) / (binomial * (squares - n).sum(axis=0))
    rho = np.clip(np.nan_to_num(excess, posinf=0, neginf=0), 0, 1)
    variance = binomial * (n + rho * (squares - n)) / n**2
    r = _correlation(tallies, first, second, np.stack([pooled, pooled], axis=1))
    total = variance.sum(axis=0) - 2 * r * np.sqrt(variance.prod(axis=0))
    difference = share[:, 1] - share[:, 0]
    statistic = np.where(difference == 0, 0.0, difference / np.sqrt(total))
    freedom = np.maximum(_contributors(tallies, pooled, n) - 1, 1)
    return np.asarray(2 * stdtr(freedom, -np.abs(statistic)))


def _contributors(tallies: Tallies, pooled: Floats, n: Floats) -> Floats:
    """Count the customers the variance of the difference rests on, (sum u^2)^2 / sum u^4.

    Once by what each adds to the difference, and once by what each adds to the events of both
    groups: a group without events would tell nothing of its own variance. The lesser counts.
    """
    by_cell = tallies.cell_context[tallies.cell]
    size = np.ones((int(tallies.context.max(initial=-1)) + 1, 2))
    size[tallies.cell_context] = n.T
    m = tallies.m / size[tallies.context]
    x = tallies.x / size[by_cell]
    as_they_are = _participation(tallies, x[:, 1] - x[:, 0], m[:, 1] - m[:, 0], pooled)
    together = _participation(
        tallies, tallies.x.sum(axis=1).astype(float), tallies.m.sum(axis=1).astype(float), pooled
    )
    return np.fmin(as_they_are, together)


def _participation(tallies: Tallies, x: Floats, m: Floats, share: Floats) -> Floats:
    """Return (sum u^2)^2 / sum u^4 over a cell's rows, u = x - share m; x is given by entry."""
    expected = share[tallies.cell] * m[tallies.row]
    second, fourth = (
        tallies.over_entries((x - expected) ** power - expected**power)
        + share**power * tallies.over_rows(m**power)
        for power in (2, 4)
    )
    return np.asarray(second**2 / fourth)


def _fisher(n_event: Floats, n: Floats) -> Floats:
    """Return twice the smaller tail of Fisher's exact test."""
    from scipy.stats import hypergeom

    given = (n.sum(axis=1), n_event.sum(axis=1), n[:, 0])
    lower = hypergeom.cdf(n_event[:, 0], *given)
    upper = hypergeom.sf(n_event[:, 0] - 1, *given)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(lower, upper)))
