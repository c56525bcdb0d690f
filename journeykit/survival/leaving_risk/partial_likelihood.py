"""Cox's likelihood on person-time by period and band: its maximum, and what it says of strata."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.leaving_risk.person_time import PersonTime

_STEPS, _TOLERANCE = 60, 1e-10
#: Longest step of Newton's method, in logarithms.
_STRIDE = 2.0
#: A logarithm beyond which the likelihood rises without end.
FARTHEST = 15.0
_ROUNDING = 1e-9
#: Share of information below which a covariate is told by the others.
_TOLD = 1e-7


class Pooled(NamedTuple):
    """Person-time of cells that are alike in band and covariates put together.

    Attributes
    ----------
    days, events : arrays of float64, shape (m, n_periods)
    band : array of int64, shape (m,)
    x : array of float64, shape (m, p)
    place : array of int64, shape (n_cells,)
        Which of the m each cell went into.
    """

    days: NDArray[np.float64]
    events: NDArray[np.float64]
    band: NDArray[np.int64]
    x: NDArray[np.float64]
    place: NDArray[np.int64]


def pooled(data: PersonTime, covariates: NDArray[np.bool_], /) -> Pooled:
    """Put cells together that have the same covariates, shape (n_cells, p), and band."""
    kinds = np.column_stack([data.rows.band, covariates])
    kind, place = np.unique(kinds, axis=0, return_inverse=True)
    place = place.reshape(-1)
    order = np.argsort(place, kind="stable")
    edges = np.searchsorted(place[order], np.arange(len(kind) + 1))
    # A product with a sparse matrix adds rows up without putting them in order first.
    add = sparse.csr_array((np.ones(len(order)), order, edges), shape=(len(kind), len(order)))
    days, events = (np.asarray(add @ part) for part in (data.days, data.events))
    return Pooled(days, events, kind[:, 0], kind[:, 1:].astype(np.float64), place)


class Fitted(NamedTuple):
    """The likelihood at some coefficients, and what it says of strata (bands, periods).

    Attributes
    ----------
    log_likelihood : float
    score : array of float64, shape (p,)
    information : array of float64, shape (p, p)
    hazard : array of float64, shape (n_bands, n_periods)
        A day, where all covariates are 0.
    mean : array of float64, shape (n_bands, n_periods, p)
        Mean of the covariates over the hazards of those under risk.
    """

    log_likelihood: float
    score: NDArray[np.float64]
    information: NDArray[np.float64]
    hazard: NDArray[np.float64]
    mean: NDArray[np.float64]


def solved(
    data: Pooled, x: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], Fitted]:
    """Return the maximum, and what is known there, by Newton's method with steps halved."""
    b = np.zeros(x.shape[1])
    now = moments(data, x, weight, b)
    for _ in range(_STEPS if len(b) else 0):
        step = np.linalg.lstsq(now.information, now.score, rcond=None)[0]
        longest = float(np.abs(step).max())
        if longest < _TOLERANCE or np.abs(b).max() > FARTHEST:
            break
        step *= min(1.0, _STRIDE / longest)
        new = moments(data, x, weight, b + step)
        while new.log_likelihood < now.log_likelihood - _ROUNDING and longest > _TOLERANCE:
            step, longest = step / 2, longest / 2
            new = moments(data, x, weight, b + step)
        b, now = b + step, new
    return b, now


def moments(
    data: Pooled, x: NDArray[np.float64], weight: NDArray[np.float64], b: NDArray[np.float64]
) -> Fitted:
    """Return the likelihood at `b` with its derivatives, and what it says of the strata."""
    p, raised = x.shape[1], weight * np.exp(x @ b)
    bands = _bands(data)
    hazard = np.zeros((len(bands), data.days.shape[1]))
    mean = np.zeros((*hazard.shape, p))
    value, score, information = 0.0, np.zeros(p), np.zeros((p, p))
    for at, cells in enumerate(bands):
        # Cells of weight 0 have no events: that is why they have it.
        days, events = data.days[cells], data.events[cells]
        own, left = x[cells], events.sum(axis=0)
        whole = raised[cells] @ days
        some = whole > 0
        hazard[at, some] = left[some] / whole[some]
        sums = (own * raised[cells][:, None]).T @ days
        mean[at, some] = (sums[:, some] / whole[some]).T
        value += float((own @ b) @ events.sum(axis=1) - left[some] @ np.log(whole[some]))
        score += own.T @ events.sum(axis=1) - left @ mean[at]
        share = raised[cells] * (days @ hazard[at])
        information += (own * share[:, None]).T @ own - (mean[at] * left[:, None]).T @ mean[at]
    return Fitted(value, score, information, hazard, mean)


def _bands(data: Pooled) -> list[NDArray[np.int64]]:
    """Return the cells of each band, up to the last band there is."""
    return [np.flatnonzero(data.band == at) for at in range(int(data.band.max()) + 1)]


def identified(
    data: Pooled,
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
    possible: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which covariates can be told, and which go into the model, shape (p,).

    Not told are those without an event to compare with among those under risk together, and those
    that others add up to; of the latter the model keeps what stands for them all.
    """
    told = possible.copy()
    for at in np.flatnonzero(possible):
        told[at] = _comparable(data, x[:, at], weight)
    kept = told.copy()
    places = np.flatnonzero(told)
    if not len(places):
        return told, kept
    information = moments(data, x[:, places], weight, np.zeros(len(places))).information
    scale = np.sqrt(np.diag(information))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    tied = (np.abs(vectors[:, values < _TOLD]) > np.sqrt(_TOLD)).any(axis=1)
    told[places[tied]] = False
    for at in places[tied]:
        # Those that nothing before them adds up to stay, so that the others are still adjusted.
        trial = kept.copy()
        trial[at] = False
        if _rank(information, trial[places]) == _rank(information, kept[places]):
            kept = trial
    return told, kept


def _comparable(data: Pooled, one: NDArray[np.float64], weight: NDArray[np.float64]) -> bool:
    """Tell whether some left with the covariate and some without, among both under risk."""
    inside = outside = 0.0
    for cells in _bands(data):
        with_it = one[cells] > 0
        days = data.days[cells] * weight[cells][:, None]
        both = (days[with_it].sum(axis=0) > 0) & (days[~with_it].sum(axis=0) > 0)
        inside += float(data.events[cells][with_it][:, both].sum())
        outside += float(data.events[cells][~with_it][:, both].sum())
    return inside > 0 and outside > 0


def _rank(information: NDArray[np.float64], chosen: NDArray[np.bool_]) -> int:
    part = information[np.ix_(chosen, chosen)]
    scale = np.sqrt(np.diag(part))
    return int(np.linalg.matrix_rank(part / np.outer(scale, scale), rtol=_TOLD, hermitian=True))
