"""Which pains are clear: exits beyond the range of comparable steps, and parts beyond theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.stages.pains.removal import Exits, StepCounts, exits, step_tallies
from journeykit.stages.pains.tallies import Tally, cluster_sums
from journeykit.stats import benjamini_hochberg, clustered_wilson_interval
from journeykit.stats.bootstrap import accelerated_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.stages.pains.friction import Friction
    from journeykit.stages.pains.visits import Touches

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is found of exits; arrays of shape (m,).

    Attributes
    ----------
    exits : Exits
    n, n_customers, n_left : array
        Touches, customers who had them, and those who left there.
    candidate, clear : array of bool
    low, high : array
        Bounds of the conversions lost.
    p_value, q_value : array
    """

    exits: Exits
    n: Floats
    n_customers: Floats
    n_left: Floats
    candidate: Bools
    clear: Bools
    low: Floats
    high: Floats
    p_value: Floats
    q_value: Floats


def on_the_way(touches: Touches, /, *, support: float, small_cell: int) -> Bools:
    """Mark steps that enough of the visits and customers who reach a goal come through."""
    m, mask = len(touches.names), touches.reaches
    customers = _customers(touches, mask)
    visits = np.bincount(touches.step[mask & touches.first], minlength=m)
    found: Bools = (customers >= small_cell) & (visits >= support * touches.n_goals)
    return found


def judged(
    touches: Touches,
    candidate: Bools,
    counted: Sequence[StepCounts],
    /,
    *,
    least_ratio: float,
    small_cell: int,
    confidence: float,
) -> Judged:
    """Judge exits step by step; what is clear no longer counts as comparable, and so on."""
    clear = np.zeros(len(candidate), dtype=bool)
    # Too few customers without a goal tell nothing of how visits end otherwise.
    known = candidate & (_customers(touches, ~touches.reaches) >= small_cell)
    while True:
        comparable = known & ~clear
        found = [
            exits(counts, candidate, comparable, least_ratio=least_ratio, confidence=confidence)
            for counts in counted
        ]
        excess = np.stack([each.hazard - each.top for each in found])
        p_value = np.where(candidate, one_sided(excess[0], excess[1:]), np.nan)
        q_value = benjamini_hochberg(p_value)
        low, high = _bounds(np.stack([each.lost for each in found]), confidence=confidence)
        more = candidate & (q_value < 1 - confidence) & (low > 0) & ~clear
        if not more.any():
            break
        clear |= more
    return Judged(
        found[0],
        counted[0].n,
        _customers(touches, np.ones(len(touches.who), dtype=bool)),
        _customers(touches, touches.left),
        candidate,
        clear,
        np.where(candidate, low, np.nan),
        np.where(candidate, high, np.nan),
        p_value,
        q_value,
    )


def _customers(touches: Touches, mask: Bools) -> Floats:
    """Count the customers with marked touches, by step."""
    m = len(touches.names)
    pairs = np.unique(touches.who[mask] * m + touches.step[mask])
    return np.bincount(pairs % m, minlength=m).astype(float)


def one_sided(estimate: Floats, draws: Floats) -> Floats:
    """Return p-values of an excess above 0: over its bootstrap standard error, by the normal.

    1 where nothing varies and nothing exceeds; missing where it is not known.
    """
    from scipy.special import ndtr

    n = (~np.isnan(draws)).sum(axis=0)
    middle = np.nansum(draws, axis=0) / np.maximum(n, 1)
    spread = np.sqrt(np.nansum((draws - middle) ** 2, axis=0) / np.maximum(n - 1, 1))
    varies = spread > 1e-12
    z = estimate / np.where(varies, spread, 1.0)
    p = np.where(varies, ndtr(-z), np.where(estimate > 1e-12, np.nan, 1.0))
    return np.where(np.isnan(estimate), np.nan, p)


def _bounds(lost: Floats, *, confidence: float) -> tuple[Floats, Floats]:
    """Bound the conversions lost: BCa, and plain quantiles where none are."""
    estimate, draws = lost[0], np.where(np.isnan(lost[1:]), 0.0, lost[1:])
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    at = np.flatnonzero(estimate > 0)
    if len(at):
        found = accelerated_interval(draws[:, at], estimate[at], confidence=confidence)
        low[at], high[at] = found.low, found.high
    return low, high


def parts_frame(
    touches: Touches,
    found: Judged,
    frictions: Sequence[Friction],
    counted: Sequence[Sequence[Floats]],
    /,
    *,
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    """Return ``touchpoint part n ... verdict``, one row a touchpoint and part that can be told."""
    rows = [_exit_rows(touches, found, confidence=confidence)]
    for at, friction in enumerate(frictions):
        columns = [draw[3 * at : 3 * at + 3] for draw in counted]
        rows.append(_rows(touches, friction, columns, confidence=confidence))
    frame = pd.concat(rows, ignore_index=True)
    frame["q_value"] = benjamini_hochberg(frame["p_value"])
    above = frame["estimate"] > frame["reference"]
    frame["verdict"] = np.where(
        frame["p_value"].isna(),
        "not tested",
        np.where((frame["q_value"] < 1 - confidence) & above, "more than expected", "cannot tell"),
    )
    # Of those to whom it happened, or did not, few could be recognised.
    rest = frame["n"] - frame["n_event"]
    few = (
        (frame["n_customers"] < small_cell)
        | _small(frame["n_event"], small_cell)
        | _small(rest, small_cell)
    ).to_numpy()
    for name in ("n", "n_customers", "n_event"):
        frame[name] = frame[name].astype("Int64").mask(few)
    for name in ("estimate", "conf_low", "conf_high", "reference", "p_value", "q_value"):
        frame[name] = frame[name].mask(few)
    frame["verdict"] = frame["verdict"].mask(few, "too few")
    return frame


def _small(n: pd.Series, small_cell: int) -> pd.Series:
    return (n > 0) & (n < small_cell)


def _exit_rows(touches: Touches, found: Judged, *, confidence: float) -> pd.DataFrame:
    """Return the exits, whose reference is the upper end of the range of comparable steps."""
    n, left = (Tally(t.who, t.kind, t.n_kinds) for t in step_tallies(touches, found.candidate)[:2])
    frame = _shares(touches, "exit", left, n, confidence=confidence)
    at = frame.index.to_numpy()
    return frame.assign(
        reference=np.where(found.candidate, found.exits.top, np.nan)[at], p_value=found.p_value[at]
    )


def _rows(
    touches: Touches,
    friction: Friction,
    columns: Sequence[Sequence[Floats]],
    *,
    confidence: float,
) -> pd.DataFrame:
    frame = _shares(touches, friction.part, friction.events, friction.among, confidence=confidence)
    at = frame.index.to_numpy()
    reference = friction.reference(*columns[0])
    p_value = np.full(len(reference), np.nan)
    if friction.tested:
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.stack([c[0] / c[1] - friction.reference(*c) for c in columns])
        p_value = one_sided(excess[0], excess[1:])
        p_value[reference == 0] = np.nan
    return frame.assign(reference=reference[at], p_value=p_value[at])


def _shares(
    touches: Touches, part: str, events: Tally, among: Tally, *, confidence: float
) -> pd.DataFrame:
    """Return each touchpoint's share with its clustered interval, where there are observations."""
    sums = cluster_sums(events, among, touches.n_customers)
    low, high = clustered_wilson_interval(sums, confidence=confidence)
    n, x = np.asarray(sums.n), np.asarray(sums.n_event)
    at = np.flatnonzero(n)
    return pd.DataFrame(
        {
            "touchpoint": np.array(touches.names, dtype=object)[at],
            "part": part,
            "n": n[at],
            "n_customers": np.asarray(sums.n_customers)[at],
            "n_event": x[at],
            "estimate": x[at] / n[at],
            "conf_low": low[at],
            "conf_high": high[at],
        },
        index=at,
    )
