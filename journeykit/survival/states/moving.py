"""Moves between states: how many, at which rate, and their cumulative hazards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.special import gammaincinv, ndtri

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.stats.disclosure import suppress
from journeykit.survival.states.engine import cumulative_hazard, moves_of
from journeykit.survival.states.grouping import Group, emptied, grouped, report_times
from journeykit.survival.states.results import Hazards, Rates

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
    customers of (n_c - rate days_c)^2, over days. The interval is the exact one of a Poisson count
    as precise as that, and never more precise than n; for n = 0 it is that of no event.

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
    pairs = sorted({(h, j) for h, j in zip(*_moved(data, kind), strict=True)})
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


def _moved(data: Multistate, kind: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    spells = data.spells()
    moved = spells.target >= 0
    source = spells.source[moved]
    return source.tolist(), kind[source, spells.target[moved]].tolist()


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
    worth = min(n, n**2 / squares) if squares else n
    tail = (1 - confidence) / 2
    scale = rate / worth if n else 1 / total
    low = float(gammaincinv(worth, tail)) * scale if n else 0.0
    high = float(gammaincinv(worth + 1, 1 - tail)) * scale
    return (n, int((moves > 0).sum()), total, rate, squares**0.5 / total, low, high)


def hazards_of(
    data: Multistate,
    /,
    *,
    by: str | None,
    times_days: Sequence[float] | None,
    confidence: float,
    small_cell: int,
) -> Hazards:
    """Estimate the cumulative hazard of every move that was seen, by time.

    Nelson and Aalen's sum over s <= t of d_hj(s) / n_h(s). The standard error is the infinitesimal
    jackknife over customers and the interval is on the log scale; it is empty before the first
    move.

    Parameters
    ----------
    data : Multistate
    by, times_days, confidence
        As in `curves.occupancy_of`.
    small_cell : int
        Hazards of moves that fewer customers made are empty, and of another one out of the same
        state with them.
    """
    found = grouped(data, by, confidence, small_cell)
    n_states = len(data.states)
    quantile = float(ndtri((1 + confidence) / 2))
    frames = []
    for group in found:
        moves = moves_of(group.spells, n_states)
        wanted = report_times(group.spells, times_days)
        seen = wanted <= group.spells.stop.max()
        made = group.spells.target >= 0
        code = (group.spells.source * n_states + group.spells.target)[made]
        pairs = np.unique(np.stack([code, group.spells.customer[made]]), axis=1)[0]
        pairs, customers = np.unique(pairs, return_counts=True)
        hidden = suppress(
            pd.DataFrame({"n": customers, "source": pairs // n_states}),
            n="n", hide=[], by=["source"], small_cell=small_cell,
        ).frame["n"].isna()  # fmt: skip
        for pair, hide in zip(pairs.tolist(), hidden.tolist(), strict=True):
            h, j = divmod(pair, n_states)
            hazard = cumulative_hazard(group.spells, moves, h, j, wanted)
            with np.errstate(divide="ignore", invalid="ignore"):
                stretch = np.exp(quantile * hazard.std_error / hazard.estimate)
                low, high = hazard.estimate / stretch, hazard.estimate * stretch
            rows = pd.DataFrame(
                {
                    "group": group.name,
                    "source": data.states[h],
                    "target": data.states[j],
                    "time_days": wanted / DAY,
                    "n_at_risk": hazard.n_at_risk,
                    "estimate": np.where(seen, hazard.estimate, np.nan),
                    "std_error": np.where(seen, hazard.std_error, np.nan),
                    "conf_low": np.where(seen, low, np.nan),
                    "conf_high": np.where(seen, high, np.nan),
                }
            )
            columns = ("n_at_risk", "estimate", "std_error", "conf_low", "conf_high")
            frames.append(emptied(rows, np.full(len(rows), hide), columns))
    if not frames:
        raise ArgumentError("Nobody moves from any state to another, so there is no hazard.")
    given = {
        "by": by,
        "times_days": times_days,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return Hazards(
        frame=pd.concat(frames, ignore_index=True),
        provenance=Provenance(data.provenance.fingerprint, given),
        confidence=confidence,
        small_cell=small_cell,
        suppressed=found.suppressed,
    )
