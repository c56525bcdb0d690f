"""How many of the customers of each calendar period did something: what KPIs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import numpy as np

from journeykit.checks import check_choice
from journeykit.counts.align import same
from journeykit.counts.run import BLOCK
from journeykit.errors import DataError
from journeykit.journeys.shape import codes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

Unit = Literal["day", "week", "month"]
UNITS: tuple[Unit, ...] = ("day", "week", "month")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class Periods:
    """Calendar days, weeks (from Monday) or months that the data touch, in one time zone.

    Attributes
    ----------
    first : tuple of date
        First day of each period, and at the end the day after the last period; length p + 1.
    edge : array of int64, shape (p + 1,)
        The same as microseconds since 1970-01-01 UTC.
    complete : array of bool, shape (p,)
        Whether the data cover the whole of it. They begin with the window, or the day after that of
        the first event; they end with the window where the newest event lies on its last day, and
        otherwise with the day before that of the newest event, which may still be going on. On a
        day clock without a declared window the newest day counts as whole.
    """

    first: tuple[date, ...]
    edge: NDArray[np.int64]
    complete: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of periods."""
        return len(self.first) - 1


def periods(journeys: Journeys, /, *, unit: Unit = "month", time_zone: str = "UTC") -> Periods:
    """Return the calendar periods from the first event, or the window's beginning, to the newest.

    `time_zone` cuts the days of journeys with clocks; days without a clock are taken as they are.

    Raises
    ------
    NotObservedError
        Journeys without times.
    DataError
        Journeys without events.
    """
    check_choice("unit", unit, UNITS)
    time = journeys.need_time("a calendar period")
    if not len(time):
        raise DataError("There are no events, so there is no calendar to divide.")
    zone = ZoneInfo("UTC" if journeys.clock == "day" else time_zone)
    oldest, newest = (_local(int(moment), zone).date() for moment in (time.min(), time.max()))
    last = newest + _ONE_DAY
    covered_from, covered_to = _moment(oldest + _ONE_DAY, zone), _moment(newest, zone)
    if journeys.window is not None:
        covered_from = journeys.window[0]
        if journeys.window[1] <= _moment(last, zone):
            covered_to = journeys.window[1]
    first = [_period_of(min(oldest, _local(covered_from, zone).date()), unit)]
    while first[-1] < last:
        first.append(_next(first[-1], unit))
    edge = np.array([_moment(day, zone) for day in first], dtype=np.int64)
    return Periods(tuple(first), edge, (edge[:-1] >= covered_from) & (edge[1:] <= covered_to))


def _local(moment: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=moment)).astimezone(zone)


def _moment(day: date, zone: ZoneInfo) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=zone) - _EPOCH) // _MICROSECOND


def _period_of(day: date, unit: Unit) -> date:
    if unit == "month":
        return day.replace(day=1)
    return day - _ONE_DAY * day.weekday() if unit == "week" else day


def _next(day: date, unit: Unit) -> date:
    if unit != "month":
        return day + _ONE_DAY * (7 if unit == "week" else 1)
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PeriodCounts:
    """Customers by calendar period: how many counted, and how many of them did it.

    Each customer counts once a period. The joint counts say how many customers two periods have in
    common, so that a difference between their shares has a standard error that knows of it.

    Attributes
    ----------
    periods : Periods
    n_event, n : arrays of int64, shape (p,)
        Customers who did it, and customers who counted.
    both_did : array of int64, shape (p, p)
        Customers who did it in both periods.
    did_and_counted : array of int64, shape (p, p)
        Customers who did it in the first and counted in the second.
    both_counted : array of int64, shape (p, p)
        Customers who counted in both.
    fingerprint : int
    """

    periods: Periods
    n_event: NDArray[np.int64]
    n: NDArray[np.int64]
    both_did: NDArray[np.int64]
    did_and_counted: NDArray[np.int64]
    both_counted: NDArray[np.int64]
    fingerprint: int

    def __add__(self, other: PeriodCounts) -> PeriodCounts:
        """Add the counts of other customers over the same periods."""
        same("periods", self.periods.first, other.periods.first)
        return PeriodCounts(
            self.periods,
            self.n_event + other.n_event,
            self.n + other.n,
            self.both_did + other.both_did,
            self.did_and_counted + other.did_and_counted,
            self.both_counted + other.both_counted,
            (self.fingerprint + other.fingerprint) % (1 << 128),
        )

    def std_error_of_change(self) -> NDArray[np.float64]:
        """Return the standard error of the difference between the shares of two periods.

        Customers are independent, periods are not: with the share r_p = sum of d_ip / n_p, where
        d_ip says that customer i did it in p and t_ip that i counted, the variance of r_p - r_q is
        the sum over customers of ((d_ip - r_p t_ip) / n_p - (d_iq - r_q t_iq) / n_q)^2.

        Returns
        -------
        array of float64, shape (p, p)
            Symmetric; NaN where nobody counted.

        References
        ----------
        Woodruff (1971), A simple method for approximating the variance of a complicated estimate,
        JASA 66: the linearised ratio.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            share = self.n_event / self.n
            size = np.outer(self.n, self.n)
            covariance = (
                self.both_did
                - self.did_and_counted * share
                - self.did_and_counted.T * share[:, None]
                + self.both_counted * np.outer(share, share)
            ) / size
            own = np.diag(covariance)
            variance = own[:, None] + own - 2 * covariance
        # Rounding must not leave a root of -1e-19.
        return np.sqrt(np.maximum(variance, 0))


def period_counts(
    journeys: Journeys,
    /,
    *,
    doing: Sequence[str],
    among: Sequence[str] | None = None,
    periods: Periods,
) -> PeriodCounts:
    """Count the customers active in each period, and those of them who did one of `doing`.

    Parameters
    ----------
    journeys : Journeys
        With times; a customer counts once a period, however many journeys or events.
    doing : sequence of str
        Touchpoints that count as having done it.
    among : sequence of str, optional
        Touchpoints that make a customer count at all, besides `doing`; by default all.
    periods : Periods

    Returns
    -------
    PeriodCounts
        O(events + customers x periods^2) time.
    """
    time = journeys.need_time("a calendar period")
    at = np.searchsorted(periods.edge, time, side="right") - 1
    customer = np.repeat(journeys.customer_index, journeys.length)
    did = codes_of(journeys, "doing", doing)[journeys.touchpoint]
    counts = (
        np.ones(len(time), dtype=bool)
        if among is None
        else codes_of(journeys, "among", among)[journeys.touchpoint] | did
    )
    inside = (at >= 0) & (at < len(periods))
    shape = (journeys.n_customers, len(periods))
    there, done = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for table, chosen in ((there, counts & inside), (done, did & inside)):
        table[customer[chosen], at[chosen]] = True
    return counted(there, done, periods=periods, fingerprint=journeys.fingerprint_number)


def counted(
    there: NDArray[np.bool_],
    done: NDArray[np.bool_],
    /,
    *,
    periods: Periods,
    fingerprint: int = 0,
) -> PeriodCounts:
    """Add up who was there and who did it, in each period and in each two.

    Parameters
    ----------
    there, done : arrays of bool, shape (n_customers, p)
        ``done`` only where ``there``.
    """
    p = len(periods)
    joint = np.zeros((2 * p, 2 * p), dtype=np.int64)
    for begin in range(0, len(there), BLOCK):
        block = slice(begin, begin + BLOCK)
        # Exact: counts stay far below 2^53; and products of floats use all of the chip.
        both = np.concatenate([done[block], there[block]], axis=1).astype(np.float64)
        joint += (both.T @ both).astype(np.int64)
    return PeriodCounts(
        periods,
        joint[:p, :p].diagonal().copy(),
        joint[p:, p:].diagonal().copy(),
        joint[:p, :p],
        joint[:p, p:],
        joint[p:, p:],
        fingerprint,
    )
