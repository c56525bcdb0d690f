"""A matcher that tries everything, written from the documented meaning and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from journeykit.journeys import Journeys
from journeykit.journeys.ending import begins_unseen, is_open
from journeykit.journeys.pattern import Element, Gap, Pattern, Touch


def every_way(pattern: Pattern, journeys: Journeys, journey: int) -> Iterator[tuple[int, ...]]:
    """Yield where each element begins and the last one ends, of every way to match."""
    a, b = int(journeys.start[journey]), int(journeys.start[journey + 1])
    for first in range(a, b):
        if _begins(pattern.begin, journeys, journey, first):
            for way in _onward(pattern, journeys, 0, first, b):
                if _ends(pattern.end, journeys, journey, way[-1]):
                    yield way


def _is(touch: Touch, journeys: Journeys, event: int) -> bool:
    return bool(touch.mask([journeys.names[journeys.touchpoint[event]]])[0])


def _begins(before: Touch | None, journeys: Journeys, journey: int, first: int) -> bool:
    if before is None:
        return True
    preceding = range(int(journeys.start[journey]), first)
    seen = not begins_unseen(journeys)[journey]
    return seen and all(_is(before, journeys, event) for event in preceding)


def _ends(after: Touch | None, journeys: Journeys, journey: int, last: int) -> bool:
    if after is None:
        return True
    following = range(last + 1, int(journeys.start[journey + 1]))
    closed = not is_open(journeys)[journey]
    return closed and all(_is(after, journeys, event) for event in following)


def _onward(
    pattern: Pattern, journeys: Journeys, at: int, first: int, b: int
) -> Iterator[tuple[int, ...]]:
    for last in _ends_of_element(pattern.elements[at], journeys, first, b):
        if at == len(pattern.elements) - 1:
            yield first, last
            continue
        for after in range(last + 1, b):
            if _allowed(pattern.gaps[at], journeys, last, after):
                for rest in _onward(pattern, journeys, at + 1, after, b):
                    yield first, *rest


def _ends_of_element(element: Element, journeys: Journeys, first: int, b: int) -> Iterator[int]:
    for last in range(first, b):
        if not _is(element.touch, journeys, last):
            return
        count = last - first + 1
        if count >= element.least and (element.most is None or count <= element.most):
            yield last


def _allowed(gap: Gap, journeys: Journeys, before: int, after: int) -> bool:
    bound, steps = gap.bound, after - before
    if not gap.later and steps != 1:
        return False
    if not all(_is(gap.through, journeys, event) for event in range(before + 1, after)):
        return False
    if steps < (bound.fewest or 0) or (bound.most is not None and steps > bound.most):
        return False
    if bound.shortest is None and bound.longest is None:
        return True
    elapsed = int(journeys.time[after] - journeys.time[before])
    return elapsed >= (bound.shortest or 0) and (bound.longest is None or elapsed <= bound.longest)


def matches(pattern: Pattern, journeys: Journeys) -> list[tuple[int, int, tuple[int, ...]]]:
    """Return (journey, last, steps): leftmost, shortest, earliest steps, not overlapping."""
    found = []
    for journey in range(len(journeys)):
        left = sorted((way[0], way[-1], way[:-1]) for way in every_way(pattern, journeys, journey))
        free = -1
        for first, last, steps in left:
            if first > free:
                found.append((journey, last, steps))
                free = last
                if pattern.begin is not None or pattern.end is not None:
                    break
    return found


def earliest_ends(pattern: Pattern, journeys: Journeys) -> list[int]:
    """Return the earliest end of every start, -1 for none."""
    out = [-1] * journeys.n_events
    for journey in range(len(journeys)):
        for way in every_way(pattern, journeys, journey):
            first, last = way[0], way[-1]
            out[first] = last if out[first] < 0 else min(out[first], last)
    return out
