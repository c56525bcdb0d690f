"""From lifetimes and journeys to counting-process rows with covariates that change over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np
import pandas as pd

from journeykit.checks import check_choice, check_known, check_positive
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed
from journeykit.results import Provenance
from journeykit.survival.covariates.steps import (
    Changes,
    Pieces,
    counted,
    cut,
    since_latest,
    together,
)
from journeykit.survival.rows import spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.survival.lives import Lifetimes

    Ints = NDArray[np.int64]

Measure = Literal["seen", "count", "within", "days_since"]
_MEASURES = ("seen", "count", "within", "days_since")
_NEVER_SEEN = "never"
#: Rows cut at a time.
_BLOCK = 20_000


class _Column(NamedTuple):
    """A covariate to be made: its name, its touchpoint, and how."""

    name: str
    touchpoint: str
    measure: Measure
    days: tuple[float, ...] = ()

    def changes(self, row: Ints, time: Ints) -> Changes:
        if self.measure == "count":
            return counted(row, time)
        offsets = [0, *(round(day * DAY) for day in self.days)]
        codes = {"seen": [1], "within": [1, 0]}.get(self.measure, list(range(1, len(offsets) + 1)))
        return since_latest(row, time, offsets, codes)

    def small(self, value: NDArray[np.int32]) -> NDArray[np.signedinteger]:
        """Return the values in as few bytes as they need."""
        return (
            value
            if self.measure == "count"
            else value.astype(np.min_scalar_type(-len(self.days) - 2))
        )

    def written(
        self, value: NDArray[np.signedinteger]
    ) -> NDArray[np.signedinteger] | pd.Categorical:
        if self.measure == "days_since":
            return pd.Categorical.from_codes(value, categories=_bands(self.days), ordered=True)
        return value


class _Met(NamedTuple):
    """Events at a touchpoint: their times, and those of every row.

    Attributes
    ----------
    time : array of int64, shape (n_events,)
    begin, n : arrays of int64, shape (n_rows,)
        Row r has the events from `begin` on, `n` of them, in order ...
    clock : array of int64, same shape
        ... and its clock starts here.
    """

    time: Ints
    begin: Ints
    n: Ints
    clock: Ints

    @classmethod
    def at(cls, journeys: Journeys, touchpoint: str, whose: Ints, clock: Ints) -> Self:
        time = journeys.need_time("`counting_process`")
        where = np.flatnonzero(journeys.touchpoint == journeys.names.index(touchpoint))
        edge = np.searchsorted(where, journeys.start)
        return cls(time[where], edge[whose], edge[whose + 1] - edge[whose], clock)

    def of(self, rows: slice) -> tuple[Ints, Ints]:
        """Return row, counted from the first of `rows`, and time on its clock of every event."""
        begin, n, clock = self.begin[rows], self.n[rows], self.clock[rows]
        row = np.repeat(np.arange(len(n)), n)
        event = np.arange(len(row)) + np.repeat(begin - np.cumsum(n) + n, n)
        return row, self.time[event] - clock[row]


def counting_process(
    lifetimes: Lifetimes,
    journeys: Journeys,
    /,
    *,
    touchpoints: Sequence[str],
    measures: Sequence[Measure] = ("seen",),
    within_days: Sequence[float] = (14,),
    since_days: Sequence[float] = (7, 14, 28),
    lag_days: float = 0,
) -> Lifetimes:
    """Cut lifetimes where what customers have met changes, so that covariates may vary with time.

    A row is an interval (start, stop] in which every covariate is constant. An event at time e
    changes covariates after e + `lag_days` only: in (e + lag, ...]. A customer who leaves in the
    very instant of an event, as at a cancellation that is itself a touchpoint, was not exposed to
    it, and no covariate at t is made of anything later than t - lag. That much is needed for the
    hazard given the past to mean anything, and a lag of 0 gives it. A longer lag is needed where
    a touchpoint is already part of leaving (the call that ends in a cancellation tomorrow): as
    nobody knows how long it should be, show several.

    Rows are cut only where a covariate changes: those of one customer do not overlap, together
    they are the time under risk of the lifetimes, and only the last may end with the event. So
    curves of the result are those of `lifetimes`. Who meets a touchpoint has not met it before
    that: the time until then is "not yet", which is what "ever met against never met" gets wrong.

    **Before the clock.** Events that the journeys hold from before the clock starts, or before a
    late customer is under risk, count; what happened before the data begin is unknown and counts
    as never.

    **At the very start.** A touchpoint met as the clock starts is met from then on; where somebody
    of the lifetimes leaves at the very start, the start itself is an interval of no length in
    which it is not met yet.

    **Churn by inactivity.** A touchpoint that counts as activity shares its history with the
    churn: dated at declaration nobody leaves within the threshold after it, and dated at last
    activity everybody leaves at an activity. Ratios of such touchpoints tell about the definition;
    those of what the firm does tell about customers.

    Parameters
    ----------
    lifetimes : Lifetimes
        Of `journeys`: with `origin_time`, from which each clock runs. Rows of one customer may be
        several, each with its own origin.
    journeys : Journeys
        Whole customers, with all events of the touchpoints.
    touchpoints : sequence of str
        Covariates are made for each.
    measures : sequence of {"seen", "count", "within", "days_since"}
        ``seen[x]``: 1 after the first event at x, 0 before. ``count[x]``: events so far.
        ``within_14d[x]``: 1 while the latest event is not more than 14 days ago, in
        (e + lag, e + lag + 14], else 0; one for each of `within_days`. ``days_since[x]``: how long
        ago the latest event was, a category: ``never``, then ``up to 7``, ``7 to 14``, ...,
        ``over 28``, at the cuts of `since_days`; a cut belongs to the band before it.
    within_days : sequence of float
        Elapsed days, above 0.
    since_days : sequence of float
        Elapsed days, above 0 and rising.
    lag_days : float
        Elapsed days, at least 0.

    Returns
    -------
    Lifetimes
        The columns of `lifetimes` and the covariates, ordered by row of `lifetimes` and time.
        Time and memory are linear in events and rows, but for one sort of the changes.

    Raises
    ------
    ArgumentError
        When a measure, a number of days or the lag is not as said above, a touchpoint is named
        twice, or lifetimes have no `origin_time`.
    MappingError
        When a touchpoint does not exist.
    DataError
        When a customer of the lifetimes has no journey or several, or a column is there already.
    NotObservedError
        When the journeys have no times.

    References
    ----------
    Therneau, Grambsch (2000), Modeling Survival Data, section 3.7 and R's `survival::tmerge`, which
    this equals where touchpoints occur once.

    Examples
    --------
    >>> import numpy as np
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.survival import EndTouchpoint
    >>> from journeykit.survival import lifetimes
    >>> day = 86_400_000_000
    >>> seen = Journeys(
    ...     names=("call", "cancel", "join"),
    ...     touchpoint=np.array([2, 0, 1, 2], dtype=np.uint8),
    ...     start=np.array([0, 3, 4]),
    ...     time=np.array([0, 5, 30, 0]) * day,
    ...     observed_to=np.array([40, 40]) * day,
    ... )
    >>> lives = lifetimes(seen, churn=EndTouchpoint("cancel"))
    >>> rows = counting_process(lives, seen, touchpoints=["call"], measures=["within"])
    >>> rows.frame[["customer_id", "entry_days", "exit_days", "event", "within_14d[call]"]].round(3)
       customer_id  entry_days  exit_days  event  within_14d[call]
    0            0         0.0        5.0  False                 0
    1            0         5.0       19.0  False                 1
    2            0        19.0       30.0   True                 0
    3            1         0.0       40.0  False                 0
    """
    columns = _columns(touchpoints, measures, within_days, since_days)
    if not 0 <= lag_days < np.inf:
        raise ArgumentError(f"`lag_days` must be a number of at least 0; got {lag_days!r}.")
    check_known("touchpoints", touchpoints, journeys.names, what="touchpoints")
    refuse_collapsed(journeys, "`counting_process`")
    frame = lifetimes.frame
    if taken := [column.name for column in columns if column.name in frame]:
        raise DataError(
            f"The lifetimes have a column {taken[0]!r} already; call `counting_process` on them "
            "once, with all touchpoints and measures."
        )
    whose, clock = _journey_of(lifetimes, journeys), _origin(lifetimes) - round(lag_days * DAY)
    met = {name: _Met.at(journeys, name, whose, clock) for name in touchpoints}
    pieces = _cut(lifetimes, columns, met)
    given = {
        **lifetimes.provenance.parameters,
        "touchpoints": tuple(touchpoints),
        "measures": tuple(measures),
        "within_days": tuple(within_days),
        "since_days": tuple(since_days),
        "lag_days": lag_days,
    }
    return replace(
        lifetimes,
        frame=_assembled(frame, pieces, columns),
        provenance=Provenance(lifetimes.provenance.fingerprint, given),
    )


def _columns(
    touchpoints: Sequence[str],
    measures: Sequence[Measure],
    within_days: Sequence[float],
    since_days: Sequence[float],
) -> list[_Column]:
    """Check what is asked for, and list the covariates, those of a touchpoint together."""
    for name, value in (("touchpoints", touchpoints), ("measures", measures)):
        if isinstance(value, str) or not value or len(set(value)) < len(value):
            raise ArgumentError(f"`{name}` must be a list without repetition; got {value!r}.")
    for measure in measures:
        check_choice("measures", measure, _MEASURES)
    for name, days in (("within_days", within_days), ("since_days", since_days)):
        if not days or list(days) != sorted(set(days)):
            raise ArgumentError(f"`{name}` must be rising numbers of days; got {list(days)!r}.")
        for day in days:
            check_positive(name, day)
    columns = []
    for touchpoint in touchpoints:
        for measure in measures:
            if measure == "within":
                columns += [
                    _Column(f"within_{day:g}d[{touchpoint}]", touchpoint, measure, (day,))
                    for day in within_days
                ]
            else:
                cuts = tuple(since_days) if measure == "days_since" else ()
                columns.append(_Column(f"{measure}[{touchpoint}]", touchpoint, measure, cuts))
    return columns


def _bands(days: Sequence[float]) -> list[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(days)]
    return [_NEVER_SEEN, f"up to {days[0]:g}", *between, f"over {days[-1]:g}"]


def _journey_of(lifetimes: Lifetimes, journeys: Journeys) -> Ints:
    """Return the journey of every row."""
    if len(journeys) != journeys.n_customers:
        raise DataError(
            "`counting_process` takes whole customers, one journey each; got "
            f"{len(journeys):,} journeys of {journeys.n_customers:,} customers. Call it with the "
            "journeys before they were cut."
        )
    known = journeys.customer_id.take(journeys.customer_index).to_pandas()
    found = pd.Index(known).get_indexer(pd.Index(lifetimes.frame["customer_id"]))
    if (found < 0).any():
        odd = lifetimes.frame.loc[found < 0, "customer_id"].tolist()[0]
        raise DataError(
            "Every customer of the lifetimes must have a journey; "
            f"{int((found < 0).sum()):,} of {len(found):,} rows have none, such as that of "
            f"{odd!r}. Give the journeys that the lifetimes were made of."
        )
    return np.asarray(found, dtype=np.int64)


def _origin(lifetimes: Lifetimes) -> Ints:
    if "origin_time" not in lifetimes.frame:
        raise ArgumentError(
            "The lifetimes must say when each clock started, in `origin_time`; make them of "
            "journeys by `lifetimes`, not of a table."
        )
    origin = lifetimes.frame["origin_time"].to_numpy(dtype="datetime64[us]")
    return np.asarray(origin.astype(np.int64))


def _cut(lifetimes: Lifetimes, columns: Sequence[_Column], met: Mapping[str, _Met]) -> Pieces:
    """Cut all rows, so many at a time that what is in between fits a processor's cache."""
    risk = spans(lifetimes)
    late = lifetimes.frame["late"].to_numpy()
    entry = risk.entry + ~late
    if (risk.event & (risk.exit == entry) & ~late).any():
        # Those who leave at the very start are compared with others as they were just then.
        entry = risk.entry
    blocks = [slice(at, at + _BLOCK) for at in range(0, len(entry), _BLOCK)]
    cuts = []
    for block in blocks:
        changes = [column.changes(*met[column.touchpoint].of(block)) for column in columns]
        found = cut(entry[block], risk.exit[block], changes)
        small = [column.small(v) for column, v in zip(columns, found.values, strict=True)]
        cuts.append(found._replace(values=small))
    return together(cuts, [block.start for block in blocks])


def _assembled(frame: pd.DataFrame, pieces: Pieces, columns: Sequence[_Column]) -> pd.DataFrame:
    cut_up = frame.take(pieces.row).reset_index(drop=True)
    late = frame["late"].to_numpy()[pieces.row]
    event = frame["event"].to_numpy()[pieces.row] & pieces.last
    # Ends that no change made are as they were, to the last digit.
    entry = frame["entry_days"].to_numpy()[pieces.row]
    exit_ = frame["exit_days"].to_numpy()[pieces.row]
    cut_up["entry_days"] = np.where(pieces.first, entry, pieces.entry / DAY)
    cut_up["exit_days"] = np.where(pieces.last, exit_, pieces.exit / DAY)
    cut_up["event"] = event
    cut_up["late"] = late | ~pieces.first
    if "cause" in cut_up:
        cut_up["cause"] = cut_up["cause"].where(event)
    made = {
        column.name: column.written(value)
        for column, value in zip(columns, pieces.values, strict=True)
    }
    return pd.concat([cut_up, pd.DataFrame(made)], axis=1)
