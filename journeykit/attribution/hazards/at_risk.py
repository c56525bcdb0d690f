"""Who is at risk of a first conversion, from when to when, and what touched them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.journeys.fingerprint import hash_customers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: No conversion: later than all times.
NEVER = np.iinfo(np.int64).max


class LeftOut(NamedTuple):
    """What takes no part.

    Attributes
    ----------
    before, unwatched : int
        Customers who converted before, or at, their entry; customers watched for no time.
    repeated : int
        Conversions of customers who had converted before.
    """

    before: int
    unwatched: int
    repeated: int


class AtRisk(NamedTuple):
    """Customers from entry to the first conversion or the end of their watching; unit: days.

    Attributes
    ----------
    channels : tuple of str, length m
    time, code, owner : arrays, shape (n_touches,)
        Touches before the end of the time at risk, those before entry included, by customer and
        time; the channel, and the customer.
    start : array of int64, shape (n + 1,)
        Customer *i* owns the touches ``start[i]:start[i + 1]``.
    begin, stop, value : arrays of float64, shape (n,)
        At risk in (begin, stop]; the value of the conversion, 0 where there is none.
    converts : array of bool, shape (n,)
    hashed : array of uint64, shape (n,)
        Hashes of the customers' ids: what picks customers whatever their order.
    order : array of int64, when : array of float64
        Entries, ends, conversions and touches at risk in order of time, as `kernels` numbers them.
    left_out : LeftOut
    """

    channels: tuple[str, ...]
    time: NDArray[np.float64]
    code: NDArray[np.int64]
    owner: NDArray[np.int64]
    start: NDArray[np.int64]
    begin: NDArray[np.float64]
    stop: NDArray[np.float64]
    value: NDArray[np.float64]
    converts: NDArray[np.bool_]
    hashed: NDArray[np.uint64]
    order: NDArray[np.int64]
    when: NDArray[np.float64]
    left_out: LeftOut

    @property
    def touched(self) -> NDArray[np.bool_]:
        """Whether a customer met a channel before the end of its time at risk, shape (n, m)."""
        met = np.zeros((len(self.begin), len(self.channels)), dtype=np.bool_)
        met[self.owner, self.code] = True
        return met


def at_risk(journeys: Journeys, conversion: Sequence[str], value: str | None) -> AtRisk:
    """Cut every customer at the first conversion."""
    time, begin, end = _watched(journeys)
    bought = _bought(journeys, conversion)
    buys = bought[journeys.touchpoint]
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    first = np.full(len(journeys), NEVER)
    np.minimum.at(first, owner[buys], time[buys])
    kept = (first > begin) & (end > begin)
    stop, converts = np.minimum(first, end), kept & (first < end)
    if not converts.any():
        raise DataError("No customer converts while watched; there is nothing to attribute.")
    repeated = buys & kept[owner] & (time > first[owner]) & (time < end[owner])
    touch = np.flatnonzero(~buys & kept[owner] & (time < stop[owner]))
    origin = min(begin[kept].min(), time[touch].min(initial=NEVER))
    left_out = LeftOut(
        before=int((first <= begin).sum()),
        unwatched=int(((end <= begin) & (first > begin)).sum()),
        repeated=int(repeated.sum()),
    )
    none, never = np.zeros(0, dtype=np.int64), np.zeros(0)
    alone = AtRisk(
        (), never, none, none, none,
        begin=(begin[kept] - origin) / DAY,
        stop=(stop[kept] - origin) / DAY,
        value=_values(journeys, value, np.flatnonzero(buys), owner, first, converts)[kept],
        converts=converts[kept],
        hashed=hash_customers(journeys.customer_id)[journeys.customer_index[kept]],
        order=none,
        when=never,
        left_out=left_out,
    )  # fmt: skip
    return with_touches(
        alone,
        tuple(name for name, buy in zip(journeys.names, bought, strict=True) if not buy),
        (time[touch] - origin) / DAY,
        (np.cumsum(kept) - 1)[owner[touch]],
        (np.cumsum(~bought) - 1)[journeys.touchpoint[touch]],
    )


def _bought(journeys: Journeys, conversion: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which touchpoints are conversions; the others are channels."""
    if isinstance(conversion, str) or not conversion:
        raise ArgumentError(
            f"`conversion` must be a list of at least one touchpoint; got {conversion!r}."
        )
    check_known("conversion", conversion, journeys.names, what="touchpoints")
    bought = np.isin(journeys.names, list(conversion))
    if bought.all():
        raise ArgumentError("`conversion` names all touchpoints; no channel is left to credit.")
    return bought


def _watched(
    journeys: Journeys,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return times and spans of watching of journeys that are not cut."""
    time = journeys.need_time("Hazard attribution")
    begin, end = journeys.observed_from, journeys.observed_to
    if begin is None or end is None:
        raise NotObservedError(
            "Hazard attribution needs `observed_from` and `observed_to` of each customer; these "
            "journeys have none."
        )
    if len(journeys) != journeys.n_customers:
        raise ArgumentError(
            f"Hazard attribution needs one journey a customer; got {len(journeys):,} journeys of "
            f"{journeys.n_customers:,} customers. Pass the journeys before they are cut."
        )
    return time, begin, end


def _values(
    journeys: Journeys,
    value: str | None,
    buys: NDArray[np.int64],
    owner: NDArray[np.int64],
    first: NDArray[np.int64],
    converts: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return what each customer's first conversion is worth; of several at once, their sum."""
    worth = np.zeros(len(journeys))
    if value is None:
        return worth
    check_known("value", [value], list(journeys.columns), what="event columns")
    assert journeys.time is not None
    at = buys[(journeys.time[buys] == first[owner[buys]]) & converts[owner[buys]]]
    amount = journeys.columns[value][at].astype(np.float64)
    if unknown := int(np.isnan(amount).sum()):
        raise DataError(
            f"Column {value!r} is empty at {unknown:,} conversions; give them a value, or leave "
            "`value` out and credit conversions alone."
        )
    np.add.at(worth, owner[at], amount)
    return worth


def with_touches(
    risk: AtRisk,
    channels: tuple[str, ...],
    time: NDArray[np.float64],
    owner: NDArray[np.int64],
    code: NDArray[np.int64],
) -> AtRisk:
    """Return the same customers with other touches, sorted by customer and time."""
    order, when = _in_order(risk.begin, risk.stop, risk.converts, time, owner)
    return risk._replace(
        channels=channels,
        time=time,
        owner=owner,
        code=code,
        start=np.searchsorted(owner, np.arange(len(risk.begin) + 1)),
        order=order,
        when=when,
    )


def of_customers(risk: AtRisk, kept: NDArray[np.bool_]) -> AtRisk:
    """Return some of the customers at risk, with their touches."""
    alone = risk._replace(
        begin=risk.begin[kept],
        stop=risk.stop[kept],
        value=risk.value[kept],
        converts=risk.converts[kept],
        hashed=risk.hashed[kept],
    )
    theirs = kept[risk.owner]
    owner = (np.cumsum(kept) - 1)[risk.owner[theirs]]
    return with_touches(alone, risk.channels, risk.time[theirs], owner, risk.code[theirs])


def _in_order(
    begin: NDArray[np.float64],
    stop: NDArray[np.float64],
    converts: NDArray[np.bool_],
    time: NDArray[np.float64],
    owner: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sort by time; at one instant conversions, ends, entries and touches, in this order."""
    n = len(begin)
    marks, touches = np.flatnonzero(converts), np.flatnonzero(time >= begin[owner])
    # Listed in the order that holds at one instant: the sort is stable.
    row = np.concatenate([2 * n + marks, n + np.arange(n), np.arange(n), 3 * n + touches])
    when = np.concatenate([stop[marks], stop, begin, time[touches]])
    order = np.argsort(when, kind="stable")
    return row[order], when[order]
