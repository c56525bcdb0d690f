"""Aalen and Johansen: how often each of several competing ends has come, by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.checks import check_fraction
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
        waiting = np.maximum(self.n_at_risk - self.n_event.sum(axis=1), 1)
        come = np.cumsum(self.n_event[:, end])
        return effective_interval(
            self.estimate[:, end],
            self.std_error[:, end],
            never=waiting,
            always=come,
            confidence=confidence,
        )


class IncidenceAt(NamedTuple):
    """Incidence of one end at one time.

    Attributes
    ----------
    estimate, std_error, low, high : float
    undecided : float
        Share of which nobody can say whether they come to any end by that time, because all who
        were under risk last were censored before it. It is part of `high`.
    """

    estimate: float
    std_error: float
    low: float
    high: float
    undecided: float
    half_time: float


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

    References
    ----------
    Aalen, Johansen (1978), An empirical transition matrix for non-homogeneous Markov chains based
    on censored observations, Scand. J. Statist. 5; Marubini, Valsecchi (1995), Analysing survival
    data from clinical trials and observational studies, ch. 10, for the variance.
    """
    curve = _product_limit(np.asarray(time), np.asarray(end), n_ends, entry)
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


class _Curve(NamedTuple):
    """As in `CumulativeIncidence`; `before` is S(s-), `at` the place of each observation."""

    time: NDArray[np.int64 | np.float64]
    at: NDArray[np.int64]
    n_at_risk: NDArray[np.int64]
    n_event: NDArray[np.int64]
    n_censored: NDArray[np.int64]
    estimate: NDArray[np.float64]
    surviving: NDArray[np.float64]
    before: NDArray[np.float64]


def _product_limit(
    exit_: NDArray[np.generic], kind: NDArray[np.integer], n_ends: int, entry: ArrayLike | None
) -> _Curve:
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
    return _Curve(times, at, at_risk, table[:, 1:], table[:, 0], estimate, surviving, before)


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


@dataclass(frozen=True, slots=True, eq=False)
class Incidence:
    """Incidence of one end at one time, with the influence of each of n observations on it.

    Attributes
    ----------
    estimate : float
    influence : array of float64, shape (n,)
        Sums to 0; its squares sum to the estimate's variance.
    came, stayed : arrays of bool, shape (n,)
        Who has come to that end by then, and who was watched until then without having come.
    undecided, half_time : float
        As in `IncidenceAt`.
    """

    estimate: float
    influence: NDArray[np.float64]
    came: NDArray[np.bool_]
    stayed: NDArray[np.bool_]
    undecided: float
    half_time: float


def incidence_by(
    time: ArrayLike, end: ArrayLike, /, *, of: int, horizon: float | None = None
) -> Incidence:
    """Estimate the share that has come to end `of` by `horizon`, and who moves it how much.

    The estimate is Aalen and Johansen's (see `cumulative_incidence`). The influence of
    observation i on it is

        psi_i = sum over s <= t of S(s-) / n(s) (dN_ij(s) - Y_i(s) d_j(s) / n(s))
                - (F_j(t) - F_j(s)) / (n(s) - d(s)) (dN_i(s) - Y_i(s) d(s) / n(s)).

    Parameters
    ----------
    time, end : arrays, shape (n,)
        As in `cumulative_incidence`; n is at least 1.
    of : int
        The end asked for, 1 or more.
    horizon : float, optional
        In the unit of `time`, that time included; by default the last time of all.

    References
    ----------
    Andersen, Borgan, Gill, Keiding (1993), Statistical models based on counting processes, IV.4.
    """
    exit_, kind = np.asarray(time), np.asarray(end)
    last = exit_.max() if horizon is None else horizon
    inside = kind * (exit_ <= last)
    which = np.where(inside == 0, 0, np.where(kind == of, 1, 2))
    curve = _product_limit(np.minimum(exit_, last), which, 2, None)
    n, d = curve.n_at_risk.astype(np.float64), curve.n_event
    share = float(curve.estimate[-1, 0])
    left = float(curve.surviving[-1])
    before, at = curve.before, curve.at
    gone = d.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        later = np.where(gone < n, (share - curve.estimate[:, 0]) / (n - gone), 0.0)
    drift = np.cumsum(before * d[:, 0] / n**2 - later * gone / n)
    # Rounding must not push the half behind the time at which it is reached.
    half = np.searchsorted(curve.estimate[:, 0], share / 2 - 1e-12) if share else -1
    return Incidence(
        estimate=share,
        influence=(which == 1) * (before / n)[at] - (which > 0) * later[at] - drift[at],
        came=which == 1,
        stayed=(exit_ >= last) & (which != 1),
        undecided=left if horizon is None or exit_.max() < last else 0.0,
        half_time=float(curve.time[half]) if share else np.nan,
    )


def incidence_at(
    time: ArrayLike,
    end: ArrayLike,
    /,
    *,
    of: int,
    horizon: float | None = None,
    cluster: NDArray[np.integer] | None = None,
    confidence: float = 0.95,
) -> IncidenceAt:
    """Estimate the share that has come to end `of` by `horizon`, with an interval for clusters.

    The standard error is the root of the sum over clusters of the squares of their summed
    influence (see `incidence_by`). With one observation a cluster and no censoring the interval is
    exactly Wilson's of the share.

    Where the last ones under risk are censored before the horizon, nobody knows what becomes of
    the share `undecided`; the interval's upper bound is that of the incidence if all of them came
    to end `of`.

    Parameters
    ----------
    time, end, of, horizon
        As in `incidence_by`; without observations everything is NaN.
    cluster : array of integers, shape (n,), optional
        Whose observation each is; by default each is a customer of its own.
    confidence : float in (0, 1)

    References
    ----------
    Dorey, Korn (1987), Effective sample sizes for confidence intervals for survival
    probabilities, Statistics in Medicine 6.
    """
    check_fraction("confidence", confidence)
    if not len(np.asarray(time)):
        return IncidenceAt(*[np.nan] * 6)
    part = incidence_by(time, end, of=of, horizon=horizon)
    return incidence_share(part, cluster=cluster, confidence=confidence)


def incidence_share(
    part: Incidence,
    /,
    *,
    cluster: NDArray[np.integer] | None = None,
    confidence: float = 0.95,
) -> IncidenceAt:
    """Bound an incidence that is known with its influence; see `incidence_at`."""
    highest = min(part.estimate + part.undecided, 1.0)
    return _bounded(
        part,
        (part.estimate, part.estimate, highest),
        part.influence,
        never=part.stayed,
        undecided=part.undecided,
        cluster=cluster,
        confidence=confidence,
    )


def incidence_ratio(
    part: Incidence,
    whole: Incidence,
    /,
    *,
    cluster: NDArray[np.integer] | None = None,
    confidence: float = 0.95,
) -> IncidenceAt:
    """Estimate which share of those who come to one end come to a later one too.

    It is the ratio of the two incidences at the horizon, of the same observations. The waits
    *between* the two ends would not do: those who were seen to come to the first are the fast ones
    of those whose watching ended soon, and have more time left. The influence on the ratio R is
    (psi_part - R psi_whole) / F_whole; without censoring the interval is Wilson's of the share.

    Parameters
    ----------
    part, whole : Incidence
        Who comes to `part` has come to `whole`; the incidence of the latter is not 0.
    cluster, confidence
        As in `incidence_at`.

    Returns
    -------
    IncidenceAt
        `undecided` is that of `part`, as a share of all who come to `whole` or still may; both
        bounds allow for it. `half_time` is that of `part`.

    References
    ----------
    Lin, Sun, Ying (1999), Nonparametric estimation of the gap time distributions for serial
    events with censored data, Biometrika 86.
    """
    check_fraction("confidence", confidence)
    ratio = min(part.estimate / whole.estimate, 1.0)
    most = whole.estimate + whole.undecided
    return _bounded(
        part,
        (part.estimate / most, ratio, min((part.estimate + part.undecided) / most, 1.0)),
        (part.influence - ratio * whole.influence) / whole.estimate,
        never=whole.came,
        undecided=part.undecided / most,
        cluster=cluster,
        confidence=confidence,
    )


def _bounded(
    part: Incidence,
    shares: tuple[float, float, float],
    influence: NDArray[np.float64],
    *,
    never: NDArray[np.bool_],
    undecided: float,
    cluster: NDArray[np.integer] | None,
    confidence: float,
) -> IncidenceAt:
    """Bound the lowest and the highest of the shares that the undecided leave possible."""
    n, came, stayed, shrink = len(influence), int(part.came.sum()), int(never.sum()), 1.0
    if cluster is not None:
        _, who = np.unique(cluster, return_inverse=True)
        influence = np.bincount(who, influence).astype(np.float64)
        came, stayed = len(np.unique(who[part.came])), len(np.unique(who[never]))
    clusters = len(influence)
    variance = float(influence @ influence)
    if clusters < n:
        variance *= clusters / max(clusters - 1, 1)
        shrink = _shrink(min(came, clusters - came), confidence)
    low, high = effective_interval(
        [shares[0], shares[2]],
        np.sqrt(variance),
        never=max(stayed, 1),
        always=max(came, 1),
        shrink=shrink,
        most=n,
        confidence=confidence,
    )
    return IncidenceAt(
        estimate=shares[1],
        std_error=variance**0.5,
        low=float(low[0]),
        high=float(high[1]),
        undecided=undecided,
        half_time=part.half_time,
    )


def _shrink(rarer: int, confidence: float) -> float:
    """Return (z / t)^2 with the customers on the rarer side, as in `cluster_effective_n`."""
    from scipy.special import ndtri, stdtrit

    level = (1 + confidence) / 2
    return float((ndtri(level) / stdtrit(max(rarer - 1, 1), level)) ** 2)


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
    customers at F = 0 (those still seen then) and `always` at F = 1 (those who came to that end).
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
