"""Where journeys are one, two, three ... steps after (or before) an anchor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from journeykit.checks import check_whole
from journeykit.counts.align import add_rows, same, union_names
from journeykit.counts.kernels import clustered_cells
from journeykit.errors import ArgumentError
from journeykit.journeys.ending import begins_unseen, is_cut, is_open

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

Occurrence = Literal["first", "last", "every"]
Direction = Literal["forwards", "backwards"]
#: Up to this many possible links a table of all of them beats sorting those that occur.
_DENSE_LINKS = 1 << 22


class StepQuestion(NamedTuple):
    """What was counted; only counts of the same question add up."""

    anchor: str | None
    occurrence: Occurrence
    direction: Direction
    steps: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepCounts:
    """Anchored journeys by step and touchpoint, and the links from step to step.

    With m names, code m is the edge of a journey: left, or, backwards, its entry. Code m + 1 is
    what is not known: still open, or, backwards, begun before anybody watched.

    Attributes
    ----------
    names : tuple of str
    question : StepQuestion
        `anchor`, `occurrence`, `direction`, `steps` of the call.
    place : array of int64, shape (n_cells, 2)
        Step (0 is the anchor itself) and touchpoint code; only cells that occur, sorted.
    cell : array of int64, shape (n_cells, 5)
        Per cell: anchors, customers, over customers the sums of x^2 and x m (x of a customer's m
        anchors are there), and customers all of whose anchors are there.
    link : array of int64, shape (n_links, 3)
        Step, code there, code at the next step; only links that occur, sorted.
    n_link : array of int64, shape (n_links, 1)
        Anchors of each link.
    total : array of int64, shape (3,)
        Anchors, customers with any, and the sum over customers of m^2.
    n_journeys, n_without, n_unseen : int
        Journeys counted; those without the anchor; and those left out because what is asked for,
        their first event, may have come before anybody watched (`edge`).
    fingerprint : int
    """

    names: tuple[str, ...]
    question: StepQuestion
    place: NDArray[np.int64]
    cell: NDArray[np.int64]
    link: NDArray[np.int64]
    n_link: NDArray[np.int64]
    total: NDArray[np.int64]
    n_journeys: int
    n_without: int
    n_unseen: int
    fingerprint: int

    def table(self) -> NDArray[np.int64]:
        """Return anchors by step and code, shape (steps + 1, m + 2); every row sums to all."""
        table = np.zeros((self.question.steps + 1, len(self.names) + 2), dtype=np.int64)
        table[self.place[:, 0], self.place[:, 1]] = self.cell[:, 0]
        return table

    def __add__(self, other: StepCounts) -> StepCounts:
        """Add the counts of other customers."""
        for name, left, right in zip(
            StepQuestion._fields, self.question, other.question, strict=True
        ):
            same(f"`{name}`", left, right)
        union = union_names(self.names, other.names)
        sides = ((self, union.left), (other, union.right))
        place, cell = add_rows(
            np.concatenate([_recoded(side.place, code) for side, code in sides]),
            np.concatenate([self.cell, other.cell]),
        )
        link, n_link = add_rows(
            np.concatenate([_recoded(side.link, code) for side, code in sides]),
            np.concatenate([self.n_link, other.n_link]),
        )
        return StepCounts(
            names=union.names,
            question=self.question,
            place=place,
            cell=cell,
            link=link,
            n_link=n_link,
            total=self.total + other.total,
            n_journeys=self.n_journeys + other.n_journeys,
            n_without=self.n_without + other.n_without,
            n_unseen=self.n_unseen + other.n_unseen,
            fingerprint=(self.fingerprint + other.fingerprint) % (1 << 128),
        )

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"<StepCounts: {self.total[0]:,} anchors in {self.n_journeys:,} journeys, "
            f"{self.question.steps} steps {self.question.direction}>"
        )


def step_counts(
    journeys: Journeys,
    /,
    *,
    anchor: str | None = None,
    occurrence: Occurrence = "first",
    direction: Direction = "forwards",
    steps: int = 10,
) -> StepCounts:
    """Count journeys by touchpoint at an anchor and at each of `steps` events from there.

    O(events + anchors x steps) time, 16 bytes of scratch memory an anchor and step.

    Parameters
    ----------
    journeys : Journeys
    anchor : str, optional
        A touchpoint, or a pattern of the search language, whose last event (backwards: first) is
        the anchor. By default the journey's first event, backwards its last one seen.
    occurrence : {"first", "last", "every"}
        Which of a journey's occurrences of `anchor`; without one there is nothing to choose.
    direction : {"forwards", "backwards"}
    steps : int
        At least 1.
    """
    check_whole("steps", steps, least=1)
    for name, value, options in (
        ("occurrence", occurrence, get_args(Occurrence)),
        ("direction", direction, get_args(Direction)),
    ):
        if value not in options:
            raise ArgumentError(f"`{name}` must be one of {', '.join(options)}; got {value!r}.")
    anchors = _anchors(journeys, anchor, occurrence, direction)
    at = _walked(journeys, anchors, direction, steps)
    base = len(journeys.names) + 2
    n_cells = base * (steps + 1)
    context_of = np.arange(n_cells) // base
    cell, total = clustered_cells(
        (at + base * np.arange(steps + 1)).reshape(-1),
        context_of,
        np.ones(n_cells, dtype=bool),
        np.searchsorted(anchors.journey, np.arange(len(journeys) + 1)) * (steps + 1),
        journeys.customer_index,
        n_cells,
        steps + 1,
    )
    occurs = np.flatnonzero(cell[:, 0])
    link, n_link = _links(at, base)
    return StepCounts(
        names=journeys.names,
        question=StepQuestion(anchor, occurrence, direction, steps),
        place=np.stack([occurs // base, occurs % base], axis=1),
        cell=cell[occurs],
        link=link,
        n_link=n_link,
        total=total[0],
        n_journeys=len(journeys),
        n_without=len(journeys) - len(np.unique(anchors.journey)) - anchors.n_unseen,
        n_unseen=anchors.n_unseen,
        fingerprint=journeys.fingerprint_number,
    )


class _Anchors(NamedTuple):
    """Events that anchor, and their journeys, never decreasing."""

    event: NDArray[np.int64]
    journey: NDArray[np.int64]
    n_unseen: int = 0


def _anchors(
    journeys: Journeys, anchor: str | None, occurrence: Occurrence, direction: Direction
) -> _Anchors:
    begin, end = journeys.start[:-1], journeys.start[1:]
    if anchor is None:
        filled = journeys.length > 0
        if direction == "backwards":
            return _Anchors(end[filled] - 1, np.flatnonzero(filled))
        unseen = begins_unseen(journeys) & filled if is_cut(journeys) else np.zeros_like(filled)
        chosen = filled & ~unseen
        return _Anchors(begin[chosen], np.flatnonzero(chosen), int(unseen.sum()))
    if anchor in journeys.names:
        event = np.flatnonzero(journeys.touchpoint == journeys.names.index(anchor))
        journey = np.searchsorted(journeys.start, event, side="right") - 1
    else:
        from journeykit.journeys.pattern import parse

        found = parse(anchor).find(journeys)
        journey = found.journey
        event = found.last if direction == "forwards" else found.first
    new = np.ones(len(journey) + 1, dtype=bool)
    new[1:-1] = journey[1:] != journey[:-1]
    keep = {"first": new[:-1], "last": new[1:], "every": np.ones(len(journey), dtype=bool)}
    return _Anchors(event[keep[occurrence]], journey[keep[occurrence]])


def _walked(
    journeys: Journeys, anchors: _Anchors, direction: Direction, steps: int
) -> NDArray[np.int64]:
    """Return the code at every step from every anchor, shape (n_anchors, steps + 1)."""
    forwards = direction == "forwards"
    unknown = is_open(journeys) if forwards else begins_unseen(journeys)
    edge = (len(journeys.names) + unknown.astype(np.int64))[anchors.journey]
    stop = journeys.start[1:] if forwards else journeys.start[:-1] - 1
    # How many more events there are in that direction.
    left = np.abs(stop[anchors.journey] - anchors.event)
    at = np.empty((len(anchors.event), steps + 1), dtype=np.int64)
    for step in range(steps + 1):
        at[:, step] = edge
        there = left > step
        event = anchors.event[there] + (step if forwards else -step)
        at[there, step] = journeys.touchpoint[event]
    return at


def _links(at: NDArray[np.int64], base: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    steps = at.shape[1] - 1
    flat = ((np.arange(steps) * base + at[:, :-1]) * base + at[:, 1:]).reshape(-1)
    if steps * base**2 <= _DENSE_LINKS:
        table = np.bincount(flat, minlength=steps * base**2)
        code = np.flatnonzero(table)
        n = table[code]
    else:
        code, n = np.unique(flat, return_counts=True)
    return np.stack([code // base**2, code // base % base, code % base], axis=1), n[:, None]


def _recoded(keys: NDArray[np.int64], code: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the touchpoints new codes; the first column is the step."""
    return np.concatenate([keys[:, :1], code[keys[:, 1:]]], axis=1)
