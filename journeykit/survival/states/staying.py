"""How long stays in a state last, and where they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.stats.aalen_johansen import effective_interval, seen_without
from journeykit.stats.disclosure import emptied
from journeykit.survival.states.engine import Spells, shares
from journeykit.survival.states.grouping import few, grouped, report_times
from journeykit.survival.states.results import Sojourns

if TYPE_CHECKING:
    from journeykit.survival.states.grouping import Group
    from journeykit.survival.states.spells import Multistate


def sojourns_of(
    data: Multistate, /, *, by: str | None, confidence: float, small_cell: int
) -> Sojourns:
    """Estimate how long stays in each state last, on a clock that starts with each stay.

    The share of stays that still last is Kaplan and Meier's, the share that has ended in a move
    to each other state Aalen and Johansen's. Stays of customers watched from later on are under
    risk from then on; where it is not known when a stay began it is left out and counted. Standard
    errors are infinitesimal jackknifes over customers: several stays of one customer in a state
    are one customer. Intervals as in `curves.occupancy_of`.

    A later stay is watched for the shorter the longer the stays before it were. Where customers
    who stay long once stay long again, long later stays are censored more often, and the curve of
    a state that is entered again and again is too low; a customer's first stay is free of that.

    Raises
    ------
    ArgumentError
        When no state has stays of at least `small_cell` customers whose beginning is known.
    """
    found = grouped(data, by, confidence, small_cell)
    entered = data.frame["entered_days"].to_numpy() * DAY
    frames, n_unknown = [], 0
    for group in found:
        began = entered[group.rows]
        clear = np.isfinite(began)
        n_unknown += int((~clear).sum())
        for state in range(len(data.states)):
            mine = clear & (group.spells.source == state)
            stays = group.spells.take(mine)
            if stays.n_customers >= small_cell:
                zero = np.rint(began[mine]).astype(np.int64)
                stays = stays._replace(start=stays.start - zero, stop=stays.stop - zero)
                frames.append(_stay(data, group, state, stays, confidence, small_cell))
    if not frames:
        raise ArgumentError(
            f"No state has stays of {small_cell} customers or more whose beginning is known, so "
            "none may be shown; lower `small_cell`."
        )
    given = {"by": by, "confidence": confidence, "small_cell": small_cell}
    return Sojourns(
        frame=pd.concat(frames, ignore_index=True),
        provenance=Provenance(data.provenance.fingerprint, given),
        confidence=confidence,
        small_cell=small_cell,
        suppressed=found.suppressed,
        n_unknown=n_unknown,
    )


def _stay(
    data: Multistate, group: Group, state: int, stays: Spells, confidence: float, small_cell: int
) -> pd.DataFrame:
    """Follow the stays in one state: all begin in it, and wherever they go they stay."""
    goals = np.flatnonzero(np.bincount(stays.target[stays.target >= 0]))
    code = np.full(len(data.states) + 1, -1)
    code[goals] = np.arange(1, len(goals) + 1)
    stays = stays._replace(source=np.zeros_like(stays.source), target=code[stays.target])
    wanted = report_times(stays, None)
    part = shares(stays, len(goals) + 1, wanted, from_state=0)
    never = seen_without(
        part.there[:, 0], part.there[:, 1:].sum(axis=1), part.estimate[:, 0], confidence=confidence
    )
    interval = effective_interval(
        part.estimate,
        part.std_error,
        never=np.repeat(never[:, None], len(goals) + 1, axis=1),
        always=np.maximum(part.there, 1),
        confidence=confidence,
    )
    names = np.array([data.states[state], *(data.states[goal] for goal in goals)], dtype=object)
    rows = pd.DataFrame(
        {
            "group": group.name,
            "source": data.states[state],
            "target": np.tile(names, len(wanted)),
            "time_days": np.repeat(wanted / DAY, len(names)),
            "n_at_risk": np.repeat(part.n_at_risk[:, 0], len(names)),
            "estimate": part.estimate.ravel(),
            "std_error": part.std_error.ravel(),
            "conf_low": interval.low.ravel(),
            "conf_high": interval.high.ravel(),
        }
    )
    hidden = np.tile(few(stays, len(names), small_cell), len(wanted))
    return emptied(rows, dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high"), hidden))
