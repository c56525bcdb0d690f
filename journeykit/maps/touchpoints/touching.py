"""Counts behind the touchpoint matrix: who met what, how often, and came how far afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_known
from journeykit.errors import DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.maps.touchpoints.ratios import Bounded, ratio_interval, score_interval
from journeykit.stages.following import entries
from journeykit.stats import ClusterSums, clustered_wilson_interval, incidence_at, wilson_interval

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.stages.following import Entries
    from journeykit.study.models import Ladder

#: Frequencies are of so many days.
PER_DAYS = 30


class Reached(NamedTuple):
    """Who was reached by each of g groups, and how often; arrays of shape (g,)."""

    n: NDArray[np.int64]
    n_events: NDArray[np.int64]
    share: Bounded
    frequency: Bounded


class Answered(NamedTuple):
    """What was said of each of g groups; arrays of shape (g,)."""

    n_answers: NDArray[np.int64]
    n_answered: NDArray[np.int64]
    score: Bounded
    positive: Bounded


class Moved(NamedTuple):
    """Who came into a higher stage after a touch of each of g groups; arrays of shape (g,)."""

    n_moments: NDArray[np.int64]
    n_customers: NDArray[np.int64]
    n_moved: NDArray[np.int64]
    n_unfinished: NDArray[np.int64]
    next_stage: Bounded


class Moments(NamedTuple):
    """Events that happened in a stage from which more than time leads up; arrays of shape (m,).

    `event` is the event, `stage` the rung, `wait` the elapsed time to the next entry into a higher
    rung or to the end of watching, in microseconds, and `moved` which of both it is.
    """

    event: NDArray[np.int64]
    stage: NDArray[np.int64]
    wait: NDArray[np.int64]
    moved: NDArray[np.bool_]


def customers_of(journeys: Journeys) -> tuple[NDArray[np.int64], int]:
    """Return the customer of each journey, numbered from 0, and how many there are."""
    found, code = np.unique(journeys.customer_index, return_inverse=True)
    return code.astype(np.int64), len(found)


def owner_of(journeys: Journeys) -> NDArray[np.int64]:
    """Return the journey of each event."""
    return np.repeat(np.arange(len(journeys)), journeys.length)


def watched_days(journeys: Journeys) -> NDArray[np.float64]:
    """Return for how many days each customer was watched, NaN where nobody says."""
    whose, n = customers_of(journeys)
    begin, end = journeys.observed_from, journeys.observed_to
    window = journeys.window
    if (begin is None or end is None) and window is None:
        return np.full(n, np.nan)
    first = begin if begin is not None else window[0]  # type: ignore[index]
    last = end if end is not None else window[1]  # type: ignore[index]
    span = np.broadcast_to(np.subtract(last, first), len(journeys)) / DAY
    return np.bincount(whose, weights=span, minlength=n).astype(np.float64)


def reached(
    group: NDArray[np.int64],
    who: NDArray[np.int64],
    days: NDArray[np.float64],
    *,
    n_groups: int,
    confidence: float,
) -> Reached:
    """Count the customers of each group, and their touches by the time they were watched.

    Parameters
    ----------
    group, who : arrays, shape (n_events,)
        Group of each event, -1 for none; and its customer.
    days : array, shape (n_customers,)
    """
    n_customers = len(days)
    kept = group >= 0
    pair, touches = np.unique(group[kept] * n_customers + who[kept], return_counts=True)
    of, whom = np.divmod(pair, n_customers)
    n = np.bincount(of, minlength=n_groups)
    share = wilson_interval(n, np.full(n_groups, n_customers), confidence=confidence)
    months = days[whom] / PER_DAYS
    return Reached(
        n=n,
        n_events=np.bincount(of, weights=touches, minlength=n_groups).astype(np.int64),
        share=Bounded(n / max(n_customers, 1), *share),
        frequency=ratio_interval(
            of, touches.astype(np.float64), months, n_groups=n_groups, confidence=confidence
        ),
    )


def answered(
    group: NDArray[np.int64],
    who: NDArray[np.int64],
    score: NDArray[np.float64],
    *,
    n_groups: int,
    confidence: float,
) -> Answered:
    """Average answers by group; an answer above 0 is positive; a customer may give several."""
    kept = group >= 0
    group, who, score = group[kept], who[kept], score[kept]
    most = int(who.max(initial=0)) + 1
    pair, at = np.unique(group * most + who, return_inverse=True)
    of = pair // most
    answers = np.bincount(at, minlength=len(pair)).astype(np.float64)
    liked, summed = (
        np.bincount(at, weights=values, minlength=len(pair)).astype(np.float64)
        for values in (score > 0, score)
    )

    def total(values: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.bincount(of, weights=values, minlength=n_groups).astype(np.float64)

    sums = ClusterSums(
        n_event=total(liked),
        n=total(answers),
        event_squares=total(liked**2),
        event_cross=total(liked * answers),
        squares=total(answers**2),
        n_customers=total(np.ones(len(of))),
        n_rarer=np.minimum(total(1.0 * (liked > 0)), total(1.0 * (liked < answers))),
    )
    positive = clustered_wilson_interval(sums, confidence=confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = total(liked) / total(answers)
    return Answered(
        n_answers=total(answers).astype(np.int64),
        n_answered=np.bincount(of, minlength=n_groups),
        score=score_interval(of, summed, answers, n_groups=n_groups, confidence=confidence),
        positive=Bounded(share, *positive),
    )


def moments(journeys: Journeys, ladder: Ladder) -> Moments:
    """Find the stage in which every event happened, and when its customer next came higher.

    The stage is that of the last entry at or before the event: an event that leads to a rung has
    happened in the stage it led to, and only what comes after it counts as moving on. Events in
    stages from which nothing but time leads up, before any entry, or outside the watching are left
    out.

    Raises
    ------
    MappingError
        When the ladder names touchpoints or attributes that do not exist.
    NotObservedError
        When the journeys have no times, or nobody says until when customers were watched.
    """
    time = journeys.need_time("`next_stage`")
    if journeys.observed_to is None:
        raise NotObservedError(
            "The next stage needs the time until which each customer was watched; read the events "
            "with a window."
        )
    steps, owner = entries(journeys, ladder), owner_of(journeys)
    # Who and when in one number that sorts as both do.
    order, rank = np.unique(np.concatenate([steps.time, time]), return_inverse=True)
    width = len(order) + 1
    key = np.concatenate([steps.who, owner]) * width + rank
    entered, happened = key[: len(steps.who)], key[len(steps.who) :]
    last = np.searchsorted(entered, happened, side="right") - 1
    inside = (last >= 0) & (time < journeys.observed_to[owner])
    inside[inside] = steps.who[last[inside]] == owner[inside]
    found = [
        _rises(journeys, steps, entered, happened, np.flatnonzero(inside), last, rung)
        for rung in climbable(ladder)
    ]
    if not found:
        raise DataError("Nobody can move on: from every stage of the ladder only time leads up.")
    event, stage, wait, moved = (np.concatenate(part) for part in zip(*found, strict=True))
    return Moments(event, stage, wait, moved)


def climbable(ladder: Ladder) -> list[int]:
    """Return the rungs from which more than time leads up."""
    rungs = tuple(ladder.rungs.values())
    return [at for at in range(len(rungs)) if any(rung.after is None for rung in rungs[at + 1 :])]


def _rises(
    journeys: Journeys,
    steps: Entries,
    entered: NDArray[np.int64],
    happened: NDArray[np.int64],
    inside: NDArray[np.int64],
    last: NDArray[np.int64],
    rung: int,
) -> Moments:
    """Return the events in a rung, and how long after each the customer came higher."""
    assert journeys.time is not None
    assert journeys.observed_to is not None
    event = inside[steps.rung[last[inside]] == rung]
    higher = np.flatnonzero(steps.rung > rung)
    owner = owner_of(journeys)[event]
    after = np.searchsorted(entered[higher], happened[event], side="right")
    at = np.append(higher, 0)[after]
    end = journeys.observed_to[owner]
    moved = (after < len(higher)) & (steps.who[at] == owner) & (steps.time[at] < end)
    wait = np.where(moved, steps.time[at], end) - journeys.time[event]
    return Moments(event, np.full(len(event), rung), wait, moved)


def moved_on(
    found: Moments,
    group: NDArray[np.int64],
    journey: NDArray[np.int64],
    customer: NDArray[np.int64],
    *,
    n_groups: int,
    horizon_days: float,
    confidence: float,
) -> Moved:
    """Estimate by group the share who come higher within the horizon after their first touch.

    A moment is the first event of a group that a journey has in a stage; `group` and `journey` are
    those of every event, `customer` that of every journey.
    """
    horizon = round(horizon_days * DAY)
    of = group[found.event]
    kept = np.flatnonzero(of >= 0)
    stages = int(found.stage.max(initial=0)) + 1
    whose = journey[found.event]
    key = (of[kept] * len(customer) + whose[kept]) * stages + found.stage[kept]
    # Events come in order of time within a journey and stage: the first of a key is the moment.
    first = kept[np.unique(key, return_index=True)[1]]
    counted = np.zeros((4, n_groups), dtype=np.int64)
    shares = np.full((3, n_groups), np.nan)
    begin = np.searchsorted(of[first], np.arange(n_groups + 1))
    for at in range(n_groups):
        mine = first[begin[at] : begin[at + 1]]
        if not len(mine):
            continue
        wait, moved, cluster = found.wait[mine], found.moved[mine], customer[whose[mine]]
        share = incidence_at(
            wait, moved.astype(np.int64), of=1, horizon=horizon, cluster=cluster,
            confidence=confidence,
        )  # fmt: skip
        came = moved & (wait <= horizon)
        counted[:, at] = (
            len(mine), len(np.unique(cluster)), came.sum(), (~moved & (wait < horizon)).sum(),
        )  # fmt: skip
        shares[:, at] = share.estimate, share.low, share.high
    n_moments, n_customers, n_moved, n_unfinished = counted
    return Moved(n_moments, n_customers, n_moved, n_unfinished, Bounded(*shares))


def codes(names: pd.Series, known: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the place of each name among the known ones, -1 where it is none of them."""
    place = {name: at for at, name in enumerate(known)}
    found: NDArray[np.int64] = names.map(place).fillna(-1).to_numpy(dtype=np.int64)
    return found


def checked_answers(sentiment: pd.DataFrame) -> NDArray[np.float64]:
    """Return the scores of a table of answers, which must lie between -1 and 1."""
    columns = [str(name) for name in sentiment.columns]
    check_known("sentiment", ["customer_id", "touchpoint", "score"], columns, what="columns")
    score: NDArray[np.float64] = sentiment["score"].to_numpy(dtype=np.float64)
    wrong = ~((score >= -1) & (score <= 1))
    if wrong.any():
        raise DataError(
            f"`sentiment` must have a `score` from -1 to 1; {int(wrong.sum()):,} of "
            f"{len(score):,} rows have none or another, such as {score[wrong][0]:g}. "
            "`study.sentiment()` brings it to that scale."
        )
    return score


def customers_asked(journeys: Journeys, asked: pd.Series) -> NDArray[np.int64]:
    """Return the number of each customer asked, -1 where they have no journey here."""
    here = journeys.customer_id.take(np.unique(journeys.customer_index)).cast(pa.string())
    names = pa.array(asked.astype(str).to_numpy(dtype=object), type=pa.string())
    found = pc.fill_null(pc.index_in(names, value_set=here), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)
