"""Whether curves level off, as they do where some never leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from journeykit.checks import check_fraction
from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.survival.curves.estimates import product_limit

if TYPE_CHECKING:
    from journeykit.survival.curves.survival import KaplanMeier
    from journeykit.survival.curves.tables import LifeTable

LEVEL, FALLING, OPEN = "levels off", "still falling", "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Plateau(Result):
    """A row a group: the rates of leaving before and after a day, and where the curve stands.

    ``group since_days time_days n_at_risk n_event_before n_event ratio ratio_low ratio_high verdict
    estimate std_error conf_low conf_high``. `n_at_risk` and `estimate` (the share still there) at
    `time_days`; `n_event` left from `since_days` on until then, and `ratio` is their rate over
    that of before. `verdict` is ``levels off``, ``still falling`` or ``cannot tell``.
    """

    rows: ClassVar[str] = "groups"

    def summary(self) -> str:
        """Return what holds of which groups."""
        told = []
        for verdict in (LEVEL, FALLING, OPEN):
            rows = self.frame[self.frame["verdict"] == verdict]
            if len(rows):
                told.append(f"{verdict}: {', '.join(map(_stand, rows.itertuples()))}")
        return "; ".join(told)


def _stand(row: NamedTuple) -> str:
    group, time, share = (getattr(row, name) for name in ("group", "time_days", "estimate"))
    if np.isnan(share):
        return str(group)
    return f"{group} ({share:.1%} still there at day {time:,.4g})"


def plateau(curves: KaplanMeier, /, *, last_share: float, most_ratio: float) -> Plateau:
    """Do what `KaplanMeier.plateau` says."""
    check_fraction("last_share", last_share)
    check_fraction("most_ratio", most_ratio)
    records = [
        {"group": group, **_row(table, curves, last_share, most_ratio)}
        for group, table in curves.tables.items()
    ]
    return Plateau(frame=pd.DataFrame.from_records(records), provenance=curves.provenance)


def _row(
    table: LifeTable, curves: KaplanMeier, last_share: float, most_ratio: float
) -> dict[str, object]:
    watched = table.well_watched(curves.small_cell)
    end = 0 if watched is None else watched[1]
    since = round((1 - last_share) * end)
    inside = table.time <= end
    events, late = table.n_event[inside], table.time[inside] > since
    before, after = int(events[~late].sum()), int(events[late].sum())
    ratio = rate_ratio(
        after,
        table.person_days(since, end),
        before,
        table.person_days(0, since),
        confidence=curves.confidence,
    )
    verdict = OPEN
    if ratio.conf_high < most_ratio:
        verdict = LEVEL
    elif ratio.conf_low > most_ratio:
        verdict = FALLING
    curve = product_limit(
        table.n_at_risk, table.n_event, confidence=curves.confidence, interval=curves.interval
    )
    last = int(inside.sum()) - 1
    known = watched is not None
    return {
        "since_days": since / DAY,
        "time_days": end / DAY,
        "n_at_risk": int(table.n_at_risk[last]) if known else 0,
        "n_event_before": before,
        "n_event": after,
        "ratio": ratio.estimate,
        "ratio_low": ratio.conf_low,
        "ratio_high": ratio.conf_high,
        "verdict": verdict,
        **{
            name: float(values[last]) if known else np.nan
            for name, values in curve._asdict().items()
        },
    }


class RateRatio(NamedTuple):
    """How many times as high one rate is as another."""

    estimate: float
    conf_low: float
    conf_high: float


def rate_ratio(
    n_event: int, days: float, n_event_before: int, days_before: float, /, *, confidence: float
) -> RateRatio:
    """Compare two rates of events per customer and day, with the exact interval.

    Given how many events there are in all, those of the first are binomial. NaN without events or
    without time under risk.
    """
    n = n_event + n_event_before
    if n == 0 or days <= 0 or days_before <= 0:
        return RateRatio(np.nan, np.nan, np.nan)
    tail = (1 - confidence) / 2
    low = special.betaincinv(n_event, n_event_before + 1, tail) if n_event else 0.0
    high = special.betaincinv(n_event + 1, n_event_before, 1 - tail) if n_event_before else 1.0
    with np.errstate(divide="ignore"):
        odds = [float(np.divide(p, 1 - p) * days_before / days) for p in (low, high)]
        estimate = np.divide(n_event / days, n_event_before / days_before)
    return RateRatio(float(estimate), odds[0], odds[1])
