"""Shares of touches by group, with intervals that know customers; and who was watched how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.maps.kernels import group_sums
from journeykit.stats import ClusterSums, clustered_wilson_interval
from journeykit.stats.disclosure import emptied, small

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


class Rates(NamedTuple):
    """Shares of observations with an event by group; arrays of shape (n_groups,).

    `n` observations of `n_customers`, `n_event` of them with the event; `estimate` is missing where
    there is no observation.
    """

    n: NDArray[np.int64]
    n_customers: NDArray[np.int64]
    n_event: NDArray[np.int64]
    estimate: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]


def rates(
    group: NDArray[np.integer],
    event: NDArray[np.bool_],
    customer: NDArray[np.integer],
    /,
    *,
    n_groups: int,
    confidence: float,
) -> Rates:
    """Estimate the share of observations with an event in every group.

    The interval is Wilson's at the cluster-effective n (`stats.clustered_wilson_interval`): the
    customer is the unit. Customers never decrease; observations of group -1 are left out.
    """
    x, m, xx, xm, mm, who, having, only = group_sums(
        group.astype(np.int64, copy=False), event, customer, n_groups
    ).T
    sums = ClusterSums(x, m, xx, xm, mm, who, np.minimum(having, who - only))
    low, high = clustered_wilson_interval(sums, confidence=confidence)
    share = np.divide(x, m, out=np.full(n_groups, np.nan), where=m > 0)
    return Rates(m, who, x, share, low, high)


class Watched(NamedTuple):
    """Who made each event, and how long their journey was watched before and after it.

    Arrays of shape (n_events,), times in microseconds.
    """

    customer: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


def watched(journeys: Journeys, what: str, /) -> Watched:
    """Tell how long each event's customer is watched before and after it.

    Watching is half-open, so an event exactly d before its end is not watched for d. Where nothing
    says when it begins and ends it is the window, and without one the customer's first and last
    event.
    """
    time = journeys.need_time(what)
    customer = np.repeat(np.arange(len(journeys)), journeys.length)
    begin, end = journeys.observed_from, journeys.observed_to
    first, last = journeys.start[:-1], journeys.start[1:]
    if journeys.window is not None:
        begin = np.full(len(journeys), journeys.window[0]) if begin is None else begin
        end = np.full(len(journeys), journeys.window[1]) if end is None else end
    since = time[np.repeat(first, journeys.length)] if begin is None else begin[customer]
    until = time[np.repeat(last, journeys.length) - 1] if end is None else end[customer]
    return Watched(customer, time - since, until - time)


def without_small(
    frame: pd.DataFrame, /, *, hide: Sequence[str], small_cell: int, n: str = "n_customers"
) -> pd.DataFrame:
    """Empty the numbers of rows that fewer than `small_cell` customers stand behind."""
    few = small(frame[n].to_numpy(), small_cell)
    return emptied(frame, dict.fromkeys([n, *hide], few))
