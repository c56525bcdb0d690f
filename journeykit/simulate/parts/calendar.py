"""The company's calendar: seasons, shocks by region and week, and what happens outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy.special import ndtri

from journeykit.simulate.draws import Draws
from journeykit.simulate.part import Part, Truth
from journeykit.simulate.past import Drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.past import Columns, Past

#: Weekly pattern of what customers do, Monday first; mean 1.
WEEKDAYS = np.array([0.85, 0.85, 0.9, 0.95, 1.05, 1.3, 1.1])


class CalendarTruth(Truth):
    """What is true of seasons and shocks.

    Attributes
    ----------
    season : list of float
        Factor of each week, all regions alike.
    weekday : list of float
        Factor of each day of the week, Monday first.
    """

    season: list[float]
    weekday: list[float]


class Calendar(Part):
    """When things happen.

    Rates of what customers do are multiplied by ``season(week) * shock(region, week) *
    weekday(day)``, where season is ``1 + season * cos(2 pi (t - peak_day) / 365.25)`` at the middle
    of the week and shocks are lognormal with mean 1.

    Parameters
    ----------
    season : float
        Height of the yearly wave, below 1.
    peak_day : float
        Day of the year on which it is highest.
    shock_sigma : float
        Spread of the logarithm of a region's shock of a week.
    weekly : float
        How far the weekly pattern is there: 0 makes all days of the week alike.
    price_change_day, competitor_day : float
        Days on which the company raises its prices, and a competitor opens.
    """

    name: ClassVar[str] = "calendar"
    season: Annotated[float, Field(ge=0, lt=1)] = 0.3
    peak_day: float = 345.0
    shock_sigma: Annotated[float, Field(ge=0, le=1)] = 0.2
    weekly: Annotated[float, Field(ge=0, le=1)] = 1.0
    price_change_day: float = 430.0
    competitor_day: float = 520.0

    def draw(self, past: Past, /) -> Drawn:  # noqa: ARG002
        """Add nothing: the calendar is everybody's."""
        return Drawn()

    def seasons(self, days: int, /) -> Floats:
        """Return the season's factor of each week."""
        middle = 7.0 * np.arange(weeks(days)) + 3.5
        wave: Floats = np.cos(2 * np.pi * (middle - self.peak_day) / 365.25)
        return 1 + self.season * wave

    def factors(self, *, regions: int, days: int, seed: int) -> Floats:
        """Return season times shock, shape (regions, weeks)."""
        draws = Draws.of(np.arange(regions), seed=seed)
        n = weeks(days)
        drawn = draws.uniform(
            "shock", who=np.repeat(np.arange(regions), n), number=np.tile(np.arange(n), regions)
        )
        shock = np.exp(self.shock_sigma * ndtri(drawn) - self.shock_sigma**2 / 2)
        table: Floats = shock.reshape(regions, n) * self.seasons(days)
        return table

    def weekdays(self) -> Floats:
        """Return the factor of each day of the week, Monday first."""
        pattern: Floats = 1 + self.weekly * (WEEKDAYS - 1)
        return pattern

    def closing(self, sums: Mapping[str, Any], /, *, days: int, seed: int) -> Mapping[str, Columns]:  # noqa: ARG002
        """Return the table of external events."""
        happened = [
            (self.price_change_day, "price change", "all", "Monthly fees rise by a tenth."),
            (self.competitor_day, "competitor", "region 01", "Competitor A opens a shop."),
        ]
        inside = [row for row in happened if 0 <= row[0] < days]
        return {
            "external_events": {
                "event_time": np.array([row[0] for row in inside], dtype=np.float64),
                "kind": np.array([row[1] for row in inside], dtype=object),
                "scope": np.array([row[2] for row in inside], dtype=object),
                "note": np.array([row[3] for row in inside], dtype=object),
            }
        }

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> CalendarTruth:  # noqa: ARG002
        """Return seasons and weekdays."""
        season = self.seasons(days)
        return CalendarTruth(season=season.tolist(), weekday=self.weekdays().tolist())


def weeks(days: int, /) -> int:
    """Return the number of weeks that `days` touch, one more for what runs over the end."""
    return days // 7 + 2


def week_of(time: Floats, /, *, days: int) -> Indices:
    """Return the week of each time; what lies before the first day counts as the first week."""
    return np.clip(np.floor(time / 7), 0, weeks(days) - 1).astype(np.int64)


class Rhythm:
    """The calendar of one world, looked up for many customers and times at once."""

    def __init__(self, past: Past, /) -> None:
        from journeykit.simulate.parts.population import Population

        calendar = past.part(Calendar)
        self._days = past.days
        self._table = calendar.factors(
            regions=past.part(Population).regions, days=past.days, seed=past.seed
        )
        self._weekday = calendar.weekdays()
        self._region = np.asarray(past.trait("region"))

    @property
    def most(self) -> float:
        """Largest factor of `of_week`."""
        return float(self._table.max())

    @property
    def most_of_day(self) -> float:
        """Largest factor of `of_day`."""
        return float(self._table.max() * self._weekday.max())

    def of_week(self, who: Indices, time: Floats, /) -> Floats:
        """Return season times shock at each customer and time."""
        found: Floats = self._table[self._region[who], week_of(time, days=self._days)]
        return found

    def of_day(self, who: Indices, time: Floats, /) -> Floats:
        """Return season times shock times weekday at each customer and time."""
        weekday = np.floor(time).astype(np.int64) % 7
        return self.of_week(who, time) * self._weekday[weekday]
