"""What a belief is about, measured: an estimate, its interval, and what they rest on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from journeykit.errors import NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.journeys.pattern import parse
from journeykit.stats import ClusterSums, clustered_wilson_interval, wilson_interval
from journeykit.stats.disclosure import small

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from journeykit.journeys import Journeys
    from journeykit.review.model import (
        MedianDays,
        Reach,
        Retention,
        SentimentOf,
        ShareFollowed,
        StageShare,
    )
    from journeykit.study.catalogue import Catalogue
    from journeykit.study.models import Churn, Ladder

#: No event lies later.
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What beliefs are held against.

    Attributes
    ----------
    journeys : Journeys
        Whole customers.
    ladder : Ladder or None
    churn : Churn or None
        As the study declares it.
    sentiment : pandas.DataFrame or None
        ``study.sentiment()``.
    catalogue : Catalogue or None
        Tells the touchpoints of a channel.
    confidence : float
    small_cell : int
    """

    journeys: Journeys
    ladder: Ladder | None
    churn: Churn | None
    sentiment: pd.DataFrame | None
    catalogue: Catalogue | None
    confidence: float
    small_cell: int


class Measured(NamedTuple):
    """An estimate with its bounds; `n` of what `unit` says, from `n_customers` customers.

    A bound that the data do not reach is infinite. `hidden` says that too few customers stand
    behind the number for it to be shown.
    """

    estimate: float
    low: float
    high: float
    n: int
    n_customers: int
    unit: str
    hidden: bool = False


def measured(evidence: Evidence, kind: str, metric: Any, /) -> Measured:
    """Measure one metric; `kind` is its key in the file.

    Raises
    ------
    NotObservedError
        When the data do not hold what the metric asks for.
    PatternError, MappingError
        When a touchpoint, stage or channel does not exist.
    """
    return _MEASURES[kind](evidence, metric)


def _watched_to(journeys: Journeys) -> NDArray[np.int64]:
    if journeys.observed_to is None:
        raise NotObservedError("nothing says until when customers are watched")
    return np.asarray(journeys.observed_to)


def _clustered(
    evidence: Evidence, did: ArrayLike, customer: NDArray[np.int64], unit: str
) -> Measured:
    """Return the share of observations that did it, with customers as the unit of chance."""
    owners, code = np.unique(customer, return_inverse=True)
    if len(owners) == 0:
        raise NotObservedError(f"there are no {unit}")
    n = np.bincount(code)
    events = np.bincount(code, weights=np.asarray(did, dtype=float))
    sums = ClusterSums.of_clusters(events, n)
    low, high = clustered_wilson_interval(sums, confidence=evidence.confidence)
    few = small(np.array([(events > 0).sum(), (events < n).sum()]), evidence.small_cell)
    return Measured(
        events.sum() / n.sum(), float(low), float(high), int(n.sum()), len(owners), unit,
        bool(few.any()),
    )  # fmt: skip


def _share(evidence: Evidence, metric: ShareFollowed) -> Measured:
    """Return the share of occurrences, watched for the whole time, that are followed in time.

    What follows begins after the event with which the occurrence ends, at most `within_days` of 24
    hours later. Occurrences whose time to be followed is not watched to its end are left out,
    whether they were followed or not: those that were would be over-represented.
    """
    journeys = evidence.journeys
    time = journeys.need_time("a share followed in time")
    found = parse(metric.of).find(journeys)
    journey, last = found.journey, found.last
    within = round(metric.within_days * DAY)
    if metric.count == "first":
        journey, at = np.unique(journey, return_index=True)
        last = last[at]
    seen = time[last] + within < _watched_to(journeys)[journey]
    journey, last = journey[seen], last[seen]
    follows = np.flatnonzero(parse(metric.followed_by).earliest_ends(journeys) >= 0)
    after = np.searchsorted(follows, last, side="right")
    event = np.append(follows, -1)[after]
    followed = (event >= 0) & (event < journeys.start[journey + 1])
    followed[followed] = time[event[followed]] - time[last[followed]] <= within
    unit = "occurrences" if metric.count == "every" else "customers"
    return _clustered(evidence, followed, journeys.customer_index[journey], unit)


def _reach(evidence: Evidence, metric: Reach) -> Measured:
    journeys = evidence.journeys
    did = np.zeros(len(journeys), dtype=bool)
    did[parse(metric.of).find(journeys).journey] = True
    return _clustered(evidence, did, np.arange(len(journeys)), "customers")


def _stage(evidence: Evidence, metric: StageShare) -> Measured:
    from journeykit.checks import check_known
    from journeykit.stages import follow

    ladder, journeys = evidence.ladder, evidence.journeys
    if ladder is None:
        raise NotObservedError("the study declares no `stages`")
    known = [*ladder.stages, *ladder.other]
    check_known("stage", [metric.stage], known, what="stages")
    followed = follow(journeys, ladder, other=metric.stage not in ladder.stages)
    day = str(np.datetime64(int(_watched_to(journeys).max()) - 1, "us").astype("datetime64[D]"))
    census = followed.on([day], confidence=evidence.confidence, small_cell=1).frame
    row = census[census["state"] == metric.stage]
    n = int(census["n"].sum())
    did = 0 if row.empty else int(row["n"].iloc[0])
    low, high = wilson_interval(did, n, confidence=evidence.confidence)
    few = small(np.array([did, n - did]), evidence.small_cell).any()
    return Measured(did / n, float(low), float(high), n, n, "people", bool(few))


def _sentiment(evidence: Evidence, metric: SentimentOf) -> Measured:
    from journeykit.checks import check_known

    answers = evidence.sentiment
    if answers is None:
        raise NotObservedError("the study has no `sentiment`")
    if metric.channel is None:
        wanted = set(metric.touchpoint)
        check_known("touchpoint", metric.touchpoint, sorted(_told(evidence)), what="touchpoints")
    else:
        by_channel = _channels(evidence)
        check_known("channel", [metric.channel], sorted(by_channel), what="channels")
        wanted = by_channel[metric.channel]
    mine = answers[answers["touchpoint"].isin(wanted)]
    mine = mine[mine["customer_id"].isin(_ids(evidence.journeys))]
    customer, code = np.unique(mine["customer_id"].to_numpy(dtype=str), return_inverse=True)
    score = mine["score"].to_numpy()
    if metric.measure == "positive":
        return _clustered(evidence, score > 0, code, "answers")
    return _mean(evidence, score, code, len(customer))


def _told(evidence: Evidence) -> set[str]:
    known = set(evidence.journeys.names)
    return known | set(evidence.catalogue.touchpoints if evidence.catalogue else ())


def _channels(evidence: Evidence) -> dict[str, set[str]]:
    if not evidence.catalogue:
        raise NotObservedError("the study has no `catalogue` that says what belongs to a channel")
    found: dict[str, set[str]] = {}
    for name, row in evidence.catalogue.touchpoints.items():
        found.setdefault(row.channel, set()).add(name)
    return found


def _ids(journeys: Journeys) -> set[str]:
    import pyarrow as pa

    return set(pa.array(journeys.customer_id).cast(pa.string()).to_pylist())


def _mean(
    evidence: Evidence, score: NDArray[np.float64], code: NDArray[np.int64], n_customers: int
) -> Measured:
    """Return a mean with the interval of Student, linearised over customers (a ratio of sums)."""
    from scipy.special import stdtrit

    if n_customers < 2:
        raise NotObservedError("fewer than two customers have said anything of it")
    mean = score.mean()
    spread = np.bincount(code, weights=score - mean)
    error = np.sqrt(n_customers / (n_customers - 1) * (spread**2).sum()) / len(score)
    half = float(stdtrit(n_customers - 1, (1 + evidence.confidence) / 2)) * error
    if error == 0:
        raise NotObservedError("all have said the same, and nothing tells how others would answer")
    hidden = n_customers < evidence.small_cell
    return Measured(mean, mean - half, mean + half, len(score), n_customers, "answers", hidden)


def _median_days(evidence: Evidence, metric: MedianDays) -> Measured:
    """Return the median of the time from a customer's first `from` to the next `to` (Kaplan-Meier).

    Whoever has not come to `to` while watched is censored; where fewer than half have come to it
    the median is not reached, and only its lower bound is known.
    """
    import pandas as pd

    from journeykit.survival import kaplan_meier, lifetimes_from_frame

    journeys = evidence.journeys
    time = journeys.need_time("a number of days")
    until = _watched_to(journeys)
    found = parse(metric.begin).find(journeys)
    journey, at = np.unique(found.journey, return_index=True)
    last = found.last[at]
    ends = parse(metric.end).earliest_ends(journeys)
    starts = np.flatnonzero(ends >= 0)
    event = np.append(starts, -1)[np.searchsorted(starts, last, side="right")]
    came = (event >= 0) & (event < journeys.start[journey + 1])
    stop = np.where(came, time[ends[event]], until[journey] - 1)
    days = (stop - time[last]) / DAY
    kept = days > 0
    if not kept.any():
        raise NotObservedError("nobody is watched after it")
    lives = pd.DataFrame({"time": days[kept], "status": came[kept]})
    curve = kaplan_meier(lifetimes_from_frame(lives), confidence=evidence.confidence, small_cell=1)
    row = curve.quantiles((0.5,)).frame.iloc[0]
    high = np.inf if np.isnan(row["conf_high"]) else row["conf_high"]
    low = days[kept].max() if np.isnan(row["conf_low"]) else row["conf_low"]
    few = small(np.array([kept.sum(), came[kept].sum()]), evidence.small_cell).any()
    n = int(kept.sum())
    return Measured(row["estimate"], low, high, n, n, "customers", bool(few))


def _retention(evidence: Evidence, metric: Retention) -> Measured:
    from journeykit.survival import churn_rule, churn_start, kaplan_meier, lifetimes

    if evidence.churn is None:
        raise NotObservedError("the study declares no `churn`")
    lives = lifetimes(
        evidence.journeys, churn=churn_rule(evidence.churn), start=churn_start(evidence.churn)
    )
    curve = kaplan_meier(lives, confidence=evidence.confidence, small_cell=1)
    row = curve.survival_at(metric.days).frame.iloc[0]
    if np.isnan(row["estimate"]):
        raise NotObservedError(f"nobody is followed for {metric.days:g} days")
    n = int(lives.frame["customer_id"].nunique())
    low, high = (0.0, 1.0) if np.isnan(row["conf_low"]) else (row["conf_low"], row["conf_high"])
    hidden = bool(small(np.array([n, row["n_at_risk"]]), evidence.small_cell).any())
    return Measured(row["estimate"], low, high, n, n, "customers", hidden)


_MEASURES: Mapping[str, Callable[[Evidence, Any], Measured]] = {
    "share": _share,
    "reach": _reach,
    "stage": _stage,
    "sentiment": _sentiment,
    "median_days": _median_days,
    "retention": _retention,
}
