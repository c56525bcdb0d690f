"""Moments of stages with what customers did and said there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from scipy import stats

from journeykit.journeys.durations import DAY
from journeykit.stages.moments import stays_in

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.stages.following import Entries

_MINUTE = DAY // 1440


class Moments(NamedTuple):
    """First meetings with each touchpoint in a stage; arrays of one length.

    `who` is the journey, `code` the touchpoint, `time` microseconds; `depth` counts the steps of
    the visit; `dwell` minutes to the next step of it and `score` what was said, NaN where nothing
    is known.
    """

    who: NDArray[np.int64]
    code: NDArray[np.int64]
    time: NDArray[np.int64]
    depth: NDArray[np.float64]
    dwell: NDArray[np.float64]
    score: NDArray[np.float64]


class Visits(NamedTuple):
    """Of every event: steps of its visit, and minutes to the next step of it, NaN for the last."""

    depth: NDArray[np.int64]
    dwell: NDArray[np.float64]


def visits_of(journeys: Journeys, gap_minutes: float, /) -> Visits:
    """Cut events into visits, which end where nothing follows within the gap."""
    time = journeys.need_time("`passion_parts`")
    wait = np.diff(time, append=np.int64(0))
    last = np.zeros(len(time), dtype=bool)
    last[journeys.start[1:][journeys.length > 0] - 1] = True
    last |= wait > gap_minutes * _MINUTE
    visit = np.cumsum(last) - last
    depth = np.bincount(visit, minlength=1)[visit] if len(time) else np.zeros(0, dtype=np.int64)
    return Visits(depth, np.where(last, np.nan, wait / _MINUTE))


def moments_of(
    journeys: Journeys,
    steps: Entries,
    rung: int,
    leading: set[str],
    visits: Visits,
    answers: Answers | None,
    /,
) -> Moments:
    """Find who first met what when while in a stage, before moving on."""
    stays = stays_in(journeys, steps, rung, leading)
    owner = np.repeat(np.arange(len(stays)), stays.length)
    place = {name: at for at, name in enumerate(journeys.names)}
    codes = np.array([place.get(name, -1) for name in stays.names])
    code = codes[stays.touchpoint]
    # Events come in order of time, so the first of a pair is the first meeting.
    kept = np.flatnonzero(code >= 0)
    pair = owner[kept] * len(place) + code[kept]
    kept = kept[np.unique(pair, return_index=True)[1]]
    ids = places_of(journeys, stays.customer_id.take(pa.array(stays.customer_index)))
    who, when = ids[owner[kept]], stays.need_time("`passion_parts`")[kept]
    event = _events_at(journeys, who, when, code[kept])
    score = np.full(len(who), np.nan)
    if answers is not None:
        score = answers.after(who, code[kept], when)
    return Moments(
        who, code[kept], when, visits.depth[event].astype(float), visits.dwell[event], score
    )


def places_of(journeys: Journeys, ids: pa.Array, /) -> NDArray[np.int64]:
    """Return the journey of each customer id, -1 for those not there."""
    known = journeys.customer_id.take(pa.array(journeys.customer_index)).cast(pa.string())
    found = pa.compute.index_in(ids.cast(pa.string()), value_set=known)
    return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _events_at(
    journeys: Journeys,
    who: NDArray[np.int64],
    time: NDArray[np.int64],
    code: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the first event of a customer at a time and touchpoint; there is one."""
    n = journeys.n_events
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    at = journeys.need_time("`passion_parts`")
    customers, times = np.concatenate([owner, who]), np.concatenate([at, time])
    codes = np.concatenate([journeys.touchpoint.astype(np.int64), code])
    asked = np.arange(len(customers)) >= n
    order = np.lexsort((asked, codes, times, customers))
    last = np.maximum.accumulate(np.where(asked[order], -1, np.arange(len(order))))
    found = np.zeros(len(order), dtype=np.int64)
    found[order] = order[np.maximum(last, 0)]
    return found[n:]


class Answers(NamedTuple):
    """What customers said: journeys, touchpoints, times and scores, in that order."""

    who: NDArray[np.int64]
    code: NDArray[np.int64]
    time: NDArray[np.int64]
    score: NDArray[np.float64]
    within: int

    @classmethod
    def of(cls, journeys: Journeys, said: pd.DataFrame, answer_days: float, /) -> Answers:
        """Read them; answers of customers or about touchpoints not in the journeys are left out."""
        who = places_of(journeys, pa.array(said["customer_id"].astype(str)))
        place = {name: at for at, name in enumerate(journeys.names)}
        code = said["touchpoint"].astype(str).map(place).fillna(-1).to_numpy().astype(np.int64)
        time = said["event_time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
        score = said["score"].to_numpy(dtype=float)
        order = np.lexsort((time, code, who))
        order = order[(who[order] >= 0) & (code[order] >= 0)]
        return cls(who[order], code[order], time[order], score[order], round(answer_days * DAY))

    def after(
        self, who: NDArray[np.int64], code: NDArray[np.int64], time: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the first answer about each touch, from it on; NaN where there is none in time."""
        n = len(who)
        asked = np.arange(n + len(self.who)) < n
        customers, codes = np.concatenate([who, self.who]), np.concatenate([code, self.code])
        times = np.concatenate([time, self.time])
        order = np.lexsort((~asked, times, codes, customers))
        place = np.where(asked[order], len(order), np.arange(len(order)))
        following = np.minimum.accumulate(place[::-1])[::-1]
        some = following < len(order)
        answer = order[np.minimum(following, len(order) - 1)]
        same = some & (customers[answer] == customers[order]) & (codes[answer] == codes[order])
        same &= times[answer] - times[order] <= self.within
        score = np.full(len(order), np.nan)
        score[order[same]] = np.concatenate([np.zeros(n), self.score])[answer[same]]
        return score[:n]


class Compared(NamedTuple):
    """A mean, that of others, and their difference, with intervals."""

    estimate: float
    low: float
    high: float
    others: float
    difference: float
    difference_low: float
    difference_high: float


def compared_means(
    value: NDArray[np.float64],
    mine: NDArray[np.bool_],
    who: NDArray[np.int64],
    confidence: float,
    /,
) -> Compared:
    """Compare the mean of some moments with that of the others; a customer may have several.

    Errors are those of a ratio of sums over customers (linearised); Student's t with the customers
    on the smaller side less one.
    """
    known = ~np.isnan(value)
    value, mine, who = value[known], mine[known], who[known]
    _, who = np.unique(who, return_inverse=True)
    n, m = int(mine.sum()), int((~mine).sum())
    if n < 2:
        return Compared(*(np.nan,) * 7)
    here = float(value[mine].mean())
    there = float(value[~mine].mean()) if m else np.nan
    size = int(who.max()) + 1

    def part(of: NDArray[np.bool_], mean: float) -> NDArray[np.float64]:
        moved = (value[of] - mean) / of.sum()
        return np.asarray(np.bincount(who[of], moved, minlength=size))

    own = part(mine, here)
    t = stats.t.isf((1 - confidence) / 2, n - 1)
    half = t * np.sqrt(n / (n - 1) * (own**2).sum())
    if m < 2:
        return Compared(here, here - half, here + half, np.nan, np.nan, np.nan, np.nan)
    people = min(len(np.unique(who[mine])), len(np.unique(who[~mine])))
    if people < 2:
        return Compared(here, here - half, here + half, np.nan, np.nan, np.nan, np.nan)
    spread = np.sqrt(people / (people - 1) * ((own - part(~mine, there)) ** 2).sum())
    wide = stats.t.isf((1 - confidence) / 2, people - 1) * spread
    gap = here - there
    return Compared(here, here - half, here + half, there, gap, gap - wide, gap + wide)


def median_interval(value: NDArray[np.float64], confidence: float, /) -> tuple[float, float, float]:
    """Return the median and the order statistics that bound it, NaN of too few."""
    value = np.sort(value[~np.isnan(value)])
    n = len(value)
    if not n:
        return np.nan, np.nan, np.nan
    low = int(stats.binom.ppf((1 - confidence) / 2, n, 0.5))
    known = stats.binom.cdf(low - 1, n, 0.5) <= (1 - confidence) / 2 and low >= 1
    middle = float(np.median(value))
    if not known:
        return middle, np.nan, np.nan
    return middle, float(value[low - 1]), float(value[n - low])
