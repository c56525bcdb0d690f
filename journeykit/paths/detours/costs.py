"""What detours cost: steps, time, and what becomes of those who make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.counts.transitions import ENTRY, EXIT, OPEN
from journeykit.journeys.durations import DAY
from journeykit.stats import benjamini_hochberg, wilson_interval
from journeykit.stats.horizons import common_horizon
from journeykit.stats.intervals import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.paths.detours.roads import Absences, Trips

#: Most frequent detours whose outcome is compared; all of them count as tried.
COMPARED = 20
#: Successes and failures that those who made a detour are expected to have.
_LEAST_EXPECTED = 5
COLUMNS = (
    "source", "touchpoint", "target", "n", "n_customers", "share", "conf_low", "conf_high",
    "extra_steps", "extra_steps_low", "extra_steps_high",
    "extra_time_days", "extra_time_days_low", "extra_time_days_high",
    "n_compared", "outcome_days", "outcome_share", "outcome_share_others",
    "difference", "difference_low", "difference_high", "p_value", "q_value",
)  # fmt: skip


def median_interval(values: NDArray[np.float64], /, *, confidence: float) -> Estimate:
    """Bound the median by order statistics: distribution-free, at least at level `confidence`.

    Missing bounds where there are too few values for any pair to reach that level.

    References
    ----------
    David, Nagaraja (2003), Order statistics, section 7.1.
    """
    from scipy.stats import binom

    ordered = np.sort(values[np.isfinite(values)])
    n = len(ordered)
    if not n:
        return Estimate(np.nan, np.nan, np.nan)
    middle = float(np.median(ordered))
    # The largest k with P(Bin(n, 1/2) < k) <= (1 - confidence) / 2 on either side.
    k = int(binom.ppf((1 - confidence) / 2, n, 0.5))
    if k < 1:
        return Estimate(middle, np.nan, np.nan)
    return Estimate(middle, float(ordered[k - 1]), float(ordered[n - k]))


def detour_frame(
    journeys: Journeys,
    trips: Trips,
    road: Sequence[int],
    found: Absences,
    /,
    *,
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    """Return one row for each way of leaving the road and coming back, the most frequent first.

    Columns are those of `COLUMNS`; `target` is ``(exit)`` for absences that the journey ended in
    and ``(open)`` for those that may still come back. What came back without extra moves is no
    detour and has no row.
    """
    back = np.where(found.back < 0, -1 - trips.still[found.trip], found.back)
    detour = np.flatnonzero(~(found.extra_steps <= 0))
    span = len(road) + 3
    code = (found.left * len(journeys.names) + found.away) * span + back + 2
    distinct, kind = np.unique(code[detour], return_inverse=True)
    rows = []
    n_customers = len(np.unique(trips.customer))
    names = _Names(journeys.names, [ENTRY, *(journeys.names[place] for place in road)])
    order = np.argsort(kind, kind="stable")
    edges = np.searchsorted(kind[order], np.arange(len(distinct) + 1))
    for number in range(len(distinct)):
        at = detour[order[edges[number] : edges[number + 1]]]
        rows.append(_row(trips, found, at, back, names, n_customers, confidence))
    frame = pd.DataFrame(rows, columns=[*COLUMNS[:14], "first"])
    frame = frame.sort_values(
        ["n_customers", "n", "source", "touchpoint", "target"],
        ascending=[False, False, True, True, True],
        ignore_index=True,
    )
    return _compared(journeys, trips, frame, found, small_cell, confidence)


class _Names(NamedTuple):
    touchpoints: Sequence[str]
    road: Sequence[str]


def _row(
    trips: Trips,
    found: Absences,
    at: NDArray[np.int64],
    back: NDArray[np.int64],
    names: _Names,
    n_customers: int,
    confidence: float,
) -> list[object]:
    """Describe detours of one kind; a customer counts once, with the first of them."""
    _, first = np.unique(trips.customer[found.trip[at]], return_index=True)
    mine = at[first]
    place = int(back[at[0]])
    low, high = wilson_interval(len(mine), n_customers, confidence=confidence)
    return [
        names.road[found.left[at[0]]],
        names.touchpoints[found.away[at[0]]],
        {-1: EXIT, -2: OPEN}.get(place) or names.road[place],
        len(at),
        len(mine),
        len(mine) / n_customers,
        float(low),
        float(high),
        *median_interval(found.extra_steps[mine], confidence=confidence),
        *median_interval(found.extra_days[mine], confidence=confidence),
        at,
    ]


class _Difference(NamedTuple):
    n_compared: int = 0
    horizon_days: float = np.nan
    share: float = np.nan
    share_others: float = np.nan
    difference: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p_value: float = np.nan


def _compared(
    journeys: Journeys,
    trips: Trips,
    frame: pd.DataFrame,
    found: Absences,
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    """Add what becomes of those who come back, for the most frequent detours."""
    # Whether a journey fails is known only where some have ended without success.
    could_fail = bool((~trips.success & ~trips.still).any())
    eligible = (
        ~frame["target"].isin([EXIT, OPEN]) & (frame["n_customers"] >= small_cell) & could_fail
    )
    chosen = set(frame.index[eligible][:COMPARED])
    size = trips.stop - trips.start
    trip = np.repeat(np.arange(len(size)), size)
    event = np.arange(len(trip)) + np.repeat(trips.start - (np.cumsum(size) - size), size)
    visits = _Visits(trip, event)
    differences = [
        _difference(journeys, trips, visits, found, at, small_cell, confidence)
        if row in chosen
        else _Difference()
        for row, at in enumerate(frame["first"])
    ]
    added = pd.DataFrame(differences, columns=list(COLUMNS[14:22]), index=frame.index)
    q_value = benjamini_hochberg(added["p_value"].to_numpy(dtype=float))
    return pd.concat([frame.drop(columns="first"), added], axis=1).assign(q_value=q_value)


class _Visits(NamedTuple):
    """Trip and event, one each of events of trips."""

    trip: NDArray[np.int64]
    event: NDArray[np.int64]


def _difference(
    journeys: Journeys,
    trips: Trips,
    visits: _Visits,
    found: Absences,
    at: NDArray[np.int64],
    small_cell: int,
    confidence: float,
) -> _Difference:
    """Compare those who come back from a detour with others who are there after as many events.

    Each trip's first detour of the kind is compared, at the event it came back with, with the
    visits of trips to the same touchpoint at the same number of events that have not made it by
    then. Where trips are still open, success counts within a horizon of the moment, and only
    moments that were watched for longer are compared, whatever came of them. See `_standardised`.
    """
    from scipy.special import ndtr, ndtri

    made, others = _moments(journeys, trips, visits, found, at)
    known = _known(journeys, trips, made, others)
    if known is None:
        return _Difference()
    one, other = _overlapping(known.made, known.others)
    n_customers = len(np.unique(one.customer))
    if n_customers < small_cell or len(np.unique(other.customer)) < small_cell:
        return _Difference()
    compared = _standardised(one, other)
    if compared is None:
        return _Difference()
    half = float(ndtri((1 + confidence) / 2)) * compared.error
    return _Difference(
        n_compared=n_customers,
        horizon_days=known.horizon_days,
        share=compared.share,
        share_others=compared.share - compared.difference,
        difference=compared.difference,
        low=compared.difference - half,
        high=compared.difference + half,
        p_value=float(2 * ndtr(-abs(compared.difference) / compared.error)),
    )


def _moments(
    journeys: Journeys, trips: Trips, visits: _Visits, found: Absences, at: NDArray[np.int64]
) -> tuple[_Visits, _Visits]:
    """Return the moments at which detours end, and others at the same touchpoint before any."""
    trip, first = np.unique(found.trip[at], return_index=True)
    returned = found.returns[at[first]]
    when = np.full(len(trips.start), journeys.n_events, dtype=np.int64)
    when[trip] = returned
    there = journeys.touchpoint[visits.event] == journeys.touchpoint[returned[0]]
    others = there & (visits.event < when[visits.trip])
    return _Visits(trip, returned), _Visits(visits.trip[others], visits.event[others])


class _Side(NamedTuple):
    """Number of events passed, success, and customer of what is compared, shape (n,)."""

    elapsed: NDArray[np.int64]
    success: NDArray[np.bool_]
    customer: NDArray[np.int64]

    def keep(self, kept: NDArray[np.bool_]) -> _Side:
        return _Side(self.elapsed[kept], self.success[kept], self.customer[kept])


class _Known(NamedTuple):
    """What comes of the moments of which it is known."""

    made: _Side
    others: _Side
    horizon_days: float = np.nan


def _known(journeys: Journeys, trips: Trips, made: _Visits, others: _Visits) -> _Known | None:
    """Tell which moments succeed within a horizon, among those watched for longer.

    With all trips ended every moment is known. None where some are open and it is not known until
    when they were watched.
    """
    moments = (made, others)
    one, other = (
        _Side(event - trips.start[trip], trips.success[trip], trips.customer[trip])
        for trip, event in moments
    )
    if not trips.still.any():
        return _Known(one, other)
    if journeys.time is None or journeys.observed_to is None:
        return None
    end = journeys.observed_to[trips.journey]
    watched, other_watched = (end[trip] - journeys.time[event] for trip, event in moments)
    took, other_took = (
        journeys.time[trips.stop[trip] - 1] - journeys.time[event] for trip, event in moments
    )
    successes = np.concatenate([took[one.success], other_took[other.success]])
    horizon = common_horizon(successes, watched)
    if horizon < 0:
        return None
    one = one._replace(success=one.success & (took <= horizon))
    other = other._replace(success=other.success & (other_took <= horizon))
    return _Known(one.keep(watched > horizon), other.keep(other_watched > horizon), horizon / DAY)


def _overlapping(made: _Side, others: _Side) -> tuple[_Side, _Side]:
    """Keep numbers of events that there are on both sides."""
    most = int(max(made.elapsed.max(initial=0), others.elapsed.max(initial=0))) + 1
    n, n_other = (np.bincount(side.elapsed, minlength=most) for side in (made, others))
    both = (n > 0) & (n_other > 0)
    return made.keep(both[made.elapsed]), others.keep(both[others.elapsed])


class _Standardised(NamedTuple):
    share: float
    difference: float
    error: float


def _standardised(made: _Side, others: _Side) -> _Standardised | None:
    """Return Mantel and Haenszel's risk difference over strata of equal numbers of events.

    With n1 and n0 on the two sides of a stratum, p1 and p0 their shares of success, and weights
    w = n1 n0 / (n1 + n0), it is sum w (p1 - p0) / sum w. The error is the larger of two: the
    hypergeometric one of the Cochran-Mantel-Haenszel test, right where nothing differs and few
    succeed, and the linearised one, which adds up what a customer contributes.

    None where fewer than five successes, or failures, are expected of those who made the detour
    (Mantel and Fleiss): the normal law would not hold.

    References
    ----------
    Mantel, Haenszel (1959), JNCI 22; Mantel, Fleiss (1980), Am. J. Epidemiology 112.
    """
    most = int(max(made.elapsed.max(), others.elapsed.max())) + 1
    n1, n0 = (np.bincount(side.elapsed, minlength=most) for side in (made, others))
    a1, a0 = (
        np.bincount(side.elapsed, weights=side.success, minlength=most) for side in (made, others)
    )
    there = (n1 > 0) & (n0 > 0)
    n = np.maximum(n1 + n0, 1)
    expected = n1 * (a1 + a0) / n
    if min(expected.sum(), (n1 - expected).sum()) < _LEAST_EXPECTED:
        return None
    weight = np.where(there, n1 * n0 / n, 0.0)
    p1, p0 = a1 / np.maximum(n1, 1), a0 / np.maximum(n0, 1)
    total = weight.sum()
    difference = float((weight * (p1 - p0)).sum() / total)
    by_chance = expected * (n - a1 - a0) * n0 / (n * np.maximum(n - 1, 1))
    of_made = (weight / np.maximum(n1, 1))[made.elapsed]
    of_others = (weight / np.maximum(n0, 1))[others.elapsed]
    parts = np.concatenate(
        [
            of_made * (made.success - p0[made.elapsed] - difference),
            -of_others * (others.success - p0[others.elapsed]),
        ]
    )
    sums = np.bincount(np.concatenate([made.customer, others.customer]), weights=parts)
    error = float(np.sqrt(max(by_chance.sum(), (sums**2).sum()))) / float(total)
    return _Standardised(
        share=float((weight * p1).sum() / total),
        difference=difference,
        error=error,
    )
