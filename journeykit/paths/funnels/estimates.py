"""Shares of a funnel with their intervals: what is known of each step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.journeys.durations import DAY
from journeykit.paths.funnels.attempts import CAME, CENSORED
from journeykit.paths.funnels.kernels import NEVER
from journeykit.stats import ClusterSums, clustered_wilson_interval, wilson_interval
from journeykit.stats.aalen_johansen import cumulative_incidence
from journeykit.stats.incidence import (
    IncidenceAt,
    incidence_at,
    incidence_by,
    incidence_ratio,
    incidence_share,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.paths.funnels.attempts import Attempts
    from journeykit.paths.funnels.rules import Rules

#: What an estimate rests on.
COMPLETE, HORIZON, WINDOW, SO_FAR = "complete", "horizon", "window", "so far"
#: Up to this share may be undecided for an estimate to be given, and not its bounds alone.
_MOST_UNDECIDED = 0.01
#: Times at which a curve is shown where customers have several attempts.
_CLUSTERED_TIMES = 60


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its bounds, and what it rests on."""

    estimate: float
    low: float
    high: float
    undecided: float
    basis: str
    median_days: float = np.nan


_ALL = Share(1.0, np.nan, np.nan, 0.0, COMPLETE)


def share_of(
    came: NDArray[np.bool_], customer: NDArray[np.int64], *, confidence: float, basis: str
) -> Share:
    """Estimate a plain share, clustered where customers stand in several rows."""
    n = len(came)
    if n == 0:
        return Share(np.nan, np.nan, np.nan, np.nan, basis)
    # Rows of a customer lie side by side.
    who = np.cumsum(np.diff(customer, prepend=customer[:1]) != 0)
    each = np.bincount(who)
    if len(each) == n:
        low, high = wilson_interval(came.sum(), n, confidence=confidence)
    else:
        sums = ClusterSums.of_clusters(np.bincount(who, came), each)
        low, high = clustered_wilson_interval(sums, confidence=confidence)
    return Share(float(came.mean()), float(low), float(high), 0.0, basis)


def closed_shares(
    found: Attempts, rules: Rules, *, horizon: int | None, confidence: float
) -> list[tuple[Share, Share]]:
    """Estimate for each step which share of the step before comes to it, and of the first."""
    customer = found.customer
    cluster = customer if rules.reentry else None
    told, whole = [(_ALL, _ALL)], None
    for step in range(1, len(rules.steps)):
        _, waited, end = found.waits(0, step, settles=rules.settles)
        plain = _plain_basis(end, closes=rules.closes(step + 1), horizon=horizon)
        if plain:
            before = found.at(step - 1)
            came = found.at(step)
            pair = [
                share_of(came[rows], customer[rows], confidence=confidence, basis=plain)
                for rows in (before, found.at(0))
            ]
            if plain == COMPLETE:
                days = _median_days(waited[end == CAME])
                pair = [replace(share, median_days=days) for share in pair]
            told.append((pair[0], pair[1]))
            whole = None
            continue
        basis = WINDOW if horizon is None else HORIZON
        part = incidence_by(waited, end, of=CAME, horizon=horizon)
        share = incidence_share(part, cluster=cluster, confidence=confidence)
        if step == 1:
            on = share
        else:
            if whole is None:
                _, waited, end = found.waits(0, step - 1, settles=rules.settles)
                whole = incidence_by(waited, end, of=CAME, horizon=horizon)
            on = (
                incidence_ratio(part, whole, cluster=cluster, confidence=confidence)
                if whole.estimate > 0
                else IncidenceAt(*[np.nan] * 6)
            )
        told.append((_told(on, basis), _told(share, basis)))
        whole = part
    return told


def _plain_basis(end: NDArray[np.int64], *, closes: bool, horizon: int | None) -> str:
    """Return the basis of a plain share, or nothing where waits have to be censored."""
    if horizon is None and not (end == CENSORED).any():
        return COMPLETE
    return SO_FAR if horizon is None and not closes else ""


def _told(got: IncidenceAt, basis: str) -> Share:
    return Share(
        got.estimate if got.undecided <= _MOST_UNDECIDED else np.nan,
        got.low,
        got.high,
        got.undecided,
        basis,
        got.half_time / DAY,
    )


def open_shares(
    found: Attempts, rules: Rules, *, horizon: int | None, confidence: float
) -> list[tuple[Share, Share]]:
    """Estimate the same where customers enter at any step: waits begin at the step before."""
    cluster = found.customer if rules.reentry else None
    told = []
    for step in range(len(rules.steps)):
        at = found.at(step)
        share = share_of(at, found.customer, confidence=confidence, basis=SO_FAR)
        if step == 0:
            told.append((_ALL, share))
            continue
        rows, waited, end = found.waits(step - 1, step, settles=rules.settles)
        closes = rules.settles and bool(min(rules.within, rules.hi[step - 1]) < NEVER)
        plain = _plain_basis(end, closes=closes, horizon=horizon)
        if plain:
            on = share_of(end == CAME, found.customer[rows], confidence=confidence, basis=plain)
            if plain == COMPLETE:
                on = replace(on, median_days=_median_days(waited[end == CAME]))
        else:
            got = incidence_at(
                waited,
                end,
                of=CAME,
                horizon=horizon,
                cluster=None if cluster is None else cluster[rows],
                confidence=confidence,
            )
            on = _told(got, WINDOW if horizon is None else HORIZON)
        told.append((on, share))
    return told


def _median_days(waited: NDArray[np.int64]) -> float:
    if not len(waited):
        return np.nan
    return float(np.quantile(waited, 0.5, method="inverted_cdf") / DAY)


def step_rows(
    found: Attempts,
    rules: Rules,
    *,
    group: str,
    horizon: int | None,
    confidence: float,
    timed: bool,
) -> list[dict[str, object]]:
    """Return the rows of one group."""
    shares = open_shares if rules.entry == "open" else closed_shares
    told = shares(found, rules, horizon=horizon, confidence=confidence)
    rows = []
    for step, (touchpoint, (on, whole)) in enumerate(zip(rules.steps, told, strict=True)):
        at = found.at(step)
        n = int(at.sum())
        came = at & (found.came[:, step] >= 0) if step else at
        previous, lost = n, {"n_censored": 0, "n_dropped": 0, "n_left": 0}
        if step:
            previous = int(found.at(step - 1).sum())
            stopped, still = found.stopped(step - 1), found.open(step - 1)
            lost = {
                "n_censored": int(still.sum()),
                "n_dropped": int((stopped & ~still).sum()),
                "n_left": int(found.left(step - 1).sum()),
            }
        rows.append(
            {
                "group": group,
                "step": step + 1,
                "touchpoint": touchpoint,
                "n": n,
                "n_entered": n - int((at & came).sum()) if step else n,
                "n_previous": previous,
                "n_event": int(came.sum()) if step else n,
                **lost,
                "estimate": on.estimate,
                "conf_low": on.low,
                "conf_high": on.high,
                "undecided": on.undecided,
                "basis": on.basis,
                "share": whole.estimate,
                "share_low": whole.low,
                "share_high": whole.high,
                "median_days": on.median_days if timed else np.nan,
            }
        )
    return rows


def conversion_rows(
    found: Attempts, rules: Rules, since: int, step: int, *, confidence: float
) -> pd.DataFrame:
    """Return the curve of coming to `step` since reaching `since`, a row a time, steps from 0."""
    rows, waited, end = found.waits(since, step, settles=rules.settles)
    curve = cumulative_incidence(waited, end, n_ends=3)
    low, high = curve.intervals(0, confidence=confidence)
    error = curve.std_error[:, 0]
    shown = np.arange(len(curve.time))
    if rules.reentry:
        # Each row needs a pass over all attempts: a customer's own are no independent ones.
        shown = np.unique(np.linspace(0, len(curve.time) - 1, _CLUSTERED_TIMES).astype(np.int64))
        shown = shown[: len(curve.time)]
        each = [
            incidence_at(
                waited,
                end,
                of=CAME,
                horizon=int(curve.time[at]),
                cluster=found.customer[rows],
                confidence=confidence,
            )
            for at in shown
        ]
        error, low, high = (
            np.array([getattr(one, name) for one in each]) for name in ("std_error", "low", "high")
        )
    return pd.DataFrame(
        {
            "time_days": curve.time[shown] / DAY,
            "n_at_risk": curve.n_at_risk[shown],
            "n_event": curve.n_event[shown, 0],
            "n_left": curve.n_event[shown, 1],
            "n_dropped": curve.n_event[shown, 2],
            "n_censored": curve.n_censored[shown],
            "estimate": curve.estimate[shown, 0],
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
            "share_left": curve.estimate[shown, 1],
            "share_dropped": curve.estimate[shown, 2],
            "share_waiting": curve.surviving[shown],
        }
    )


def abandonment_row(
    found: Attempts, rules: Rules, step: int, *, within: int, confidence: float
) -> dict[str, object]:
    """Return the share of those at `step`, from 0, who have not gone on within microseconds."""
    rows, waited, end = found.waits(step, step + 1, settles=rules.settles)
    went = (end == CAME) & (waited <= within)
    unknown = (end == CENSORED) & (waited < within)
    got = incidence_at(
        waited,
        end,
        of=CAME,
        horizon=within,
        cluster=found.customer[rows] if rules.reentry else None,
        confidence=confidence,
    )
    return {
        "n": len(rows),
        "n_event": int((~went & ~unknown).sum()),
        "n_censored": int(unknown.sum()),
        "estimate": 1 - got.estimate - got.undecided
        if got.undecided <= _MOST_UNDECIDED
        else np.nan,
        "conf_low": 1 - got.high,
        "conf_high": 1 - got.low,
        "undecided": got.undecided,
    }
