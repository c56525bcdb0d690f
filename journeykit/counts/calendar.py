"""How many of the customers of each calendar period did something: what KPIs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import numpy as np

from journeykit.checks import check_choice, check_whole
from journeykit.counts.align import same
from journeykit.errors import DataError
from journeykit.journeys.fingerprint import hash_customers
from journeykit.journeys.shape import codes_of
from journeykit.stats.hashing import poisson_key, poisson_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

Unit = Literal["day", "week", "month"]
UNITS: tuple[Unit, ...] = ("day", "week", "month")
#: Bootstrap samples: the standard error of a difference is known to 5 % of itself.
REPLICATES = 200
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
        otherwise with the day before that of the newest event, which may still be going on.
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

    Attributes
    ----------
    periods : Periods
    n_event, n : arrays of int64, shape (p,)
        Customers who did it, and customers who counted; each once a period.
    replicates : array of int64, shape (2, r, p)
        The same two on bootstrap samples: customers weighted by Poisson(1) draws that hang on seed
        and customer id alone. So samples of different periods, and of different runs, hold the same
        customers with the same weights, and their differences know that customers stay.
    seed : int
    fingerprint : int
    """

    periods: Periods
    n_event: NDArray[np.int64]
    n: NDArray[np.int64]
    replicates: NDArray[np.int64]
    seed: int
    fingerprint: int

    def __add__(self, other: PeriodCounts) -> PeriodCounts:
        """Add the counts of other customers over the same periods."""
        same("periods", self.periods.first, other.periods.first)
        same("seed", self.seed, other.seed)
        return PeriodCounts(
            self.periods,
            self.n_event + other.n_event,
            self.n + other.n,
            self.replicates + other.replicates,
            self.seed,
            (self.fingerprint + other.fingerprint) % (1 << 128),
        )


def period_counts(
    journeys: Journeys,
    /,
    *,
    doing: Sequence[str],
    among: Sequence[str] | None = None,
    periods: Periods,
    seed: int = 0,
    replicates: int = REPLICATES,
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
    seed, replicates : int
        Of the bootstrap over customers.

    Returns
    -------
    PeriodCounts
        O(events + replicates x customers x periods) time.
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
    return counted(
        there,
        done,
        hash_customers(journeys.customer_id),
        periods=periods,
        seed=seed,
        replicates=replicates,
        fingerprint=journeys.fingerprint_number,
    )


def counted(
    there: NDArray[np.bool_],
    done: NDArray[np.bool_],
    customer_hash: NDArray[np.uint64],
    /,
    *,
    periods: Periods,
    seed: int = 0,
    replicates: int = REPLICATES,
    fingerprint: int = 0,
) -> PeriodCounts:
    """Add up who was there and who did it, and the same on bootstrap samples.

    Parameters
    ----------
    there, done : arrays of bool, shape (n_customers, p)
        ``done`` only where ``there``.
    customer_hash : array of uint64, shape (n_customers,)
    """
    check_whole("replicates", replicates, least=2)
    check_whole("seed", seed)
    from journeykit.counts.kernels import resampled

    keys = np.array([poisson_key(replicate, seed=seed) for replicate in range(replicates)])
    return PeriodCounts(
        periods,
        done.sum(axis=0, dtype=np.int64),
        there.sum(axis=0, dtype=np.int64),
        resampled(there, done, customer_hash, keys, poisson_steps()),
        seed,
        fingerprint,
    )
