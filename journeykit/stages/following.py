"""From events to stages: who came into which rung of the ladder when."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.survival import multistate
from journeykit.survival.clocks import NEVER, attribute_times, mask_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study.models import Ladder, Rung
    from journeykit.survival import Multistate


class Entries(NamedTuple):
    """Who came into which rung when, in order of customers and times; arrays of one length.

    `who` is the journey and `rung` the place on the ladder, from 0; `time` in microseconds.
    """

    who: NDArray[np.int64]
    time: NDArray[np.int64]
    rung: NDArray[np.int64]

    def take(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> Entries:
        """Return some of them, by a mask or in another order."""
        return Entries(*(part[kept] for part in self))


def follow(journeys: Journeys, /, ladder: Ladder, *, other: bool = False) -> Multistate:
    """Follow every customer up, down and past the rungs of a ladder.

    What leads to a rung brings a customer into its stage from wherever they are, below it or above
    it, and there they stay until something leads elsewhere. From the first entry into a rung that
    `holds`, entries into rungs below are not looked at. Of several rungs at one instant the highest
    counts. Nobody is in a stage before something has led there: customers whose stage at the
    beginning of their watching is not known are under observation from the first entry on.

    The result is a `Multistate` of `survival`, clock starting with the first entry: `on` counts
    people by stage and date, `occupancy` and `probabilities` follow them (Aalen and Johansen),
    `moves` counts steps up, back, skips and exits, `sojourns` how long they stay, censored.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    ladder : Ladder
        As the study declares it: ``study.model.stages``.
    other : bool
        By the stages of the second ladder, which are made of those of the first.

    Raises
    ------
    ArgumentError
        When `other` is asked for and the ladder has none, or journeys are cut.
    MappingError
        When a touchpoint or an attribute does not exist.
    NotObservedError
        When the journeys have no times.
    DataError
        When an attribute holds no times, or nobody ever comes into a stage.

    Examples
    --------
    >>> from journeykit.study.models import Ladder
    >>> from journeykit.journeys import Journeys
    >>> one = Journeys(
    ...     names=("buy", "web"),
    ...     touchpoint=np.array([1, 0, 1], dtype=np.uint8),
    ...     start=np.array([0, 3]),
    ...     time=np.array([1, 4, 6]) * DAY,
    ...     observed_to=np.array([90 * DAY]),
    ... )
    >>> rungs = {
    ...     "looking": {"touchpoints": ["web"]},
    ...     "customer": {"touchpoints": ["buy"], "holds": True},
    ...     "loyal": {"after": "customer", "after_days": 30},
    ... }
    >>> followed = follow(one, Ladder(rungs=rungs))
    >>> followed.frame[["source", "start_days", "stop_days"]].round(1)
         source  start_days  stop_days
    0   looking         0.0        3.0
    1  customer         3.0       33.0
    2     loyal        33.0       89.0
    """
    refuse_cut(journeys, "`follow`")
    refuse_collapsed(journeys, "`follow`")
    if other and not ladder.other:
        raise ArgumentError(
            "`other` needs a ladder with a second one; add `other` to the study's `stages`."
        )
    who, time, rung = entries(journeys, ladder)
    if len(who) == 0:
        raise DataError("Nobody is left to follow: nothing ever leads to a stage of the ladder.")
    called = dict(zip(ladder.stages, ladder.stages, strict=True))
    if other:
        called = {stage: name for name, made_of in ladder.other.items() for stage in made_of}
    names = tuple(sorted(set(called.values())))
    code = np.array([names.index(called[stage]) for stage in ladder.stages])
    staged = journeys.replace(
        names=names,
        touchpoint=code[rung].astype(np.min_scalar_type(len(names))),
        start=np.searchsorted(who, np.arange(len(journeys) + 1)),
        time=time,
        columns={},
    )
    inside = set(np.unique(staged.touchpoint).tolist())
    shown = [name for name in dict.fromkeys(called.values()) if names.index(name) in inside]
    return multistate(staged, states={name: name for name in shown}, ladder=shown)


def entries(journeys: Journeys, ladder: Ladder, /) -> Entries:
    """Return every entry into a rung that counts; see `follow`."""
    rungs = list(ladder.rungs.values())
    first = np.full((len(rungs), len(journeys)), NEVER)
    found = []
    for at, rung in enumerate(rungs):
        if rung.after is None:
            who, time = _led(journeys, rung)
        else:
            begun = _begun(rungs[:at], first, ladder.stages.index(rung.after))
            who = np.flatnonzero(begun != NEVER)
            time = begun[who] + round(float(rung.after_days or 0) * DAY)
        np.minimum.at(first[at], who, time)
        found.append(Entries(who, time, np.full(len(who), at)))
    every = Entries(*(np.concatenate(part) for part in zip(*found, strict=True)))
    kept = np.ones(len(every.who), dtype=bool)
    for at, rung in enumerate(rungs):
        if rung.holds:
            kept &= (every.rung >= at) | (every.time < first[at][every.who])
    every = every.take(kept)
    return every.take(np.lexsort((every.rung, every.time, every.who)))


def rung_at(
    steps: Entries, who: NDArray[np.int64], time: NDArray[np.int64], /
) -> NDArray[np.int64]:
    """Return the rung that customers are in at times, and -1 before anything has led to one.

    What leads somewhere has led there at its own instant.
    """
    n = len(steps.who)
    customers, times = np.concatenate([steps.who, who]), np.concatenate([steps.time, time])
    asked = np.arange(len(customers)) >= n
    order = np.lexsort((asked, times, customers))
    last = np.maximum.accumulate(np.where(asked[order], -1, np.arange(len(order))))
    entry = order[np.maximum(last, 0)]
    # Who has entered nowhere yet is left with the last entry of whoever comes before.
    known = (last >= 0) & (customers[entry] == customers[order])
    found = np.empty(len(order), dtype=np.int64)
    rungs = np.concatenate([steps.rung, np.zeros(len(who), dtype=np.int64)])
    found[order] = np.where(known, rungs[entry], -1)
    return found[n:]


def _led(journeys: Journeys, rung: Rung) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return journey and time of what leads to a rung: events, or the time in an attribute."""
    if rung.attribute is not None:
        time = attribute_times(journeys, "attribute", rung.attribute)
        who = np.flatnonzero(time != NEVER)
        return who, time[who]
    check_known("touchpoints", rung.touchpoints, journeys.names, what="touchpoints")
    met = mask_of(journeys, "touchpoints", rung.touchpoints)
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    return owner[met], journeys.need_time("`follow`")[met]


def _begun(below: list[Rung], first: NDArray[np.int64], stage: int) -> NDArray[np.int64]:
    """Return the first entries into a stage; one after a rung above that holds is none."""
    begun: NDArray[np.int64] = first[stage]
    for above in range(stage + 1, len(below)):
        if below[above].holds:
            begun = np.where(first[above] <= begun, NEVER, begun)
    return begun
