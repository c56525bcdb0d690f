"""Touches while customers are watched, and how many customers are watched when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import is_cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """Touches and conversions of watched customers, by customer and time.

    Attributes
    ----------
    names : tuple of str, length k
        Channels, then conversions.
    n_channels : int
    who, time, code : arrays of int64, shape (n,)
        Customer, microseconds, and index into `names`.
    begin, end : arrays of int64, shape (customers,)
        Each customer is watched in [begin, end).
    day : array of int64, shape (d + 1,)
        Where the calendar days begin, and where the last one ends.
    weekday : array of int64, shape (d,)
        0 is Monday.
    spell : int
        How long a touch itself lasts: a day on a day clock, on which the order within a day is not
        known, otherwise 0.
    """

    names: tuple[str, ...]
    n_channels: int
    who: NDArray[np.int64]
    time: NDArray[np.int64]
    code: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    day: NDArray[np.int64]
    weekday: NDArray[np.int64]
    spell: int

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Ordered pairs of a channel and another name."""
        k = len(self.names)
        return [(a, b) for a in range(self.n_channels) for b in range(k) if a != b]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Touches by name, shape (k,)."""
        return np.bincount(self.code, minlength=len(self.names))


def watched(
    journeys: Journeys,
    /,
    *,
    channels: Sequence[str] | None,
    conversion: Sequence[str],
    time_zone: str = "UTC",
) -> Watched:
    """Keep what happens while customers are watched, and refuse what cannot be compared."""
    time = journeys.need_time("`support`")
    if len(journeys) != journeys.n_customers or is_cut(journeys):
        raise ArgumentError(
            "`support` follows whole customers, one journey each; got "
            f"{len(journeys):,} journeys of {journeys.n_customers:,} customers. Call it on the "
            "journeys before they were cut."
        )
    if journeys.observed_to is None:
        raise NotObservedError(
            "`support` needs to know until when customers are watched; these journeys have no "
            "`observed_to`."
        )
    names = _names(journeys, channels, conversion)
    who = np.repeat(np.arange(len(journeys)), journeys.length)
    day, weekday = _days(journeys, time, ZoneInfo(time_zone))
    since = journeys.observed_from
    since = np.full(len(journeys), day[0]) if since is None else since
    begin = np.maximum(since, day[0])
    end = np.maximum(np.minimum(journeys.observed_to, day[-1]), begin)
    index = np.full(len(journeys.names), -1)
    for code, name in enumerate(names):
        index[journeys.names.index(name)] = code
    code = index[journeys.touchpoint]
    keep = (code >= 0) & (time >= begin[who]) & (time < end[who])
    n = np.bincount(code[keep], minlength=len(names))
    if not n.all():
        none = names[int(np.argmin(n))]
        raise DataError(
            f"`support` needs touches of every channel while customers are watched; {none!r} has "
            "none: leave it out of `channels`."
        )
    order = np.lexsort([time[keep], who[keep]])
    return Watched(
        names=names,
        n_channels=len(names) - len(set(conversion)),
        who=who[keep][order],
        time=time[keep][order],
        code=code[keep][order].astype(np.int64),
        begin=begin,
        end=end,
        day=day,
        weekday=weekday,
        spell=DAY if journeys.clock == "day" else 0,
    )


def _days(
    journeys: Journeys, time: NDArray[np.int64], zone: ZoneInfo
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where days begin and their weekdays, over the window, or from first to last event."""
    zone = ZoneInfo("UTC") if journeys.clock == "day" else zone
    if not len(time):
        raise DataError("There are no events, so nothing can be brought about.")
    begin, end = journeys.window or (int(time.min()), int(time.max()) + 1)
    first = (_EPOCH + timedelta(microseconds=begin)).astimezone(zone).date()
    last = (_EPOCH + timedelta(microseconds=end - 1)).astimezone(zone).date()
    dates = [first + timedelta(days=number) for number in range((last - first).days + 2)]
    edge = [
        (datetime(one.year, one.month, one.day, tzinfo=zone) - _EPOCH) // timedelta(microseconds=1)
        for one in dates
    ]
    return np.array(edge, dtype=np.int64), np.array([one.weekday() for one in dates[:-1]])


def _names(
    journeys: Journeys, channels: Sequence[str] | None, conversion: Sequence[str]
) -> tuple[str, ...]:
    for name, given in (("channels", channels), ("conversion", conversion)):
        if isinstance(given, str):
            raise ArgumentError(
                f"`{name}` must be a list of names; got {given!r}: write [{given!r}]."
            )
    check_known("conversion", conversion, journeys.names, what="touchpoints")
    if channels is None:
        channels = [name for name in journeys.names if name not in conversion]
    check_known("channels", channels, journeys.names, what="touchpoints")
    both = sorted(set(channels) & set(conversion))
    if both:
        raise ArgumentError(
            f"`channels` and `conversion` must not share a name; {both[0]!r} is in both."
        )
    names = tuple(dict.fromkeys([*channels, *conversion]))
    if len(names) < 2 or not channels:
        raise ArgumentError(
            "`support` needs a channel and something else for it to bring about; got "
            f"{len(names)} name{'s' if len(names) != 1 else ''}."
        )
    return names


def time_watched(
    begin: NDArray[np.int64], end: NDArray[np.int64], edge: NDArray[np.int64], /
) -> NDArray[np.float64]:
    """Add up the time in [begin, end) within each stretch between edges, in microseconds.

    Parameters
    ----------
    begin, end : arrays of int64, shape (customers,)
    edge : array of int64, shape (p + 1,)
        Increasing.

    Returns
    -------
    array of float64, shape (p,)
    """
    keep = end > begin
    first = np.sort(begin[keep])
    last = np.sort(end[keep])
    upto = _before(first, edge) - _before(last, edge)
    watched_time: NDArray[np.float64] = np.diff(upto)
    return watched_time


def _before(start: NDArray[np.int64], edge: NDArray[np.int64]) -> NDArray[np.float64]:
    """Add up max(0, edge - start) over sorted starts, for each edge."""
    origin = edge[0]
    sums = np.concatenate([[0.0], np.cumsum((start - origin).astype(np.float64))])
    n = np.searchsorted(start, edge)
    gone: NDArray[np.float64] = n * (edge - origin).astype(np.float64) - sums[n]
    return gone
