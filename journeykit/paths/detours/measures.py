"""The measures of wandering: entropies, loops, steps back, and steps too many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import begins_unseen, is_cut, is_open
from journeykit.paths.detours.costs import median_interval
from journeykit.paths.detours.entropy import Entropy, clustered_entropy
from journeykit.paths.detours.kernels import wanderings, without_loops
from journeykit.stats import ClusterSums, clustered_wilson_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.paths.detours.roads import Trips
    from journeykit.paths.predicting.contexts import Level, Steps

_COLUMNS = ["measure", "estimate", "conf_low", "conf_high", "n", "n_customers"]


def measure_frame(
    journeys: Journeys,
    steps: Steps,
    levels: Sequence[Level],
    order: int,
    /,
    *,
    confidence: float,
) -> pd.DataFrame:
    """Return a row for each measure that needs no outcome; see `Labyrinth`."""
    moves = _entropy_of_moves(steps, confidence)
    ways = [2.0**bits for bits in (moves.estimate, moves.conf_low, moves.conf_high)]
    n = (moves.n, moves.n_customers)
    rows: list[tuple[object, ...]] = [
        ("labyrinth_index", *(1 - 1 / number for number in ways), *n),
        ("ways_on", *ways, *n),
        *_shares(journeys, confidence),
    ]
    for name, k in (("entropy", 0), ("entropy_given_last", 1), ("entropy_rate", order)):
        found = _entropy_of_steps(steps, levels[k], confidence)
        bounds = (found.estimate, found.conf_low, found.conf_high)
        rows.append((name, *bounds, found.n, found.n_customers))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _entropy_of_steps(steps: Steps, level: Level, confidence: float) -> Entropy:
    held = level.cell >= 0
    return clustered_entropy(
        level.cell[held], level.cell_context, steps.customer[held], confidence=confidence
    )


def _entropy_of_moves(steps: Steps, confidence: float) -> Entropy:
    """Return the entropy of the touchpoint moved to; neither entering nor leaving is a move."""
    last, m = steps.lag(1), steps.n_names
    moves = (last >= 0) & (last < m) & (steps.following >= 0) & (steps.following < m)
    moves &= last != steps.following
    if not moves.any():
        return Entropy(np.nan, np.nan, np.nan, np.nan, 0, 0)
    code, cell = np.unique(last[moves] * m + steps.following[moves], return_inverse=True)
    return clustered_entropy(cell, code // m, steps.customer[moves], confidence=confidence)


def _shares(journeys: Journeys, confidence: float) -> list[tuple[object, ...]]:
    whole = journeys.length > 0
    if is_cut(journeys):
        whole &= ~begins_unseen(journeys)
    start, stop = journeys.start[:-1][whole], journeys.start[1:][whole]
    found = wanderings(journeys.touchpoint, start, stop, len(journeys.names))
    customer = journeys.customer_index[whole].astype(np.int64)
    moves, returns, back = found.T
    # Journeys still running may loop yet; uncut ones stand for what was done in the window.
    ended = ~is_open(journeys)[whole] if is_cut(journeys) else np.ones(len(start), dtype=bool)
    one = np.ones(int(ended.sum()), dtype=np.int64)
    rows = []
    for name, events, n, who in (
        ("moves_that_return", returns, moves, customer),
        ("moves_that_step_back", back, moves, customer),
        ("journeys_with_loop", (returns > 0)[ended], one, customer[ended]),
        ("journeys_with_step_back", (back > 0)[ended], one, customer[ended]),
    ):
        rows.append((name, *_share(events, n, who, confidence)))
    return rows


def _share(
    events: NDArray[np.integer | np.bool_],
    n: NDArray[np.int64],
    customer: NDArray[np.int64],
    confidence: float,
) -> tuple[object, ...]:
    size = np.bincount(customer, weights=n)
    here = size > 0
    if not here.any():
        return np.nan, np.nan, np.nan, 0, 0
    sums = ClusterSums.of_clusters(np.bincount(customer, weights=events)[here], size[here])
    low, high = clustered_wilson_interval(sums, confidence=confidence)
    total = int(size.sum())
    return float(np.sum(events)) / total, float(low), float(high), total, int(here.sum())


def successful_costs(
    journeys: Journeys, trips: Trips, road: Sequence[int], /, *, confidence: float
) -> pd.DataFrame:
    """Return what successful trips take beyond the common road, in moves and days.

    The first success of each customer counts. The road's own time is the median of trips that
    went along it without a detour; without any, or without times, it is missing.
    """
    at = np.flatnonzero(trips.success)
    at = at[np.unique(trips.customer[at], return_index=True)[1]]
    start, stop = trips.start[at], trips.stop[at]
    moves = wanderings(journeys.touchpoint, start, stop, len(journeys.names))[:, 0]
    extra = moves - (len(road) - 1.0)
    rows = [("extra_steps", *median_interval(extra, confidence=confidence), len(at), len(at))]
    if journeys.time is not None:
        took = (journeys.time[stop - 1] - journeys.time[start]) / DAY
        path, offset = without_loops(journeys.touchpoint, start, stop, len(journeys.names))
        straight = (moves == len(road) - 1) & (np.diff(offset) == len(road))
        for place, code in enumerate(road):
            within = np.flatnonzero(straight)
            straight[within] = path[offset[within] + place] == code
        own = float(np.median(took[straight])) if straight.any() else np.nan
        median = median_interval(took - own, confidence=confidence)
        rows.append(("extra_time_days", *median, len(at), len(at)))
    return pd.DataFrame(rows, columns=_COLUMNS)
