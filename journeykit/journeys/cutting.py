"""Cut customers' journeys finer: sessions, goal-directed cases, outcome journeys.

All three are one cut: after an event that reaches a goal, and where a pause is too long. What
ended a piece is then known: the goal, the pause (``timeout``), or nothing yet (``open``), when the
watching stopped before the pause was over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from journeykit.checks import check_known, check_positive
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY, microseconds
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.journeys.pattern import parse
from journeykit.journeys.shape import codes_of, keep_events, pick, rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys.journeys import Journeys

GOAL, TIMEOUT, OPEN = 0, 1, 2


def sessions(journeys: Journeys, *, gap: str | timedelta) -> Journeys:
    """Cut at pauses longer than `gap`."""
    refuse_cut(journeys, "`sessions`")
    pause = microseconds("gap", gap)
    goal = np.zeros(journeys.n_events, dtype=bool)
    cut = _cut(journeys, goal=goal, pause=pause)
    return _with_end(cut, _ends(cut, goal=goal, pause=pause), _edges(cut, pause=pause))


def cases(
    journeys: Journeys,
    *,
    goal: Sequence[str] | str,
    start: Sequence[str] | str,
    timeout: str | timedelta | None,
) -> Journeys:
    """Cut at goals and pauses, and begin at starts."""
    refuse_cut(journeys, "`cases`")
    if not goal and timeout is None:
        raise ArgumentError("`goal` or `timeout` must be given: something has to end a case.")
    reached = _reached(journeys, "goal", goal)
    pause = None if timeout is None else microseconds("timeout", timeout)
    cut = _cut(journeys, goal=reached, pause=pause)
    edges = _edges(cut, pause=pause)
    if start:
        begins = _reached(journeys, "start", start)
        begun = np.concatenate([[0], np.cumsum(begins)])
        inside = begun[1:] > np.repeat(begun[cut.start[:-1]], cut.length)
        edges = edges[np.add.reduceat(inside, cut.start[:-1]) > 0] if len(cut) else edges
        cut = keep_events(cut, inside, step="cases", reason="outside any case")
        reached = reached[inside]
    return _with_end(cut, _ends(cut, goal=reached, pause=pause), edges)


def outcomes(
    journeys: Journeys, *, conversion: Sequence[str], lookback_days: float, value: str | None
) -> Journeys:
    """Cut at conversions and at pauses longer than the lookback; say what became of each."""
    refuse_cut(journeys, "`outcomes`")
    check_positive("lookback_days", lookback_days)
    if not conversion:
        raise ArgumentError("`conversion` must name at least one touchpoint; got none.")
    goal = codes_of(journeys, "conversion", conversion)[journeys.touchpoint]
    worth = np.zeros(journeys.n_events)
    if value is not None:
        check_known("value", [value], list(journeys.columns), what="event columns")
        worth = journeys.columns[value].astype(np.float64)
        unknown = int(np.isnan(worth[goal]).sum())
        if unknown:
            raise DataError(
                f"Column {value!r} is empty at {unknown:,} conversions; give them a value, or "
                "leave `value` out and count conversions alone."
            )
    pause = round(lookback_days * DAY)
    cut = _cut(journeys, goal=goal, pause=pause)
    ends = _ends(cut, goal=goal, pause=pause)
    last = cut.start[1:] - 1
    words = ("converted", "abandoned", "open")
    labelled = _with_end(cut, ends, _edges(cut, pause=pause), name="outcome", words=words)
    worths = pa.array(np.where(ends == GOAL, worth[last], 0.0))
    return labelled.replace(attributes=labelled.attributes.append_column("outcome_value", worths))


def _reached(
    journeys: Journeys, argument: Literal["goal", "start"], wanted: Sequence[str] | str
) -> NDArray[np.bool_]:
    """Mark the events at touchpoints of a list, or where matches of a pattern end or start."""
    if not isinstance(wanted, str):
        reached: NDArray[np.bool_] = codes_of(journeys, argument, wanted)[journeys.touchpoint]
        return reached
    found = parse(wanted).find(journeys)
    reached = np.zeros(journeys.n_events, dtype=bool)
    reached[found.last if argument == "goal" else found.first] = True
    return reached


def _cut(journeys: Journeys, *, goal: NDArray[np.bool_], pause: int | None) -> Journeys:
    """Begin a new journey after every goal event and every pause longer than `pause`."""
    n = journeys.n_events
    begins = np.zeros(n + 1, dtype=bool)
    begins[1:-1] = goal[:-1]
    if pause is not None:
        refuse_collapsed(journeys, "A cut at pauses")
        time = journeys.need_time("A cut at pauses")
        begins[1:-1] |= np.diff(time) > pause
    filled = journeys.length > 0
    begins[journeys.start[:-1][filled]] = True
    first = np.flatnonzero(begins[:n])
    parent = np.repeat(np.arange(len(journeys)), journeys.length)[first]
    return journeys.replace(
        start=np.concatenate([first, [n]]).astype(np.int64),
        customer_index=journeys.customer_index[parent],
        observed_from=pick(journeys.observed_from, parent),
        observed_to=pick(journeys.observed_to, parent),
        attributes=rows(journeys.attributes, parent),
    )


def _ends(cut: Journeys, *, goal: NDArray[np.bool_], pause: int | None) -> NDArray[np.int8]:
    """Say of each journey what ended it: GOAL, TIMEOUT or OPEN."""
    last = cut.start[1:] - 1
    ends = np.full(len(cut), OPEN, dtype=np.int8)
    if pause is not None and cut.time is not None:
        watched_to = cut.time[last] if cut.observed_to is None else cut.observed_to
        ends[watched_to - cut.time[last] > pause] = TIMEOUT
    ends[goal[last]] = GOAL
    return ends


def _edges(cut: Journeys, *, pause: int | None) -> NDArray[np.bool_]:
    """Mark journeys that may have begun before the window: what came before was not seen.

    Those are first journeys of customers who were there when the window began, and that begin
    within `pause` of it; without a pause that would end a journey, all of their first ones.
    """
    if cut.window is None or cut.time is None:
        return np.zeros(len(cut), dtype=bool)
    edge = np.ones(len(cut), dtype=bool)
    edge[1:] = cut.customer_index[1:] != cut.customer_index[:-1]
    if pause is not None:
        edge &= cut.time[cut.start[:-1]] - cut.window[0] < pause
    if cut.observed_from is not None:
        edge &= cut.observed_from <= cut.window[0]
    return edge


def _with_end(
    cut: Journeys,
    ends: NDArray[np.int8],
    edges: NDArray[np.bool_],
    *,
    name: str = "ended",
    words: tuple[str, str, str] = ("goal", "timeout", "open"),
) -> Journeys:
    """Add what ended each journey, and whether its beginning may be unseen."""
    text = pa.DictionaryArray.from_arrays(pa.array(ends), pa.array(words)).cast(pa.string())
    added = {name: text, "edge": pa.array(edges)}
    kept = {column: cut.attributes[column] for column in cut.attributes.column_names}
    return cut.replace(attributes=pa.table({**kept, **added}))
