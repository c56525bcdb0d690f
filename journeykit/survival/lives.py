"""Lifetimes: who is followed from when to when, and whether they left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from journeykit.checks import check_choice, check_known
from journeykit.counts import LifeCounts, life_counts
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.churn import ChurnRule, EndAttribute, EndTouchpoint, Inactivity, Start
from journeykit.survival.clocks import (
    NEVER,
    attribute_times,
    ends,
    first_silence,
    mask_of,
    origins,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: Columns that `Lifetimes.frame` has of its own; attributes may not be called so.
OWN_COLUMNS = ("customer_id", "origin_time", "entry_days", "exit_days", "event", "late", "edge")
MISSING_GROUP = "(missing)"
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LifetimesAudit(Result):
    """``step n share``: every customer once under ``followed`` or ``left out: ...``."""

    rows: ClassVar[str] = "lines of the audit"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Lifetimes(Result):
    """One row a customer followed (one an interval, from `lifetimes_from_frame`).

    Columns: `customer_id`; `origin_time`, when the clock starts (only of journeys); `entry_days`
    and `exit_days`, elapsed days on that clock between which the customer is under risk; `event`,
    true where the exit is the customer's leaving and false where sight of the customer was lost
    (censored); `late`, true where watching began after the clock did; `edge`, see `lifetimes`;
    then the attributes.

    A late customer is under risk in (entry, exit], any other from the very beginning, so that an
    event at the entry itself counts.

    Attributes
    ----------
    left_out : mapping of reason to number of customers
    returned : int
        Customers who left and came back within the data.
    """

    left_out: Mapping[str, int] = field(default_factory=dict)
    returned: int = 0
    rows: ClassVar[str] = "customers"

    def __post_init__(self) -> None:
        """Freeze the reasons."""
        object.__setattr__(self, "left_out", MappingProxyType(dict(self.left_out)))

    def counts(self, *, by: str | None = None) -> LifeCounts:
        """Count entries, events and censorings by time and group: they add up over customers.

        Parameters
        ----------
        by : str, optional
            Column of the frame; customers without a value form the group ``(missing)``.
        """
        frame = self.frame
        groups, group = _grouped(frame, by)
        entry = _microseconds(frame["entry_days"]) - ~frame["late"].to_numpy()
        return life_counts(
            entry,
            _microseconds(frame["exit_days"]),
            frame["event"].to_numpy(),
            group=group,
            groups=groups,
            fingerprint=int(self.provenance.fingerprint or "0", 16),
        )

    def audit(self) -> LifetimesAudit:
        """Return what became of every customer of the journeys, as a table."""
        event = self.frame["event"].to_numpy()
        n = len(event) + sum(self.left_out.values())
        lines = {
            "customers": n,
            **{f"left out: {reason}": count for reason, count in self.left_out.items()},
            "followed": len(event),
            "followed: left": int(event.sum()),
            "followed: left, and came back later": self.returned,
            "followed: sight was lost (censored)": int((~event).sum()),
            "followed: entered late": int(self.frame["late"].sum()),
            "followed: may have begun before the window": int(self.frame["edge"].sum()),
        }
        frame = pd.DataFrame({"step": list(lines), "n": list(lines.values())})
        return LifetimesAudit(frame=frame.assign(share=frame["n"] / n), provenance=self.provenance)

    def summary(self) -> str:
        """Return who is followed, who left and who was left out, in one sentence."""
        n, left = len(self.frame), int(self.frame["event"].sum())
        parts = [f"{n:,} customers followed, {left:,} left ({left / n:.1%}), {n - left:,} censored"]
        if late := int(self.frame["late"].sum()):
            parts.append(f"{late:,} entered late")
        if edge := int(self.frame["edge"].sum()):
            parts.append(f"{edge:,} may have begun before the window")
        if out := sum(self.left_out.values()):
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
            parts.append(f"{out:,} left out ({reasons})")
        return "; ".join(parts)


def lifetimes(
    journeys: Journeys,
    /,
    *,
    churn: ChurnRule,
    start: Start | None = None,
    activity: Sequence[str] | None = None,
    edge: Literal["keep", "leave_out"] = "keep",
) -> Lifetimes:
    """Follow every customer from the start of their clock until they leave or are lost from sight.

    **End touchpoint or end attribute.** The event is at that time T when the customer is still
    watched then, T < observed_to; otherwise the customer is censored at observed_to. Ends at or
    before the start of the clock are left out and counted: that contract never ran.

    **Inactivity**, threshold h. T is the last activity before the first silence longer than h; a
    start of the clock that is watched counts as activity, so a customer who never did more has
    T = 0. It is known only if T + h < observed_to. *Dated at last activity* the event is at T and
    everyone's observation ends at observed_to - h: to count the active ones until observed_to
    would give them time in which nobody can be seen to leave. *Dated at declaration* the event is
    at T + h, observation ends at observed_to, and risk starts at entry + h, because nobody can be
    declared sooner. Both give one curve, shifted by h. Coming back later does not undo an event;
    it is counted in `returned`.

    **Late entry.** Whoever is watched from later than their start is under risk from then on
    only (left truncation); with inactivity those whose first silence runs from the beginning of
    watching are left out, since they had left before. A silence that began before the watching is
    seen from the beginning of watching only.

    **Unknown beginnings.** Where the clock starts with the first activity seen (`start` is None)
    and a customer is watched from the window's own beginning, an activity within h of it may
    continue a history that the data does not hold. The clock of these customers, `edge` in the
    frame, reads "since first seen", not "since they came"; long-standing customers are
    over-represented among them. ``edge="leave_out"`` keeps only customers with h days of silence
    before their first activity (a washout); `start` with the true time is better. Under an end
    touchpoint or attribute nothing tells them apart: declare `start` there.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    churn : Inactivity, EndTouchpoint or EndAttribute
    start : StartTouchpoint or StartAttribute, optional
        When a customer's clock starts; by default at the first activity.
    activity : sequence of str, optional
        Touchpoints that are signs of life, by default all: leave out what the firm sends.
    edge : {"keep", "leave_out"}

    Returns
    -------
    Lifetimes

    Raises
    ------
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.
    ArgumentError
        When the journeys are cut finer than customers.
    MappingError
        When a touchpoint or attribute does not exist.
    DataError
        When nobody is left to follow, or an attribute cannot be read.
    """
    check_choice("edge", edge, ("keep", "leave_out"))
    watched = _watched(journeys)
    counted = (
        np.ones(journeys.n_events, dtype=bool)
        if activity is None
        else mask_of(journeys, "activity", tuple(activity))
    )
    origin = origins(journeys, start, counted)
    follow = _followed_activity if isinstance(churn, Inactivity) else _followed_end
    spans = follow(journeys, churn, start, origin, counted, watched)
    if start is None and isinstance(churn, Inactivity) and journeys.window is not None:
        begin, threshold = journeys.window[0], _threshold(churn)
        spans.edge[:] = (watched[0] <= begin) & (origin - begin <= threshold)
        if edge == "leave_out":
            spans.leave_out("may have begun before the window", spans.edge)
    given = {"churn": churn, "start": start, "activity": activity, "edge": edge}
    provenance = Provenance(journeys.fingerprint, {k: repr(v) for k, v in given.items()})
    return _assembled(journeys, origin, spans, provenance)


def lifetimes_from_frame(
    frame: pd.DataFrame,
    /,
    *,
    customer_id: str | None = None,
    start: str | None = None,
    stop: str = "time",
    event: str = "status",
    groups: Sequence[str] = (),
) -> Lifetimes:
    """Take lifetimes from a table that never was an event log.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a customer, or one an interval (start, stop] in which nothing about them changes.
    customer_id : str, optional
        Column of identifiers; by default rows are numbered from 0.
    start, stop : str
        Columns of elapsed time, at least 0. The unit is called days here and can be any; times
        are kept to a millionth of a second of a day, so that sums like 0.1 + 0.2 tie with 0.3.
        Without `start` everyone is under risk from the very beginning.
    event : str
        Column of 0 and 1 or of booleans.
    groups : sequence of str
        Columns to keep for comparing groups.

    Raises
    ------
    MappingError, DataError
        A column does not exist, or holds something else than said above.
    """
    named = [name for name in (customer_id, start, stop, event, *groups) if name is not None]
    check_known("frame", named, list(map(str, frame.columns)), what="columns")
    if frame.empty:
        raise DataError("The frame has no rows: there is nobody to follow.")
    exits = _times(frame, stop)
    late = np.zeros(len(frame), dtype=bool)
    entry = np.zeros(len(frame))
    if start is not None:
        entry = _times(frame, start)
        late = entry > 0
        wrong = int((_microseconds(entry) >= _microseconds(exits)).sum())
        if wrong:
            raise DataError(
                f"`start` must be before `stop`; in {wrong:,} of {len(frame):,} rows column "
                f"{start!r} is not below {stop!r}. Leave these rows out or mend them."
            )
    own: dict[str, object] = {
        "customer_id": np.arange(len(frame)) if customer_id is None else frame[customer_id],
        "entry_days": entry,
        "exit_days": exits,
        "event": _flags(frame, event),
        "late": late,
        "edge": np.zeros(len(frame), dtype=bool),
    }
    _check_names(groups)
    table = pd.DataFrame(own, index=frame.index).join(frame[list(groups)])
    # The order of rows does not matter, so neither may it to the fingerprint.
    hashed = pd.util.hash_pandas_object(table.drop(columns="customer_id"), index=False)
    number = sum(hashed.to_numpy().astype(object).tolist()) % (1 << 128)
    given = {"start": start, "stop": stop, "event": event, "groups": tuple(groups)}
    return Lifetimes(
        frame=table.reset_index(drop=True), provenance=Provenance(f"{number:032x}", given)
    )


# ---------------------------------------------------------------------- from journeys


class _Spans:
    """Spans under risk in microseconds on the customer's own clock, all of shape (n,)."""

    def __init__(self, origin: NDArray[np.int64], watched_from: NDArray[np.int64]) -> None:
        self.late = watched_from > origin
        self.entry = np.where(self.late, watched_from - np.minimum(origin, watched_from), 0)
        self.exit = np.zeros_like(self.entry)
        self.event = np.zeros(len(origin), dtype=bool)
        self.returned = np.zeros(len(origin), dtype=bool)
        self.edge = np.zeros(len(origin), dtype=bool)
        self.followed = np.ones(len(origin), dtype=bool)
        self.left_out: dict[str, int] = {}

    def leave_out(self, reason: str, mask: NDArray[np.bool_]) -> None:
        """Take customers out who are not out yet, and count them."""
        out = mask & self.followed
        if out.any():
            self.left_out[reason] = int(out.sum())
            self.followed &= ~out


def _watched(journeys: Journeys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    journeys.need_time("`lifetimes`")
    if len(journeys) != journeys.n_customers:
        raise ArgumentError(
            "`lifetimes` follows whole customers, one journey each; got "
            f"{len(journeys):,} journeys of {journeys.n_customers:,} customers. Call it on the "
            "journeys before they were cut."
        )
    if journeys.observed_to is None:
        raise NotObservedError(
            "`lifetimes` needs to know until when customers are watched; these journeys have no "
            "`observed_to`."
        )
    since = journeys.observed_from
    beginning = np.full(len(journeys), -NEVER) if since is None else since
    return beginning, journeys.observed_to


def _threshold(churn: Inactivity) -> int:
    return round(churn.threshold_days * DAY)


def _followed_end(
    journeys: Journeys,
    churn: EndTouchpoint | EndAttribute,
    start: Start | None,
    origin: NDArray[np.int64],
    counted: NDArray[np.bool_],
    watched: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> _Spans:
    since, until = watched
    end = (
        ends(journeys, churn.touchpoint, start)
        if isinstance(churn, EndTouchpoint)
        else attribute_times(journeys, "churn", churn.attribute)
    )
    spans = _Spans(origin, since)
    spans.event = end < until
    spans.exit = np.minimum(end, until) - origin
    spans.leave_out("without a start", origin == NEVER)
    spans.leave_out("ended at or before their start", end <= origin)
    spans.leave_out("left before they were watched", spans.late & (end <= since))
    spans.leave_out("not watched after their start", spans.exit <= spans.entry)
    return spans


def _followed_activity(
    journeys: Journeys,
    churn: Inactivity,
    start: Start | None,
    origin: NDArray[np.int64],
    counted: NDArray[np.bool_],
    watched: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> _Spans:
    since, until = watched
    threshold = _threshold(churn)
    spans = _Spans(origin, since)
    base = np.where(spans.late, since, origin)
    silence = first_silence(journeys, counted, base, until, threshold)
    spans.event = silence.began + threshold < until
    spans.returned = silence.returned & spans.event
    if churn.dated_at == "last_activity":
        spans.exit = np.where(spans.event, silence.began, until - threshold) - origin
    else:
        spans.exit = np.where(spans.event, silence.began + threshold, until) - origin
        spans.entry = spans.entry + threshold
    spans.leave_out("without a start", origin == NEVER)
    spans.leave_out("started after they were watched", origin >= until)
    spans.leave_out("without activity while watched", spans.late & ~silence.active)
    spans.leave_out(
        "silent beyond the threshold when watching began",
        spans.late & spans.event & (silence.began == since) & silence.returned,
    )
    # An event at the entry itself counts for those who are there from the beginning.
    at_risk = np.where(spans.late | ~spans.event, spans.exit > spans.entry, True)
    spans.leave_out("not watched for longer than the threshold", ~at_risk & ~spans.event)
    spans.leave_out("last active as watching began", ~at_risk)
    return spans


def _assembled(
    journeys: Journeys, origin: NDArray[np.int64], spans: _Spans, provenance: Provenance
) -> Lifetimes:
    keep = np.flatnonzero(spans.followed)
    if len(keep) == 0:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in spans.left_out.items())
        raise DataError(f"Nobody is left to follow: {reasons or 'there are no customers'}.")
    zone = "UTC" if journeys.clock == "instant" else None
    columns = {
        "customer_id": journeys.customer_id.take(pa.array(journeys.customer_index[keep])),
        "origin_time": pa.array(origin[keep]).cast(pa.timestamp("us", zone)),
        "entry_days": spans.entry[keep] / DAY,
        "exit_days": spans.exit[keep] / DAY,
        "event": spans.event[keep],
        "late": spans.late[keep],
        "edge": spans.edge[keep],
    }
    _check_names(journeys.attributes.column_names)
    # Few distinct texts are shared by many customers: categories are small, and grouped already.
    attributes = journeys.attributes.take(pa.array(keep)) if journeys.attributes.num_columns else None
    own = pa.table(columns).to_pandas()
    frame = own if attributes is None else own.join(attributes.to_pandas(strings_to_categorical=True))
    return Lifetimes(
        frame=frame,
        provenance=provenance,
        left_out=spans.left_out,
        returned=int(spans.returned[keep].sum()),
    )


# ---------------------------------------------------------------------- small things


def _microseconds(days: object) -> NDArray[np.int64]:
    return np.rint(np.asarray(days, dtype=np.float64) * DAY).astype(np.int64)


def _grouped(frame: pd.DataFrame, by: str | None) -> tuple[tuple[str, ...], NDArray[np.integer]]:
    if by is None:
        return (ALL,), np.zeros(len(frame), dtype=np.int64)
    check_known("by", [by], list(map(str, frame.columns)), what="columns of the lifetimes")
    code, values = pd.factorize(frame[by], sort=True)
    names = [str(value) for value in values]
    if (code < 0).any():
        code, names = np.where(code < 0, len(names), code), [*names, MISSING_GROUP]
    return tuple(names), code


def _check_names(names: Sequence[str]) -> None:
    taken = sorted(set(names) & set(OWN_COLUMNS))
    if taken:
        raise DataError(
            f"{', '.join(map(repr, taken))} cannot be the name of an attribute here: lifetimes "
            "have a column of that name. Rename it."
        )


def _times(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    try:
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"Column {name!r} must hold numbers; got {frame[name].dtype}.") from None
    wrong = int((~(np.isfinite(values) & (values >= 0))).sum())
    if wrong:
        raise DataError(
            f"Column {name!r} must hold times of at least 0; {wrong:,} of {len(values):,} rows "
            "are empty, infinite or negative. Leave these rows out or mend them."
        )
    return values


def _flags(frame: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    known = frame[name].isin([0, 1]).to_numpy()
    if not known.all():
        odd = frame.loc[~known, name].iloc[0]
        raise DataError(
            f"Column {name!r} must hold 1 (or True) for the event and 0 (or False) for a "
            f"censoring; {int((~known).sum()):,} of {len(known):,} rows do not, such as {odd!r}."
        )
    return frame[name].to_numpy(dtype=bool)
