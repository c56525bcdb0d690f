"""Funnels: how many go from step to step, how fast, and who was lost where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.draw import PALETTE, axes, percent_axis, step_curve
from journeykit.draw.funnels import funnel_bars
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import microseconds
from journeykit.paths.funnels import estimates
from journeykit.paths.funnels.attempts import Attempts, follow
from journeykit.paths.funnels.rules import (
    Duration,
    Entry,
    Exclusion,
    Order,
    Rules,
    Start,
    funnel_rules,
)
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: The group of all, and of those whose attribute is empty.
ALL, UNKNOWN = "all", "(unknown)"
_CURVE_POINTS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConversionTimes(Result):
    """How many have come to a step, by the days they have waited; a row a group and time.

    ``group time_days n_at_risk n_event n_left n_dropped n_censored estimate std_error conf_low
    conf_high share_left share_dropped share_waiting``. `estimate` is Aalen and Johansen's
    incidence of coming; it, `share_left` (they left), `share_dropped` (their window is over) and
    `share_waiting` sum to 1. Where customers have several attempts, some 60 times are shown.
    """

    what: str
    rows: ClassVar[str] = "times"

    def summary(self) -> str:
        """Say how many have come by the end of the curve."""
        last = self.frame.groupby("group", sort=False).tail(1)
        told = [
            f"{row.group}: {row.estimate:.1%} ({row.conf_low:.1%} to {row.conf_high:.1%}) "
            f"within {row.time_days:,.3g} days"
            for row in last.head(4).itertuples()
        ]
        return f"{self.what}: {'; '.join(told)}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curves of coming with their bands."""
        ax = axes(ax)
        for number, (group, rows) in enumerate(self.frame.groupby("group", sort=False)):
            shown = rows.iloc[:: -(-len(rows) // _CURVE_POINTS) or 1]
            step_curve(
                np.concatenate([[0.0], shown["time_days"]]),
                np.concatenate([[0.0], shown["estimate"]]),
                np.concatenate([[np.nan], shown["conf_low"]]),
                np.concatenate([[np.nan], shown["conf_high"]]),
                ax=ax,
                label=str(group),
                color=PALETTE[number % len(PALETTE)],
            )
        ax.set_ylim(bottom=0)
        ax.set_xlim(left=0)
        percent_axis(ax, "y")
        ax.set_xlabel("days waited")
        ax.set_ylabel("have come")
        if self.frame["group"].nunique() > 1:
            ax.legend(frameon=False)
        return ax


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Abandonment(Result):
    """``group step touchpoint n n_event n_censored estimate conf_low conf_high undecided``.

    `n` reached the step; `n_event` are known not to have gone on in time; the time of `n_censored`
    is not over. `undecided` is as in `Funnel`.
    """

    rows: ClassVar[str] = "groups"

    def summary(self) -> str:
        """Say how many did not go on."""
        told = [
            f"{row.group}: {row.estimate:.1%} ({row.conf_low:.1%} to {row.conf_high:.1%}) of "
            f"{row.n:,} did not go on from {row.touchpoint} in time"
            for row in self.frame.head(4).itertuples()
        ]
        return "; ".join(told)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Funnel(Result):
    """A row for each group and step.

    ``group step touchpoint n n_entered n_previous n_event n_censored n_dropped n_left estimate
    conf_low conf_high undecided basis share share_low share_high median_days``.

    Of the `n_previous` who reached the step before, `n_event` came to this one, `n_dropped` did
    not and from what is begun cannot any more (`n_left` of them left), and `n_censored` still
    could when the watching ended: the three sum to `n_previous`. `n` is `n_event` and those who
    entered an open funnel here, `n_entered`. All count customers, or attempts with re-entry.

    `estimate` is the share of the step before that comes to this one, `share` that of the first
    step (in an open funnel, of all who entered). `basis` says what both rest on: see `funnel`.
    Where those under risk last were censored, the upper bound allows for the share `undecided`;
    above 1 % there is no estimate, only bounds. `median_days` is within how many days half of
    those come who come at all.

    Attributes
    ----------
    steps : tuple of str
    n_customers : int
        Customers looked at, those of suppressed groups included.
    n_never : int
        Those of them who never entered.
    n_unseen : int
        Rows whose customer was there before being watched, and may have done steps before.
    suppressed : tuple of str
        Groups of fewer than `small_cell` customers, which are not shown.
    """

    steps: tuple[str, ...]
    n_customers: int
    n_never: int
    n_unseen: int
    suppressed: tuple[str, ...] = ()
    confidence: float = 0.95
    _rules: Rules = field(repr=False)
    _attempts: Attempts = field(repr=False)
    _group: NDArray[np.int64] = field(repr=False)
    _groups: tuple[str, ...] = field(repr=False)
    _journeys: Journeys = field(repr=False)
    rows: ClassVar[str] = "steps"

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that are shown."""
        return self._groups

    def summary(self) -> str:
        """Say how many go the whole way, and where most are lost."""
        unit = "attempts" if self._rules.reentry else "customers"
        told = []
        for group in self.groups[:3]:
            rows = self.frame[self.frame["group"] == group]
            first, last = rows.iloc[0], rows.iloc[-1]
            lost = rows.iloc[int(rows["n_dropped"].to_numpy().argmax())]
            who = f"{group}: " if len(self.groups) > 1 else ""
            share = f"{last['share']:.1%}" if np.isfinite(last["share"]) else "not known yet"
            told.append(
                f"{who}{last['n']:,} of {first['n']:,} {unit} came to {last['touchpoint']} "
                f"({share}, {last['share_low']:.1%} to {last['share_high']:.1%}, {last['basis']}); "
                f"most were lost before {lost['touchpoint']}, {lost['n_dropped']:,}"
            )
        unseen = f"; {self.n_unseen:,} were there before they were watched" if self.n_unseen else ""
        return f"{'; '.join(told)}{unseen}"

    def plot(self, ax: Axes | None = None, *, small_cell: int = 1) -> Axes:
        """Draw the share of the first step that comes to each, with intervals.

        Steps reached by fewer than `small_cell` are not drawn.
        """
        check_whole("small_cell", small_cell, least=1)
        shape = (len(self.groups), len(self.steps))
        enough = (self.frame["n"] >= small_cell).to_numpy().reshape(shape)
        share, low, high = (
            np.where(enough, self.frame[name].to_numpy().reshape(shape), np.nan)
            for name in ("share", "share_low", "share_high")
        )
        notes = [
            [f"{n:,}" + (f" (+{c:,} open)" if c else "") for n, c in zip(ns, cs, strict=True)]
            for ns, cs in zip(
                self.frame["n"].to_numpy().reshape(shape),
                self.frame["n_censored"].to_numpy().reshape(shape),
                strict=True,
            )
        ]
        labels = [f"{k}. {step}" for k, step in enumerate(self.steps, start=1)]
        ax = funnel_bars(labels, self.groups, share, low, high, notes, ax=ax)
        ax.set_xlabel("share of those at the first step")
        return ax

    # ------------------------------------------------------------------ who

    def reached(self, step: int, /) -> pd.DataFrame:
        """List who reached `step`, from 1: ``customer_id group event_time``, when they did."""
        check_whole("step", step, least=1, most=len(self.steps))
        return self._listed(self._attempts.at(step - 1), step)

    def dropped(self, step: int, /) -> pd.DataFrame:
        """List who reached `step` and can go no further from what they began.

        ``customer_id group event_time ended_time left``: when they reached it, when it was over,
        and whether they left.
        """
        self._check_stop(step)
        found = self._attempts
        return self._listed(found.stopped(step - 1) & ~found.open(step - 1), step, ends=True)

    def still_open(self, step: int, /) -> pd.DataFrame:
        """List who reached `step` and could still go on when the watching ended."""
        self._check_stop(step)
        return self._listed(self._attempts.open(step - 1), step)

    def _check_stop(self, step: int) -> None:
        check_whole("step", step, least=1, most=len(self.steps) - 1)

    def _listed(self, rows: NDArray[np.bool_], step: int, *, ends: bool = False) -> pd.DataFrame:
        found, which = self._attempts, np.flatnonzero(rows)
        ids = self._journeys.customer_id.take(_whole(found.customer[which]))
        groups = np.array(self._groups, dtype=object)[self._group[which]]
        listed = pd.DataFrame({"customer_id": ids.to_pandas(), "group": groups})
        listed["event_time"] = self._moments(found.time[found.reached[which, step - 1]])
        if ends:
            listed["ended_time"] = self._moments(found.ended[which, step - 1])
            listed["left"] = found.left(step - 1)[which]
        return listed

    def _moments(self, time: NDArray[np.int64]) -> pd.DatetimeIndex:
        if self._journeys.time is None:
            return pd.DatetimeIndex([pd.NaT] * len(time))
        zone = None if self._journeys.clock == "day" else "UTC"
        return pd.DatetimeIndex(time.astype("datetime64[us]")).tz_localize(zone)

    # ------------------------------------------------------------------ when

    def time_to_convert(self, step: int | None = None, /, *, since: int = 1) -> ConversionTimes:
        """Estimate how many have come to `step` (by default the last), by days since `since`.

        Who could still come when the watching ended is censored; who left, or can come no more,
        has come to another end. An unfinished window is no failure.

        Raises
        ------
        NotObservedError
            Journeys without times.
        """
        last = len(self.steps)
        step = last if step is None else step
        check_whole("since", since, least=1, most=last - 1)
        check_whole("step", step, least=since + 1, most=last)
        if self._rules.entry == "open" and step != since + 1:
            raise ArgumentError(
                "In an open funnel times are known from one step to the next; got step "
                f"{since} to {step}."
            )
        self._journeys.need_time("The time to convert")
        parts = []
        for group, found in self._parts():
            if found.at(since - 1).any():
                rows = estimates.conversion_rows(
                    found, self._rules, since - 1, step - 1, confidence=self.confidence
                )
                rows.insert(0, "group", group)
                parts.append(rows)
        if not parts:
            raise DataError(f"Nobody reached step {since}, so there is no time to come from it.")
        return ConversionTimes(
            frame=pd.concat(parts, ignore_index=True),
            provenance=self.provenance,
            what=f"from {self.steps[since - 1]} to {self.steps[step - 1]}",
        )

    def abandonment(self, step: int = 1, /, *, within: Duration) -> Abandonment:
        """Estimate the share of those at `step` who do not go on within a time.

        It is 1 - F(within), with F Aalen and Johansen's incidence of coming to the next step by
        the time since reaching this one. Whose time was not over when the watching ended is
        censored; who left has not gone on. For carts left standing let the next step be a
        purchase in any channel: ``steps=["cart", "buy_web | buy_store | buy_phone"]``.
        """
        self._check_stop(step)
        self._journeys.need_time("Abandonment")
        limit = microseconds("within", within)
        rows = [
            {
                "group": group,
                "step": step,
                "touchpoint": self.steps[step - 1],
                **estimates.abandonment_row(
                    found, self._rules, step - 1, within=limit, confidence=self.confidence
                ),
            }
            for group, found in self._parts()
        ]
        return Abandonment(frame=pd.DataFrame(rows), provenance=self.provenance)

    def _parts(self) -> list[tuple[str, Attempts]]:
        return _parts(self._attempts, self._group, self._groups)


def funnel(
    journeys: Journeys,
    /,
    *,
    steps: Sequence[str],
    order: Order = "ordered",
    entry: Entry = "closed",
    start: Start = "first",
    within: Duration | None = None,
    at_least: Duration | None = None,
    step_within: Duration | Sequence[Duration | None] | None = None,
    step_at_least: Duration | Sequence[Duration | None] | None = None,
    exclude: str | Sequence[Exclusion] = (),
    leaving: str | None = None,
    reentry: bool = False,
    shared_events: bool = False,
    horizon: Duration | None = None,
    by: str | None = None,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> Funnel:
    """Count who goes from step to step, and estimate the shares with intervals.

    A customer reaches step k when there are events e1 < ... < ek of one journey, each of its step,
    that keep all windows and exclusions; *when* is the first moment at which there are. All such
    choices are looked at, not the first that offers itself. Each customer counts once.

    What an estimate rests on is its `basis`:

    - ``complete``: of all who reached the step before it is known whether they come; a plain share
      with Wilson's interval.
    - ``window``: some could still come within their window. The estimate is Aalen and Johansen's
      incidence at the end of the window: those are censored when their watching ends; leaving and
      the window's end are competing ends. Dividing by all would take them for lost, and leaving
      them out would favour the fast.
    - ``horizon``: the same within `horizon` of the step before (for `share`, of the first).
    - ``so far``: without a window nobody is ever lost for good, and with ``start="any"`` a later
      start may replace one that failed. The share is what was seen by the end of the watching,
      which grows with it; give a `horizon` for a share that does not.

    Parameters
    ----------
    journeys : Journeys
        Of pieces (`sessions`, `cases`) all steps must lie in one; ends that are known end it.
    steps : sequence of at least two str
        Each a class of the search language (`journeys.pattern`): ``cart``, ``mail | sms``,
        ``!visit``.
    order : {"ordered", "strict", "unordered"}
        With other events between the steps, as the very next events, or in whatever order:
        then k events that serve k different steps reach step k.
    entry : {"closed", "open"}
        Whether customers must begin with step 1, or are counted at whatever step they do. Open
        with ``start="first"``: enter once, at the first event of any step; with ``"any"`` at
        every one.
    start : {"first", "any", "last"}
        Which event of step 1 the clock runs from. With "any" a step is reached when any start
        allows it. Which start is the last is known only at the end, and who succeeds may not
        start again: read "last" with care.
    within, at_least : duration, optional
        Most time from the first step to any, and least from the first to the last; inclusive.
    step_within, step_at_least : duration or sequence of durations, optional
        Most and least time from each step to the next: one for all, or one for each gap.
    exclude : str or sequence of Exclusion
        Touchpoints that must not come between the steps.
    leaving : str, optional
        Touchpoints by which a customer leaves: that attempt is over and lost.
    reentry : bool
        Count attempts, not customers: when one is over or complete, the next start begins
        another. With ``start="first"`` an attempt's clock runs from its start; with "any" starts
        within it renew it. Intervals know whose attempts they are.
    shared_events : bool
        Let one event serve two neighbouring steps, as some tools do.
    horizon : duration, optional
    by : str, optional
        Attribute: a funnel for each of its values.
    confidence : float in (0, 1)
    small_cell : int
        With `by`, groups of fewer customers who entered are not shown.

    Returns
    -------
    Funnel

    Raises
    ------
    PatternError, ArgumentError
        Steps or options that cannot be read, or that contradict each other.
    NotObservedError
        Windows, for journeys without times.
    DataError
        When nobody entered, or no group is large enough.

    References
    ----------
    Aalen, Johansen (1978), Scand. J. Statist. 5; see `stats.aalen_johansen`.
    """
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    rules = funnel_rules(
        journeys.names,
        steps=steps,
        order=order,
        entry=entry,
        start=start,
        within=within,
        at_least=at_least,
        step_within=step_within,
        step_at_least=step_at_least,
        exclude=exclude,
        leaving=leaving,
        reentry=reentry,
        shared_events=shared_events,
    )
    if horizon is not None:
        journeys.need_time("A horizon")
    limit = None if horizon is None else microseconds("horizon", horizon)
    found = follow(journeys, rules)
    if not len(found.journey):
        raise DataError(f"Nobody of {journeys.n_customers:,} customers came to {steps[0]!r}.")
    entered = len(np.unique(found.customer))
    unseen = int(found.unseen.sum())
    found, group, groups, suppressed = _grouped(journeys, found, by, small_cell)
    rows = [
        row
        for name, part in _parts(found, group, groups)
        for row in estimates.step_rows(
            part,
            rules,
            group=name,
            horizon=limit,
            confidence=confidence,
            timed=journeys.time is not None,
        )
    ]
    given = {
        "steps": tuple(steps),
        "order": order,
        "entry": entry,
        "start": start,
        "within": within,
        "at_least": at_least,
        "step_within": step_within,
        "step_at_least": step_at_least,
        "exclude": exclude,
        "leaving": leaving,
        "reentry": reentry,
        "shared_events": shared_events,
        "horizon": horizon,
        "by": by,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return Funnel(
        frame=pd.DataFrame(rows),
        provenance=Provenance(journeys.fingerprint, given),
        steps=rules.steps,
        n_customers=journeys.n_customers,
        n_never=journeys.n_customers - entered,
        n_unseen=unseen,
        suppressed=suppressed,
        confidence=confidence,
        _rules=rules,
        _attempts=found,
        _group=group,
        _groups=groups,
        _journeys=journeys,
    )


def _whole(index: NDArray[np.int64]) -> object:
    import pyarrow as pa

    return pa.array(index)


def _grouped(
    journeys: Journeys, found: Attempts, by: str | None, small_cell: int
) -> tuple[Attempts, NDArray[np.int64], tuple[str, ...], tuple[str, ...]]:
    """Return the rows of groups large enough, their groups, the names, and those left out."""
    if by is None:
        return found, np.zeros(len(found.journey), dtype=np.int64), (ALL,), ()
    check_known("by", [by], journeys.attributes.column_names, what="attributes")
    values = journeys.attributes[by].take(_whole(found.journey)).to_pandas()
    texts = np.array([UNKNOWN if pd.isna(value) else str(value) for value in values], dtype=object)
    names, code = np.unique(texts, return_inverse=True)
    customers = [len(np.unique(found.customer[code == g])) for g in range(len(names))]
    kept = np.array([n >= small_cell for n in customers])
    if not kept.any():
        raise DataError(
            f"No group of {by!r} has {small_cell} customers who entered; group more coarsely or "
            "lower `small_cell`."
        )
    rows = kept[code]
    place = np.cumsum(kept) - 1
    return (
        found.take(rows),
        place[code[rows]].astype(np.int64),
        tuple(names[kept].tolist()),
        tuple(names[~kept].tolist()),
    )


def _parts(
    found: Attempts, group: NDArray[np.int64], groups: tuple[str, ...]
) -> list[tuple[str, Attempts]]:
    if len(groups) == 1:
        return [(groups[0], found)]
    return [(name, found.take(group == g)) for g, name in enumerate(groups)]
