"""Moves between states: how many, and at which rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.stats.disclosure import suppress
from journeykit.survival.states.bounds import event_interval
from journeykit.survival.states.grouping import Group, grouped
from journeykit.survival.states.results import Rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.states.spells import Multistate

#: Kinds of moves on a ladder.
KINDS = ("advance", "skip", "back", "exit", "aside")


def rates_of(
    data: Multistate,
    key: Literal["target", "move"],
    /,
    *,
    by: str | None,
    confidence: float,
    small_cell: int,
) -> Rates:
    """Count the moves out of each state and divide them by the days customers were in it.

    With `key` "target" a row is a move to that state. With "move" it is a kind of move on the
    ladder: ``advance`` to the next state, ``skip`` over at least one, ``back``, ``exit`` to a
    state that nobody leaves, or ``aside`` where the state or the next is not on the ladder.
    Together they are all moves.

    The rate is n / days. Its error is robust to customers who move often: the root of the sum over
    customers of (n_c - rate days_c)^2, over days. The interval is the gamma one of a Poisson count
    as precise as that and never more precise than n, with half an event more (`event_interval`);
    for n = 0 it ends at -log(1 - `confidence`) / days, 3 events for 95 %.

    Parameters
    ----------
    data : Multistate
    key : {"target", "move"}
    by : str or None
    confidence : float in (0, 1)
    small_cell : int
        Counts and rates of moves that fewer customers made are empty, and of another move out of
        the same state with them.

    Raises
    ------
    ArgumentError
        When every group is small, nobody moves, or moves are asked for without a ladder.
    """
    if key == "move" and len(data.ladder) < 2:
        raise ArgumentError(
            "`moves` needs a ladder of at least two states; name it by `ladder` where the states "
            "are read."
        )
    found = grouped(data, by, confidence, small_cell)
    kind, names = _kinds(data, key)
    pairs = _made(data, kind)
    if not pairs:
        raise ArgumentError("Nobody moves from any state to another, so there is no rate.")
    rows = [
        (group.name, data.states[h], names[j], *_rate(group, kind, h, j, confidence))
        for group in found
        for h, j in pairs
    ]
    columns = ["n", "n_customers", "days", "estimate", "std_error", "conf_low", "conf_high"]
    frame = pd.DataFrame.from_records(rows, columns=["group", "source", key, *columns])
    hide = ["n", "estimate", "std_error", "conf_low", "conf_high"]
    published = suppress(
        frame, n="n_customers", hide=hide, by=["group", "source"], small_cell=small_cell
    )
    given = {"by": by, "confidence": confidence, "small_cell": small_cell}
    return Rates(
        frame=published.frame,
        provenance=Provenance(data.provenance.fingerprint, given),
        confidence=confidence,
        small_cell=small_cell,
        suppressed=found.suppressed,
        states=data.states,
    )


def _kinds(data: Multistate, key: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return what a move from h to j counts as, shape (S, S), and the names of these."""
    n = len(data.states)
    if key == "target":
        return np.tile(np.arange(n), (n, 1)), data.states
    step = {state: place for place, state in enumerate(data.ladder)}
    gone = set(data.absorbing)
    table = np.full((n, n), KINDS.index("aside"))
    for h, source in enumerate(data.states):
        for j, target in enumerate(data.states):
            if target in gone and target not in step:
                table[h, j] = KINDS.index("exit")
            elif source in step and target in step:
                up = step[target] - step[source]
                table[h, j] = KINDS.index("back" if up < 0 else "advance" if up == 1 else "skip")
    return table, KINDS


def _made(data: Multistate, kind: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return which kinds of moves anyone made from which state."""
    spells = data.spells()
    moved = spells.target >= 0
    made = np.zeros((len(data.states), kind.max() + 1), dtype=bool)
    made[spells.source[moved], kind[spells.source[moved], spells.target[moved]]] = True
    return [(h, j) for h, j in np.argwhere(made).tolist()]


def _rate(
    group: Group, kind: NDArray[np.int64], source: int, what: int, confidence: float
) -> tuple[float, ...]:
    spells = group.spells
    own = spells.source == source
    customer, target = spells.customer[own], spells.target[own]
    made = (target >= 0) & (kind[source, target] == what)
    days = np.bincount(customer, (spells.stop - spells.start)[own] / DAY, spells.n_customers)
    moves = np.bincount(customer[made], minlength=spells.n_customers)
    n, total = int(moves.sum()), float(days.sum())
    if total == 0:
        return (0, 0, 0.0, np.nan, np.nan, np.nan, np.nan)
    rate = n / total
    squares = float(((moves - rate * days) ** 2).sum())
    low, high = event_interval(
        rate, max(squares, n) / total**2, step=1 / total, step_square=1 / total**2,
        confidence=confidence,
    )  # fmt: skip
    if n == 0:
        high = -np.log1p(-confidence) / total
    return (n, int((moves > 0).sum()), total, rate, squares**0.5 / total, float(low), float(high))
