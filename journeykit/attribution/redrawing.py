"""Bootstrap samples of customers as journeys of their own, for models that take no weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.attribution.drawing import drawers_of, rows_of
from journeykit.counts import PathCounts
from journeykit.errors import ArgumentError
from journeykit.events.ledger import Ledger
from journeykit.journeys import Journeys
from journeykit.journeys.fingerprint import MODULUS, hash_customers
from journeykit.journeys.shape import pick, rows
from journeykit.stats import poisson_weights
from journeykit.stats.hashing import mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 1 << 63


def redrawer(
    data: Journeys | PathCounts, *, seed: int
) -> Callable[[int], Journeys] | Callable[[int], PathCounts]:
    """Return what draws a bootstrap sample by its number.

    A customer comes in Poisson(1) times, by a hash of the id, with all journeys: the weights of
    `TouchPaths.resample`, so a model's own bootstrap and this one draw the same samples. Customers
    stand in the order of their hashes, so neither order nor partition of the data matters. Of path
    counts every row is drawn Poisson(n), split by conversion; the value of a path grows with its
    conversions.
    """
    if isinstance(data, PathCounts):
        return lambda replicate: _redrawn_counts(data, replicate, seed)
    if isinstance(data, Journeys):
        hashed = hash_customers(data.customer_id)
        order = np.argsort(hashed, kind="stable")
        edges = np.searchsorted(data.customer_index, np.arange(data.n_customers + 1))
        where = _Where(order, edges[:-1][order], edges[1:][order])
        hashed = hashed[order]
        return lambda replicate: _repeated(
            data,
            where,
            poisson_weights(hashed, replicate=replicate, seed=seed),
            fingerprint=_number(data.fingerprint_number, replicate, seed),
        )
    raise ArgumentError(f"`data` must be journeys or path counts; got {type(data).__name__}.")


class _Where(NamedTuple):
    """Customers and their journeys, from `begin` to before `stop`; arrays of one length."""

    customer: NDArray[np.int64]
    begin: NDArray[np.int64]
    stop: NDArray[np.int64]


def _repeated(
    journeys: Journeys, where: _Where, times: NDArray[np.int64], *, fingerprint: int
) -> Journeys:
    """Return the journeys of each customer so many `times`, every copy a customer of its own."""
    chosen = np.repeat(np.arange(len(times)), times)
    copy = np.arange(len(chosen)) - np.repeat(np.cumsum(times) - times, times)
    begin, stop = where.begin[chosen], where.stop[chosen]
    journey = _ranges(begin, stop)
    event = _ranges(journeys.start[begin], journeys.start[stop])
    who = np.repeat(np.arange(len(chosen)), stop - begin)
    ids = journeys.customer_id.take(pa.array(where.customer[chosen]))
    return journeys.replace(
        touchpoint=journeys.touchpoint[event],
        start=np.concatenate([[0], np.cumsum(journeys.length[journey])]),
        time=None if journeys.time is None else journeys.time[event],
        customer_index=who.astype(journeys.customer_index.dtype),
        customer_id=renamed(ids, copy),
        observed_from=pick(journeys.observed_from, journey),
        observed_to=pick(journeys.observed_to, journey),
        attributes=rows(journeys.attributes, journey),
        columns={name: column[event] for name, column in journeys.columns.items()},
        ledger=Ledger((), len(chosen), len(event)),
    ).with_fingerprint(fingerprint)


def renamed(ids: pa.Array, copy: NDArray[np.int64]) -> pa.Array:
    """Give every copy of an id one of its own; copy 0 keeps it.

    Whole numbers get digits in front, copy 2 of 17 of up to 999 is 2017; texts a mark that no id
    holds and the number of the copy.
    """
    most = int(copy.max(initial=0))
    if pa.types.is_integer(ids.type) and len(ids):
        number = ids.to_numpy(zero_copy_only=False)
        span = 10 ** len(str(int(number.max())))
        if number.min() >= 0 and span * (most + 1) < _LARGEST:
            return pa.array(number.astype(np.int64) + span * copy)
    text, mark = ids.cast(pa.string()), " #"
    while pc.any(pc.match_substring(text, mark)).as_py():
        mark += "#"
    marks = pa.array(["", *(f"{mark}{k}" for k in range(1, most + 1))])
    return pc.binary_join_element_wise(text, marks.take(pa.array(copy)), "")


def _redrawn_counts(counts: PathCounts, replicate: int, seed: int) -> PathCounts:
    """Draw the journeys of each path, with and without a conversion, and those still open."""
    random = np.random.default_rng([seed, replicate])
    kinds = np.stack([counts.nulls, counts.conversions], axis=1)
    drawn = np.zeros_like(kinds)
    # As `TouchPaths.resample` draws: the rows that occur, in their order.
    occurring = drawers_of(kinds[kinds > 0], None)
    drawn[kinds > 0] = rows_of(occurring, [replicate], seed=seed)[:, 0]
    still_open = random.poisson(counts.n[:, 2])
    part = np.divide(drawn[:, 1], kinds[:, 1], out=np.zeros(len(counts)), where=kinds[:, 1] > 0)
    n = np.stack([drawn.sum(axis=1) + still_open, drawn[:, 1], still_open], axis=1)
    some = np.flatnonzero(n[:, 0])
    begin, stop = counts.start[some], counts.start[some + 1]
    return replace(
        counts,
        touchpoint=counts.touchpoint[_ranges(begin, stop)],
        start=np.concatenate([[0], np.cumsum(stop - begin)]),
        n=n[some],
        value=(counts.value * part)[some],
        key=counts.key[some],
        fingerprint=_number(counts.fingerprint, replicate, seed),
    )


def _number(fingerprint: int, replicate: int, seed: int) -> int:
    """Tell samples apart by number: hashing their content would take longer than most models."""
    drawn = mix(mix(np.array([seed]), seed=1) ^ mix(np.array([replicate])))[0]
    return (fingerprint + int(drawn)) % MODULUS


def _ranges(begin: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join the whole numbers from each `begin` to before its `stop`."""
    length = stop - begin
    end = np.cumsum(length)
    return np.repeat(begin - (end - length), length) + np.arange(length.sum())
