"""Nelson-Aalen: the rate of leaving, added up and smoothed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_choice, check_fraction, check_positive
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.curves.estimates import (
    HAZARD_INTERVALS,
    HazardInterval,
    positive_interval,
    summed_hazard,
)
from journeykit.survival.curves.grouped import GroupedCurves, checked_days, rows_of
from journeykit.survival.curves.smoothing import smooth_increments
from journeykit.survival.curves.tables import shown_tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.counts import LifeCounts
    from journeykit.survival.curves.tables import LifeTable
    from journeykit.survival.lives import Lifetimes

#: Days at which a smoothed hazard is given where none are asked for.
_POINTS = 101


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CumulativeHazardAt(Result):
    """``group time_days n_at_risk estimate std_error conf_low conf_high``.

    The estimate is empty after the last time at which anyone of the group was observed.
    """

    rows: ClassVar[str] = "times"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SmoothedHazard(Result):
    """``group time_days n_at_risk bandwidth_days estimate std_error conf_low conf_high``.

    `estimate` is the rate of leaving a day, empty where fewer than `small_cell` are under risk
    from there on or were until then.
    """

    small_cell: int
    rows: ClassVar[str] = "days"

    def summary(self) -> str:
        """Return when the rate is highest, for each of the first groups."""
        told = []
        for group, rows in self.frame.groupby("group", sort=False):
            known = rows.dropna(subset=["estimate"])
            if len(known):
                top = known.loc[known["estimate"].idxmax()]
                told.append(
                    f"{group}: highest on day {top['time_days']:,.4g}, {top['estimate']:.3g} a day"
                )
        more = [f"{len(told) - 4} more groups"] if len(told) > 4 else []
        return "; ".join([*told[:4], *more]) or "nowhere enough customers under risk"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rates with their bands."""
        from journeykit.survival.curves.pictures import draw_smoothed_hazard

        return draw_smoothed_hazard(self, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class NelsonAalen(GroupedCurves):
    """Cumulative hazards: ``group time_days`` then counts and estimate, a row a time of leaving.

    Counts as in `KaplanMeier`; `estimate`, `std_error`, `conf_low`, `conf_high` of the cumulative
    hazard, that time included. A cumulative hazard is no share: it can be above 1.
    """

    def cumulative_hazard_at(self, days: float | Sequence[float], /) -> CumulativeHazardAt:
        """Read the curves at one or more days."""
        return CumulativeHazardAt(frame=self._read(days, begin=0.0), provenance=self.provenance)

    def smoothed(
        self, *, bandwidth_days: float | None = None, days: Sequence[float] | None = None
    ) -> SmoothedHazard:
        """Estimate the rate of leaving by smoothing the steps of the cumulative hazard.

        h(t) = sum over times s of K((t - s) / b) d(s) / n(s) / b with Epanechnikov's kernel, and
        the variance is the sum of K^2 d / n^2 / b^2. Within b of an end of the data the kernel is
        Gasser and Mueller's, which puts no weight where nothing can be seen and is free of the
        bias that cutting off would bring. It can be negative: the rate is then given as 0. The
        interval is h exp(+- z sigma / h); it is for the rate as smoothed over 2 b, and does not
        know what smoothing itself flattens.

        Parameters
        ----------
        bandwidth_days : float, optional
            b. By default 5/8 of the watched time over the fifth root of the number of events, of
            each group; at most half the watched time.
        days : sequence of float, optional
            Where to estimate; by default at 101 days over the watched time of each group, that is
            from the first to the last time at which at least `small_cell` are under risk. There
            is no estimate (empty) on days outside, nor while nobody is under risk, nor without an
            event inside.

        References
        ----------
        Ramlau-Hansen (1983), Annals of Statistics 11; Gasser, Mueller (1979); Mueller, Wang
        (1994), Biometrics 50, for the rule of the bandwidth; Klein, Moeschberger (2003), Survival
        Analysis, 6.2.
        """
        if bandwidth_days is not None:
            check_positive("bandwidth_days", bandwidth_days)
        wanted = None if days is None else checked_days("days", days)
        parts = [
            _smoothed(group, table, bandwidth_days, wanted, self)
            for group, table in self.tables.items()
        ]
        return SmoothedHazard(
            frame=pd.concat(parts, ignore_index=True),
            provenance=self.provenance,
            small_cell=self.small_cell,
        )

    def summary(self) -> str:
        """Return the cumulative hazard at the end of each of the first groups."""
        told = [
            f"{group}: {last['estimate']:.3g} by day {last['time_days']:,.4g}"
            for group, last in ((group, self.of(group).iloc[-1]) for group in self.groups[:4])
        ]
        more = len(self.tables) - len(told)
        tail = [f"{more} more groups"] if more else []
        return "; ".join(["cumulative hazard " + ", ".join(told), *tail, *self._small_text()])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curves with their bands and, below, how many are under risk."""
        from journeykit.survival.curves.pictures import draw_cumulative_hazards

        return draw_cumulative_hazards(self, ax)


def nelson_aalen(
    lifetimes: Lifetimes | LifeCounts,
    /,
    *,
    by: str | None = None,
    interval: HazardInterval = "log",
    confidence: float = 0.95,
    horizon_days: float | None = None,
    small_cell: int = 10,
) -> NelsonAalen:
    """Estimate the cumulative hazard of leaving, by time since the start.

    H(t) is the sum over times s <= t of d(s) / n(s), with d(s) events among the n(s) under risk at
    s, late entries from their entry on and events before censorings at equal times. The variance
    is Aalen's, the sum of d(s) / n(s)^2, as R's; with many events at one time, such as months, it
    is somewhat too large. Tied events count as happening at once, not one after the other.

    Parameters
    ----------
    lifetimes : Lifetimes or LifeCounts
        Life counts add up over parts of the customers; every entry is taken for one customer.
    by : str, optional
        Column of the lifetimes: a curve for each of its values. Life counts have their groups.
    interval : {"log", "plain"}
        Scale on which the interval is symmetric.
    confidence : float in (0, 1)
        Of the interval at each single time, not of the whole band at once.
    horizon_days : float, optional
        Look no further; whoever is still there then is censored at it.
    small_cell : int
        Groups of fewer customers are not shown but named in `suppressed`.

    Returns
    -------
    NelsonAalen

    Raises
    ------
    ArgumentError, MappingError, DataError
        As `kaplan_meier`.

    References
    ----------
    Nelson (1972); Aalen (1978), Annals of Statistics 6; Klein (1991), Scand. J. Statist. 18, who
    compares the variances.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import nelson_aalen
    >>> from journeykit.survival import lifetimes_from_frame
    >>> contracts = pd.DataFrame({"time": [1, 2, 2, 4, 5], "status": [1, 1, 0, 1, 0]})
    >>> curve = nelson_aalen(lifetimes_from_frame(contracts), small_cell=1)
    >>> curve.frame["estimate"].round(3).tolist()
    [0.2, 0.45, 0.95, 0.95]
    """
    check_fraction("confidence", confidence)
    check_choice("interval", interval, HAZARD_INTERVALS)
    shown = shown_tables(lifetimes, by=by, small_cell=small_cell, horizon_days=horizon_days)
    parts = [
        rows_of(
            group,
            table,
            summed_hazard(table.n_at_risk, table.n_event, confidence=confidence, interval=interval),
        )
        for group, table in shown.tables.items()
    ]
    given = {
        "by": by,
        "interval": interval,
        "confidence": confidence,
        "horizon_days": horizon_days,
        "small_cell": small_cell,
    }
    return NelsonAalen(
        frame=pd.concat(parts, ignore_index=True),
        provenance=Provenance(shown.fingerprint, given),
        confidence=confidence,
        small_cell=small_cell,
        suppressed=shown.suppressed,
        tables=shown.tables,
    )


def _smoothed(
    group: str,
    table: LifeTable,
    bandwidth_days: float | None,
    days: NDArray[np.float64] | None,
    curves: NelsonAalen,
) -> pd.DataFrame:
    """Smooth one group."""
    watched = table.well_watched(curves.small_cell)
    first, last = (np.nan, np.nan) if watched is None else (at / DAY for at in watched)
    at = days
    if at is None:
        at = np.linspace(first, last, _POINTS) if last > first else np.array([first])
    estimate, error = np.full(len(at), np.nan), np.full(len(at), np.nan)
    time = table.time / DAY
    inside = (table.n_event > 0) & (time >= first) & (time <= last)
    events, n = table.n_event[inside].astype(np.float64), table.n_at_risk[inside]
    told = (at >= first) & (at <= last)
    width = np.nan
    if events.sum() > 0 and last > first and told.any():
        width = bandwidth_days or min((last - first) / 2, _bandwidth(last - first, events.sum()))
        if width > (last - first) / 2:
            raise ArgumentError(
                f"`bandwidth_days` must be at most half the watched time, {last - first:,.4g} days "
                f"of {group!r}; got {bandwidth_days}."
            )
        estimate[told], error[told] = smooth_increments(
            at[told], time[inside], events / n, events / np.square(n, dtype=np.float64),
            bandwidth=width, first=first, last=last,
        )  # fmt: skip
    when = np.rint(np.where(told, at, 0.0) * DAY).astype(np.int64)
    at_risk = np.where(told, table.at_risk_just_before(when), 0)
    # Events to both sides of a gap say nothing about it. Day 0 has who is there from then on.
    blind = (at_risk == 0) & (when > 0)
    estimate[blind], error[blind] = np.nan, np.nan
    low, high = positive_interval(estimate, error, confidence=curves.confidence)
    return pd.DataFrame(
        {
            "group": group,
            "time_days": at,
            "n_at_risk": at_risk,
            "bandwidth_days": width,
            "estimate": estimate,
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
        }
    )


def _bandwidth(span: float, n_event: float) -> float:
    return float(0.625 * span / n_event**0.2)
