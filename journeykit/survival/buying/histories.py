"""Purchase histories: how often, how lately and for how long each customer was seen to buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_known, check_positive
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.clocks import mask_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.journeys.shape import TimeLike

    Days = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class OrderDays:
    """Days on which customers ordered, each day of a customer once.

    Attributes
    ----------
    customer : array of int64, shape (n_days,)
        Row of the histories; never decreasing.
    day : array of int64, shape (n_days,)
        Days since 1970-01-01, rising within a customer.
    last_day : array of int64, shape (n_customers,)
        Last day on which each is watched, the holdout included.
    """

    customer: Days
    day: Days
    last_day: Days


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PurchaseHistories(Result):
    """One row a customer who bought.

    Columns: `customer_id`; `frequency`, days with a repeat purchase; `recency_days`, from the
    first purchase to the last, 0 without a repeat; `observed_days`, from the first purchase to
    the end of watching; `mean_value` of the repeat days, empty without one (where orders have a
    value); `holdout_frequency` and `holdout_days`, the same afterwards (where held out); `edge`,
    true where the first purchase seen may not have been the first.

    Attributes
    ----------
    order_days : OrderDays or None
        None where the histories come from a table of counts.
    left_out : mapping of reason to number of customers
    """

    order_days: OrderDays | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    rows: ClassVar[str] = "customers"

    def __post_init__(self) -> None:
        """Freeze the reasons."""
        object.__setattr__(self, "left_out", MappingProxyType(dict(self.left_out)))

    def summary(self) -> str:
        """Return how many bought, how many again, and who was left out."""
        frame = self.frame
        again = int((frame["frequency"] > 0).sum())
        parts = [
            f"{len(frame):,} customers bought, {again:,} of them again ({again / len(frame):.1%}), "
            f"{int(frame['frequency'].sum()):,} repeat purchases"
        ]
        if edge := int(frame["edge"].sum()):
            parts.append(f"{edge:,} may have bought before the window")
        parts += [f"{n:,} left out: {reason}" for reason, n in self.left_out.items()]
        return "; ".join(parts)


def purchase_histories(
    journeys: Journeys,
    /,
    *,
    orders: Sequence[str],
    value: str | None = None,
    holdout_from: TimeLike | None = None,
    washout_days: float | None = None,
    timezone: str = "UTC",
) -> PurchaseHistories:
    """Count the purchases of every customer since their first.

    Orders of one customer on one calendar day are one purchase, and their values are added up: a
    basket split in two is not loyalty. A customer's clock starts on the day of the first
    purchase; `observed_days` runs to the last day of watching, whole or not, and a purchase on
    that day counts: end the watching at midnight where part of a day matters. The first purchase
    itself is no repeat and its value is not in `mean_value`.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    orders : sequence of str
        Touchpoints that are purchases.
    value : str, optional
        Event column of what an order is worth.
    holdout_from : str, date, datetime or int, optional
        Purchases from then on are kept apart, to see whether a model foretells them; customers
        whose first purchase comes later are left out and counted.
    washout_days : float, optional
        Leave out customers whose first purchase comes within so many days after watching began at
        the window's own beginning: they may have bought before. By default they are kept, with
        `edge` true; both models take the first purchase seen for the first ever.
    timezone : str
        Cuts the days of journeys with clocks.

    Returns
    -------
    PurchaseHistories

    Raises
    ------
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.
    ArgumentError, MappingError
        When the journeys are cut finer than customers, or a name does not exist.
    DataError
        When nobody is left, or a value is missing or negative.
    """
    if washout_days is not None:
        check_positive("washout_days", washout_days)
    bought = _orders(journeys, orders, value, timezone)
    first = np.full(len(journeys), np.iinfo(np.int64).max)
    begins = np.diff(bought.customer, prepend=-1) != 0
    first[bought.customer[begins]] = bought.day[begins]
    assert journeys.observed_to is not None, "_orders checked it"
    last_day = _days(journeys.observed_to - 1, journeys.clock, timezone)
    cut = last_day
    if holdout_from is not None:
        cut = np.minimum(last_day, _cut(journeys, holdout_from, timezone) - 1)
    edge = _edge(journeys)
    out = {
        "without a purchase": first == np.iinfo(np.int64).max,
        "first purchase in the holdout": first > cut,
    }
    if washout_days is not None:
        soon = edge & (first - _first_day(journeys, timezone) < washout_days)
        out["may have bought before the window"] = soon
        edge = np.zeros_like(edge)
    keep, left_out = _kept(out)
    kept = np.flatnonzero(keep)
    row = np.cumsum(keep) - 1
    there = keep[bought.customer]
    days = OrderDays(row[bought.customer[there]], bought.day[there], last_day[kept])
    worth = None if bought.value is None else bought.value[there]
    ids = journeys.customer_id.take(pa.array(journeys.customer_index[kept])).to_pandas()
    frame = _counted(days, first[kept], cut[kept], worth, holdout=holdout_from is not None)
    frame.insert(0, "customer_id", ids.to_numpy())
    given = {
        "orders": tuple(orders),
        "value": value,
        "holdout_from": None if holdout_from is None else str(holdout_from),
        "washout_days": washout_days,
        "timezone": timezone,
    }
    return PurchaseHistories(
        frame=frame.assign(edge=edge[kept]),
        provenance=Provenance(journeys.fingerprint, given),
        order_days=days,
        left_out=left_out,
    )


def _kept(out: Mapping[str, NDArray[np.bool_]]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Return who stays, and how many are left out for each reason, everyone for their first."""
    left_out, gone = {}, np.zeros(len(next(iter(out.values()))), dtype=bool)
    for reason, mask in out.items():
        if n := int((mask & ~gone).sum()):
            left_out[reason] = n
        gone |= mask
    if gone.all():
        told = ", ".join(f"{n:,} {reason}" for reason, n in left_out.items())
        raise DataError(f"Nobody is left whose purchases can be counted: {told or 'no customers'}.")
    return ~gone, left_out


def _first_day(journeys: Journeys, timezone: str) -> int:
    """Return the day on which the window begins."""
    begin = 0 if journeys.window is None else journeys.window[0]
    return int(_days(np.array([begin]), journeys.clock, timezone)[0])


@dataclass(frozen=True, slots=True, eq=False)
class _Bought:
    """One row a day of a customer with an order; arrays of shape (n_days,)."""

    customer: Days
    day: Days
    value: NDArray[np.float64] | None


def _orders(journeys: Journeys, orders: Sequence[str], value: str | None, timezone: str) -> _Bought:
    time = journeys.need_time("`purchase_histories`")
    if len(journeys) != journeys.n_customers:
        raise ArgumentError(
            "`purchase_histories` counts whole customers, one journey each; got "
            f"{len(journeys):,} journeys of {journeys.n_customers:,} customers. Call it on the "
            "journeys before they were cut."
        )
    if journeys.observed_to is None:
        raise NotObservedError(
            "`purchase_histories` needs to know until when customers are watched; these journeys "
            "have no `observed_to`."
        )
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    # A purchase after the end of watching is not seen in full: others of that time are missing.
    mask = mask_of(journeys, "orders", tuple(orders)) & (time < journeys.observed_to[owner])
    customer, day = owner[mask], _days(time[mask], journeys.clock, timezone)
    begins = (np.diff(customer, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0)
    worth = None
    if value is not None:
        check_known("value", [value], list(journeys.columns), what="event columns")
        each = np.asarray(journeys.columns[value], dtype=np.float64)[mask]
        wrong = int((~(each >= 0)).sum())
        if wrong:
            raise DataError(
                f"Column {value!r} must hold a value of at least 0 for every order; {wrong:,} of "
                f"{len(each):,} are missing or negative. Leave returns out, or net them first."
            )
        worth = np.zeros(int(begins.sum()))
        np.add.at(worth, np.cumsum(begins) - 1, each)
    return _Bought(customer[begins], day[begins], worth)


def _counted(
    days: OrderDays,
    first: Days,
    cut: Days,
    worth: NDArray[np.float64] | None,
    *,
    holdout: bool,
) -> pd.DataFrame:
    n = len(first)
    repeat = (days.day > first[days.customer]) & (days.day <= cut[days.customer])
    x = np.bincount(days.customer[repeat], minlength=n)
    last = first.copy()
    np.maximum.at(last, days.customer[repeat], days.day[repeat])
    frame = pd.DataFrame(
        {
            "frequency": x,
            "recency_days": (last - first).astype(np.float64),
            "observed_days": (cut - first).astype(np.float64),
        }
    )
    if worth is not None:
        total = np.bincount(days.customer[repeat], worth[repeat], minlength=n)
        frame["mean_value"] = np.where(x > 0, total / np.maximum(x, 1), np.nan)
    if holdout:
        after = days.day > cut[days.customer]
        frame["holdout_frequency"] = np.bincount(days.customer[after], minlength=n)
        frame["holdout_days"] = (days.last_day - cut).astype(np.float64)
    return frame


def _days(time: Days, clock: str, timezone: str) -> Days:
    """Return days since 1970-01-01 on the calendar of a time zone; a day clock has none."""
    if clock == "day" or timezone == "UTC":
        return np.floor_divide(time, DAY)
    moments = pa.array(time).cast(pa.timestamp("us", ZoneInfo(timezone).key))
    local = pc.local_timestamp(moments).cast(pa.int64()).to_numpy()
    return np.asarray(np.floor_divide(local, DAY))


def _cut(journeys: Journeys, when: TimeLike, timezone: str) -> int:
    """Return the first day of the holdout."""
    from journeykit.journeys.shape import time_point

    zone = ZoneInfo("UTC" if journeys.clock == "day" else timezone)
    moment = np.array([time_point("holdout_from", when, zone=zone)])
    return int(_days(moment, journeys.clock, timezone)[0])


def _edge(journeys: Journeys) -> NDArray[np.bool_]:
    if journeys.window is None:
        return np.zeros(len(journeys), dtype=bool)
    if journeys.observed_from is None:
        return np.ones(len(journeys), dtype=bool)
    return np.asarray(journeys.observed_from <= journeys.window[0])
