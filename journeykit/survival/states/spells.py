"""Spells: who was in which state from when to when, and where they went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.lives import _grouped, _times, _written
from journeykit.survival.states.engine import Spells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.states.results import (
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
    """

    states: tuple[str, ...]
    ladder: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    n_instant: int = 0
    n_after: int = 0
    rows: ClassVar[str] = "spells"

    def __post_init__(self) -> None:
        """Freeze the reasons."""
        object.__setattr__(self, "left_out", MappingProxyType(dict(self.left_out)))

    @property
    def absorbing(self) -> tuple[str, ...]:
        """States that nobody is seen to leave or to stay in under watch."""
        left = set(self.frame["source"].unique())
        return tuple(state for state in self.states if state not in left)

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
        """Estimate the cumulative hazard of every move; see `states.moving`."""
        from journeykit.survival.states.moving import hazards_of

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

    def summary(self) -> str:
        """Return who is followed through how many states and moves, in one sentence."""
        n = self.frame["customer_id"].nunique()
        moves = int(self.frame["target"].notna().sum())
        parts = [f"{n:,} customers in {len(self.states)} states, {moves:,} moves"]
        if self.n_instant:
            parts.append(f"{self.n_instant:,} states passed in no time")
        if self.n_after:
            parts.append(f"{self.n_after:,} events after the end")
        if out := sum(self.left_out.values()):
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
            parts.append(f"{out:,} left out ({reasons})")
        return "; ".join(parts)


def check_ladder(ladder: Sequence[str], states: Sequence[str]) -> tuple[str, ...]:
    """Require a ladder of states, each once."""
    check_known("ladder", ladder, list(states), what="states")
    if len(set(ladder)) < len(ladder):
        raise ArgumentError(f"`ladder` must name each state once; got {list(ladder)!r}.")
    return tuple(ladder)


def multistate_from_frame(
    frame: pd.DataFrame,
    /,
    *,
    customer_id: str = "customer_id",
    start: str = "start",
    stop: str = "stop",
    source: str = "source",
    target: str = "target",
    ladder: Sequence[str] = (),
    groups: Sequence[str] = (),
    covariates: Sequence[str] = (),
) -> Multistate:
    """Take spells in states from a table that never was an event log.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a stretch of time in which a customer stays in one state and nothing about them
        changes.
    customer_id, start, stop : str
        Columns: whose it is, and elapsed time, at least 0, on the customer's clock. The unit is
        called days here and can be any.
    source, target : str
        Columns: the state, and the state entered at `stop`, empty where none was: sight of the
        customer was lost, or the next row goes on in the same state.
    ladder : sequence of str
        States in the order in which customers are meant to climb them, for `moves`.
    groups, covariates : sequence of str
        Columns to keep.

    Raises
    ------
    MappingError
        When a column or a state of the ladder does not exist.
    DataError
        When times are no times of at least 0, a stretch has no length, a state is empty, a move
        leads to the state itself, stretches of a customer overlap, or the next one is not in the
        state entered.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import multistate_from_frame
    >>> stays = pd.DataFrame(
    ...     {
    ...         "customer_id": [1, 1, 2],
    ...         "start": [0, 3, 0],
    ...         "stop": [3, 5, 4],
    ...         "source": ["trial", "paying", "trial"],
    ...         "target": ["paying", None, "gone"],
    ...     }
    ... )
    >>> shares = multistate_from_frame(stays).occupancy(times_days=[4], small_cell=1).frame
    >>> shares[["state", "estimate"]].values.tolist()
    [['gone', 0.5], ['paying', 0.5], ['trial', 0.0]]
    """
    kept = list(dict.fromkeys([*groups, *covariates]))
    named = [customer_id, start, stop, source, target]
    check_known("frame", [*named, *kept], list(map(str, frame.columns)), what="columns")
    if frame.empty:
        raise DataError("The frame has no rows: there is nobody to follow.")
    if taken := sorted(set(kept) & set(OWN)):
        raise DataError(
            f"{', '.join(map(repr, taken))} cannot be the name of a group or covariate here: "
            "spells have a column of that name. Rename it."
        )
    frame = frame.reset_index(drop=True)
    for name in (customer_id, source):
        if empty := int(frame[name].isna().sum()):
            raise DataError(
                f"Column {name!r} must have a value in every row; {empty:,} of {len(frame):,} are "
                "empty. Leave these rows out or mend them."
            )
    states = sorted({_written(value) for value in [*frame[source], *frame[target].dropna()]})
    table = pd.DataFrame(
        {
            "customer_id": frame[customer_id],
            "start_days": _times(frame, start),
            "stop_days": _times(frame, stop),
            "source": pd.Categorical(frame[source].map(_written), categories=states),
            "target": pd.Categorical(
                frame[target].map(_written, na_action="ignore"), categories=states
            ),
        }
    ).join(frame[kept])
    table = table.sort_values(["customer_id", "start_days"], kind="stable", ignore_index=True)
    table.insert(5, "entered_days", _entered(table, start, stop))
    hashed = pd.util.hash_pandas_object(table, index=False)
    number = sum(hashed.to_numpy().astype(object).tolist()) % (1 << 128)
    given = dict(zip(("customer_id", "start", "stop", "source", "target"), named, strict=True))
    return Multistate(
        frame=table,
        provenance=Provenance(f"{number:032x}", {**given, "ladder": tuple(ladder)}),
        states=tuple(states),
        ladder=check_ladder(ladder, states),
    )


def _entered(table: pd.DataFrame, start: str, stop: str) -> NDArray[np.float64]:
    """Check that the stretches of every customer fit together; tell when each state was entered."""
    begin, end = (
        np.rint(table[name].to_numpy() * DAY).astype(np.int64)
        for name in ("start_days", "stop_days")
    )
    source, target = (table[name].cat.codes.to_numpy() for name in ("source", "target"))
    _refuse(begin >= end, f"`start` must be before `stop` ({start!r}, {stop!r})", table)
    _refuse(source == target, "A move must lead to another state", table)
    same = table["customer_id"].eq(table["customer_id"].shift()).to_numpy()
    before = np.roll(end, 1), np.roll(source, 1), np.roll(target, 1)
    _refuse(same & (begin < before[0]), "Stretches of one customer must not overlap", table)
    joins = same & (begin == before[0])
    goes_on = joins & (before[2] < 0)
    odd = joins & (source != np.where(goes_on, before[1], before[2]))
    _refuse(odd, "The next stretch must be in the state that was entered", table)
    ended = same & (begin > before[0]) & (before[2] >= 0) & (source != before[2])
    _refuse(ended, "The next stretch must be in the state that was entered", table)
    known = np.where(joins | (begin == 0), begin / DAY, np.nan)
    head = np.maximum.accumulate(np.where(goes_on, 0, np.arange(len(table))))
    return np.asarray(known[head])


def _refuse(wrong: NDArray[np.bool_], must: str, table: pd.DataFrame) -> None:
    if wrong.any():
        who = table["customer_id"].iloc[int(np.flatnonzero(wrong)[0])]
        raise DataError(
            f"{must}; {int(wrong.sum()):,} of {len(table):,} rows break this, such as one of "
            f"customer {who!r}. Leave them out or mend them."
        )
