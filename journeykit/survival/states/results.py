"""What is returned of states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from journeykit.results import Result

if TYPE_CHECKING:
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
        told = []
        for group in self.groups[:_TOLD]:
            mine = self.frame[(self.frame["group"] == group) & self.frame["estimate"].notna()]
            last = mine[mine["time_days"] == mine["time_days"].max()]
            shares = ", ".join(
                f"{state} {share:.1%}"
                for state, share in zip(last["state"], last["estimate"], strict=True)
            )
            who = f"{group}: " if len(self.groups) > 1 else ""
            told.append(f"{who}on day {mine['time_days'].max():,.4g} {shares}")
        return "; ".join(told) + self._hidden()

    def plot(self, ax: Axes | None = None, *, group: str | None = None) -> Axes:
        """Stack the shares of the states over time, of one group (by default the first)."""
        from journeykit.survival.states.picture import draw_occupancy

        return draw_occupancy(self, group, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Probabilities(StatesResult):
    """``group source target since_days time_days method n estimate std_error conf_low conf_high``.

    `estimate` is the probability that a customer in `source` at `since_days` is in `target` at
    `time_days`. `method` is ``landmark`` or ``aalen_johansen``; `n` are the customers that were
    in `source` then.
    """

    states: tuple[str, ...]
    rows: ClassVar[str] = "probabilities"

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TimeInStates(StatesResult):
    """``group state time_days estimate std_error conf_low conf_high``.

    `estimate` is the mean number of days in the state up to `time_days`; of a group they sum to
    it.
    """

    rows: ClassVar[str] = "states"

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

    def plot(self, ax: Axes | None = None, *, group: str | None = None) -> Axes:
        """Draw which share of the stays in each state still lasts, by the time since it began."""
        from journeykit.survival.states.picture import draw_sojourns

        return draw_sojourns(self, group, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Hazards(StatesResult):
    """``group source target time_days n_at_risk estimate std_error conf_low conf_high``.

    `estimate` is the cumulative hazard of the move up to `time_days`.
    """

    rows: ClassVar[str] = "hazards"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Rates(StatesResult):
    """``group source`` and ``target`` or ``move``, then ``n n_customers days estimate ...``.

    `n` moves of `n_customers` customers in `days` that customers were in `source`; `estimate`,
    `std_error`, `conf_low` and `conf_high` of moves a day.
    """

    rows: ClassVar[str] = "moves"
