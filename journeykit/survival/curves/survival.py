"""Kaplan-Meier: the share that is still there, by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_choice, check_fraction
from journeykit.results import Provenance, Result
from journeykit.survival.curves.estimates import (
    SURVIVAL_INTERVALS,
    SurvivalInterval,
    product_limit,
)
from journeykit.survival.curves.grouped import GroupedCurves, rows_of, warn_of_early_zero
from journeykit.survival.curves.tables import shown_tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.counts import LifeCounts
    from journeykit.survival.curves.later import (
        ConditionalSurvival,
        RemainingMean,
        RemainingQuantiles,
    )
    from journeykit.survival.curves.levelling import Plateau
    from journeykit.survival.lives import Lifetimes

#: Survival that rounding alone keeps above a share counts as having reached it.
ROUNDING = 1e-9
_GROUPS_IN_SUMMARY = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SurvivalAt(Result):
    """``group time_days n_at_risk estimate std_error conf_low conf_high``.

    `n_at_risk` is under risk at that time, those who leave at it included. The estimate is empty
    after the last time at which anyone of the group was observed, and the interval until the first
    one leaves (day 0 apart) and after all have left.
    """

    rows: ClassVar[str] = "times"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Quantiles(Result):
    """``group share estimate conf_low conf_high reached``.

    `estimate` is the first day by which that share has left, empty where `reached` is false.
    """

    rows: ClassVar[str] = "quantiles"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class KaplanMeier(GroupedCurves):
    """Survival curves: ``group time_days`` then counts and estimate, a row a time of leaving.

    `n_at_risk` at `time_days`; `n_entered` since the group's previous row; `n_event` and
    `n_censored` at that time; `estimate`, `std_error`, `conf_low`, `conf_high` of the share still
    there afterwards. Within a group, n_at_risk is the previous row's less its events and
    censorings plus n_entered.

    Attributes
    ----------
    interval : {"log-log", "log", "plain"}
        Scale on which the interval is symmetric.
    """

    interval: SurvivalInterval = "log-log"

    def survival_at(self, days: float | Sequence[float], /) -> SurvivalAt:
        """Read the curves at one or more days."""
        return SurvivalAt(frame=self._read(days, begin=1.0), provenance=self.provenance)

    def quantiles(self, shares: Sequence[float] = (0.25, 0.5, 0.75), /) -> Quantiles:
        """Return the first day by which a share has left, with the interval of Brookmeyer-Crowley.

        The interval holds the days at which the curve's own interval contains 1 - share; a bound
        that the data does not reach is empty. Where some never leave and the curve stays above
        1 - share, the quantile is not reached, and nothing is extrapolated.
        """
        for share in shares:
            check_fraction("shares", share)
        records = []
        for group in self.tables:
            curve = self.of(group)
            for share in shares:
                days = first_days(curve, share)
                records.append((group, share, *days, not np.isnan(days[0])))
        names = ["group", "share", "estimate", "conf_low", "conf_high", "reached"]
        return Quantiles(
            frame=pd.DataFrame.from_records(records, columns=names), provenance=self.provenance
        )

    def given_survival(
        self, survived_days: float | Sequence[float], days: float | Sequence[float], /
    ) -> ConditionalSurvival:
        """Return the share still there at `days` of those still there at `survived_days`.

        S(t | s) = S(t) / S(s) is the product limit over times in (s, t] alone, so that its
        Greenwood error and its interval are those of a curve that begins at s. The errors of S(t)
        and S(s) taken apart would not do: both share what happened until s.

        Parameters
        ----------
        survived_days, days : float or sequence of float
            Both since the start, not since one another; every pair with s <= t makes a row.

        Returns
        -------
        ConditionalSurvival
            Empty where t lies after the group's last time, or fewer than `small_cell` are there
            after s.
        """
        from journeykit.survival.curves.later import given_survival

        return given_survival(self, survived_days, days)

    def remaining_quantiles(
        self, survived_days: float | Sequence[float], shares: Sequence[float] = (0.5,), /
    ) -> RemainingQuantiles:
        """Return how long until a share of those still there at `survived_days` has left too.

        They are the quantiles of `given_survival`, counted from s on, with the interval of
        Brookmeyer-Crowley.
        """
        from journeykit.survival.curves.later import remaining_quantiles

        return remaining_quantiles(self, survived_days, shares)

    def remaining_mean(
        self, survived_days: float | Sequence[float], /, *, until_days: float
    ) -> RemainingMean:
        """Return how many of the days from `survived_days` to `until_days` are stayed on average.

        The restricted mean residual life, the area under S(t | s) for t from s to `until_days`
        (counted since the start), of those still there at s; its error as in `rmst`. Empty where
        `until_days` lies after the group's last time and the curve has not come to 0.
        """
        from journeykit.survival.curves.later import remaining_mean

        return remaining_mean(self, survived_days, until_days)

    def plateau(self, *, last_share: float = 1 / 3, most_ratio: float = 0.1) -> Plateau:
        """Ask whether the curves level off, as they do where some never leave.

        The curve of a group is watched until the last time T at which at least `small_cell` are
        under risk. With a = (1 - `last_share`) T, the rate of leaving after a is d2 / t2, events
        per customer and day, and before it d1 / t1. Their ratio has an exact interval: given
        d1 + d2, d2 is binomial with odds (ratio t2) : t1.

        It "levels off" where the whole interval lies below `most_ratio`; it is "still falling"
        where the whole interval lies above; otherwise nobody "can tell". A curve whose rate stays
        the same or grows is so taken for one that levels off in next to no case, however short
        the follow-up; where the true ratio is `most_ratio` itself, in at most (1 - confidence) / 2.

        It takes customers: with 40 % who never leave, the others gone after 100 days on average
        and two to three years watched, 500 are enough in 98 % of cases and 200 in none.

        The height of the plateau is S(T), and its interval that of S(T). Where the curve levels
        off it estimates, from above, the share that never leaves: never as far as the time after
        T is like the time just before it, which no data before T can show. Otherwise it is only
        the share not yet gone. A rate that falls ever more slowly without end, such as Weibull's
        with a shape below about an eighth, looks the same until T.

        The measure of Maller and Zhou, alpha, is not used: it takes three customers who left in
        the gap between the last leaving and the last customer's end for enough follow-up, which
        short follow-up brings about in a quarter of all cases.

        Parameters
        ----------
        last_share : float in (0, 1)
            Share of the watched time that the rate at the end is taken over.
        most_ratio : float in (0, 1)
            Rates fall at least so far where a curve counts as level.

        References
        ----------
        Maller, Zhou (1996), Survival Analysis with Long-Term Survivors. Clopper, Pearson (1934),
        Biometrika 26.
        """
        from journeykit.survival.curves.levelling import plateau

        return plateau(self, last_share=last_share, most_ratio=most_ratio)

    def summary(self) -> str:
        """Return when half have left, or that this was not reached."""
        medians = self.quantiles((0.5,)).frame.itertuples(index=False)
        told = [self._median_text(*row) for row in list(medians)[:_GROUPS_IN_SUMMARY]]
        more = len(self.tables) - len(told)
        tail = [f"{more} more groups"] if more else []
        return "; ".join([*told, *tail, *self._small_text()])

    def _median_text(
        self, group: str, _: float, day: float, low: float, high: float, reached: bool
    ) -> str:
        who = f"{group}: " if len(self.tables) > 1 else ""
        if reached:
            ends = (
                f"{bound:,.4g}" if np.isfinite(bound) else "not reached" for bound in (low, high)
            )
            interval = " to ".join(ends)
            return f"{who}half have left by day {day:,.4g} ({self.confidence:.0%} {interval})"
        last = self.of(group).iloc[-1]
        return (
            f"{who}median not reached, {last['estimate']:.1%} still there at day "
            f"{last['time_days']:,.4g}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curves with their bands and, below, how many are under risk."""
        from journeykit.survival.curves.pictures import draw_curves

        return draw_curves(self, ax)


def kaplan_meier(
    lifetimes: Lifetimes | LifeCounts,
    /,
    *,
    by: str | None = None,
    interval: SurvivalInterval = "log-log",
    confidence: float = 0.95,
    horizon_days: float | None = None,
    small_cell: int = 10,
) -> KaplanMeier:
    """Estimate the share of customers still there, by time since their start.

    S(t) is the product over times s <= t of 1 - d(s) / n(s), with d(s) events among the n(s)
    under risk at s: entered before s and not gone before it, so late entries count from their
    entry on, and at equal times events come before censorings. The standard error is Greenwood's.
    Where nobody or everybody has left there is no interval (empty), not one of no width.

    With late entries few may be under risk early on. Their leaving moves the whole curve: it is
    right on average, but far from normal, and its interval can be too narrow. `n_at_risk` tells;
    `given_survival` begins where enough are under risk. Before the first entry the curve is 1:
    it is the curve of those who are still there then.

    Parameters
    ----------
    lifetimes : Lifetimes or LifeCounts
        Life counts add up over parts of the customers; every entry is taken for one customer.
        A customer's several intervals count as one life with gaps.
    by : str, optional
        Column of the lifetimes: a curve for each of its values. Life counts have their groups.
    interval : {"log-log", "log", "plain"}
        Scale on which the interval is symmetric: of log(-log S), which stays inside [0, 1] and
        holds its confidence with few customers best; of log S, as R by default; of S itself, which
        holds it worst. The last two are cut off at 0 and 1.
    confidence : float in (0, 1)
        Of the interval at each single time, not of the whole band at once.
    horizon_days : float, optional
        Look no further; whoever is still there then is censored at it.
    small_cell : int
        Groups of fewer customers are not shown but named in `suppressed`.

    Returns
    -------
    KaplanMeier

    Raises
    ------
    ArgumentError
        When every group is smaller than `small_cell`, nobody is under risk before the horizon, or
        life counts come with `by`.
    MappingError
        When there is no column `by`.
    DataError
        When customers leave several times.

    Warns
    -----
    JourneyKitWarning
        When a curve drops to 0 because the few who were under risk early all left, although
        others entered later: the curve says nothing about those.

    References
    ----------
    Kaplan, Meier (1958), JASA 53; Tsai, Jewell, Wang (1987), Biometrika 74, for late entry;
    Borgan, Liestoel (1990), Scand. J. Statist. 17, for the scales of the interval.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import kaplan_meier, lifetimes_from_frame
    >>> contracts = pd.DataFrame({"time": [1, 2, 2, 4, 5], "status": [1, 1, 0, 1, 0]})
    >>> curve = kaplan_meier(lifetimes_from_frame(contracts), small_cell=1)
    >>> curve.frame["estimate"].round(3).tolist()
    [0.8, 0.6, 0.3, 0.3]
    >>> curve.given_survival(2, 4).frame["estimate"].tolist()
    [0.5]
    """
    check_fraction("confidence", confidence)
    check_choice("interval", interval, SURVIVAL_INTERVALS)
    shown = shown_tables(lifetimes, by=by, small_cell=small_cell, horizon_days=horizon_days)
    parts = []
    for group, table in shown.tables.items():
        warn_of_early_zero(group, table)
        curve = product_limit(
            table.n_at_risk, table.n_event, confidence=confidence, interval=interval
        )
        parts.append(rows_of(group, table, curve))
    given = {
        "by": by,
        "interval": interval,
        "confidence": confidence,
        "horizon_days": horizon_days,
        "small_cell": small_cell,
    }
    return KaplanMeier(
        frame=pd.concat(parts, ignore_index=True),
        provenance=Provenance(shown.fingerprint, given),
        interval=interval,
        confidence=confidence,
        small_cell=small_cell,
        suppressed=shown.suppressed,
        tables=shown.tables,
    )


def first_days(curve: pd.DataFrame, share: float, /) -> tuple[float, float, float]:
    """Return the first days at which the curve and its bounds are down to 1 - share."""
    days = curve["time_days"].to_numpy()
    found = []
    for name in ("estimate", "conf_low", "conf_high"):
        below = np.flatnonzero(curve[name].to_numpy() <= 1 - share + ROUNDING)
        found.append(float(days[below[0]]) if len(below) else float("nan"))
    return found[0], found[1], found[2]
