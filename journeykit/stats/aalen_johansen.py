"""Aalen and Johansen: how often each of several competing ends has come, by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.errors import DataError
from journeykit.stats.intervals import Interval, wilson_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeIncidence:
    """Incidence of k competing ends at the t distinct times at which anyone ends or is censored.

    Attributes
    ----------
    time : array, shape (t,)
    n_at_risk : array of int64, shape (t,)
        Entered before that time and not gone before it.
    n_event : array of int64, shape (t, k)
        Ends of each kind at that time.
    n_censored : array of int64, shape (t,)
        Censored at that time, after the ends at it.
    estimate, std_error : arrays of float64, shape (t, k)
        Share that has come to each end by that time, that time included.
    surviving : array of float64, shape (t,)
        Share that has come to none: Kaplan and Meier's. It and the estimates sum to 1.
    """

    time: NDArray[np.int64 | np.float64]
    n_at_risk: NDArray[np.int64]
    n_event: NDArray[np.int64]
    n_censored: NDArray[np.int64]
    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    surviving: NDArray[np.float64]

    def intervals(self, end: int, /, *, confidence: float = 0.95) -> Interval:
        """Bound the incidence of one end at every time; see `effective_interval`."""
        come = np.cumsum(self.n_event[:, end])
        return effective_interval(
            self.estimate[:, end],
            self.std_error[:, end],
            never=seen_without(
                self.n_at_risk - self.n_event.sum(axis=1),
                np.cumsum(self.n_event.sum(axis=1)) - come,
                self.surviving,
                confidence=confidence,
            ),
            always=come,
            confidence=confidence,
        )


def cumulative_incidence(
    time: ArrayLike, end: ArrayLike, /, *, n_ends: int, entry: ArrayLike | None = None
) -> CumulativeIncidence:
    """Estimate the share that has come to each of several ends, by time.

    F_j(t) is the sum over times s <= t of S(s-) d_j(s) / n(s), with d_j(s) ends of kind j among
    the n(s) under risk and S the product-limit estimate of having come to none. At equal times
    ends come before censorings; late entries are under risk from just after their entry on. The
    variance is the multinomial (Greenwood) one, with d = sum of d_j:

        sum over s <= t of (F_j(t) - F_j(s))^2 d / (n (n - d)) + S(s-)^2 d_j (n - d_j) / n^3
                           - 2 (F_j(t) - F_j(s)) S(s-) d_j / n^2

    Without censoring it is F_j (1 - F_j) / n, and with one kind of end Greenwood's.

    Parameters
    ----------
    time : array, shape (n,)
        When each was last under risk; whole numbers, so that ties are exact.
    end : array of integers, shape (n,)
        0 for censored, 1 to `n_ends` for how it ended.
    n_ends : int
    entry : array, shape (n,), optional
        Under risk only after this time (left truncation); by default from the beginning, time 0
        included.

    Raises
    ------
    DataError
        When someone ends before being under risk.

    Examples
    --------
    One comes (end 1) on day 1, one leaves (end 2) on day 2, two were watched for three days:

    >>> cumulative_incidence([1, 2, 3, 3], [1, 2, 0, 0], n_ends=2).estimate.tolist()
    [[0.25, 0.0], [0.25, 0.25], [0.25, 0.25]]

    References
    ----------
    Aalen, Johansen (1978), An empirical transition matrix for non-homogeneous Markov chains based
    on censored observations, Scand. J. Statist. 5; Marubini, Valsecchi (1995), Analysing survival
    data from clinical trials and observational studies, ch. 10, for the variance.
    """
    curve = product_limit(np.asarray(time), np.asarray(end), n_ends, entry)
    d, n = curve.n_event.sum(axis=1), curve.n_at_risk.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Once all under risk are gone nothing grows any more, so that time's own term is 0.
        spread = np.where(d < n, d / (n * (n - d)), 0.0)
    error = [
        _std_error(curve.estimate[:, j], curve.before, curve.n_event[:, j], n, spread)
        for j in range(n_ends)
    ]
    return CumulativeIncidence(
        time=curve.time,
        n_at_risk=curve.n_at_risk,
        n_event=curve.n_event,
        n_censored=curve.n_censored,
        estimate=curve.estimate,
        std_error=np.stack(error, axis=1),
        surviving=curve.surviving,
    )


class Curve(NamedTuple):
    """As in `CumulativeIncidence`; `before` is S(s-), `at` the place of each observation."""

    time: NDArray[np.int64 | np.float64]
    at: NDArray[np.int64]
    n_at_risk: NDArray[np.int64]
    n_event: NDArray[np.int64]
    n_censored: NDArray[np.int64]
    estimate: NDArray[np.float64]
    surviving: NDArray[np.float64]
    before: NDArray[np.float64]


def product_limit(
    exit_: NDArray[np.generic], kind: NDArray[np.integer], n_ends: int, entry: ArrayLike | None
) -> Curve:
    """Count who is under risk and who ends at each time, and multiply up; see above."""
    times, at = np.unique(exit_, return_inverse=True)
    table = np.bincount(at * (n_ends + 1) + kind, minlength=len(times) * (n_ends + 1))
    table = table.reshape(len(times), n_ends + 1).astype(np.int64)
    ended = table.sum(axis=1)
    at_risk = len(exit_) - np.cumsum(ended) + ended
    if entry is not None:
        began = np.asarray(entry)
        wrong = int((began >= exit_).sum())
        if wrong:
            raise DataError(f"{wrong:,} of {len(exit_):,} end before they begin to be watched.")
        at_risk -= len(exit_) - np.searchsorted(np.sort(began), times, side="left")
    surviving = np.cumprod((at_risk - table[:, 1:].sum(axis=1)) / at_risk)
    before = np.concatenate([[1.0], surviving])[:-1]
    estimate = np.cumsum((before / at_risk)[:, None] * table[:, 1:], axis=0)
    return Curve(times, at, at_risk, table[:, 1:], table[:, 0], estimate, surviving, before)


def _std_error(
    share: NDArray[np.float64],
    before: NDArray[np.float64],
    events: NDArray[np.int64],
    n: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Expand the squares of F(t) - F(s), so that one pass gives the variance at every time."""
    joint = before * events / n**2
    variance = (
        share**2 * np.cumsum(spread)
        - 2 * share * np.cumsum(share * spread + joint)
        + np.cumsum(share**2 * spread + 2 * share * joint)
        + np.cumsum(before**2 * events * (n - events) / n**3)
    )
    # Rounding must not leave a root of -1e-19.
    return np.sqrt(np.maximum(variance, 0))


def seen_without(
    waiting: ArrayLike, elsewhere: ArrayLike, surviving: ArrayLike, /, *, confidence: float
) -> NDArray[np.float64]:
    """Return of how many it is known that none came to an end, where nobody has.

    Of those who came to another end (`elsewhere`) it is known, and they are the share
    1 - `surviving`. Of the others, S, as much is known as of the `waiting`, those still seen: the
    upper bound S z^2 / (waiting + z^2) is Wilson's of (waiting + z^2) / S - z^2, at most all of
    both. Without other ends it is `waiting`.
    """
    from scipy.special import ndtri

    seen, left = np.asarray(waiting, dtype=np.float64), np.asarray(surviving, dtype=np.float64)
    square = float(ndtri((1 + confidence) / 2)) ** 2
    with np.errstate(divide="ignore"):
        spread = np.where(left > 0, (seen + square) / left, np.inf) - square
    known: NDArray[np.float64] = np.minimum(spread, seen + np.asarray(elsewhere))
    return np.maximum(known, 1.0)


def effective_interval(
    estimate: ArrayLike,
    std_error: ArrayLike,
    /,
    *,
    never: ArrayLike,
    always: ArrayLike,
    shrink: float = 1.0,
    most: float = np.inf,
    confidence: float = 0.95,
) -> Interval:
    """Bound shares by Wilson's interval at the n whose binomial error theirs would be.

    The effective n is `shrink` F (1 - F) / se^2, at most `most`; where the error is 0, `never`
    customers at F = 0 (see `seen_without`) and `always` at F = 1 (those who came to that end).
    """
    share = np.asarray(estimate, dtype=np.float64)
    variance = np.asarray(std_error, dtype=np.float64) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.minimum(shrink * share * (1 - share) / variance, most)
    # Sums of shares miss 1 by rounding, and no error can be 1e-17.
    edge = ~np.isfinite(n) | (share * (1 - share) < 1e-12)
    n = np.where(edge, np.where(share < 0.5, never, always), np.maximum(n, 1.0))
    share = np.where(edge, np.round(share), share)
    return wilson_interval(share * n, n, confidence=confidence)
