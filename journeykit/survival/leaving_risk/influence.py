"""What each customer adds to the score: for errors that take the customer as the unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.journeys.durations import DAY
from journeykit.survival.leaving_risk.kernels import subtract_expected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.leaving_risk.partial_likelihood import Fitted
    from journeykit.survival.leaving_risk.person_time import PersonTime


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
    scores = np.zeros((int(rows.owner[-1]) + 1, p))
    raised = weight * np.exp(x @ log_ratio)
    # At the edges of periods the totals are known, and they are straight within.
    totals = [_total(fitted.hazard, data)]
    totals += [_total(fitted.hazard * fitted.mean[:, :, at], data) for at in range(p)]
    total = np.stack(totals, axis=1)
    subtract_expected(
        scores,
        rows.owner,
        rows.cell,
        rows.begin,
        rows.end,
        rows.band,
        raised,
        np.ascontiguousarray(covariates),
        total,
        np.diff(total, axis=0, append=0.0),
        data.since,
        data.step,
        len(total) // len(fitted.hazard),
    )
    left = np.flatnonzero(rows.event)
    owner, cell = rows.owner[left], rows.cell[left]
    # Every customer leaves once.
    scores[owner] += x[cell] - fitted.mean[rows.band[cell], data.period_of(rows.end[left])]
    return scores


def _total(rate: NDArray[np.float64], data: PersonTime) -> NDArray[np.float64]:
    """Integrate a rate by band and period up to the edges of periods, flat (bands * edges,)."""
    grown = np.cumsum(rate * (data.step / DAY), axis=1)
    return np.concatenate([np.zeros((len(rate), 1)), grown], axis=1).ravel()
