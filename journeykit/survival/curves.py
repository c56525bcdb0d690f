"""Kaplan-Meier: the share that is still there, by time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_fraction, check_positive, check_whole
from journeykit.errors import ArgumentError, JourneyKitWarning
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.tables import LifeTable, counted, kept_groups, life_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.counts import LifeCounts
    from journeykit.survival.lives import Lifetimes

#: Survival that rounding alone keeps above a share counts as having reached it.
_ROUNDING = 1e-9
_GROUPS_IN_SUMMARY = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SurvivalAt(Result):
    """``group time_days n_at_risk estimate std_error conf_low conf_high``.

    `n_at_risk` is under risk at that time, those who leave at it included. The estimate is empty
    after the last time at which anyone of the group was observed.
    """

    rows: ClassVar[str] = "times"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Quantiles(Result):
    """``group share estimate conf_low conf_high reached``.

    `estimate` is the first day by which that share has left, empty where `reached` is false.
    """

    rows: ClassVar[str] = "quantiles"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class KaplanMeier(Result):
    """Survival curves: ``group time_days`` then counts and estimate, a row a time of leaving.

    `n_at_risk` at `time_days`; `n_entered` since the group's previous row; `n_event` and
    `n_censored` at that time; `estimate`, `std_error`, `conf_low`, `conf_high` of the share still
    there afterwards. Within a group, n_at_risk is the previous row's less its events and
    censorings plus n_entered.

    Attributes
    ----------
    confidence : float
    small_cell : int
        Curves are drawn while at least as many are under risk.
    suppressed : tuple of str
        Groups of fewer customers, which are not shown.
    tables : mapping of group to LifeTable
        The counts behind the curves.
    """

    confidence: float
    small_cell: int
    suppressed: tuple[str, ...] = ()
    tables: Mapping[str, LifeTable] = field(default_factory=dict)
    rows: ClassVar[str] = "times"

    def __post_init__(self) -> None:
        """Freeze the tables."""
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that are shown."""
        return tuple(self.tables)

    def of(self, group: str) -> pd.DataFrame:
        """Return the rows of one group."""
        return self.frame[self.frame["group"] == group]

    def survival_at(self, days: float | Sequence[float], /) -> SurvivalAt:
        """Read the curves at one or more days."""
        wanted = np.atleast_1d(np.asarray(days, dtype=np.float64))
        at = np.rint(wanted * DAY).astype(np.int64)
        parts = []
        for group, table in self.tables.items():
            curve = self.of(group)
            row = np.searchsorted(table.time, at, side="right")
            seen = at <= table.time[-1]
            read = {
                name: np.where(seen, np.append(before, curve[name].to_numpy())[row], np.nan)
                for name, before in _BEFORE_ANY_EXIT.items()
            }
            risk = np.where(seen, table.at_risk_just_before(at), 0)
            parts.append(
                pd.DataFrame({"group": group, "time_days": wanted, "n_at_risk": risk, **read})
            )
        return SurvivalAt(frame=pd.concat(parts, ignore_index=True), provenance=self.provenance)

    def quantiles(self, shares: Sequence[float] = (0.25, 0.5, 0.75), /) -> Quantiles:
        """Return the first day by which a share has left, with the interval of Brookmeyer-Crowley.

        The interval holds the days at which the curve's own interval contains 1 - share; a bound
        that the data does not reach is empty.
        """
        for share in shares:
            check_fraction("shares", share)
        records = []
        for group in self.tables:
            curve = self.of(group)
            for share in shares:
                days = [
                    _first_at_most(curve, name, 1 - share)
                    for name in ("estimate", "conf_low", "conf_high")
                ]
                records.append((group, share, *days, not np.isnan(days[0])))
        names = ["group", "share", "estimate", "conf_low", "conf_high", "reached"]
        return Quantiles(
            frame=pd.DataFrame.from_records(records, columns=names), provenance=self.provenance
        )

    def summary(self) -> str:
        """Return when half have left, or that this was not reached."""
        medians = self.quantiles((0.5,)).frame.itertuples(index=False)
        told = [self._median_text(*row) for row in list(medians)[:_GROUPS_IN_SUMMARY]]
        more = len(self.tables) - len(told)
        tail = [f"{more} more groups"] if more else []
        if self.suppressed:
            tail.append(
                f"not shown, fewer than {self.small_cell} customers: {', '.join(self.suppressed)}"
            )
        return "; ".join(told + tail)

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
        from journeykit.survival.picture import draw_curves

        return draw_curves(self, ax)


#: What is read before anyone has gone, as in R: all are there, by definition.
_BEFORE_ANY_EXIT = {"estimate": 1.0, "std_error": 0.0, "conf_low": 1.0, "conf_high": 1.0}


class Curve(NamedTuple):
    """Product-limit estimate and its interval, arrays of shape (n_times,)."""

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]


def kaplan_meier(
    lifetimes: Lifetimes | LifeCounts,
    /,
    *,
    by: str | None = None,
    confidence: float = 0.95,
    horizon_days: float | None = None,
    small_cell: int = 10,
) -> KaplanMeier:
    """Estimate the share of customers still there, by time since their start.

    S(t) is the product over times s <= t of 1 - d(s) / n(s), with d(s) events among the n(s)
    under risk at s: entered before s and not gone before it, so late entries count from their
    entry on, and at equal times events come before censorings. The standard error is Greenwood's
    and the interval is on the log(-log) scale, which stays inside [0, 1]. Where nobody or
    everybody has left there is no interval (empty), not one of no width.

    Parameters
    ----------
    lifetimes : Lifetimes or LifeCounts
        Life counts add up over parts of the customers; every entry is taken for one customer.
    by : str, optional
        Column of the lifetimes: a curve for each of its values. Life counts have their groups.
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

    Warns
    -----
    JourneyKitWarning
        When a curve drops to 0 because the few who were under risk early all left, although
        others entered later: the curve says nothing about those.

    References
    ----------
    Kaplan, Meier (1958), JASA 53; Tsai, Jewell, Wang (1987), Biometrika 74, for late entry.
    """
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    if horizon_days is not None:
        check_positive("horizon_days", horizon_days)
    horizon = None if horizon_days is None else round(horizon_days * DAY)
    data = counted(lifetimes, by)
    kept, suppressed = kept_groups(data, small_cell)
    if not kept:
        raise ArgumentError(
            f"No group has {small_cell} customers or more, so none may be shown; group more "
            "coarsely or lower `small_cell`."
        )
    counts = data.counts
    tables = {counts.groups[g]: life_table(counts, g, horizon=horizon) for g in kept}
    tables = {group: table for group, table in tables.items() if len(table.time)}
    if not tables:
        raise ArgumentError(
            f"`horizon_days` must lie after the first entry; nobody is under risk by day "
            f"{horizon_days}."
        )
    given = {
        "by": by,
        "confidence": confidence,
        "horizon_days": horizon_days,
        "small_cell": small_cell,
    }
    return KaplanMeier(
        frame=pd.concat(
            [_rows(group, table, confidence) for group, table in tables.items()],
            ignore_index=True,
        ),
        provenance=Provenance(data.fingerprint, given),
        confidence=confidence,
        small_cell=small_cell,
        suppressed=suppressed,
        tables=tables,
    )


def _rows(group: str, table: LifeTable, confidence: float) -> pd.DataFrame:
    curve = product_limit(table.n_at_risk, table.n_event, confidence=confidence)
    emptied = np.flatnonzero(curve.estimate == 0)
    if len(emptied) and emptied[0] < len(table.time) - 1:
        day = table.time[emptied[0]] / DAY
        warnings.warn(
            f"The curve of {group!r} drops to 0 at day {day:.4g}, where all "
            f"{table.n_at_risk[emptied[0]]} under risk left; it says nothing about those who "
            "entered later.",
            JourneyKitWarning,
            stacklevel=4,
        )
    return pd.DataFrame(
        {
            "group": group,
            "time_days": table.time / DAY,
            "n_at_risk": table.n_at_risk,
            "n_entered": table.n_entered,
            "n_event": table.n_event,
            "n_censored": table.n_censored,
            **curve._asdict(),
        }
    )


def product_limit(
    n_at_risk: NDArray[np.int64], n_event: NDArray[np.int64], *, confidence: float
) -> Curve:
    """Multiply up the shares that stay, with Greenwood's error and the log(-log) interval."""
    survivors = n_at_risk - n_event
    estimate = np.cumprod(survivors / n_at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Greenwood's sum is the variance of log S; infinite once nobody is left.
        log_error = np.sqrt(np.cumsum(n_event / (n_at_risk * survivors.astype(np.float64))))
        std_error = np.where(estimate > 0, estimate * log_error, np.nan)
        inside = (estimate > 0) & (estimate < 1)
        quantile = stats.norm.isf((1 - confidence) / 2)
        stretch = np.exp(quantile * log_error / np.abs(np.log(estimate)))
        low = np.where(inside, estimate**stretch, np.nan)
        high = np.where(inside, estimate ** (1 / stretch), np.nan)
    return Curve(estimate, std_error, low, high)


def _first_at_most(curve: pd.DataFrame, name: str, level: float) -> float:
    below = np.flatnonzero(curve[name].to_numpy() <= level + _ROUNDING)
    return float(curve["time_days"].iloc[below[0]]) if len(below) else float("nan")
