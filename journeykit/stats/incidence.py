"""The incidence of one end at one time: how sure it is, and which share came to a later end too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.checks import check_fraction
from journeykit.stats.aalen_johansen import effective_interval, product_limit, seen_without

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


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


@dataclass(frozen=True, slots=True, eq=False)
class Incidence:
    """Incidence of one end at one time, with the influence of each of n observations on it.

    Attributes
    ----------
    estimate : float
    influence : array of float64, shape (n,)
        Sums to 0; its squares sum to the estimate's variance.
    came, stayed, elsewhere : arrays of bool, shape (n,)
        Who has come to that end by then, who was watched until then without having come, and who
        had come to another end.
    left : float
        Share that has come to no end by then.
    undecided, half_time : float
        As in `IncidenceAt`.
    """

    estimate: float
    influence: NDArray[np.float64]
    came: NDArray[np.bool_]
    stayed: NDArray[np.bool_]
    elsewhere: NDArray[np.bool_]
    left: float
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
    curve = product_limit(np.minimum(exit_, last), which, 2, None)
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
        stayed=(exit_ >= last) & (which == 0),
        elsewhere=which == 2,
        left=left,
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
        left=part.left,
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
        among=whole.came,
        undecided=part.undecided / most,
        cluster=cluster,
        confidence=confidence,
    )


def _bounded(
    part: Incidence,
    shares: tuple[float, float, float],
    influence: NDArray[np.float64],
    *,
    undecided: float,
    left: float = 1.0,
    among: NDArray[np.bool_] | None = None,
    cluster: NDArray[np.integer] | None,
    confidence: float,
) -> IncidenceAt:
    """Bound the lowest and the highest of the shares that the undecided leave possible."""
    n, shrink = len(influence), 1.0
    marks = [part.came, part.stayed, part.elsewhere]
    if among is not None:
        # Of those who came to the first end, and not on, it is known of either kind.
        marks = [part.came, among & (part.stayed | part.elsewhere), np.zeros(n, dtype=bool)]
    if cluster is not None:
        _, who = np.unique(cluster, return_inverse=True)
        influence = np.bincount(who, influence).astype(np.float64)
        came, stayed, elsewhere = (len(np.unique(who[mark])) for mark in marks)
    else:
        came, stayed, elsewhere = (int(mark.sum()) for mark in marks)
    clusters = len(influence)
    variance = float(np.square(influence).sum())
    if clusters < n:
        variance *= clusters / max(clusters - 1, 1)
        shrink = _shrink(min(came, clusters - came), confidence)
    low, high = effective_interval(
        [shares[0], shares[2]],
        np.sqrt(variance),
        never=seen_without(stayed, elsewhere, left, confidence=confidence),
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
