"""Who reached the outcome, among those watched long enough to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_known, check_positive
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_cut
from journeykit.journeys.shape import codes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


class Reached(NamedTuple):
    """Arrays of bool, shape (n_customers,): whether it is known, and whether it happened."""

    known: NDArray[np.bool_]
    event: NDArray[np.bool_]


def reached(
    journeys: Journeys,
    outcome: Sequence[str] | Mapping[str, object],
    horizon_days: float | None,
) -> Reached:
    """Tell of every customer whether the outcome is known and happened; see `segments`."""
    refuse_cut(journeys, "`segments`")
    if len(journeys) != journeys.n_customers:
        raise DataError(
            f"Every customer must have one journey; got {len(journeys):,} of "
            f"{journeys.n_customers:,} customers."
        )
    if isinstance(outcome, Mapping):
        if horizon_days is not None:
            raise ArgumentError("`horizon_days` is for outcomes that are touchpoints; omit it.")
        return _of_attribute(journeys, outcome)
    hit = codes_of(journeys, "outcome", outcome)[journeys.touchpoint]
    if journeys.time is None:
        if horizon_days is not None:
            raise ArgumentError("`horizon_days` needs times; these journeys have none. Omit it.")
        return Reached(np.ones(len(journeys), dtype=bool), _any(hit, journeys.start))
    if horizon_days is None:
        raise ArgumentError(
            "`horizon_days` must say within how many days of watching the outcome counts: "
            "customers are not watched equally long."
        )
    check_positive("horizon_days", horizon_days)
    horizon = round(horizon_days * DAY)
    begin, end = journeys.observed_from, journeys.observed_to
    if begin is None or end is None:
        raise DataError("It must be known from when to when each customer was watched.")
    hit &= journeys.time - np.repeat(begin, journeys.length) <= horizon
    return Reached(end - begin > horizon, _any(hit, journeys.start))


def _of_attribute(journeys: Journeys, outcome: Mapping[str, object]) -> Reached:
    known_names = journeys.attributes.column_names
    if len(outcome) != 1:
        raise ArgumentError(f"`outcome` must name one attribute; got {dict(outcome)!r}.")
    ((name, value),) = outcome.items()
    check_known("outcome", [name], known_names, what="attributes")
    column = journeys.attributes[name].combine_chunks()
    try:
        wanted = pa.scalar(value).cast(column.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        raise ArgumentError(
            f"`outcome` compares attribute {name!r}, which holds {column.type}, with {value!r}."
        ) from None
    known = column.is_valid().to_numpy(zero_copy_only=False)
    event = pc.fill_null(pc.equal(column, wanted), False).to_numpy(zero_copy_only=False)
    return Reached(known, event)


def _any(hit: NDArray[np.bool_], start: NDArray[np.int64]) -> NDArray[np.bool_]:
    hits = np.concatenate([[0], np.cumsum(hit)])[start]
    return np.diff(hits) > 0
