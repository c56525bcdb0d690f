"""Small worlds in which every hazard ratio is known: touches at midnight, hazards by day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import EndAttribute, StartAttribute

CHURN, START = EndAttribute("left"), StartAttribute("began")


def made(
    seed: int,
    *,
    customers: int = 2_000,
    days: int = 180,
    log_ratio: Sequence[float] | np.ndarray = (0.0,),
    touched: float | Sequence[float] | np.ndarray = 0.01,
    hazard: float | np.ndarray = 0.004,
    window: int = 14,
    early: float = 0.0,
) -> Journeys:
    """Draw customers who begin in the first half and leave at a hazard that touches raise.

    The hazard on day t is ``hazard[t] * exp(sum of log_ratio[k] over touchpoints k met in the last
    `window` days)``.

    Parameters
    ----------
    touched : float, or one for each touchpoint or each day
        Probability a day.
    hazard : float, or array of shape (days,)
        A day.
    early : float
        Added to the logarithm of the hazard in a customer's first 30 days.
    """
    rng = np.random.default_rng(seed)
    kinds, at = len(log_ratio), np.arange(days)
    began = rng.integers(0, days // 2, customers)
    rates = np.asarray(touched, dtype=float)
    # As many as touchpoints are theirs, as many as days are the days'.
    rates = rates[:, None, None] if rates.shape == (kinds,) else rates
    met = rng.random((kinds, customers, days)) < rates
    met &= at >= began[:, None]
    log = np.zeros((customers, days))
    for ratio, touch in zip(log_ratio, met, strict=True):
        seen = np.cumsum(touch, axis=1)
        before = np.concatenate([np.zeros((customers, window), int), seen[:, :-window]], axis=1)
        log += ratio * (seen > before)
    log += early * (at < began[:, None] + 30)
    rate = np.exp(log) * np.broadcast_to(hazard, days) * (at >= began[:, None])
    risen = np.cumsum(rate, axis=1)
    patience = rng.exponential(size=customers)
    stays = patience >= risen[:, -1]
    day = np.minimum((risen <= patience[:, None]).sum(axis=1), days - 1)
    row = np.arange(customers)
    into = (patience - (risen - rate)[row, day]) / rate[row, day]
    left = np.where(stays, np.inf, day + into)
    met &= at < left[:, None]
    kind, who, when = np.nonzero(met)
    order = np.lexsort((kind, when, who))
    leave = pa.array(np.where(stays, 0, left * DAY).astype(np.int64), mask=stays)
    return Journeys(
        names=tuple(f"touch {k}" for k in range(kinds)),
        touchpoint=kind[order].astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(np.bincount(who, minlength=customers))]),
        time=when[order].astype(np.int64) * DAY,
        observed_from=np.zeros(customers, dtype=np.int64),
        observed_to=np.full(customers, days * DAY),
        attributes=pa.table({"left": leave, "began": began * DAY}),
        window=(0, days * DAY),
    )
