"""The two sides of a comparison: journeys by an attribute, or by period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.ending import is_cut
from journeykit.journeys.shape import time_point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.journeys.shape import TimeLike

    Period = tuple[TimeLike, TimeLike]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One group.

    Attributes
    ----------
    label : str
    journeys : Journeys
    customer : array of int64, shape (n_journeys,)
        The customer's number among all that are compared: the same on both sides.
    """

    label: str
    journeys: Journeys
    customer: NDArray[np.int64]


def sides_by_attribute(
    journeys: Journeys, by: str, groups: Sequence[object] | None
) -> tuple[Side, Side]:
    """Take the journeys whose attribute has the first value, and those that have the second."""
    check_known("by", [by], journeys.attributes.column_names, what="attributes")
    column = journeys.attributes[by].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values = sorted(pc.unique(column.drop_null()).to_pylist())
    if groups is None:
        if len(values) != 2:
            raise ArgumentError(
                f"`groups` must name two values of {by!r}, which has {len(values):,}: "
                f"{', '.join(map(repr, values[:6]))}{', ...' if len(values) > 6 else ''}."
            )
        groups = values
    if isinstance(groups, str) or len(groups) != 2 or groups[0] == groups[1]:
        raise ArgumentError(f"`groups` must be two different values; got {groups!r}.")
    masks = []
    for value in groups:
        if value not in values:
            shown = ", ".join(map(repr, values[:12]))
            raise ArgumentError(
                f"`groups` must be values of {by!r}; got {value!r}. There are: {shown}."
            )
        equal = pc.equal(column, pa.scalar(value, column.type))
        masks.append(np.asarray(pc.fill_null(equal, False).to_numpy(zero_copy_only=False)))
    one, two = (
        Side(str(value), journeys.take(mask), journeys.customer_index[mask].astype(np.int64))
        for value, mask in zip(groups, masks, strict=True)
    )
    return one, two


def sides_by_period(journeys: Journeys, periods: Sequence[Period]) -> tuple[Side, Side]:
    """Take the journeys of two periods.

    Pieces of cut journeys belong to the period in which they begin; whole journeys are cut to each
    period, and so is the time in which the customer is watched.
    """
    time = journeys.need_time("A comparison of periods")
    spans = [tuple(time_point("periods", moment) for moment in period) for period in periods]
    wrong = len(spans) != 2 or any(len(span) != 2 or span[0] >= span[1] for span in spans)
    if wrong or spans[0][1] > spans[1][0]:
        raise ArgumentError(
            "`periods` must be two spans (begin, end), the first over before the second begins; "
            f"got {periods!r}."
        )
    sides = []
    for (low, high), period in zip(spans, periods, strict=True):
        if is_cut(journeys):
            begins = np.full(len(journeys), np.iinfo(np.int64).min)
            filled = journeys.length > 0
            begins[filled] = time[journeys.start[:-1][filled]]
            part = journeys.take((begins >= low) & (begins < high))
        else:
            part = journeys.between(low, high)
        number = pc.index_in(part.customer_id, value_set=journeys.customer_id)
        customer = number.to_numpy(zero_copy_only=False).astype(np.int64)[part.customer_index]
        label = " to ".join(str(moment) for moment in period)
        sides.append(Side(label, part, customer))
    return sides[0], sides[1]


def refuse_empty(sides: Sequence[Side]) -> None:
    """Refuse a comparison with a group of nobody."""
    for side in sides:
        if not side.journeys.n_events:
            raise DataError(f"There is no event in group {side.label!r}; nothing to compare.")
