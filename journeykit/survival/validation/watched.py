"""Customers as a judge of predictions sees them: one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError, DataError
from journeykit.survival.rows import spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes


class Watched(NamedTuple):
    """One row a customer in order of first appearance, arrays of shape (n,).

    Attributes
    ----------
    customer_id : Index
    entry, exit : arrays of int64
        Microseconds; entry is -1 for who is under risk from the very beginning.
    event : array of bool
    """

    customer_id: pd.Index
    entry: NDArray[np.int64]
    exit: NDArray[np.int64]
    event: NDArray[np.bool_]


def watched(lifetimes: Lifetimes, /) -> Watched:
    """Join the intervals of each customer.

    Raises
    ------
    DataError
        When a customer's intervals leave a gap: a prediction is about one unbroken time.
    """
    lives = spans(lifetimes)
    names = pd.Index(pd.factorize(lifetimes.frame["customer_id"])[1], name="customer_id")
    if len(names) == len(lives.exit):
        return Watched(names, lives.entry, lives.exit, lives.event)
    order = np.lexsort((lives.exit, lives.entry, lives.customer))
    customer, entry, exits = lives.customer[order], lives.entry[order], lives.exit[order]
    same = customer[1:] == customer[:-1]
    gaps = same & (entry[1:] != exits[:-1])
    if gaps.any():
        raise DataError(
            f"Intervals of a customer must follow one another to be judged as one; "
            f"{int(gaps.sum()):,} of {len(entry):,} rows leave a gap before them, such as of "
            f"{names[customer[1:][gaps]].tolist()[0]!r}. Keep one unbroken time of each customer."
        )
    begins, ends = np.append(True, ~same), np.append(~same, True)
    left = np.bincount(lives.customer, lives.event, len(names)) > 0
    return Watched(names, entry[begins], exits[ends], left)


def aligned(
    values: pd.Series | pd.DataFrame | NDArray[np.float64], people: Watched, name: str, /
) -> NDArray[np.float64]:
    """Return numbers in the order of the customers, shape (n,) or (n, k).

    A Series or DataFrame is read by its index of customers, an array by position.

    Raises
    ------
    ArgumentError
        When customers are missing or repeated, or the number of rows is another.
    """
    if isinstance(values, pd.Series | pd.DataFrame):
        if not values.index.is_unique:
            raise ArgumentError(f"The index of `{name}` must name each customer once.")
        missing = ~people.customer_id.isin(values.index)
        if missing.any():
            raise ArgumentError(
                f"`{name}` must have every customer in its index; of {len(missing):,} there are "
                f"{int(missing.sum()):,} missing, such as "
                f"{people.customer_id[missing].tolist()[0]!r}."
            )
        values = values.loc[people.customer_id].to_numpy(dtype=np.float64)
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0 or len(array) != len(people.exit):
        raise ArgumentError(
            f"`{name}` must have a row for each of the {len(people.exit):,} customers, in the "
            f"order in which they first appear; got the shape {array.shape}."
        )
    return array
