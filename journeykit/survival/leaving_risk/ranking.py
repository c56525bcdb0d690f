"""After which touchpoints customers leave sooner: all in one model, at several lags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_positive, check_whole
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.stats import benjamini_hochberg
from journeykit.survival.leaving_risk.after_touch import TENURE_DAYS, check_edges, without_small
from journeykit.survival.leaving_risk.people import (
    followed,
    judged,
    touches_of,
    warn_of_dating,
    with_known_past,
)
from journeykit.survival.leaving_risk.person_time import person_time
from journeykit.survival.leaving_risk.ratios import hazard_ratios, ratios_alone
from journeykit.survival.leaving_risk.stretches import cut, since_touch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.survival.churn import ChurnRule, Start
    from journeykit.survival.leaving_risk.people import People, Touches
    from journeykit.survival.leaving_risk.person_time import PersonTime
    from journeykit.survival.leaving_risk.stretches import Rows

#: Correlation of exposed time from which two touchpoints are told apart by accidents only.
_TOGETHER = 0.8
#: Touchpoints named in a summary.
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RiskOfLeaving(Result):
    """``touchpoint lag_days``: a row a touchpoint and lag, the highest ratio without lag on top.

    `n` customers under risk more than `lag_days` and at most `window_days` after a touch, `n_event`
    of them left then, `person_days`, `expected` without the touchpoint's own ratio;
    `hazard_ratio` with `conf_low`, `conf_high` and the `std_error` of its logarithm, all
    touchpoints in one model; `alone`, the ratio without the others in it; `p_value`, `q_value`;
    `reading`: raised, lowered or cannot tell; `n_now`, customers still there at the end of the data
    whose last touch is at most `window_days` ago. Fewer than `small_cell` customers are not shown.

    Attributes
    ----------
    confidence : float
    window_days : float
    n_tested : int
        Ratios tested, on which the q-values go.
    left_out : mapping of touchpoint to reason
        Touchpoints that were not judged.
    """

    confidence: float
    window_days: float
    n_tested: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    rows: ClassVar[str] = "touchpoints and lags"

    def __post_init__(self) -> None:
        """Freeze the reasons."""
        object.__setattr__(self, "left_out", MappingProxyType(dict(self.left_out)))

    @property
    def lags(self) -> tuple[float, ...]:
        """Lags in days, rising."""
        return tuple(sorted(set(self.frame["lag_days"])))

    def holding(self) -> pd.DataFrame:
        """Return ``touchpoint reading lags``: what holds, and at which lags, as the frame goes.

        The highest ratio without lag is on top, the lowest at the bottom. What is raised without
        lag only may be a part of leaving rather than its cause.
        """
        told = self.frame[self.frame["reading"] != "cannot tell"]
        grouped = told.groupby(["touchpoint", "reading"], sort=False)["lag_days"]
        return grouped.agg(lambda lags: tuple(sorted(lags))).rename("lags").reset_index()

    def summary(self) -> str:
        """Return after which touchpoints customers leave sooner or later."""
        n = self.frame["touchpoint"].nunique()
        held = self.holding()
        ratios = self.frame.set_index(["touchpoint", "lag_days"])["hazard_ratio"]
        parts = []
        for row in held.head(_NAMED).itertuples(index=False):
            # The ratio at which the reading holds: without lag it may say something else.
            ratio = ratios[row.touchpoint, row.lags[0]]
            only = "" if set(self.lags) <= set(row.lags) else f" at lag {_listed(row.lags)} only"
            parts.append(f"{row.touchpoint} {row.reading} ({ratio:.2f} times){only}")
        more = len(held) - len(parts)
        tail = [f"{more} more"] if more > 0 else []
        found = "; ".join(parts + tail) or "no touchpoint stands out"
        return (
            f"leaving within {self.window_days:g} days after {n:,} touchpoints "
            f"({self.n_tested:,} ratios tested): {found}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the hazard ratios with their intervals, a colour a lag."""
        from journeykit.survival.leaving_risk.picture import draw_ranking

        return draw_ranking(self, ax)


def _listed(lags: tuple[float, ...]) -> str:
    return ", ".join(f"{lag:g}" for lag in lags)


def risk_of_leaving(
    journeys: Journeys,
    /,
    *,
    churn: ChurnRule,
    start: Start | None = None,
    activity: Sequence[str] | None = None,
    touchpoints: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    window_days: float = 14.0,
    lags_days: Sequence[float] = (0.0, 1.0, 7.0),
    calendar_days: float = 1.0,
    tenure_days: Sequence[float] = TENURE_DAYS,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> RiskOfLeaving:
    """Rank touchpoints by the hazard of leaving within a window after them.

    Cox's model with time-varying covariates: for every touchpoint, 1 while the last touch is more
    than `lag_days` and at most `window_days` ago, all touchpoints in one model, so that each ratio
    is one with the others held. At lags above 0, time within the lag has a covariate of its own and
    is neither exposed nor compared with. A touch that is itself a part of leaving has an effect
    without lag only; one that makes people leave goes on at a lag of some days.

    **The clock** is the calendar, late entries and all, with strata of time since the start:
    leaving and touches share their seasons, so customers are compared with those there on the same
    day. Risk sets within one day are taken together, which makes the likelihood that of Poisson
    counts of events by day, band of time since the start and pattern of exposure, given the sums
    over patterns; for times in whole days it is Cox's partial likelihood with Breslow's ties. It
    does not grow with customers. (On the other clock, time since the start with calendar weeks as
    strata, only customers who started in the same week could be compared.)

    **Met together.** Of touchpoints whose exposed time is all but the same, such as a page and the
    mail that confirms it (correlation above 0.8), only the one met for longer is judged, and its
    ratio stands for all of them; `left_out` names the others.

    Covariances are sandwiches over customers. The ratios average over what differs between
    customers beyond strata and touchpoints: they are marginal ones. Comparing is not yet causing.

    Nobody is compared by "the last touch before leaving", which finds what is met most, nor by
    whether they ever met a touchpoint (see `immortal_time`).

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    churn, start, activity :
        As `lifetimes`.
    touchpoints : sequence of str, optional
        By default all that can be judged: not what leaving is defined by, that is an end touchpoint
        and, under `Inactivity`, what is `activity`.
    exclude : sequence of str
        Touches that are a part of leaving, such as the cancellation call.
    window_days : float
    lags_days : sequence of float
        Rising, from 0 to below `window_days`.
    calendar_days : float
        Length of the periods of the calendar: 1 for days, 7 for weeks from Monday on, UTC.
    tenure_days : sequence of float
        Days since the start at which strata end. Narrower ones where the hazard changes quickly
        and touches come on set days.
    confidence : float in (0, 1)
    small_cell : int
        Rows and counts of fewer customers are not shown.

    Returns
    -------
    RiskOfLeaving

    Raises
    ------
    ArgumentError
        Lags that do not rise from 0 to below the window, a touchpoint that cannot be judged, none
        left, or too many for one model or for memory.
    NotObservedError, MappingError, DataError
        As `lifetimes`.

    Warns
    -----
    JourneyKitWarning
        Under `Inactivity` dated at the last activity.

    References
    ----------
    Cox (1972), JRSS B 34. Andersen, Gill (1982), Annals of Statistics 10. Lin, Wei (1989), JASA 84.
    Benjamini, Hochberg (1995), JRSS B 57.

    Examples
    --------
    >>> from journeykit import simulate
    >>> from journeykit.survival import EndAttribute, StartAttribute
    >>> company = simulate.world(customers=3_000, parts=("orders", "contracts"), seed=1)
    >>> found = risk_of_leaving(
    ...     company.journeys(),
    ...     churn=EndAttribute("contract_end"),
    ...     start=StartAttribute("contract_start"),
    ...     touchpoints=["payment_failed", "survey_post_sale"],
    ...     window_days=30,
    ... )
    >>> found.holding()["touchpoint"].tolist()
    ['payment_failed']
    """
    check_positive("window_days", window_days)
    lags = _lags(lags_days, window_days)
    bands = check_edges("tenure_days", tenure_days)
    check_positive("calendar_days", calendar_days)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    names, left_out = judged(journeys, touchpoints, churn=churn, activity=activity, exclude=exclude)
    warn_of_dating(churn)
    everyone = followed(journeys, churn=churn, start=start, activity=activity)
    people = with_known_past(everyone, window_days)
    edges = np.rint(np.array([*lags, window_days]) * DAY).astype(np.int64)
    touches = {name: touches_of(journeys, people, name) for name in names}
    rows = _rows(people, touches, edges, bands)
    if together := _together(rows, names):
        left_out = {**left_out, **together}
        names = tuple(name for name in names if name not in together)
        touches = {name: touches[name] for name in names}
        rows = _rows(people, touches, edges, bands)
    data = person_time(rows, calendar_days=calendar_days)
    now = _now(journeys, everyone, names, window_days)
    table = _tested(
        [_at_lag(data, names, lag, at, now, confidence) for at, lag in enumerate(lags)],
        confidence,
        small_cell,
    )
    given = {
        "churn": repr(churn),
        "start": repr(start),
        "activity": activity,
        "touchpoints": names,
        "exclude": tuple(exclude),
        "window_days": window_days,
        "lags_days": lags,
        "calendar_days": calendar_days,
        "tenure_days": tuple(tenure_days),
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return RiskOfLeaving(
        frame=table,
        provenance=Provenance(journeys.fingerprint, given),
        confidence=confidence,
        window_days=window_days,
        n_tested=int(table["p_value"].notna().sum()),
        left_out=left_out,
    )


def _rows(
    people: People,
    touches: Mapping[str, Touches],
    edges: NDArray[np.int64],
    bands: Sequence[float],
) -> Rows:
    kinds = [since_touch(one, edges) for one in touches.values()]
    return cut(people, kinds, n_states=len(edges), tenure_days=bands)


def _together(rows: Rows, names: Sequence[str]) -> dict[str, str]:
    """Return touchpoints that are met together with one that is met for longer, and with which."""
    days = np.bincount(rows.cell, (rows.end - rows.begin) / DAY, len(rows.states))
    exposed = (rows.states > 0).astype(np.float64)
    share = days @ exposed / days.sum()
    covariance = (exposed.T * days) @ exposed / days.sum() - np.outer(share, share)
    spread = np.sqrt(covariance.diagonal().clip(0))
    size = np.outer(spread, spread)
    alike = np.divide(covariance, size, out=np.zeros_like(size), where=size > 0)
    kept: list[int] = []
    found: dict[str, str] = {}
    for one in np.argsort(-share, kind="stable").tolist():
        twin = next((other for other in kept if alike[one, other] > _TOGETHER), None)
        if twin is None:
            kept.append(one)
        else:
            found[names[one]] = f"met together with {names[twin]}: the two cannot be told apart"
    return found


def _lags(lags_days: Sequence[float], window_days: float) -> tuple[float, ...]:
    lags = tuple(float(lag) for lag in lags_days)
    rising = all(a < b for a, b in pairwise(lags))
    if not lags or not rising or lags[0] != 0 or lags[-1] >= window_days:
        raise ArgumentError(
            f"`lags_days` must rise from 0 to below `window_days`, {window_days:g}; got "
            f"{list(lags_days)!r}."
        )
    return lags


def _at_lag(
    data: PersonTime,
    names: tuple[str, ...],
    lag: float,
    at: int,
    now: NDArray[np.int64],
    confidence: float,
) -> pd.DataFrame:
    """Fit one lag: what is exposed after it, and what is within it by itself."""
    states = data.rows.states
    exposed = states > at
    within = (states > 0) & ~exposed
    # What is within the lag is held, not shown.
    covariates = np.concatenate([exposed, within[:, within.any(axis=0)]], axis=1)
    shown = hazard_ratios(data, covariates, confidence=confidence).first(len(names))
    alone = [
        ratios_alone(
            data, np.stack([exposed[:, k], within[:, k]][: 1 + bool(within[:, k].any())], axis=1)
        )[0]
        for k in range(len(names))
    ]
    return pd.DataFrame(
        {
            "touchpoint": names,
            "lag_days": lag,
            "n": shown.n,
            "n_event": shown.n_event,
            "person_days": shown.person_days,
            "expected": shown.expected,
            "hazard_ratio": shown.ratio,
            "std_error": shown.std_error,
            "conf_low": shown.low,
            "conf_high": shown.high,
            "alone": alone,
            "p_value": shown.p_value,
            "n_now": now,
        }
    )


def _tested(parts: list[pd.DataFrame], confidence: float, small_cell: int) -> pd.DataFrame:
    """Put the lags together, hide the small, test, and order by the ratio without lag."""
    order = np.argsort(-parts[0]["hazard_ratio"].fillna(-1).to_numpy(), kind="stable")
    table = pd.concat([part.iloc[order] for part in parts])
    table = table.assign(rank=np.tile(np.arange(len(order)), len(parts)))
    table = table.sort_values(["rank", "lag_days"], kind="stable", ignore_index=True)
    table = table.drop(columns="rank").astype({"n_now": "Int64"})
    table["n_now"] = table["n_now"].mask(table["n_now"].between(1, small_cell - 1).to_numpy())
    now = table.pop("n_now")
    table = without_small(table, small_cell, keep=("touchpoint", "lag_days"))
    table["q_value"] = benjamini_hochberg(table["p_value"])
    holds = table["q_value"].to_numpy() <= 1 - confidence
    above = table["hazard_ratio"].to_numpy() > 1
    table["reading"] = np.where(holds, np.where(above, "raised", "lowered"), "cannot tell")
    table["n_now"] = now
    return table


def _now(
    journeys: Journeys, everyone: People, names: Sequence[str], window_days: float
) -> NDArray[np.int64]:
    """Count those still there when the data ends whose last touch is within the window, by kind.

    Also who is watched for too short to be compared: their touches of late are known all the same.
    """
    until = journeys.observed_to
    assert until is not None
    end = int(until.max())
    there = everyone.keep(~everyone.event & (until[everyone.journey] == end))
    counts = []
    for name in names:
        touch = touches_of(journeys, there, name)
        recent = (touch.time > end - round(window_days * DAY)) & (touch.time < end)
        counts.append(len(np.unique(touch.owner[recent])))
    return np.array(counts, dtype=np.int64)
