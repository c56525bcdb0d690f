"""Touches a watched customer by day or week, and the season that moves all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from journeykit.attribution.supporting.watching import Watched, time_watched
from journeykit.errors import ArgumentError, DataError, MappingError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.counts.calendar import Periods

    Floats = NDArray[np.float64]

Season = Literal["weekday", "year", "trend", "week"]
SEASONS: tuple[Season, ...] = ("weekday", "year", "trend", "week")
_YEAR_DAYS = 365.2425
_WAVES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Rates by period; t periods, k names, c terms of season.

    Attributes
    ----------
    rate : array of float64, shape (t, k)
        Touches a customer watched for the whole period.
    weight : array of float64, shape (t,)
        Customers watched, their mean being 1: the variance of a rate goes with its inverse.
    season : array of float64, shape (t, c)
        What moves all names together, an intercept included; its columns are independent.
    first : NDArray of datetime64[D], shape (t,)
        First day of each period.
    """

    rate: Floats
    weight: Floats
    season: Floats
    first: NDArray[np.datetime64]


def series(
    data: Watched,
    calendar: Periods,
    /,
    *,
    season: Sequence[Season],
    regressors: pd.DataFrame | None,
) -> Series:
    """Count by whole periods in which somebody is watched, and lay out the season."""
    k, edge = len(data.names), calendar.edge
    period = np.searchsorted(edge, data.time, "right") - 1
    counts = np.bincount(period * k + data.code, minlength=(len(edge) - 1) * k).reshape(-1, k)
    watching = time_watched(data.begin, data.end, edge) / np.diff(edge)
    use = np.flatnonzero(calendar.complete & (watching > 0))
    if not len(use):
        raise DataError("`support` needs whole periods in which customers are watched; got none.")
    if np.diff(use).max(initial=1) > 1:
        raise DataError(
            "`support` needs periods without a gap; between whole periods there are some in which "
            "nobody is watched: take `journeys.between(...)` on one side of them."
        )
    first = np.array(calendar.first[:-1], dtype="datetime64[D]")[use]
    watching = watching[use]
    terms = [np.ones((len(use), 1)), *(_TERMS[name](first) for name in season)]
    if regressors is not None:
        terms.append(_given(regressors, first))
    return Series(
        rate=counts[use] / watching[:, None],
        weight=watching / watching.mean(),
        season=_independent(np.hstack(terms)),
        first=first,
    )


def _weekday(first: NDArray[np.datetime64]) -> Floats:
    # 1970-01-01 was a Thursday.
    weekday = (first.astype(np.int64) + 3) % 7
    levels: Floats = (weekday[:, None] == np.arange(1, 7)).astype(np.float64)
    return levels


def _year(first: NDArray[np.datetime64]) -> Floats:
    angle = 2 * np.pi * first.astype(np.int64)[:, None] / _YEAR_DAYS * np.arange(1, _WAVES + 1)
    return np.hstack([np.cos(angle), np.sin(angle)])


def _trend(first: NDArray[np.datetime64]) -> Floats:
    line: Floats = np.linspace(-1.0, 1.0, len(first))[:, None]
    return line


def _week(first: NDArray[np.datetime64]) -> Floats:
    week = (first.astype(np.int64) + 3) // 7
    levels: Floats = (week[:, None] == np.unique(week)[1:]).astype(np.float64)
    return levels


_TERMS = {"weekday": _weekday, "year": _year, "trend": _trend, "week": _week}


def _given(regressors: pd.DataFrame, first: NDArray[np.datetime64]) -> Floats:
    """Look the user's own regressors up by the first day of each period."""
    import pandas as pd

    if not isinstance(regressors.index, pd.DatetimeIndex) or not regressors.index.is_unique:
        raise ArgumentError(
            "`regressors` must have one row a period, with the first day of the period as its "
            f"index; got an index of {type(regressors.index).__name__} with "
            f"{len(regressors):,} rows."
        )
    wanted = pd.DatetimeIndex(first)
    index = regressors.index.tz_localize(None)
    missing = wanted.difference(index)
    if len(missing):
        raise MappingError(
            f"`regressors` must cover every period; {len(missing):,} of {len(wanted):,} are "
            f"missing, the first is {missing[0]:%Y-%m-%d}."
        )
    try:
        values = regressors.set_axis(index).loc[wanted].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array([[np.nan]])
    if not np.isfinite(values).all():
        raise DataError("`regressors` must hold numbers only, none of them missing.")
    spread = np.where(values.std(axis=0) > 0, values.std(axis=0), 1.0)
    scaled: Floats = (values - values.mean(axis=0)) / spread
    return scaled


def _independent(terms: Floats) -> Floats:
    """Drop columns that those before them make up already."""
    kept: list[Floats] = []
    for column in terms.T:
        rest = column.astype(np.float64)
        for _ in range(2):  # twice, for rounding
            for basis in kept:
                rest = rest - basis * (basis @ rest)
        size = float(np.linalg.norm(rest))
        if size > 1e-8 * max(float(np.linalg.norm(column)), 1.0):
            kept.append(rest / size)
    return np.column_stack(kept)
