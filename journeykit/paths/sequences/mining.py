"""Frequent patterns: the touchpoints that many customers meet in one order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_positive, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import microseconds
from journeykit.journeys.ending import refuse_collapsed
from journeykit.paths.sequences.kernels import count_extensions, first_completions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: Cells of one table of counts; 12 bytes each.
_MOST_CELLS = 1 << 27
_NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as a pattern.

    Attributes
    ----------
    length : int
        Most steps.
    gap_steps : int
        Most events from one step to the next, -1 for any number.
    window : int
        Most microseconds from the first step to the last, -1 for any number.
    """

    length: int
    gap_steps: int = _NO_LIMIT
    window: int = _NO_LIMIT

    @classmethod
    def of(cls, length: int, gap_steps: int | None, window: str | timedelta | None) -> Limits:
        """Check what a caller gave."""
        check_whole("length", length, least=1)
        if gap_steps is not None:
            check_whole("gap_steps", gap_steps, least=1)
        return cls(
            length,
            _NO_LIMIT if gap_steps is None else gap_steps,
            _NO_LIMIT if window is None else microseconds("window", window),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Frequent:
    """Patterns with their support, those of one step first, each length by codes.

    Attributes
    ----------
    codes : tuple of tuple of int
        The touchpoints of each pattern.
    n : array of int64, shape (n_patterns,)
        Customers who have it.
    """

    codes: tuple[tuple[int, ...], ...]
    n: NDArray[np.int64]

    def closed(self, limits: Limits) -> NDArray[np.bool_]:
        """Mark patterns that no longer one among these contains with the same support.

        With a limit on gaps, a pattern holds for certain only those parts that leave out its ends.
        """
        place = {codes: at for at, codes in enumerate(self.codes)}
        closed = np.ones(len(self.codes), dtype=bool)
        for at, codes in enumerate(self.codes):
            left_out = range(len(codes)) if limits.gap_steps < 0 else (0, len(codes) - 1)
            for step in left_out if len(codes) > 1 else ():
                part = place[codes[:step] + codes[step + 1 :]]
                closed[part] &= self.n[part] != self.n[at]
        return closed


def least_customers(support: float, n_customers: int) -> int:
    """Turn a support, a share below 1 or a number of customers, into a number of customers."""
    if isinstance(support, int) and not isinstance(support, bool):
        check_whole("support", support, least=1)
        return support
    check_positive("support", support)
    if support >= 1:
        raise ArgumentError(
            f"`support` must be a share below 1 or a whole number of customers; got {support!r}."
        )
    # Shares such as 0.07 have no exact binary form: 7 of 100 customers are 7 %.
    return max(1, int(np.ceil(support * n_customers - 1e-9)))


def frequent(journeys: Journeys, limits: Limits, *, least: int) -> Frequent:
    """Find all patterns within `limits` that at least `least` customers have.

    Level by level: patterns of k steps are counted for the frequent ones of k - 1 steps in one
    walk over the events, and every customer counts once.
    """
    code, time = _arrays(journeys, limits)
    m = len(journeys.names)
    child = np.full((1, m), -1, dtype=np.int32)
    known: list[tuple[int, ...]] = [()]
    first, patterns, support = 0, [], [np.zeros(0, dtype=np.int64)]
    for depth in range(limits.length):
        if len(known) * m > _MOST_CELLS:
            raise ArgumentError(
                f"{len(known):,} patterns of {depth} steps are frequent, too many to extend by "
                f"each of {m:,} touchpoints; raise `support` or lower `length`."
            )
        counts = count_extensions(
            code, time, journeys.start, journeys.customer_index, child, first, len(known), depth,
            limits.gap_steps, limits.window,
        )  # fmt: skip
        node, what = np.nonzero(counts >= least)
        if len(node) == 0:
            break
        if depth == 0:
            rare = np.ones(m, dtype=bool)
            rare[what] = False
            code = np.where(rare[code], -1, code) if len(code) else code
        next_first = len(child)
        child[first + node, what] = next_first + np.arange(len(node), dtype=np.int32)
        child = np.concatenate([child, np.full((len(node), m), -1, dtype=np.int32)])
        known = [(*known[a], b) for a, b in zip(node.tolist(), what.tolist(), strict=True)]
        patterns += known
        support.append(counts[node, what])
        first = next_first
    return Frequent(tuple(patterns), np.concatenate(support))


def completions(journeys: Journeys, pattern: tuple[int, ...], limits: Limits) -> NDArray[np.int64]:
    """Return the event that first completes the pattern in each journey, -1 for none."""
    code, time = _arrays(journeys, limits)
    wanted = np.array(pattern, dtype=np.int32)
    found: NDArray[np.int64] = first_completions(
        code, time, journeys.start, wanted, limits.gap_steps, limits.window
    )
    return found


def _arrays(journeys: Journeys, limits: Limits) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    if journeys.n_events == 0:
        raise DataError(f"There is no event in {len(journeys):,} journeys; all are empty.")
    time = np.zeros(0, dtype=np.int64)
    if limits.window >= 0:
        refuse_collapsed(journeys, "A window in time")
        time = journeys.need_time("A window in time")
    return journeys.touchpoint.astype(np.int32), time
