"""Person-time and events by calendar week and time since the start, and hazard ratios on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.leaving_risk.stretches import Rows

#: Microseconds at the beginning of the first Monday of 1970.
_MONDAY = 4 * DAY
#: Person-days below which a sum of differences is rounding.
_NOTHING = 1e-6
_STEPS, _TOLERANCE = 60, 1e-10
#: Longest step of Newton's method, in logarithms.
_STRIDE = 2.0
#: A logarithm beyond which the likelihood rises without end.
_FARTHEST = 15.0
_ROUNDING = 1e-9
#: Share of information below which a covariate is told by the others.
_TOLD = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class PersonTime:
    """Person-days and events of cells, by calendar week.

    Attributes
    ----------
    rows : Rows
    since : int
        Microseconds at which the first week begins.
    step : int
        Microseconds of a week.
    days, events : arrays of float64, shape (n_cells, n_weeks)
    """

    rows: Rows
    since: int
    step: int
    days: NDArray[np.float64]
    events: NDArray[np.float64]

    def week_of(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the week (begin, end] of each time, and 0 for the first begin itself."""
        return np.maximum(-(-(time - self.since) // self.step) - 1, 0)


def person_time(rows: Rows, /, *, calendar_days: float) -> PersonTime:
    """Add up person-days and events by cell and week; weeks begin on Mondays, UTC.

    Every row adds the time after its begin and takes away the time after its end, so no row is
    cut: time O(rows + cells * weeks).
    """
    step = round(calendar_days * DAY)
    first = int(rows.begin.min())
    since = _MONDAY + (first - _MONDAY) // step * step
    weeks = -(-(int(rows.end.max()) - since) // step)
    cells, shape = len(rows.band), (len(rows.band), weeks)
    partial, whole = np.zeros(cells * weeks), np.zeros(cells * weeks)
    for time, sign in ((rows.begin, 1.0), (rows.end, -1.0)):
        week = np.minimum((time - since) // step, weeks - 1)
        at = rows.cell.astype(np.int64) * weeks + week
        rest = (since + (week + 1) * step - time) / DAY
        partial += sign * np.bincount(at, rest, cells * weeks)
        whole += sign * np.bincount(at, minlength=cells * weeks)
    before = np.cumsum(whole.reshape(shape), axis=1) - whole.reshape(shape)
    days: NDArray[np.float64] = partial.reshape(shape) + before * (step / DAY)
    left = rows.event
    week = -(-(rows.end[left] - since) // step) - 1
    at = rows.cell[left].astype(np.int64) * weeks + week
    events = np.bincount(at, minlength=cells * weeks).astype(np.float64).reshape(shape)
    days[(days < _NOTHING) & (events == 0)] = 0.0
    np.maximum(days, _NOTHING, out=days, where=events > 0)
    return PersonTime(rows, since, step, days, events)


class Ratios(NamedTuple):
    """Hazard ratios of covariates that are 0 or 1; arrays of shape (p,).

    Attributes
    ----------
    n : array of int64
        Customers with time under risk while the covariate is 1.
    n_event : array of int64
    person_days : array of float64
    expected : array of float64
        Events there would be with the others' hazards as they are and this ratio 1;
        ratio = n_event / expected.
    ratio, std_error, low, high, p_value : arrays of float64
        `std_error` of the logarithm, from the customers' influence.
    told : array of bool
        Whether there was something to compare.
    """

    n: NDArray[np.int64]
    n_event: NDArray[np.int64]
    person_days: NDArray[np.float64]
    expected: NDArray[np.float64]
    ratio: NDArray[np.float64]
    std_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]
    told: NDArray[np.bool_]

    def first(self, p: int) -> Ratios:
        """Return those of the first p covariates."""
        return Ratios(*(values[:p] for values in self))  # type: ignore[arg-type]


class _Fitted(NamedTuple):
    """The likelihood at some coefficients, and what it says of strata (bands, weeks).

    Attributes
    ----------
    log_likelihood : float
    score : array of float64, shape (p,)
    information : array of float64, shape (p, p)
    hazard : array of float64, shape (n_bands, n_weeks)
        A day, where all covariates are 0.
    mean : array of float64, shape (n_bands, n_weeks, p)
        Mean of the covariates over the hazards of those under risk.
    """

    log_likelihood: float
    score: NDArray[np.float64]
    information: NDArray[np.float64]
    hazard: NDArray[np.float64]
    mean: NDArray[np.float64]


def hazard_ratios(
    data: PersonTime, covariates: NDArray[np.bool_], /, *, confidence: float
) -> Ratios:
    """Estimate hazard ratios with a baseline hazard of its own in every week and band.

    With d events and person-time T of the cells g of stratum s, the log partial likelihood is the
    sum of d_gs log(T_gs e^(b x_g) / sum over h of T_hs e^(b x_h)): Cox's on the calendar,
    stratified by time since the start, with risk sets taken together within a week (Breslow's at
    ties). The covariance is the sandwich of the customers' score residuals. Where nobody left
    while a covariate was 1, its ratio is 0, and the upper bound is the exact Poisson one of no
    event over the events expected.

    Parameters
    ----------
    data : PersonTime
    covariates : array of bool, shape (n_cells, p)
    confidence : float in (0, 1)

    References
    ----------
    Lin, Wei (1989), JASA 84, for the covariance. Holford (1980), Biometrics 36, for the likelihood.
    """
    x = covariates.astype(np.float64)
    p = x.shape[1]
    events = data.events.sum(axis=1)
    n_event = x.T @ events
    person_days = x.T @ data.days.sum(axis=1)
    empty = (n_event == 0) & (person_days > 0)
    # A ratio of 0 takes its cells out of the comparison.
    weight = np.where((x[:, empty] > 0).any(axis=1), 0.0, 1.0)
    told, kept = _identified(data, x, weight, ~empty & (person_days > 0))
    log_ratio, fitted = _solved(data, x[:, kept], weight)
    log_all = np.zeros(p)
    log_all[kept] = log_ratio
    expected = _expected(data, x, log_all, empty, fitted.hazard)
    std_error = np.full(p, np.nan)
    if kept.any():
        bread = np.linalg.pinv(fitted.information, hermitian=True)
        scores = _scores(data, x[:, kept], log_ratio, weight, fitted)
        std_error[kept] = np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread))
    told = (told & (np.abs(log_all) <= _FARTHEST)) | empty
    ratio = np.where(empty, 0.0, np.exp(log_all))
    quantile = stats.norm.isf((1 - confidence) / 2)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        low = np.where(empty, 0.0, ratio * np.exp(-quantile * std_error))
        none_of = -np.log((1 - confidence) / 2) / expected
        high = np.where(empty, none_of, ratio * np.exp(quantile * std_error))
        tail = 2 * stats.norm.sf(np.abs(log_all) / std_error)
    p_value = np.where(empty, np.minimum(1.0, 2 * np.exp(-expected)), tail)
    hidden = np.where(told, 1.0, np.nan)
    return Ratios(
        _customers(data, covariates),
        n_event.astype(np.int64),
        person_days,
        expected * hidden,
        ratio * hidden,
        std_error * hidden,
        low * hidden,
        high * hidden,
        p_value * hidden,
        told,
    )


def _bands(data: PersonTime) -> list[NDArray[np.int64]]:
    """Return the cells of each band, up to the last band there is."""
    band = data.rows.band
    return [np.flatnonzero(band == at) for at in range(int(band.max()) + 1)]


def _solved(
    data: PersonTime, x: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], _Fitted]:
    """Return the maximum, and what is known there, by Newton's method with steps halved."""
    b = np.zeros(x.shape[1])
    now = _moments(data, x, weight, b)
    for _ in range(_STEPS if len(b) else 0):
        step = np.linalg.lstsq(now.information, now.score, rcond=None)[0]
        longest = float(np.abs(step).max())
        if longest < _TOLERANCE or np.abs(b).max() > _FARTHEST:
            break
        step *= min(1.0, _STRIDE / longest)
        new = _moments(data, x, weight, b + step)
        while new.log_likelihood < now.log_likelihood - _ROUNDING and longest > _TOLERANCE:
            step, longest = step / 2, longest / 2
            new = _moments(data, x, weight, b + step)
        b, now = b + step, new
    return b, now


def _moments(
    data: PersonTime, x: NDArray[np.float64], weight: NDArray[np.float64], b: NDArray[np.float64]
) -> _Fitted:
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
    return _Fitted(value, score, information, hazard, mean)


def _identified(
    data: PersonTime,
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
    information = _moments(data, x[:, places], weight, np.zeros(len(places))).information
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


def _comparable(data: PersonTime, one: NDArray[np.float64], weight: NDArray[np.float64]) -> bool:
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


def _expected(
    data: PersonTime,
    x: NDArray[np.float64],
    log_ratio: NDArray[np.float64],
    empty: NDArray[np.bool_],
    hazard: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return events expected while each covariate is 1 if its own ratio were 1."""
    base = (data.days * hazard[data.rows.band]).sum(axis=1)
    expected = np.zeros(len(log_ratio))
    for at in range(len(log_ratio)):
        others = log_ratio.copy()
        others[at] = 0.0
        # Nobody is expected where another covariate has the ratio 0.
        none = empty.copy()
        none[at] = False
        still = ~(x[:, none] > 0).any(axis=1)
        expected[at] = (x[:, at] * still * np.exp(x @ others)) @ base
    return expected


def _scores(
    data: PersonTime,
    x: NDArray[np.float64],
    log_ratio: NDArray[np.float64],
    weight: NDArray[np.float64],
    fitted: _Fitted,
) -> NDArray[np.float64]:
    """Return what each customer adds to the score, less what was expected of it: (n, p)."""
    rows = data.rows
    n, band = int(rows.owner[-1]) + 1, rows.band[rows.cell]
    raised = (weight * np.exp(x @ log_ratio))[rows.cell]
    width = data.step / DAY

    def over(rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Integrate a rate by band and week over the rows."""
        total = np.concatenate([np.zeros((len(rate), 1)), np.cumsum(rate * width, axis=1)], axis=1)
        grown = []
        for time in (rows.begin, rows.end):
            week = np.minimum((time - data.since) // data.step, rate.shape[1] - 1)
            inside = (time - data.since - week * data.step) / DAY
            grown.append(total[band, week] + inside * rate[band, week])
        return np.asarray(grown[1] - grown[0])

    expected = raised * over(fitted.hazard)
    left = np.flatnonzero(rows.event)
    owner, cell = rows.owner[left], rows.cell[left]
    week = data.week_of(rows.end[left])
    scores = np.empty((n, x.shape[1]), order="F")
    for at in range(x.shape[1]):
        with_it = x[rows.cell, at] > 0
        mean = fitted.mean[:, :, at]
        scores[:, at] = np.bincount(rows.owner, raised * over(fitted.hazard * mean), n)
        scores[:, at] -= np.bincount(rows.owner[with_it], expected[with_it], n)
        scores[:, at] += np.bincount(owner, x[cell, at] - mean[band[left], week], n)
    return scores


def _customers(data: PersonTime, covariates: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count customers with time under risk while each covariate is 1."""
    rows, counts = data.rows, np.zeros(covariates.shape[1], dtype=np.int64)
    for at in range(covariates.shape[1]):
        owner = rows.owner[covariates[rows.cell, at]]
        counts[at] = int((np.diff(owner, prepend=-1) != 0).sum())
    return counts
