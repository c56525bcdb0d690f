"""What follows a machine and what follows a human, at the same point of the journey."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.journeys.durations import DAY
from journeykit.maps.rates import watched
from journeykit.stats import benjamini_hochberg
from journeykit.stats.disclosure import emptied
from journeykit.stats.risk_sets import compare_in_risk_sets, geometric_bins, joint_strata
from journeykit.survival.clocks import NEVER, attribute_times, mask_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

_AUTOMATED, _HUMAN = 0, 1
_QUARTER_DAYS = 91
_LEVEL = 0.05
#: The first bin of elapsed time in days; each following one ends at twice the time.
_FIRST_BIN_DAYS = 7


class Question(NamedTuple):
    """What is compared: the outcome, who is at risk of it, and how long they are followed."""

    outcome: tuple[str, ...] | str
    at_risk_from: str | None
    horizon_days: float
    small_cell: int
    confidence: float


def compared(
    journeys: Journeys,
    kind: NDArray[np.int64],
    stage: NDArray[np.int64],
    place: NDArray[np.int64],
    names: tuple[str, ...],
    asked: Question,
    /,
) -> tuple[pd.DataFrame, int]:
    """Compare the outcome after machines and humans; also count touches not watched enough."""
    time = journeys.need_time("`automation`")
    owner, before, after = watched(journeys, "`automation`")
    span = round(asked.horizon_days * DAY)
    comes = _next_outcome(journeys, asked.outcome, owner)
    elapsed = before
    at_risk = comes != -1
    if asked.at_risk_from is not None:
        since = attribute_times(journeys, "at_risk_from", asked.at_risk_from)[owner]
        at_risk &= since <= time
        elapsed = np.maximum(time - since, 0)
    acts = at_risk & ((kind == _AUTOMATED) | (kind == _HUMAN))
    known = (after > span) | _ended_by_it(journeys, asked, comes - time, after, span)
    kept = np.flatnonzero(acts & known)
    quarter = time[kept] // (_QUARTER_DAYS * DAY)
    bins = geometric_bins(elapsed[kept] / DAY, first=_FIRST_BIN_DAYS, ratio=2.0)
    event = comes[kept] - time[kept] <= span
    role = np.where(kind[kept] == _AUTOMATED, 1, 0).astype(np.int8)
    rows = []
    where, who = place[kept], owner[kept]
    size = np.stack([np.bincount(where[role == r], minlength=len(names)) for r in (0, 1)])
    shared = np.flatnonzero((size > 0).all(axis=0))
    pooled = np.isin(where, shared)
    parts = [("(all)", pooled), *((names[at], where == at) for at in shared)]
    for name, mask in parts if len(shared) else []:
        chosen = np.flatnonzero(mask)
        moments = _Moments(
            who[chosen],
            joint_strata(where[chosen], stage[kept][chosen], bins[chosen], quarter[chosen]),
            role[chosen],
            event[chosen],
        )
        rows.append({"name": name, **_effect(moments, asked.confidence)})
    return _frame(rows, asked.small_cell), int((acts & ~known).sum())


class _Moments(NamedTuple):
    """Touches compared: who, their strata and how many those are, by whom, and what followed."""

    who: NDArray[np.int64]
    strata: tuple[NDArray[np.int64], int]
    role: NDArray[np.int8]
    event: NDArray[np.bool_]


def _effect(moments: _Moments, confidence: float) -> dict[str, object]:
    """Compare machines with humans inside strata, and by plain shares."""
    who, (stratum, n_strata), role, event = moments
    effect = compare_in_risk_sets(
        who, stratum, role, event, n_strata=n_strata, confidence=confidence
    )
    machines = role == 1
    return {
        "n_customers": min(_distinct(who[machines]), _distinct(who[~machines])),
        "n_exposed": effect.n_exposed,
        "n_event": effect.n_event,
        "n_compared": effect.n_compared,
        "n_alone": effect.n_alone,
        "risk": effect.risk,
        "risk_compared": effect.risk_compared,
        "estimate": effect.difference.estimate,
        "conf_low": effect.difference.low,
        "conf_high": effect.difference.high,
        "p_value": effect.p_value,
        "crude": event[machines].mean() - event[~machines].mean(),
    }


def _distinct(customers: NDArray[np.int64]) -> int:
    """Count customers, who never decrease."""
    return int((np.diff(customers, prepend=-1) != 0).sum())


def _ended_by_it(
    journeys: Journeys,
    asked: Question,
    wait: NDArray[np.int64],
    after: NDArray[np.int64],
    span: int,
) -> NDArray[np.bool_]:
    """Mark touches whose customer's watching ended with the outcome itself, inside the horizon.

    They are known, as those are who stayed for the horizon, where the window goes on so long.
    """
    if not isinstance(asked.outcome, str) or journeys.window is None:
        return np.zeros(len(wait), dtype=bool)
    room = journeys.window[1] - journeys.need_time("`automation`") > span
    return np.asarray((wait <= span) & (wait >= after) & room, dtype=bool)


_COLUMNS = (
    "name", "n_customers", "n_exposed", "n_event", "n_compared", "n_alone", "risk",
    "risk_compared", "estimate", "conf_low", "conf_high", "p_value", "crude",
)  # fmt: skip


def _frame(rows: list[dict[str, object]], small_cell: int) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    few = (frame["n_customers"] < small_cell).to_numpy(dtype=bool)
    frame = emptied(frame, dict.fromkeys(_COLUMNS[1:], few))
    p_value = frame["p_value"].to_numpy(dtype=float)
    single = (frame["name"] != "(all)").to_numpy(dtype=bool)
    q_value = p_value.copy()  # all together are one question, the parts one family
    q_value[single] = benjamini_hochberg(p_value[single])
    frame["q_value"] = q_value
    known = frame["conf_low"].notna() & frame["estimate"].notna()
    frame["verdict"] = np.select(
        [
            ~known,
            (q_value < _LEVEL) & (frame["estimate"] > 0),
            (q_value < _LEVEL) & (frame["estimate"] < 0),
        ],
        ["cannot tell", "more after machines", "fewer after machines"],
        "no difference found",
    )
    columns = [*_COLUMNS[:1], *_COLUMNS[2:-1], "q_value", "crude", "verdict"]
    return frame[columns]


def _next_outcome(
    journeys: Journeys, outcome: tuple[str, ...] | str, owner: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return when the outcome next comes after each event, NEVER; -1 where it has come for good.

    Touchpoints can come again; the time in an attribute comes once.
    """
    time = journeys.need_time("`automation`")
    if isinstance(outcome, str):
        when = attribute_times(journeys, "outcome", outcome)[owner]
        return np.where(when > time, when, -1)
    met = np.flatnonzero(mask_of(journeys, "outcome", outcome))
    following = np.append(met, -1)[np.searchsorted(met, np.arange(len(time)), side="right")]
    there = (following >= 0) & (owner[following] == owner)
    return np.where(there, time[following], NEVER)
