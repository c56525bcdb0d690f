"""What a table of customers adds to journeys: attributes, and since when each is watched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_known
from journeykit.errors import DataError
from journeykit.journeys.ending import CUT_ATTRIBUTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys.journeys import Journeys

#: Columns of a customers table that are not attributes.
CUSTOMER_COLUMNS = ("customer", "observed_from", "observed_to")


def refuse_reserved(attributes: Sequence[str]) -> None:
    """Refuse attributes of the names that cutting adds."""
    for name in attributes:
        if name in CUT_ATTRIBUTES:
            raise DataError(
                f"Attribute {name!r} has the name of one that `sessions`, `cases` or `outcomes` "
                "add; rename it."
            )


def join_customers(built: Journeys, customers: pa.Table, *, time_zone: str = "UTC") -> Journeys:
    """Add attributes and watching spans from a table with one row a customer.

    Customers without a row get empty attributes and the window's span; rows without a customer
    are of no use here and are not an error. A span says when silence can be told from absence:
    events outside it stay, such as the registration before the watching began. Spans without a
    zone are in `time_zone`.
    """
    check_known("customers", ["customer"], customers.column_names, what="columns")
    refuse_reserved(customers.column_names)
    key, ids = customers["customer"].combine_chunks(), built.customer_id
    if key.type != ids.type:
        try:
            key = key.cast(ids.type)
        except pa.ArrowInvalid:
            key, ids = key.cast(pa.string()), ids.cast(pa.string())
            built = built.replace(customer_id=ids)
    if pc.count_distinct(key).as_py() < len(key):
        twice = len(key) - pc.count_distinct(key).as_py()
        raise DataError(
            f"The customers table has {twice:,} rows too many: a customer must stand in it once."
        )
    at = pc.index_in(ids, value_set=key)
    table = customers.drop_columns(
        [name for name in CUSTOMER_COLUMNS if name in customers.column_names]
    ).take(at)
    spans = {
        name: _span(customers, name, at, fallback, "UTC" if built.clock == "day" else time_zone)
        for name, fallback in (
            ("observed_from", built.observed_from),
            ("observed_to", built.observed_to),
        )
        if name in customers.column_names and fallback is not None
    }
    attributes = built.attributes
    for name in table.column_names:
        if name in attributes.column_names:
            raise DataError(f"Attribute {name!r} stands in the events and in the customers table.")
        column = table[name].combine_chunks()
        attributes = (
            attributes.append_column(name, column)
            if attributes.num_columns
            else pa.table({name: column})
        )
    joined = built.replace(attributes=attributes, **spans)
    if spans:
        _refuse_empty_spans(joined)
    return joined


def _refuse_empty_spans(journeys: Journeys) -> None:
    begin, end = journeys.observed_from, journeys.observed_to
    assert begin is not None
    assert end is not None
    wrong = int((begin >= end).sum())
    if wrong:
        raise DataError(
            f"`observed_from` is not before `observed_to` for {wrong:,} of {len(begin):,} "
            "customers, after both are cut to the window."
        )


def _span(
    customers: pa.Table, name: str, at: pa.Array, fallback: NDArray[np.int64], zone: str
) -> NDArray[np.int64]:
    """Take a watching span in microseconds, cut to the window, which also fills the gaps."""
    column = customers[name].combine_chunks()
    if not pa.types.is_integer(column.type):
        column = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)))
        if column.type.tz is None:
            column = pc.assume_timezone(column, zone, ambiguous="earliest", nonexistent="earliest")
        column = column.cast(pa.int64())
    taken = column.take(at)
    given = taken.is_valid().to_numpy(zero_copy_only=False)
    numbers = taken.fill_null(0).to_numpy(zero_copy_only=False)
    inner = np.maximum if name == "observed_from" else np.minimum
    return np.where(given, inner(numbers, fallback), fallback)
