"""What models say of single customers: how likely they stay, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError
from journeykit.results import Result
from journeykit.survival.lives import Lifetimes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Customers scored at once.
CHUNK = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PredictedSurvival(Result):
    """``customer_id time_days estimate conf_low conf_high``, a row a customer and day.

    `estimate` is the predicted probability of staying beyond that day; everything is empty for
    days after the last one that the model has seen. The interval is of the probability itself: what
    happens to one customer is as uncertain as the probability says.
    """

    rows: ClassVar[str] = "predictions"

    @property
    def table(self) -> pd.DataFrame:
        """Predicted probabilities, a row a customer and a column a day."""
        frame = self.frame
        days = frame["time_days"].unique()
        n = len(frame) // max(len(days), 1)
        return pd.DataFrame(
            frame["estimate"].to_numpy().reshape(n, len(days)),
            index=pd.Index(frame["customer_id"].iloc[:: max(len(days), 1)], name="customer_id"),
            columns=pd.Index(days, name="time_days"),
        )

    def summary(self) -> str:
        """Return the mean probability at the last day that the model has seen."""
        table = self.table.dropna(axis=1, how="all")
        if table.empty:
            return "no day asked for is one that the model has seen"
        day = table.columns[-1]
        return (
            f"{len(table):,} customers; {table[day].mean():.1%} expected to stay past day {day:g}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PredictedDays(Result):
    """``customer_id share estimate conf_low conf_high reached``, a row a customer.

    `estimate` is the day by which the customer has left with probability `share`; empty, and
    `reached` false, where that is after the last day that the model has seen. An empty bound lies
    after that day too.
    """

    rows: ClassVar[str] = "customers"

    def summary(self) -> str:
        """Return for how many the day is within the data."""
        reached = self.frame["reached"]
        return (
            f"{int(reached.sum()):,} of {len(reached):,} customers are expected to reach their day "
            f"within the data"
        )


def customers_of(customers: Lifetimes | pd.DataFrame) -> pd.DataFrame:
    """Return a row a customer with the `customer_id`; of lifetimes the first interval of each."""
    if isinstance(customers, Lifetimes):
        frame = customers.frame
        order = np.argsort(frame["entry_days"].to_numpy(), kind="stable")
        first = frame.iloc[order].drop_duplicates("customer_id").index
        return frame.loc[frame.index.isin(first)]
    if "customer_id" in customers.columns:
        return customers
    return customers.assign(customer_id=customers.index)


def check_days(at_days: float | Sequence[float]) -> NDArray[np.float64]:
    """Return days in order, each at least 0 and named once."""
    days = np.atleast_1d(np.asarray(at_days, dtype=np.float64))
    if days.ndim != 1 or not len(days) or not np.isfinite(days).all() or (days < 0).any():
        raise ArgumentError(f"`at_days` must be one or more days of at least 0; got {at_days!r}.")
    if len(np.unique(days)) < len(days):
        raise ArgumentError(f"`at_days` must name each day once; got {at_days!r}.")
    return days
