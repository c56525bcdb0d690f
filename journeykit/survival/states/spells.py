"""Spells: who was in which state from when to when, and where they went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, NoPictureError
from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.survival.lives import _grouped
from journeykit.survival.states.engine import Spells

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.states.results import (
        Census,
        Hazards,
        Occupancy,
        Probabilities,
        Rates,
        Sojourns,
        TimeInStates,
    )

#: Columns that the frame has of its own; groups and covariates may not be called so.
OWN = (
    "customer_id",
    "origin_time",
    "start_days",
    "stop_days",
    "source",
    "target",
    "entered_days",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Multistate(Result):
    """One row for every stretch of time (start, stop] that a customer spends in a state.

    Columns: `customer_id`; `origin_time`, when the clock starts (only of journeys); `start_days`
    and `stop_days`, on that clock; `source`, the state; `target`, the state entered at the stop,
    empty where sight of the customer was lost; `entered_days`, when the customer came into the
    state, which is before `start_days` for those watched from later on, and empty where it is not
    known; then the attributes or groups and covariates.

    Attributes
    ----------
    states : tuple of str
        In the order in which they are shown.
    ladder : tuple of str
        States in the order in which customers are meant to climb them; empty if there is none.
    left_out : mapping of reason to number of customers
    n_instant : int
        States that were passed in no time, because another event stands at the same instant.
    n_after : int
        Events at mapped touchpoints after a state that nobody leaves.
    n_edge : int
        Customers of journeys who may have begun before the window: their clock reads "since first
        seen", see `multistate`.
    """

    states: tuple[str, ...]
    ladder: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    n_instant: int = 0
    n_after: int = 0
    n_edge: int = 0
    rows: ClassVar[str] = "spells"

    def __post_init__(self) -> None:
        """Freeze the reasons."""
        object.__setattr__(self, "left_out", MappingProxyType(dict(self.left_out)))

    @property
    def absorbing(self) -> tuple[str, ...]:
        """States that nobody is seen to leave or to stay in under watch."""
        left = set(self.frame["source"].unique())
        return tuple(state for state in self.states if state not in left)

    @property
    def n_late(self) -> int:
        """Customers who are under risk only from later than the start of their clock on."""
        first = self.frame.groupby("customer_id", observed=True)["start_days"].min()
        return int((first > 0).sum())

    def spells(self) -> Spells:
        """Return the spells as arrays, states numbered as in `states`."""
        frame = self.frame
        return Spells(
            np.rint(frame["start_days"].to_numpy() * DAY).astype(np.int64),
            np.rint(frame["stop_days"].to_numpy() * DAY).astype(np.int64),
            frame["source"].cat.codes.to_numpy().astype(np.int64),
            frame["target"].cat.codes.to_numpy().astype(np.int64),
            pd.factorize(frame["customer_id"])[0].astype(np.int64),
        )

    def groups(self, by: str | None) -> tuple[tuple[str, ...], NDArray[np.integer]]:
        """Return the names of the groups, and each row's."""
        if by is not None:
            check_known(
                "by", [by], list(map(str, self.frame.columns)), what="columns of the spells"
            )
        return _grouped(self.frame, by)

    def occupancy(
        self,
        *,
        by: str | None = None,
        times_days: Sequence[float] | None = None,
        confidence: float = 0.95,
        small_cell: int = 10,
    ) -> Occupancy:
        """Estimate the share of customers in each state, by time; see `states.curves`."""
        from journeykit.survival.states.curves import occupancy_of

        return occupancy_of(
            self, by=by, times_days=times_days, confidence=confidence, small_cell=small_cell
        )

    def probabilities(
        self,
        *,
        source: str,
        since_days: float = 0.0,
        by: str | None = None,
        times_days: Sequence[float] | None = None,
        confidence: float = 0.95,
        small_cell: int = 10,
    ) -> Probabilities:
        """Estimate where those in `source` at `since_days` are later; see `states.curves`."""
        from journeykit.survival.states.curves import probabilities_of

        return probabilities_of(
            self,
            source=source,
            since_days=since_days,
            by=by,
            times_days=times_days,
            confidence=confidence,
            small_cell=small_cell,
        )

    def time_in_states(
        self,
        *,
        until_days: float,
        by: str | None = None,
        confidence: float = 0.95,
        small_cell: int = 10,
    ) -> TimeInStates:
        """Estimate the mean days in each state until a day; see `states.curves`."""
        from journeykit.survival.states.curves import time_in_states_of

        return time_in_states_of(
            self, until_days=until_days, by=by, confidence=confidence, small_cell=small_cell
        )

    def on(
        self,
        dates: Sequence[str | date],
        *,
        by: str | None = None,
        confidence: float = 0.95,
        small_cell: int = 10,
    ) -> Census:
        """Count who is in each state on calendar dates; see `states.dated`."""
        from journeykit.survival.states.dated import census_of

        return census_of(self, dates, by=by, confidence=confidence, small_cell=small_cell)

    def sojourns(
        self, *, by: str | None = None, confidence: float = 0.95, small_cell: int = 10
    ) -> Sojourns:
        """Estimate how long stays in each state last; see `states.staying`."""
        from journeykit.survival.states.staying import sojourns_of

        return sojourns_of(self, by=by, confidence=confidence, small_cell=small_cell)

    def hazards(
        self,
        *,
        by: str | None = None,
        times_days: Sequence[float] | None = None,
        confidence: float = 0.95,
        small_cell: int = 10,
    ) -> Hazards:
        """Estimate the cumulative hazard of every move; see `states.hazard_curves`."""
        from journeykit.survival.states.hazard_curves import hazards_of

        return hazards_of(
            self, by=by, times_days=times_days, confidence=confidence, small_cell=small_cell
        )

    def transitions(
        self, *, by: str | None = None, confidence: float = 0.95, small_cell: int = 10
    ) -> Rates:
        """Count moves from state to state, with their rates; see `states.moving`."""
        from journeykit.survival.states.moving import rates_of

        return rates_of(self, "target", by=by, confidence=confidence, small_cell=small_cell)

    def moves(
        self, *, by: str | None = None, confidence: float = 0.95, small_cell: int = 10
    ) -> Rates:
        """Count steps up, skips, steps back and exits of the ladder; see `states.moving`."""
        from journeykit.survival.states.moving import rates_of

        return rates_of(self, "move", by=by, confidence=confidence, small_cell=small_cell)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the states and the moves between them; see `Rates.flow`."""
        try:
            return self.transitions().flow(ax)
        except ArgumentError as error:
            raise NoPictureError(str(error)) from None

    def summary(self) -> str:
        """Return who is followed through how many states and moves, in one sentence."""
        n = self.frame["customer_id"].nunique()
        moves = int(self.frame["target"].notna().sum())
        states = _some(len(self.states), "state")
        parts = [f"{_some(n, 'customer')} in {states}, {_some(moves, 'move')}"]
        if late := self.n_late:
            parts.append(f"{late:,} watched from later than their start")
        if self.n_edge:
            parts.append(f"{self.n_edge:,} may have begun before the window")
        if self.n_instant:
            parts.append(f"{_some(self.n_instant, 'state')} passed in no time")
        if self.n_after:
            parts.append(f"{_some(self.n_after, 'event')} after the end")
        if out := sum(self.left_out.values()):
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
            parts.append(f"{out:,} left out ({reasons})")
        return "; ".join(parts)


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def check_ladder(ladder: Sequence[str], states: Sequence[str]) -> tuple[str, ...]:
    """Require a ladder of states, each once."""
    check_known("ladder", ladder, list(states), what="states")
    if len(set(ladder)) < len(ladder):
        raise ArgumentError(f"`ladder` must name each state once; got {list(ladder)!r}.")
    return tuple(ladder)
