"""What is returned of states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from journeykit.results import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_TOLD = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class StatesResult(Result):
    """Numbers of states by group.

    Attributes
    ----------
    confidence : float
    small_cell : int
        Numbers of states, or moves, of fewer customers are empty, and enough others with them
        that nothing can be told by subtraction.
    suppressed : tuple of str
        Groups of fewer customers, which are not shown.
    """

    confidence: float
    small_cell: int
    suppressed: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that are shown."""
        return tuple(self.frame["group"].unique())

    def _told(self, tell: Callable[[pd.DataFrame], str]) -> str:
        """Tell of each of the first groups."""
        told = []
        for group in self.groups[:_TOLD]:
            who = f"{group}: " if len(self.groups) > 1 else ""
            told.append(who + tell(self.frame[self.frame["group"] == group]))
        return "; ".join(told) + self._hidden()

    def _hidden(self) -> str:
        if not self.suppressed:
            return ""
        return f"; not shown, fewer than {self.small_cell} customers: {', '.join(self.suppressed)}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Occupancy(StatesResult):
    """``group state time_days n_at_risk estimate std_error conf_low conf_high``.

    `estimate` is the share of customers in the state at `time_days`, moves at it included;
    `n_at_risk` are seen in the state just before. All is empty after the last time at which
    anyone of the group was watched.
    """

    states: tuple[str, ...]
    rows: ClassVar[str] = "shares"

    def summary(self) -> str:
        """Return where customers are at the last time shown."""
        return self._told(lambda mine: _at_last(mine, "state"))

    def plot(self, ax: Axes | None = None, *, group: str | None = None) -> Axes:
        """Stack the shares of the states over time, of one group (by default the first).

        While at least `small_cell` customers are seen.
        """
        from journeykit.survival.states.picture import draw_occupancy

        return draw_occupancy(self, group, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Census(StatesResult):
    """``group event_time state n share conf_low conf_high``.

    `n` customers are in the state at `event_time`, `share` of all who are in any, those who have
    left for good included.
    """

    states: tuple[str, ...]
    rows: ClassVar[str] = "counts"

    def summary(self) -> str:
        """Return how many are in each state at the last time."""
        return self._told(_counted)

    def plot(self, ax: Axes | None = None, *, group: str | None = None) -> Axes:
        """Draw the shares of the last date, of one group (by default the first)."""
        from journeykit.survival.states.picture import draw_census

        return draw_census(self, group, ax)

    def history(self, ax: Axes | None = None, *, group: str | None = None) -> Axes:
        """Stack the numbers in each state over the dates, of one group (by default the first).

        Counts too small to be shown are drawn together, as not shown.
        """
        from journeykit.survival.states.picture import draw_history

        return draw_history(self, group, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Probabilities(StatesResult):
    """``group source target since_days time_days method n n_at_risk estimate std_error ...``.

    `estimate` is the probability that a customer in `source` at `since_days` is in `target` at
    `time_days`, between `conf_low` and `conf_high`. `method` is ``landmark`` or
    ``aalen_johansen``; `n` are the customers that were in `source` then, and `n_at_risk` those,
    under ``aalen_johansen`` those of all, who are seen in `target` just before `time_days`.
    """

    states: tuple[str, ...]
    rows: ClassVar[str] = "probabilities"

    def summary(self) -> str:
        """Return where those in the state are at the last time shown, by landmarks."""
        return self._told(_later)

    def of(self, method: str) -> Probabilities:
        """Return the rows of one method."""
        return Probabilities(
            frame=self.frame[self.frame["method"] == method],
            provenance=self.provenance,
            confidence=self.confidence,
            small_cell=self.small_cell,
            suppressed=self.suppressed,
            states=self.states,
        )

    def plot(
        self, ax: Axes | None = None, *, group: str | None = None, method: str = "landmark"
    ) -> Axes:
        """Draw the probability of each state over time, of one group (by default the first).

        While at least `small_cell` customers are seen.
        """
        from journeykit.survival.states.picture import draw_probabilities

        return draw_probabilities(self, method, group, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TimeInStates(StatesResult):
    """``group state time_days estimate std_error conf_low conf_high``.

    `estimate` is the mean number of days in the state up to `time_days`; of a group they sum to
    it.
    """

    rows: ClassVar[str] = "states"

    def summary(self) -> str:
        """Return the mean days in each state."""
        until = self.frame["time_days"].iloc[0]
        return f"mean days until day {until:,.4g}: " + self._told(_mean_days)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean days with their intervals."""
        from journeykit.survival.states.picture import draw_time

        return draw_time(self, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Sojourns(StatesResult):
    """``group source target time_days n_at_risk estimate std_error conf_low conf_high``.

    `time_days` counts from when the customer came into `source`. Where `target` is `source`,
    `estimate` is the share of stays that still last then (Kaplan and Meier); otherwise the share
    that has ended in a move to `target` (Aalen and Johansen). They sum to 1.

    Attributes
    ----------
    n_unknown : int
        Stays left out because it is not known when they began.
    """

    n_unknown: int
    rows: ClassVar[str] = "shares"

    def summary(self) -> str:
        """Return for how long half of the stays in each state last."""
        unknown = f"; {self.n_unknown:,} left out, begun nobody knows when"
        return (
            "half of the stays last about " + self._told(_medians) + unknown * bool(self.n_unknown)
        )

    def plot(self, ax: Axes | None = None, *, group: str | None = None) -> Axes:
        """Draw which share of the stays in each state still lasts, by the time since it began."""
        from journeykit.survival.states.picture import draw_sojourns

        return draw_sojourns(self, group, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Hazards(StatesResult):
    """``group source target time_days n_at_risk estimate std_error conf_low conf_high``.

    `estimate` is the cumulative hazard of the move up to `time_days`.
    """

    states: tuple[str, ...]
    rows: ClassVar[str] = "hazards"

    def summary(self) -> str:
        """Return of how many moves, and until when, hazards are known."""
        moves = len(self.frame[["source", "target"]].drop_duplicates())
        last = self.frame.loc[self.frame["estimate"].notna(), "time_days"].max()
        what = "move" if moves == 1 else "moves"
        return f"cumulative hazards of {moves} {what} until day {last:,.4g}" + self._hidden()

    def plot(
        self, ax: Axes | None = None, *, source: str | None = None, group: str | None = None
    ) -> Axes:
        """Draw the moves out of one state of one group (by default the first of each).

        While at least `small_cell` customers are in the state.
        """
        from journeykit.survival.states.picture import draw_hazards

        return draw_hazards(self, source, group, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Rates(StatesResult):
    """``group source`` and ``target`` or ``move``, then ``n n_customers days estimate ...``.

    `n` moves of `n_customers` customers in `days` that customers were in `source`; `estimate`,
    `std_error`, `conf_low` and `conf_high` of moves a day.
    """

    states: tuple[str, ...]
    rows: ClassVar[str] = "moves"

    def summary(self) -> str:
        """Return the move that is made most often, with its rate."""
        return self._told(_most_often)

    def plot(self, ax: Axes | None = None, *, group: str | None = None) -> Axes:
        """Draw the rate of every move of one group (by default the first) with its interval."""
        from journeykit.survival.states.picture import draw_rates

        return draw_rates(self, group, ax)

    def flow(self, ax: Axes | None = None, *, group: str | None = None) -> Axes:
        """Draw the states of `transitions` and the moves between them, with their rates."""
        from journeykit.survival.states.picture import draw_flow

        return draw_flow(self, group, ax)


def _at_last(mine: pd.DataFrame, name: str) -> str:
    """Tell the shares at the last time at which any is shown."""
    shown = mine[mine["estimate"].notna()]
    if shown.empty:
        return "too few customers to show"
    last = shown[shown["time_days"] == shown["time_days"].max()]
    shares = (
        f"{state} {share:.1%}" for state, share in zip(last[name], last["estimate"], strict=True)
    )
    return f"on day {last['time_days'].iloc[0]:,.4g} {', '.join(shares)}"


def _counted(mine: pd.DataFrame) -> str:
    last = mine[(mine["event_time"] == mine["event_time"].max()) & mine["n"].notna()]
    counts = ", ".join(f"{state} {n:,}" for state, n in zip(last["state"], last["n"], strict=True))
    return f"on {mine['event_time'].max():%Y-%m-%d} {counts or 'too few to show'}"


def _later(mine: pd.DataFrame) -> str:
    first = mine.iloc[0]
    told = _at_last(mine[mine["method"] == "landmark"], "target")
    return f"of {first['n']:,} in {first['source']} on day {first['since_days']:,.4g}, {told}"


def _mean_days(mine: pd.DataFrame) -> str:
    shown = mine[mine["estimate"].notna()]
    pairs = zip(shown["state"], shown["estimate"], strict=True)
    return ", ".join(f"{state} {days:,.1f}" for state, days in pairs) or "too few to show"


def _medians(mine: pd.DataFrame) -> str:
    parts = []
    lasting = mine[(mine["source"] == mine["target"]) & mine["estimate"].notna()]
    for state, rows in lasting.groupby("source", sort=False):
        half = rows.loc[rows["estimate"] <= 0.5 + 1e-12, "time_days"]
        parts.append(f"{state} {f'{half.min():,.4g} days' if len(half) else 'not reached'}")
    return ", ".join(parts) or "too few to show"


def _most_often(mine: pd.DataFrame) -> str:
    shown = mine[mine["n"].notna()]
    if shown.empty:
        return "too few moves to show"
    row = shown.loc[shown["n"].astype(int).idxmax()]
    what = f"to {row['target']}" if "target" in shown else f"({row['move']})"
    per_hundred = (100 * float(row[name]) for name in ("estimate", "conf_low", "conf_high"))
    rate, low, high = (f"{value:.3g}" for value in per_hundred)
    n = int(row["n"])
    return (
        f"most often from {row['source']} {what}, {n:,} time{'' if n == 1 else 's'}: {rate} "
        f"({low} to {high}) a day of 100 customers there"
    )
