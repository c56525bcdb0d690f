"""Fine and Gray's partial likelihood: arrays in, coefficients, influences and hazards out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ties = Literal["efron", "breslow"]

_MOST_STEPS, _MOST_HALVINGS = 50, 30
#: Half the squared distance to the maximum, in standard errors, that is none.
_THERE = 1e-16
#: The same, from which on a step that is as long as the one before leads nowhere.
_FLAT = 1e-8
#: Share of the previous step, and change in the logarithm of a ratio, that are "as long".
_AS_LONG, _FAR = 0.9, 0.05
#: Share of the information without any effect below which there is none left.
_SINGULAR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """Who counts how much in which risk set.

    Customers of the end and censored ones count until they are gone; those of another end for
    ever, from then on by G(t-) / G(T_i-), with G the share that is not censored yet.

    Attributes
    ----------
    event, other : arrays of bool, shape (n,)
        Came to the end, and to another one.
    until : array of int64, shape (n,)
        How many of the K times of the end are not after the customer's own.
    n_tied : array of int64, shape (K,)
    still : array of float64, shape (K,)
        G(t-).
    scale : array of float64, shape (n,)
        1 / G(T_i-) of those who came to another end, else 0.
    censored : array of int64, shape (C,)
        How many times of the end precede what each of the C times of censoring changes.
    hazard, divisor : arrays of float64, shape (C,)
        Share censored then of those of whom it could be seen, and by how many its part in G is
        shared.
    place, joined, seen : arrays of int64, shape (n,)
        How many times of censoring come before the customer's own; before the first that changes
        their weight; and at how many it could be seen whether they are censored.
    """

    event: NDArray[np.bool_]
    other: NDArray[np.bool_]
    until: NDArray[np.int64]
    n_tied: NDArray[np.int64]
    still: NDArray[np.float64]
    scale: NDArray[np.float64]
    censored: NDArray[np.int64]
    hazard: NDArray[np.float64]
    divisor: NDArray[np.float64]
    place: NDArray[np.int64]
    joined: NDArray[np.int64]
    seen: NDArray[np.int64]


def weighed(
    time: NDArray[np.int64], kind: NDArray[np.integer], *, ends_first: bool = True
) -> Weighed:
    """Estimate G by Kaplan and Meier, and find everyone's place.

    Parameters
    ----------
    time : array of int64, shape (n,)
    kind : array of integers, shape (n,)
        0 censored, 1 the end, 2 another end.
    ends_first : bool
        Whether ends come before censorings at the same time, so that those who end at t are no
        longer among those that could be censored at t; S(t) G(t) then is the share still there,
        and the influence is that of G as estimated. False is as cmprsk has it: all who are there
        just before t could be censored at t, and the influence is that without ties.
    """
    censorings = np.unique(time[kind == 0])
    n_censored = _matches(censorings, time[kind == 0])
    n_left = len(time) - np.searchsorted(np.sort(time), censorings)
    if ends_first:
        n_left = n_left - _matches(censorings, time[kind > 0])
    hazard = n_censored / n_left
    before = np.concatenate([[1.0], np.cumprod(1 - hazard)])
    times, n_tied = np.unique(time[kind == 1], return_counts=True)
    other = kind == 2
    place = np.searchsorted(censorings, time)
    through = np.searchsorted(censorings, time, side="right")
    scale = np.zeros(len(time))
    scale[other] = 1 / before[place[other]]
    return Weighed(
        event=kind == 1,
        other=other,
        until=np.searchsorted(times, time, side="right"),
        n_tied=n_tied.astype(np.int64),
        still=before[np.searchsorted(censorings, times)],
        scale=scale,
        censored=np.searchsorted(times, censorings, side="right" if ends_first else "left"),
        hazard=hazard,
        divisor=(n_left - n_censored if ends_first else n_left).astype(np.float64),
        place=place,
        joined=place if ends_first else through,
        seen=np.where((kind == 0) | (not ends_first), through, place),
    )


def _matches(at: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    ordered = np.sort(values)
    return np.searchsorted(ordered, at, "right") - np.searchsorted(ordered, at)


class Moments(NamedTuple):
    """The likelihood at some coefficients; an event a row, L of them, tied ones one by one.

    Attributes
    ----------
    log_likelihood : float
    score : array, shape (p,)
    information : array, shape (p, p)
    ratio : array, shape (n,)
        exp(x' b).
    time : array of int64, shape (L,)
        Index of each event's time.
    away : array, shape (L,)
        Share of the tied that has gone already, by Efron; 0 by Breslow.
    total : array, shape (L,)
        Sum of exp(x' b) over the risk set.
    mean : array, shape (L, p)
        Mean covariate in it.
    """

    log_likelihood: float
    score: NDArray[np.float64]
    information: NDArray[np.float64]
    ratio: NDArray[np.float64]
    time: NDArray[np.int64]
    away: NDArray[np.float64]
    total: NDArray[np.float64]
    mean: NDArray[np.float64]


def moments(
    sets: Weighed, x: NDArray[np.float64], beta: NDArray[np.float64], ties: Ties
) -> Moments:
    """Sum over all risk sets at once: O(n p) for the sums and O(n p^2) for the information."""
    predictor = x @ beta
    ratio = np.exp(predictor)
    n_times = len(sets.n_tied)
    time = np.repeat(np.arange(n_times), sets.n_tied)
    place = np.arange(len(time)) - np.repeat(np.cumsum(sets.n_tied) - sets.n_tied, sets.n_tied)
    away = place / sets.n_tied[time] if ties == "efron" else np.zeros(len(time))
    total = np.empty(len(time))
    mean = np.empty((len(time), x.shape[1]))
    for column in range(-1, x.shape[1]):
        each = ratio if column < 0 else ratio * x[:, column]
        under_risk = np.bincount(sets.until, each, n_times + 1)
        under_risk = np.cumsum(under_risk[::-1])[::-1][1:]
        gone = np.cumsum(np.bincount(sets.until, each * sets.scale, n_times + 1))[:-1]
        tied = np.bincount(sets.until[sets.event] - 1, each[sets.event], n_times)
        summed = (under_risk + sets.still * gone)[time] - away * tied[time]
        if column < 0:
            total[:] = summed
        else:
            mean[:, column] = summed / total
    count = _exposure(sets, time, away, 1 / total)
    log_likelihood = float(predictor[sets.event].sum() - np.log(total).sum())
    return Moments(
        log_likelihood,
        x[sets.event].sum(axis=0) - mean.sum(axis=0),
        (x * (ratio * count)[:, None]).T @ x - mean.T @ mean,
        ratio,
        time,
        away,
        total,
        mean,
    )


def _exposure(
    sets: Weighed,
    time: NDArray[np.int64],
    away: NDArray[np.float64],
    each: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Sum a quantity of the events over the risk sets that each customer is in, as they count."""
    n_times = len(sets.n_tied)
    summed = np.bincount(time, each, n_times)
    cumulative = np.concatenate([[0.0], np.cumsum(summed)])
    weighted = np.concatenate([[0.0], np.cumsum(summed * sets.still)])
    found = cumulative[sets.until] + sets.scale * (weighted[-1] - weighted[sets.until])
    tied = np.bincount(time, away * each, n_times)
    found[sets.event] -= tied[sets.until[sets.event] - 1]
    return np.asarray(found)


class Influence(NamedTuple):
    """What each customer adds to the integral of something over the martingales, shape (n, q).

    Attributes
    ----------
    own : array
        By their own end and presence.
    shared : array
        By their part in the estimate of G.
    """

    own: NDArray[np.float64]
    shared: NDArray[np.float64]

    @property
    def both(self) -> NDArray[np.float64]:
        """Return the sum."""
        return self.own + self.shared


def score_influence(sets: Weighed, x: NDArray[np.float64], at: Moments) -> Influence:
    """Return eta and psi of Fine and Gray: each customer's part in the score, q = p.

    eta_i is the integral of (x_i - mean x) w_i dM_i. psi_i is that of q(u) / (n(u) - c(u)) dM_i^c
    over the times of censoring, with c censored of the n of whom it could be seen; q(u) is the sum
    over those who came to another end by u of the integral, over times after u, of
    (x_i - mean x) w_i exp(x_i' b) dH.
    """
    one = np.ones(len(at.total))
    to_come, gone = _to_come(sets, at, one), _gone(sets, at.ratio)
    own = x * _integral(sets, at, one)[:, None]
    pull = np.empty((len(sets.censored), x.shape[1]))
    for column, (values, mean) in enumerate(zip(x.T, at.mean.T, strict=True)):
        own[:, column] -= _integral(sets, at, mean)
        later = to_come * _gone(sets, at.ratio * values)
        pull[:, column] = later - _to_come(sets, at, mean) * gone
    return Influence(own, _by_censoring(sets, pull))


def hazard_influence(
    sets: Weighed, at: Moments, last: NDArray[np.int64]
) -> tuple[NDArray[np.float64], Influence]:
    """Return the cumulative baseline hazard after the first `last` times, and parts in it.

    At known coefficients, q = len(last): dH is the sum over the events of a time of 1 / total.
    """
    steps = np.bincount(at.time, 1 / at.total)
    gone = _gone(sets, at.ratio)
    own = np.empty((len(at.ratio), len(last)))
    pull = np.empty((len(sets.censored), len(last)))
    for column, k in enumerate(last.tolist()):
        each = np.where(at.time < k, 1 / at.total, 0.0)
        own[:, column] = _integral(sets, at, each)
        pull[:, column] = _to_come(sets, at, each) * gone
    hazard = np.concatenate([[0.0], np.cumsum(steps)])[last]
    return hazard, Influence(own, _by_censoring(sets, pull))


def _integral(sets: Weighed, at: Moments, each: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate a quantity of the events over w_i dM_i, shape (n,)."""
    found = -at.ratio * _exposure(sets, at.time, at.away, each / at.total)
    mean = np.bincount(at.time, each, len(sets.n_tied)) / sets.n_tied
    found[sets.event] += mean[sets.until[sets.event] - 1]
    return found


def _to_come(sets: Weighed, at: Moments, each: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum G dH times a quantity over the times that each censoring changes, shape (C,)."""
    summed = np.bincount(at.time, each / at.total, len(sets.n_tied)) * sets.still
    return np.asarray(np.append(np.cumsum(summed[::-1])[::-1], 0.0)[sets.censored])


def _gone(sets: Weighed, each: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum a quantity over those who came to another end by each time of censoring, shape (C,)."""
    n = len(sets.censored)
    return np.cumsum(np.bincount(sets.joined, each * sets.scale, n + 1)[:n])


def _by_censoring(sets: Weighed, pull: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate a quantity of the times of censoring over dM_i^c, shape (n, q)."""
    # Where all who are left are censored no event comes after it that could change.
    with np.errstate(divide="ignore"):
        each = np.where(sets.divisor > 0, 1 / sets.divisor, 0.0)[:, None] * pull
    drift = sets.hazard[:, None] * each
    summed = np.concatenate([np.zeros((1, pull.shape[1])), np.cumsum(drift, axis=0)])
    found = -summed[sets.seen]
    censored = ~(sets.event | sets.other)
    found[censored] += each[sets.place[censored]]
    return np.asarray(found)


class Maximum(NamedTuple):
    """Where the likelihood is largest.

    Attributes
    ----------
    beta : array, shape (p,)
    at, null : Moments
        There, and at no effect.
    infinite : array of bool, shape (p,)
        Coefficients along which the likelihood grows for ever.
    converged : bool
    """

    beta: NDArray[np.float64]
    at: Moments
    null: Moments
    infinite: NDArray[np.bool_]
    converged: bool


def maximise(sets: Weighed, x: NDArray[np.float64], ties: Ties) -> Maximum:
    """Climb from no effect by Newton's steps, each halved until the likelihood does not fall.

    Ends when the gain of another step is next to nothing, or when steps no longer shrink although
    the likelihood no longer grows: then it has no maximum (it is monotone in those directions).
    """
    beta = np.zeros(x.shape[1])
    null = at = moments(sets, x, beta, ties)
    none, before, width = np.zeros(len(beta), dtype=bool), np.zeros(len(beta)), np.ptp(x, axis=0)
    for _ in range(_MOST_STEPS):
        flat = np.diag(at.information) <= _SINGULAR * np.diag(null.information)
        if flat.any():
            return Maximum(beta, at, null, flat, True)
        step = np.asarray(np.linalg.lstsq(at.information, at.score, rcond=None)[0], float)
        gain = at.score @ step / 2
        if gain <= _THERE:
            return Maximum(beta, at, null, none, True)
        endless = (np.abs(step) > _AS_LONG * np.abs(before)) & (np.abs(step) * width > _FAR)
        if gain <= _FLAT and endless.any():
            return Maximum(beta, at, null, endless, True)
        there = _climbed(sets, x, ties, beta, step, at)
        if there is None:
            return Maximum(beta, at, null, none, bool(gain <= _FLAT))
        before, beta, at = there[0] - beta, *there
    return Maximum(beta, at, null, none, False)


def _climbed(
    sets: Weighed,
    x: NDArray[np.float64],
    ties: Ties,
    beta: NDArray[np.float64],
    step: NDArray[np.float64],
    at: Moments,
) -> tuple[NDArray[np.float64], Moments] | None:
    """Take the step, or as much of it as does not lead down; None where nothing leads up."""
    # A likelihood is a sum over events: rounding may take back that much.
    slack = 1e-13 * abs(at.log_likelihood)
    for _ in range(_MOST_HALVINGS):
        # Far customers may overflow on too long a step, which is then halved.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            there = moments(sets, x, beta + step, ties)
        rises = there.log_likelihood >= at.log_likelihood - slack
        if rises and np.isfinite(there.information).all():
            return beta + step, there
        step = step / 2
    return None
