"""What lies ahead of those who have stayed until now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_positive
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.survival.curves.estimates import normal_quantile, product_limit, restricted_mean
from journeykit.survival.curves.grouped import checked_days, rows_of
from journeykit.survival.curves.survival import first_days

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.curves.survival import KaplanMeier
    from journeykit.survival.curves.tables import LifeTable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConditionalSurvival(Result):
    """``group survived_days time_days n_survived n_at_risk estimate std_error conf_low conf_high``.

    Both times since the start. `n_survived` are there after `survived_days`, `n_at_risk` at
    `time_days`. Where both are the same the estimate is 1, without an interval.
    """

    rows: ClassVar[str] = "pairs of times"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RemainingQuantiles(Result):
    """``group survived_days n_survived share estimate conf_low conf_high reached``.

    `estimate` in days from `survived_days` on, empty where `reached` is false.
    """

    rows: ClassVar[str] = "quantiles"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RemainingMean(Result):
    """``group survived_days n_survived time_days estimate std_error conf_low conf_high``.

    `estimate` in days from `survived_days` to `time_days`, of which it can be all at most.
    """

    rows: ClassVar[str] = "means"


def given_survival(
    curves: KaplanMeier,
    survived_days: float | Sequence[float],
    days: float | Sequence[float],
    /,
) -> ConditionalSurvival:
    """Do what `KaplanMeier.given_survival` says."""
    wanted = checked_days("days", days)
    parts = []
    for group, survived, table in _from_then_on(curves, survived_days):
        t = wanted[wanted >= survived]
        if not len(t):
            raise ArgumentError(
                f"`days` must not lie before `survived_days`; got {days!r} and {survived:g}. Both "
                "count from the start."
            )
        at = np.rint(t * DAY).astype(np.int64)
        there = int(table.entry_n[0])
        known = np.full(len(t), there >= curves.small_cell and len(table.time) > 0)
        if known.any():
            known &= at <= table.time[-1]
        curve = product_limit(
            table.n_at_risk,
            table.n_event,
            confidence=curves.confidence,
            interval=curves.interval,
        )
        row = np.searchsorted(table.time, at, side="right")
        begun = dict(zip(curve._fields, (1.0, 0.0, np.nan, np.nan), strict=True))
        parts.append(
            pd.DataFrame(
                {
                    "group": group,
                    "survived_days": survived,
                    "time_days": t,
                    "n_survived": there,
                    "n_at_risk": np.where(known, _at_risk(table, at), 0),
                    **{
                        name: np.where(known, np.append(begun[name], values)[row], np.nan)
                        for name, values in curve._asdict().items()
                    },
                }
            )
        )
    return ConditionalSurvival(
        frame=pd.concat(parts, ignore_index=True), provenance=curves.provenance
    )


def remaining_quantiles(
    curves: KaplanMeier, survived_days: float | Sequence[float], shares: Sequence[float], /
) -> RemainingQuantiles:
    """Do what `KaplanMeier.remaining_quantiles` says."""
    for share in shares:
        check_fraction("shares", share)
    records = []
    for group, survived, table in _from_then_on(curves, survived_days):
        there = int(table.entry_n[0])
        curve = rows_of(
            group,
            table,
            product_limit(
                table.n_at_risk,
                table.n_event,
                confidence=curves.confidence,
                interval=curves.interval,
            ),
        )
        for share in shares:
            ends = np.full(3, np.nan)
            if there >= curves.small_cell:
                ends = np.array(first_days(curve, share)) - survived
            records.append((group, survived, there, share, *ends, not np.isnan(ends[0])))
    names = [
        "group", "survived_days", "n_survived", "share", "estimate", "conf_low", "conf_high",
        "reached",
    ]  # fmt: skip
    return RemainingQuantiles(
        frame=pd.DataFrame.from_records(records, columns=names), provenance=curves.provenance
    )


def remaining_mean(
    curves: KaplanMeier, survived_days: float | Sequence[float], until_days: float, /
) -> RemainingMean:
    """Do what `KaplanMeier.remaining_mean` says."""
    check_positive("until_days", until_days)
    z, end = normal_quantile(curves.confidence), round(until_days * DAY)
    records = []
    for group, survived, table in _from_then_on(curves, survived_days):
        if survived >= until_days:
            raise ArgumentError(
                f"`until_days` must lie after `survived_days`; got {until_days} and {survived:g}. "
                "Both count from the start."
            )
        there = int(table.entry_n[0])
        mean, error = np.nan, np.nan
        if there >= curves.small_cell:
            mean, error = restricted_mean(table, begin=round(survived * DAY), end=end)
        # Nobody left: an error of 0 is no knowledge.
        reach = z * error if error > 0 else np.nan
        low, high = max(mean - reach, 0.0), min(mean + reach, until_days - survived)
        bounds = (low, high) if np.isfinite(reach) else (np.nan, np.nan)
        records.append((group, survived, there, until_days, mean, error, *bounds))
    names = [
        "group", "survived_days", "n_survived", "time_days", "estimate", "std_error", "conf_low",
        "conf_high",
    ]  # fmt: skip
    return RemainingMean(
        frame=pd.DataFrame.from_records(records, columns=names), provenance=curves.provenance
    )


def _at_risk(table: LifeTable, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many are under risk at each time; at the beginning all who are there after it."""
    begin, there = table.entry_time[0], table.entry_n[0]
    return np.where(at > begin, table.at_risk_just_before(at), there)


def _from_then_on(
    curves: KaplanMeier, survived_days: float | Sequence[float]
) -> Iterator[tuple[str, float, LifeTable]]:
    """Return every group and day with what happens from that day on; nobody enters sooner."""
    survived = checked_days("survived_days", survived_days)
    for group, table in curves.tables.items():
        for day in survived:
            yield group, float(day), table.after(round(float(day) * DAY))
