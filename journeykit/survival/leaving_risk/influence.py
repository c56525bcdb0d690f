"""What each customer adds to the score: for errors that take the customer as the unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.leaving_risk.partial_likelihood import Fitted
    from journeykit.survival.leaving_risk.person_time import PersonTime

#: Rows looked at together: their times are worked out once for all covariates.
_ROWS = 500_000


def customer_scores(
    data: PersonTime,
    covariates: NDArray[np.bool_],
    log_ratio: NDArray[np.float64],
    weight: NDArray[np.float64],
    fitted: Fitted,
    /,
) -> NDArray[np.float64]:
    """Return what each customer adds to the score, less what was expected of it: (n, p).

    With hazard h and mean covariates m of the stratum at time t, it is the sum over the customer's
    rows of event (x - m) less the integral of e^(b x) (x - m) h over the row.

    Parameters
    ----------
    covariates : array of bool, shape (n_cells, p)
    log_ratio : array of float64, shape (p,)
    weight : array of float64, shape (n_cells,)
    fitted : Fitted
    """
    rows, x = data.rows, covariates.astype(np.float64)
    p = x.shape[1]
    scores = np.zeros((int(rows.owner[-1]) + 1, p), order="F")
    raised = weight * np.exp(x @ log_ratio)
    # At the edges of periods the totals are known, and they are straight within.
    totals = [_total(fitted.hazard, data)]
    totals += [_total(fitted.hazard * fitted.mean[:, :, at], data) for at in range(p)]
    for low in range(0, len(rows.owner), _ROWS):
        part = slice(low, low + _ROWS)
        owner, cell = rows.owner[part], rows.cell[part]
        band, first = rows.band[cell], int(owner[0])
        place, n = owner - first, int(owner[-1]) - first + 1
        width = len(totals[0]) // len(fitted.hazard)
        begin = _place(data, band, rows.begin[part], width)
        end = _place(data, band, rows.end[part], width)
        own = raised[cell]
        expected = own * _between(totals[0], begin, end)
        into = scores[first : first + n]
        for at in range(p):
            into[:, at] += np.bincount(place, own * _between(totals[1 + at], begin, end), n)
            with_it = np.flatnonzero(covariates[cell, at])
            into[:, at] -= np.bincount(place[with_it], expected[with_it], n)
    left = np.flatnonzero(rows.event)
    owner, cell = rows.owner[left], rows.cell[left]
    # Every customer leaves once.
    scores[owner] += x[cell] - fitted.mean[rows.band[cell], data.period_of(rows.end[left])]
    return scores


def _total(rate: NDArray[np.float64], data: PersonTime) -> NDArray[np.float64]:
    """Integrate a rate by band and period up to the edges of periods, flat (bands * edges,)."""
    grown = np.cumsum(rate * (data.step / DAY), axis=1)
    return np.concatenate([np.zeros((len(rate), 1)), grown], axis=1).ravel()


def _place(
    data: PersonTime, band: NDArray[np.int64], time: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return where in a total the period of each time begins, and which share of it has passed."""
    period = np.minimum((time - data.since) // data.step, width - 2)
    return band * width + period, (time - data.since - period * data.step) / data.step


def _between(
    total: NDArray[np.float64],
    begin: tuple[NDArray[np.int64], NDArray[np.float64]],
    end: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return the growth of a total, straight within periods."""
    slope = np.diff(total, append=0.0)
    (first, since), (last, until) = begin, end
    grown = total.take(last) - total.take(first)
    grown += until * slope.take(last)
    grown -= since * slope.take(first)
    return grown
