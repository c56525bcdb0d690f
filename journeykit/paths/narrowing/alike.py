"""Touchpoints that say the same: one follows the other, or both stand in the same places."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.counts import TransitionCounts

#: Share of its events, both ways, at which one touchpoint comes only with another.
_ALWAYS = 0.95


class Merge(NamedTuple):
    """What a touchpoint may be merged with, and why."""

    other: int
    reason: str


def merges(
    counts: TransitionCounts, candidates: NDArray[np.bool_], same: NDArray[np.bool_], alike: float
) -> dict[int, Merge]:
    """Find touchpoints that may be merged with a more frequent one; see `narrow`.

    Parameters
    ----------
    counts : TransitionCounts
        Of order 1, with m names.
    candidates : array of bool, shape (m,)
    same : array of bool, shape (m, m)
        Whether two may mean the same for the outcome.
    alike : float
    """
    table = counts.matrix().astype(float)
    m = len(counts.names)
    leaving, coming = table[:m, :], table[:, :m].T
    n = table[:, :m].sum(axis=0)
    order = [int(code) for code in np.argsort(-n, kind="stable") if candidates[code]]
    found: dict[int, Merge] = {}
    for place, code in enumerate(order):
        for other in order[:place]:
            if other in found or not same[code, other]:
                continue
            reason = _together(leaving, n, code, other, counts.names) or _in_same_places(
                leaving, coming, code, other, alike
            )
            if reason:
                found[code] = Merge(other, reason)
                break
    return found


def _together(
    leaving: NDArray[np.float64],
    n: NDArray[np.float64],
    code: int,
    other: int,
    names: tuple[str, ...],
) -> str:
    """Say that one directly follows the other nearly always, and nothing else does."""
    for first, second in ((other, code), (code, other)):
        share = leaving[first, second] / max(n[first], n[second])
        if share >= _ALWAYS:
            return f"{names[second]} directly follows {names[first]} in {share:.0%} of both"
    return ""


def _in_same_places(
    leaving: NDArray[np.float64],
    coming: NDArray[np.float64],
    code: int,
    other: int,
    alike: float,
) -> str:
    """Say that what follows both, and what precedes both, differs by no more than `alike`."""
    distance = max(_distance(side, code, other) for side in (leaving, coming))
    if distance > alike:
        return ""
    return f"what comes before and after differs in {distance:.0%} of steps"


def _distance(table: NDArray[np.float64], code: int, other: int) -> float:
    """Return the total variation between two rows, the two touchpoints taken for one."""
    rows = table[[code, other]].copy()
    rows[:, other] += rows[:, code]
    rows[:, code] = 0
    total = rows.sum(axis=1, keepdims=True)
    if not total.all():
        return 1.0
    share = rows / total
    return float(np.abs(share[0] - share[1]).sum() / 2)
