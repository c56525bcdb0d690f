"""What becomes of journeys, as far as it is known of all that were watched as long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import begins_unseen, has_attribute, is_open
from journeykit.stats import ClusterSums, clustered_wilson_interval
from journeykit.stats.horizons import common_horizon

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


@dataclass(frozen=True, slots=True, eq=False)
class Fates:
    """Which journeys converted, among those of which it is known whatever they did.

    Attributes
    ----------
    known, converted : arrays of bool, shape (n_journeys,)
        Nobody has converted who is not known.
    customer : array of int64, shape (n_journeys,)
    horizon_days : float
        Conversions count up to then from the beginning; missing where all journeys have ended.
    """

    known: NDArray[np.bool_]
    converted: NDArray[np.bool_]
    customer: NDArray[np.int64]
    horizon_days: float


def fates(journeys: Journeys, /, *, only_finished: bool) -> Fates:
    """Tell which journeys convert within a horizon, among those watched for longer.

    Journeys that may have begun unseen are left out: those that take long are met more often.

    Parameters
    ----------
    journeys : Journeys
        Cut by `outcomes`.
    only_finished : bool
        Customers are looked at because a journey of theirs has ended; then nothing is known as
        long as others are open.
    """
    known = (journeys.length > 0) & ~begins_unseen(journeys)
    converted = has_attribute(journeys, "outcome", "converted") & known
    customer = journeys.customer_index.astype(np.int64)
    if not (is_open(journeys) & known).any():
        return Fates(known, converted, customer, np.nan)
    nobody = np.zeros(len(journeys), dtype=bool)
    if only_finished or journeys.time is None or journeys.observed_to is None:
        return Fates(nobody, nobody, customer, np.nan)
    first = np.where(known, journeys.start[:-1], 0)
    took = journeys.time[journeys.start[1:] - 1] - journeys.time[first]
    watched = journeys.observed_to - journeys.time[first]
    horizon = common_horizon(took[converted], watched[known])
    if horizon < 0:
        return Fates(nobody, nobody, customer, np.nan)
    known &= watched > horizon
    return Fates(known, converted & known & (took <= horizon), customer, horizon / DAY)


def shares_of_fates(
    found: Fates, group: NDArray[np.int64], groups: int, /, *, confidence: float
) -> pd.DataFrame:
    """Return the share that converted, a row a group; `group` is -1 where a journey has none."""
    size = int(found.customer.max(initial=-1)) + 1
    rows = []
    for number in range(groups):
        here = group == number
        n = np.bincount(found.customer[found.known & here], minlength=size)
        events = np.bincount(found.customer[found.converted & here], minlength=size)
        sums = ClusterSums.of_clusters(events[n > 0], n[n > 0])
        with np.errstate(invalid="ignore"):
            share = np.asarray(sums.n_event, dtype=float) / np.asarray(sums.n, dtype=float)
        low, high = clustered_wilson_interval(sums, confidence=confidence)
        rows.append((int(events.sum()), int(n.sum()), share, low, high, found.horizon_days))
    columns = [
        "n_event", "n_known", "outcome_share", "outcome_low", "outcome_high", "outcome_days",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], float))
