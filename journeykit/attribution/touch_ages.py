"""Conversions one by one, with how long before it each touch was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse

from journeykit.attribution.touch_paths import Customers, TouchPaths
from journeykit.counts.paths import path_stops
from journeykit.errors import NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.ending import has_attribute
from journeykit.journeys.fingerprint import hash_customers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.counts import PathCounts


class Conversions(NamedTuple):
    """Converting journeys, a row each, in an order that the data cannot change.

    `age` is the time from each touch to the conversion in microseconds, None without clocks.
    """

    paths: TouchPaths
    age: NDArray[np.int64] | None


def conversions_of(data: Journeys | PathCounts, paths: TouchPaths, *, timed: bool) -> Conversions:
    """Take the conversions one by one, over the channels of `paths`, which `data` made.

    Raises
    ------
    NotObservedError
        When `data` holds counts, or times are wanted and it has none.
    """
    if not isinstance(data, Journeys):
        wanted = "the time of each touch" if timed else "the value of each conversion"
        raise NotObservedError(
            f"This needs {wanted}, and path counts hold neither times nor single values: give "
            "journeys from `journeys.outcomes`, or use 'touch_decay' and shares of conversions."
        )
    one_by_one, stop, event = _one_by_one(data, paths)
    if not timed:
        return Conversions(one_by_one, None)
    time = data.need_time("Decay by the clock")
    return Conversions(one_by_one, np.repeat(time[stop], one_by_one.length) - time[event])


def with_single_values(data: Journeys | PathCounts, paths: TouchPaths) -> TouchPaths:
    """Give every conversion a row of its own after the rows that do not convert.

    Raises
    ------
    NotObservedError
        When `data` holds counts.
    """
    if not isinstance(data, Journeys) or paths.customers is None:
        raise NotObservedError(
            "This needs the value of each conversion, and path counts hold no single values: give "
            "journeys from `journeys.outcomes`, or ask for shares of conversions."
        )
    lost = np.flatnonzero(~paths.converted)
    won = _one_by_one(data, paths)[0]
    assert won.customers is not None
    touch = [paths.touch[~np.repeat(paths.converted, paths.length)], won.touch]
    length = np.concatenate([paths.length[lost], won.length])
    return replace(
        won,
        touch=np.concatenate(touch),
        start=np.concatenate([[0], np.cumsum(length)]),
        converted=np.arange(len(length)) >= len(lost),
        edge=np.concatenate([paths.edge[lost], won.edge]),
        n=np.concatenate([paths.n[lost], won.n]),
        value=np.concatenate([paths.value[lost], won.value]),
        customers=Customers(
            sparse.vstack([paths.customers.journeys[lost], won.customers.journeys], format="csr"),
            paths.customers.hashed,
        ),
    )


def _one_by_one(
    data: Journeys, paths: TouchPaths
) -> tuple[TouchPaths, NDArray[np.int64], NDArray[np.int64]]:
    """Give every conversion a row, with the event it is, and the events of all touches."""
    converted = np.flatnonzero(has_attribute(data, "outcome", "converted"))
    hashed = hash_customers(data.customer_id)
    order = np.argsort(hashed[data.customer_index[converted]], kind="stable")
    journey = converted[order]
    begin, stop = data.start[journey], path_stops(data)[journey]
    start = np.concatenate([[0], np.cumsum(stop - begin)])
    event = np.repeat(begin - start[:-1], stop - begin) + np.arange(start[-1])
    # `paths` holds the names that occur as a touch, in their order.
    code = {name: at for at, name in enumerate(paths.channels)}
    channel = np.array([code.get(name, -1) for name in data.names], dtype=np.int64)
    n = len(journey)
    rows = replace(
        paths,
        touch=channel[data.touchpoint[event]],
        start=start,
        converted=np.ones(n, dtype=bool),
        edge=data.attributes["edge"].to_numpy()[journey],
        n=np.ones(n, dtype=np.int64),
        value=data.attributes["outcome_value"].to_numpy()[journey].astype(np.float64),
        customers=Customers(
            sparse.csr_array(
                (np.ones(n), (np.arange(n), data.customer_index[journey])),
                shape=(n, data.n_customers),
            ),
            hashed,
        ),
    )
    return rows, stop, event
