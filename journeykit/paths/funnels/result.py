"""A funnel's answer: a row for each step, and who was where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_whole
from journeykit.draw.funnels import funnel_bars
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import microseconds
from journeykit.paths.funnels import estimates
from journeykit.paths.funnels.attempts import Attempts, taken
from journeykit.paths.funnels.curves import Abandonment, ConversionTimes
from journeykit.paths.funnels.rules import Duration, Rules
from journeykit.results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: What a share rests on, in words.
_BASIS = {
    "complete": "all known",
    "window": "within the window",
    "horizon": "within the horizon",
    "so far": "so far",
}


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
    above 1 % there is no estimate, only bounds. `median_days` is within how many days after the
    first step (in an open funnel, the step before) half of those come who come at all; empty for
    a share ``so far``, where nobody can know.

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

    def published(self, small_cell: int) -> pd.DataFrame:
        """Return the frame for publishing: nothing in it tells of fewer than `small_cell`.

        Whoever did not come on is told by the difference of two steps, so a step is empty when
        fewer reached it, and when fewer were lost since the last step shown; then the one behind
        it does not say of how many. So few who dropped out, left or are still open are not told
        apart.
        """
        check_whole("small_cell", small_cell, least=1)
        counts = ["n", "n_entered", "n_previous", "n_event", "n_censored", "n_dropped", "n_left"]
        frame = self.frame.astype(dict.fromkeys(counts, "Int64"))
        few = (self.frame[counts] > 0) & (self.frame[counts] < small_cell)
        hidden, behind = np.zeros((2, len(frame)), dtype=bool)
        shown = 0
        for at, n in enumerate(self.frame["n"].tolist()):
            first = self.frame["step"].iloc[at] == 1
            lost = 0 if first else abs(shown - n)
            hidden[at] = few["n"].iloc[at] or few["n_entered"].iloc[at] or 0 < lost < small_cell
            behind[at] = not first and hidden[at - 1]
            if first or not hidden[at]:
                shown = n
        shares = ["share", "share_low", "share_high"]
        steps = ["n_event", "n_entered", "estimate", "conf_low", "conf_high", "undecided"]
        split = ["n_censored", "n_dropped", "n_left"]
        frame.loc[hidden, ["n", *shares, "median_days"]] = pd.NA
        frame.loc[hidden | behind, [*steps, *split]] = pd.NA
        frame.loc[behind, "n_previous"] = pd.NA
        frame.loc[few[[*split, "n_event"]].any(axis=1), split] = pd.NA
        return frame

    def summary(self, *, small_cell: int = 1) -> str:
        """Say how many go the whole way, and where most are lost; see `published`."""
        unit = "attempts" if self._rules.reentry else "customers"
        told = []
        frame = self.frame if small_cell == 1 else self.published(small_cell)
        for group in self.groups[:3]:
            rows = frame[frame["group"] == group]
            first, last = rows.iloc[0], rows.iloc[-1]
            who = f"{group}: " if len(self.groups) > 1 else ""
            if pd.isna(first["n"]) or pd.isna(last["n"]):
                told.append(f"{who}fewer than {small_cell} {unit} did or did not go the whole way")
                continue
            dropped = rows["n_dropped"].fillna(0).to_numpy(dtype=np.int64)
            lost = rows.iloc[int(dropped.argmax())]
            share = f"{last['share']:.1%}" if np.isfinite(last["share"]) else "not known yet"
            where = f"; most were lost before {lost['touchpoint']}, {dropped.max():,}"
            still = rows["n_censored"]
            open_text = (
                f" and {int(still.sum()):,} may still go on"
                if still.notna().all() and still.any()
                else ""
            )
            told.append(
                f"{who}of {first['n']:,} {unit} at {first['touchpoint']}, {last['n']:,} came to "
                f"{last['touchpoint']} so far{open_text}: {share} ({last['share_low']:.1%} to "
                f"{last['share_high']:.1%}, {_BASIS[last['basis']]})"
                f"{where if dropped.any() else ''}"
            )
        return f"{'; '.join(told)}{self._unseen_text(unit, small_cell)}"

    def _unseen_text(self, unit: str, small_cell: int) -> str:
        n = self.n_unseen
        if not n:
            return ""
        everybody = n == len(self._attempts.journey)
        who = f"all {unit}" if everybody else f"{n:,} {unit}"
        who = who if n >= small_cell else f"fewer than {small_cell} {unit}"
        return f"; {who} may have begun before they were watched"

    def plot(self, ax: Axes | None = None, *, small_cell: int = 1) -> Axes:
        """Draw the share of the first step that comes to each, with intervals.

        Steps that would tell of fewer than `small_cell` are not drawn, and of so few who may
        still come no number is written; see `published`.
        """
        shape = (len(self.groups), len(self.steps))
        shown = self.published(small_cell)
        enough = (shown["n"].notna() & (self.frame["n"] >= small_cell)).to_numpy().reshape(shape)
        # How many are open behind a step that is not shown would tell how many reached it.
        few = self.frame["n_censored"] < small_cell
        still = self.frame["n_censored"].where(few | shown["n_censored"].notna(), 0).to_numpy()
        share, low, high = (
            np.where(enough, self.frame[name].to_numpy().reshape(shape), np.nan)
            for name in ("share", "share_low", "share_high")
        )
        notes = [
            [f"{n:,}{_still(c, small_cell)}" for n, c in zip(ns, cs, strict=True)]
            for ns, cs in zip(
                self.frame["n"].to_numpy().reshape(shape), still.reshape(shape), strict=True
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
        ids = taken(self._journeys.customer_id, found.customer[which])
        groups = np.array(self._groups, dtype=object)[self._group[which]]
        listed = pd.DataFrame({"customer_id": ids, "group": groups})
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
        has come to another end. An unfinished window is no failure. Waits `since` a later step
        than the first are those of customers who were seen to reach it, the fast ones among those
        who began late: the curve is theirs where the wait does not hang on how long they took.

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
        censored; who left has not gone on. For a step after the first see `time_to_convert`.
        For carts left standing let the next step be a purchase in any channel:
        ``steps=["cart", "buy_web | buy_store | buy_phone"]``.
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
        return self._attempts.parts(self._group, self._groups)


def _still(n: int, small_cell: int) -> str:
    if not n:
        return ""
    return f" (+{n:,} open)" if n >= small_cell else f" (+ fewer than {small_cell} open)"
