"""Cumulative hazards of moves, by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.stats.disclosure import emptied, suppress
from journeykit.survival.states.bounds import event_interval
from journeykit.survival.states.engine import (
    CumulativeHazards,
    Spells,
    cumulative_hazards,
    distinct,
    moves_of,
)
from journeykit.survival.states.grouping import Group, grouped, report_times
from journeykit.survival.states.results import Hazards

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.stats.intervals import Interval
    from journeykit.survival.states.spells import Multistate

_NUMBERS = ("n_at_risk", "estimate", "std_error", "conf_low", "conf_high")


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

    Nelson and Aalen's sum over s <= t of d_hj(s) / n_h(s): the hazard over those times at which
    anyone is seen in the state. The standard error is the infinitesimal jackknife over customers.
    It says too little of times with few in the state: one mover of one has no error. So the
    interval, a gamma one (`bounds.event_interval`), takes at least Aalen's variance, the sum of
    d / n^2; above, at least the mean of that and of the variance that as many moves at a constant
    rate would have, moves / customer days times the integral of 1 / n. Before the first move the
    interval starts at 0; it is empty before anyone is in the state.

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
    frames = [
        rows
        for group in found
        for rows in _of_group(data, group, times_days, confidence, small_cell)
    ]
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
        states=data.states,
    )


def _of_group(
    data: Multistate,
    group: Group,
    times_days: Sequence[float] | None,
    confidence: float,
    small_cell: int,
) -> list[pd.DataFrame]:
    """Return the rows of each move."""
    spells, n_states = group.spells, len(data.states)
    moves = moves_of(spells, n_states)
    wanted = report_times(spells, times_days)
    source, target, hidden = _made(spells, n_states, small_cell)
    frames = []
    for h in np.unique(source).tolist():
        mine = source == h
        hazards = cumulative_hazards(spells, moves, h, target[mine], wanted)
        interval = _interval(hazards, confidence)
        seen = wanted <= spells.stop.max()
        for place, (j, hide) in enumerate(zip(target[mine], hidden[mine], strict=True)):
            numbers = {
                "estimate": hazards.estimate[place],
                "std_error": hazards.std_error[place],
                "conf_low": interval.low[place],
                "conf_high": interval.high[place],
            }
            rows = pd.DataFrame(
                {
                    "group": group.name,
                    "source": data.states[h],
                    "target": data.states[j],
                    "time_days": wanted / DAY,
                    "n_at_risk": hazards.n_at_risk,
                    **{name: np.where(seen, values, np.nan) for name, values in numbers.items()},
                }
            )
            frames.append(emptied(rows, dict.fromkeys(_NUMBERS, np.full(len(rows), hide))))
    return frames


def _made(
    spells: Spells, n_states: int, small_cell: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the moves that anyone made, source and target, and which must stay hidden."""
    made = spells.target >= 0
    code = (spells.source * n_states + spells.target)[made]
    by_customer = distinct(code * spells.n_customers + spells.customer[made])
    pairs, customers = np.unique(by_customer // spells.n_customers, return_counts=True)
    hidden = suppress(
        pd.DataFrame({"n": customers, "source": pairs // n_states}),
        n="n", hide=[], by=["source"], small_cell=small_cell,
    ).frame["n"].isna()  # fmt: skip
    return pairs // n_states, pairs % n_states, hidden.to_numpy()


def _interval(hazards: CumulativeHazards, confidence: float) -> Interval:
    days, customer_days, per_customer = hazards.presence
    jackknife = hazards.std_error**2
    with np.errstate(divide="ignore", invalid="ignore"):
        constant = hazards.n_event / customer_days * per_customer
        step, step_square = days / customer_days, per_customer / customer_days
    return event_interval(
        hazards.estimate,
        np.maximum(jackknife, hazards.variance),
        variance_above=np.maximum(jackknife, (hazards.variance + constant) / 2),
        step=step,
        step_square=step_square,
        confidence=confidence,
    )
