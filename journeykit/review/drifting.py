"""When the journey shifted: weeks from which on other things follow what went before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from journeykit.checks import (
    check_choice,
    check_fraction,
    check_known,
    check_names,
    check_positive,
    check_whole,
)
from journeykit.counts.calendar import UNITS
from journeykit.errors import DataError
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.results import Checked, Provenance, Result
from journeykit.review.searching import searched
from journeykit.review.weekly import Rare, stage_cells, step_cells, whole_periods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from journeykit.counts import Periods
    from journeykit.counts.calendar import Unit
    from journeykit.journeys import Journeys
    from journeykit.study.models import Ladder

_YEAR = 365.25
#: The wave of a year is taken out where the data are at least so long, in days.
_LEAST_WAVE = 1.5 * _YEAR
_COLUMNS = ("event_time", "kind", "scope", "note")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Drift(Result):
    """When the journey shifted, between which weeks that may have been, and what changed.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a break, in order of time: `period_start`, first day of the first period after it;
        `kind`, ``step`` or ``stage``; `conf_low conf_high`, first days of the periods that it may
        have been; `p_value`; `n_changed` of `n_tried` ways on; `largest`, the way that changed
        most, in words; `declared`, what was declared within the interval, or empty.
    changes : pandas.DataFrame
        One row a break and way on: `period_start`; `kind` (``step`` or ``stage``), `source`,
        `target`; `n_before n_after`, steps from the source or customer-days in the stage, from the
        break before to this one, and on to the next; `rate_before rate_after`, shares of steps, or
        moves a customer and day; `difference difference_low difference_high`, season taken out;
        `p_value q_value`; `changed`.
    series : pandas.DataFrame
        One row a period and way on: `period_start kind source target n_event n`.
    declared : pandas.DataFrame
        What was declared in the time that was searched: `event_time kind scope note`.
    periods : tuple of date
        First days of all periods, and the day after the last.
    n_tried : int
        Ways on that were tested.
    least_periods : int
        On each side of a break, at least.
    """

    changes: pd.DataFrame
    series: pd.DataFrame
    declared: pd.DataFrame
    periods: tuple[date, ...]
    n_tried: int
    least_periods: int
    rows: ClassVar[str] = "breaks"

    def guard(self, *, begin: date | str | None = None, end: date | str | None = None) -> Checked:
        """Check that what is pooled from `begin` up to `end` is one journey.

        Warned where a break that was found or declared lies inside: numbers pooled across it are
        averages of two journeys. By default all that was searched is pooled.
        """
        first = pd.Timestamp(self.periods[0] if begin is None else begin)
        last = pd.Timestamp(self.periods[-1] if end is None else end)
        told = [
            f"from {row.period_start} on {row.largest}"
            for row in self.frame.itertuples()
            if first < pd.Timestamp(row.period_start) < last
        ]
        told += [
            f"{row.kind} was declared for {row.event_time:%Y-%m-%d}"
            for row in self.declared.itertuples()
            if first < row.event_time.tz_localize(None) < last
        ]
        if not told:
            found = f"no break among {self.n_tried:,} ways on, and none declared"
            return Checked("one journey", "passed", found)
        return Checked("one journey", "warned", f"do not pool across: {'; '.join(told)}")

    def summary(self) -> str:
        """Say when it shifted and what changed most."""
        weeks = len(self.periods) - 1
        searched = f"{self.n_tried:,} ways on in {weeks:,} periods searched"
        if self.frame.empty:
            return f"{searched}: no break"
        told = [
            f"from {row.period_start} ({row.conf_low} to {row.conf_high}) on {row.largest}"
            for row in self.frame.itertuples()
        ]
        n = len(told)
        return f"{searched}: {n} break{'s' if n > 1 else ''}; {'; '.join(told)}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the timeline: breaks found and declared, and the ways that changed most."""
        from journeykit.review.drift_picture import draw_drift

        return draw_drift(self, ax)


def drift(
    journeys: Journeys,
    /,
    *,
    ladder: Ladder | None = None,
    declared: pd.DataFrame | None = None,
    among: Sequence[str] | None = None,
    period: Unit = "week",
    time_zone: str = "UTC",
    within_days: float = 1.0,
    least_periods: int = 8,
    least_a_period: float = 1.0,
    season: bool = True,
    level: float = 0.05,
    q: float = 0.05,
    draws: int = 499,
    confidence: float = 0.95,
    small_cell: int = 10,
    seed: int = 0,
) -> Drift:
    """Find the weeks from which on other things follow what went before.

    What follows is judged given where customers are: of the events at a touchpoint in a week, the
    share whose next event, within `within_days`, is at another one (or is none). More visits, or
    fewer, are no drift. With a `ladder`, moves from stage to stage in a customer's day there are
    searched too, apart: customer-days count for as much as the time since the entry into the stage
    moves customers on, and a trend is no break there, because who is in a stage changes slowly as
    the quick move on. Each of the two searches has half of `level`.

    A break is a step in any of these rates. For each rate and week, the statistic is the score of
    a step there, over its standard error with the spread that the weeks show; the largest over all
    rates and weeks is held against chance of two kinds, and the larger p counts: weeks in another
    order (what varies for all customers at once), and whole customers' histories with their sign
    changed (the same customers come again). Where the data cover a year and a half, a wave of one
    year is fitted beside the step, so that a season is no break. Several breaks are found by
    cutting in two (binary segmentation) at `level`, shared by the length of the parts; of series
    in which nothing changes, at most that share has any.

    The level holds where what varies from week to week does so independently. Where one week's
    share carries over to the next, slow waves are taken for breaks: of 60 series of 60 weeks with
    a common shock of spread 0.15 on the log-odds, 1 had a break where shocks were independent, 24
    where a week kept half of the last one's, 43 where it kept four fifths.

    The interval of the week inverts the likelihood ratio of the rate that changed most. What
    changed are the ways on whose q-value (Benjamini and Hochberg, within a break) is at most `q`.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times and the end of their watching.
    ladder : Ladder, optional
        ``study.model.stages``.
    declared : pandas.DataFrame, optional
        ``study.external_events()``: shown beside what is found, and heeded by `Drift.guard`.
    among : sequence of str, optional
        Touchpoints that are looked at; what others leave open or interrupt is gone. By default all.
        Leave out what the firm sends when the question is what customers do.
    period : {"week", "day", "month"}
    time_zone : str
        Of the study; it cuts the days.
    within_days : float
        Elapsed days within which the next event follows. Events without so many watched days after
        them are left out.
    least_periods : int
        Periods on each side of a break, at least: what lasts less is not found.
    least_a_period : float
        Ways on that are rarer, on average, are put together as ``(other)``.
    season : bool
        Whether to take out a wave of one year, where the data are long enough.
    level : float in (0, 1)
        Probability of any break where there is none.
    q : float in (0, 1)
    draws : int
        Of each kind of chance.
    confidence : float in (0, 1)
        Of intervals.
    small_cell : int
        A way on that fewer (groups of) customers took is put into ``(other)``.
    seed : int

    Returns
    -------
    Drift

    Raises
    ------
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.
    DataError
        When the data are shorter than two stretches of `least_periods`, or nothing is frequent
        enough to be tested.
    ArgumentError, MappingError
        When journeys are cut or collapsed, an argument is out of range, or a name does not exist.

    References
    ----------
    Hawkins (1977), Testing a sequence of observations for a shift in location, JASA 72; Vostrikova
    (1981), Detecting disorder in multidimensional random processes, Soviet Math. Doklady 24; Yao
    (1987), Annals of Statistics 15, for the interval; Kirch (2007), Block permutation principles
    for the change analysis of dependent data, J. Statist. Plann. Inference 137.

    Examples
    --------
    Customers come on Mondays and look; from week 12 on more of them buy an hour later.

    >>> from journeykit.journeys import Journeys
    >>> from journeykit.journeys.durations import DAY
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> buys = random.random((300, 24)) < np.where(np.arange(24) < 12, 0.2, 0.4)
    >>> monday = (4 + 7 * np.arange(24)) * 24
    >>> hours = [np.sort(np.r_[monday, monday[bought] + 1]) for bought in buys]
    >>> window = (4 * DAY, (4 + 7 * 24 + 2) * DAY)
    >>> shop = Journeys(
    ...     names=("buy", "look"),
    ...     touchpoint=np.concatenate([(hour - 96) % 168 == 0 for hour in hours]).astype(np.uint8),
    ...     start=np.cumsum([0, *map(len, hours)]),
    ...     time=np.concatenate(hours) * (DAY // 24),
    ...     observed_from=np.full(300, window[0]),
    ...     observed_to=np.full(300, window[1]),
    ...     window=window,
    ... )
    >>> found = drift(shop, draws=99)
    >>> found.frame[["period_start", "largest"]].values.tolist()
    [[datetime.date(1970, 3, 30), '40.1% instead of 20.9% go from look to buy']]
    """
    given = {
        "among": among and tuple(among), "period": period, "within_days": within_days,
        "least_periods": least_periods, "least_a_period": least_a_period, "season": season,
        "level": level, "q": q, "draws": draws, "confidence": confidence, "small_cell": small_cell,
    }  # fmt: skip
    if among is not None:
        check_names("among", among)
    _check(journeys, given)
    if among is not None:
        journeys = journeys.only(*among)
    spans = whole_periods(journeys, unit=period, time_zone=time_zone, within_days=within_days)
    _check_length(len(spans), least_periods)
    rare = Rare(least_a_period, small_cell)
    tables = [step_cells(journeys, spans, within_days=within_days, rare=rare, seed=seed)]
    if ladder is not None:
        tables.append(stage_cells(journeys, spans, ladder=ladder, rare=rare, seed=seed))
    if not any(len(table.row) for table in tables):
        raise DataError(
            f"No way on is met {least_a_period:g} times a {period} on average, so nothing can be "
            "tested; lower `least_a_period` or take longer periods."
        )
    known = _declared(declared, spans)
    parts = [
        searched(
            table, spans, season=season, least=least_periods, level=level / len(tables), q=q,
            draws=draws, confidence=confidence, seed=seed, declared=known,
        )
        for table in tables
    ]  # fmt: skip
    frame, changes, series = map(_together, zip(*parts, strict=True))
    return Drift(
        frame=frame.sort_values("period_start", kind="stable", ignore_index=True),
        changes=changes,
        series=series,
        declared=known,
        periods=spans.first,
        n_tried=sum(len(table.row) for table in tables),
        least_periods=least_periods,
        provenance=Provenance(journeys.fingerprint, given, seed),
    )


def _check_length(n_periods: int, least_periods: int) -> None:
    if n_periods < 2 * least_periods:
        raise DataError(
            f"`drift` needs at least {2 * least_periods} whole periods, twice `least_periods`; the "
            f"data cover {n_periods}."
        )


def _together(tables: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
    """Put tables of one kind together; empty ones say nothing of the types."""
    return pd.concat([one for one in tables if len(one)] or [tables[0]], ignore_index=True)


def _check(journeys: Journeys, given: dict[str, Any]) -> None:
    check_choice("period", given["period"], UNITS)
    for name in ("within_days", "least_a_period"):
        check_positive(name, given[name])
    for name in ("level", "q", "confidence"):
        check_fraction(name, given[name])
    for name, least in (("least_periods", 2), ("draws", 19), ("small_cell", 1)):
        check_whole(name, given[name], least=least)
    if given["among"] is not None:
        check_known("among", given["among"], journeys.names, what="touchpoints")
    refuse_cut(journeys, "`drift`")
    refuse_collapsed(journeys, "`drift`")


def _declared(declared: pd.DataFrame | None, spans: Periods) -> pd.DataFrame:
    """Return what was declared within the time that is searched."""
    if declared is None:
        return pd.DataFrame(columns=list(_COLUMNS))
    check_known("declared", _COLUMNS, list(declared.columns), what="columns")
    begin, end = (pd.Timestamp(int(edge), unit="us", tz="UTC") for edge in spans.edge[[0, -1]])
    inside = (declared["event_time"] >= begin) & (declared["event_time"] < end)
    return declared.loc[inside, list(_COLUMNS)].reset_index(drop=True)
