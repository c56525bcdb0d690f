"""Leaving again and again: every spell of activity, and every absence, of customers who return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from journeykit.checks import check_choice
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed
from journeykit.results import Provenance
from journeykit.survival.churn import Inactivity
from journeykit.survival.clocks import NEVER, mask_of
from journeykit.survival.following import framed, watched_customers
from journeykit.survival.lives import Lifetimes
from journeykit.survival.thresholds.silences import silences

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

    Ints = NDArray[np.int64]

_TOO_SHORT = "not watched for longer than the threshold"


class _Spells(NamedTuple):
    """Spells in order of journey and time, microseconds, all of shape (n_spells,).

    `began` and `left` are the first and last activity; `over` says whether a silence longer than
    the threshold was seen after it, `back` is the activity after that, NEVER where none was.
    """

    journey: Ints
    number: Ints
    began: Ints
    left: Ints
    over: NDArray[np.bool_]
    back: Ints
    until: Ints


def spells(
    journeys: Journeys,
    /,
    *,
    churn: Inactivity,
    activity: Sequence[str] | None = None,
    of: Literal["activity", "absence"] = "activity",
    clock: Literal["spell", "customer"] = "spell",
) -> Lifetimes:
    """Follow every spell of activity of every customer, or every absence between them.

    A spell is active until the first silence longer than the threshold h; the next activity begins
    the next spell. `lifetimes` follows the first one only; here whoever comes back is followed
    again, so a customer may leave several times.

    **Activity.** The event is the leaving, dated as in `lifetimes`. *At last activity* T it is
    known only if T + h < observed_to, and observation ends just before observed_to - h: a spell
    that began later is left out, as nobody can tell yet. *At declaration* it is at T + h, risk
    starts h after the beginning of the spell, and observation ends just before observed_to.

    **Absence.** The event is the return. Absences are known from the declaration on, T + h: the
    clock runs from there or, dated at last activity, from T with risk from h on. Absences still
    running are censored just before observed_to. Customers never declared have none.

    **Clocks.** Per spell, each starts at 0 with its spell or absence (gap time). Per customer, all
    run from the customer's first activity (total time), so that intervals of one customer follow
    each other without overlap; between a leaving and the return nobody is under risk to leave.

    Spells of one customer are not independent: take the customer as the cluster, and `spell` as
    stratum where the first differs from later ones.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    churn : Inactivity
    activity : sequence of str, optional
        Touchpoints that are signs of life, by default all: leave out what the firm sends.
    of : {"activity", "absence"}
    clock : {"spell", "customer"}

    Returns
    -------
    Lifetimes
        One row a spell, with its number `spell`, from 1; `edge` is true of first spells that may
        have begun before the window.

    Raises
    ------
    NotObservedError, MappingError
        As `lifetimes`.
    ArgumentError
        When `churn` is another rule, or journeys are cut finer than customers or collapsed.
    DataError
        When there is no spell to follow, or an attribute is called ``spell``.

    References
    ----------
    Prentice, Williams, Peterson (1981), On the regression analysis of multivariate failure time
    data, Biometrika 68.

    Examples
    --------
    >>> import numpy as np
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.survival import Inactivity
    >>> day = 86_400_000_000
    >>> seen = Journeys(
    ...     names=("visit",),
    ...     touchpoint=np.zeros(4, dtype=np.uint8),
    ...     start=np.array([0, 4]),
    ...     time=np.array([0, 6, 50, 58]) * day,
    ...     observed_to=np.array([85]) * day,
    ... )
    >>> found = spells(seen, churn=Inactivity(30))
    >>> found.frame[["spell", "entry_days", "exit_days", "event"]].round(3)
       spell  entry_days  exit_days  event
    0      1         0.0        6.0   True
    1      2         0.0        5.0  False
    >>> away = spells(seen, churn=Inactivity(30), of="absence")
    >>> away.frame[["spell", "entry_days", "exit_days", "event"]].round(3)
       spell  entry_days  exit_days  event
    0      1        30.0       44.0   True
    """
    check_choice("of", of, ("activity", "absence"))
    check_choice("clock", clock, ("spell", "customer"))
    if not isinstance(churn, Inactivity):
        raise ArgumentError(
            f"`spells` needs a rule after which customers can come back, Inactivity; got {churn!r}."
        )
    refuse_collapsed(journeys, "`spells`")
    if "spell" in journeys.attributes.column_names:
        raise DataError(
            "'spell' cannot be the name of an attribute here: spells have a column of that name. "
            "Rename it."
        )
    threshold = round(churn.threshold_days * DAY)
    found = _found(journeys, activity, threshold)
    active = of == "activity"
    made = (_activity if active else _absence)(found, threshold, churn.dated_at == "declaration")
    reason = _TOO_SHORT if active else "never silent beyond the threshold"
    customers, followed = (np.unique(found.journey[mask]) for mask in (slice(None), made.kept))
    if not len(followed):
        raise DataError(f"There is no spell to follow: {len(customers):,} customers were {reason}.")
    if clock == "customer":
        made = _since_the_first(made, found)
    left_out = {
        "without a start": len(journeys) - len(customers),
        reason: len(customers) - len(followed),
    }
    ends = np.diff(found.journey, append=-1) != 0
    told = np.isin(found.journey, followed)
    given = {"churn": churn, "activity": activity, "of": of, "clock": clock}
    return Lifetimes(
        frame=_framed(journeys, found, made, edge=_edge(journeys, found, threshold) & active),
        provenance=Provenance(journeys.fingerprint, {k: repr(v) for k, v in given.items()}),
        left_out={why: n for why, n in left_out.items() if n},
        returned=len(np.unique(found.journey[found.back != NEVER])) if active else None,
        undecided=int((ends & told & ~found.over).sum()) if active else None,
    )


class _Intervals(NamedTuple):
    """Intervals under risk of the spells that are `kept`; microseconds, shape (n_spells,)."""

    kept: NDArray[np.bool_]
    origin: Ints
    entry: Ints
    exit: Ints
    event: NDArray[np.bool_]
    late: NDArray[np.bool_]


def _found(journeys: Journeys, activity: Sequence[str] | None, threshold: int) -> _Spells:
    since, until = watched_customers(journeys, "`spells`")
    time = journeys.need_time("`spells`")
    counted = time >= np.repeat(since, journeys.length)
    if activity is not None:
        counted &= mask_of(journeys, "activity", tuple(activity))
    every = silences(journeys, counted, until)
    long = np.minimum(every.ended, every.until) - every.began > threshold
    end = np.flatnonzero(long | (np.diff(every.journey, append=-1) != 0))
    begin = np.append(0, end[:-1] + 1)[: len(end)]
    journey = every.journey[end]
    number = np.arange(len(end)) - np.searchsorted(journey, journey) + 1
    return _Spells(
        journey=journey,
        number=number,
        began=every.began[begin],
        left=every.began[end],
        over=long[end],
        back=every.ended[end],
        until=every.until[end],
    )


def _activity(found: _Spells, threshold: int, declared: bool) -> _Intervals:
    shift = threshold if declared else 0
    lost = found.until - 1 + shift - threshold
    return _Intervals(
        kept=found.began + threshold < found.until,
        origin=found.began,
        entry=np.full(len(found.began), shift),
        exit=np.where(found.over, found.left + shift, lost) - found.began,
        event=found.over,
        late=np.zeros(len(found.began), dtype=bool),
    )


def _absence(found: _Spells, threshold: int, declared: bool) -> _Intervals:
    shift = threshold if declared else 0
    origin, back = found.left + shift, found.back != NEVER
    return _Intervals(
        kept=found.over,
        origin=origin,
        entry=np.full(len(origin), threshold - shift),
        exit=np.where(back, found.back, found.until - 1) - origin,
        event=back,
        late=np.zeros(len(origin), dtype=bool),
    )


def _since_the_first(made: _Intervals, found: _Spells) -> _Intervals:
    """Let all clocks of a customer run from the first activity."""
    first = found.began[np.searchsorted(found.journey, found.journey)]
    shift = made.origin - first
    late = shift > 0
    # The very beginning of an interval counts, also of a later one.
    return made._replace(
        origin=first, entry=made.entry + shift - late, exit=made.exit + shift, late=late
    )


def _edge(journeys: Journeys, found: _Spells, threshold: int) -> NDArray[np.bool_]:
    if journeys.window is None:
        return np.zeros(len(found.journey), dtype=bool)
    begin = journeys.window[0]
    since = journeys.observed_from
    there = np.ones(len(journeys), dtype=bool) if since is None else since <= begin
    soon = found.began - begin < threshold
    return np.asarray(there[found.journey] & soon & (found.number == 1))


def _framed(
    journeys: Journeys, found: _Spells, made: _Intervals, *, edge: NDArray[np.bool_]
) -> pd.DataFrame:
    kept = made.kept
    columns = {
        "origin_time": made.origin[kept],
        "entry_days": made.entry[kept] / DAY,
        "exit_days": made.exit[kept] / DAY,
        "event": made.event[kept],
        "late": made.late[kept],
        "edge": edge[kept],
        "spell": found.number[kept],
    }
    return framed(journeys, found.journey[kept], columns)
