"""Spells by group, the times to report, and what must stay hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.checks import check_fraction, check_whole
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.stats.disclosure import suppressed
from journeykit.survival.states.engine import distinct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.states.engine import Spells
    from journeykit.survival.states.spells import Multistate

#: Times that are reported where none are asked for.
_TIMES = 100


class Group(NamedTuple):
    """One group's spells; `rows` of the frame."""

    name: str
    spells: Spells
    rows: NDArray[np.intp]


class Grouped(NamedTuple):
    """Groups of at least `small_cell` customers, and the names of the others."""

    groups: list[Group]
    suppressed: tuple[str, ...]

    def __iter__(self) -> Iterator[Group]:  # type: ignore[override]
        """Go through the groups that are shown."""
        return iter(self.groups)


def grouped(data: Multistate, by: str | None, confidence: float, small_cell: int) -> Grouped:
    """Split the spells and check the arguments that everything shares."""
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    names, group = data.groups(by)
    spells = data.spells()
    shown, few = [], []
    for code, name in enumerate(names):
        rows = np.flatnonzero(group == code)
        mine = spells.take(rows)
        if mine.n_customers >= small_cell:
            shown.append(Group(name, mine, rows))
        elif len(rows):
            few.append(name)
    if not shown:
        raise ArgumentError(
            f"No group has {small_cell} customers or more, so none may be shown; group more "
            "coarsely or lower `small_cell`."
        )
    return Grouped(shown, tuple(few))


def report_times(
    spells: Spells, times_days: Sequence[float] | None, *, begin: int = 0
) -> NDArray[np.int64]:
    """Return the wanted times; by default those of moves and the last, at most about 100."""
    if times_days is not None:
        days = np.unique(np.asarray(times_days, dtype=np.float64))
        if not len(days) or not np.isfinite(days).all() or days[0] * DAY < begin:
            raise ArgumentError(
                f"`times_days` must hold days of at least {begin / DAY:g}; got "
                f"{list(times_days)[:5]!r}."
            )
        return np.rint(days * DAY).astype(np.int64)
    moved = distinct(spells.stop[(spells.target >= 0) & (spells.stop > begin)])
    if len(moved) > _TIMES:
        moved = moved[np.linspace(0, len(moved) - 1, _TIMES).astype(np.int64)]
    return np.union1d(moved, spells.stop.max(initial=begin))


def ever(spells: Spells, n_states: int) -> NDArray[np.int64]:
    """Count the customers who were ever seen in, or came into, each state."""
    moved = spells.target >= 0
    there = np.zeros((spells.n_customers, n_states), dtype=bool)
    there[spells.customer, spells.source] = True
    there[spells.customer[moved], spells.target[moved]] = True
    return np.asarray(there.sum(axis=0))


def few(spells: Spells, n_states: int, small_cell: int) -> NDArray[np.bool_]:
    """Tell which states so few customers were in that their numbers must be empty."""
    return suppressed(ever(spells, n_states), small_cell=small_cell)
