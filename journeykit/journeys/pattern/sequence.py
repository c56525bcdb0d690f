"""A pattern: read once, matched on any journeys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from journeykit.journeys.ending import begins_unseen, is_open, refuse_collapsed
from journeykit.journeys.pattern.reader import Reader
from journeykit.journeys.pattern.terms import Element, Gap, Mention, Touch, check_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys.journeys import Journeys

_NOTHING = Touch(frozenset())
#: Stands for no limit, in microseconds and in steps; the kernels' NEVER.
_UNLIMITED = 2**62
#: As many steps as no journey has; sums of it and an index stay numbers.
_ALL_STEPS = 2**40
#: Read-only like the times of journeys, so that the kernels are compiled once for both.
_NO_TIMES = np.empty(0, dtype=np.int64)
_NO_TIMES.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Where a pattern matches; one row per match, by journey and then by time.

    Attributes
    ----------
    journey : array of int64, shape (n_matches,)
    first, last : arrays of int64, shape (n_matches,)
        Events of the journeys' arrays at which the match begins and ends.
    step : array of int64, shape (n_matches, n_elements)
        Event at which each element begins; of a repetition its first event. Runs (``x*``) are part
        of the gaps and have no column.
    """

    journey: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    step: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of matches."""
        return len(self.journey)


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """How far each journey has come; arrays of int64, shape (n_journeys,).

    Attributes
    ----------
    completed : array
        The most elements, from the first on, that the journey completes in order and in time;
        all of them exactly where the pattern matches.
    pending : array
        Of open journeys the first element that events after the watching's end could still
        complete for a match that has begun; n_elements where nothing that has begun can go on,
        and in journeys that have ended. Element i is undecided where
        ``completed <= i`` and ``pending <= i``.
    """

    completed: NDArray[np.int64]
    pending: NDArray[np.int64]


class Compiled(NamedTuple):
    """A pattern over the names of some journeys, as the kernels take it.

    With m elements and k names; whatever is unlimited is a number above all others.

    Attributes
    ----------
    mask : array of bool, shape (m, k)
        Which touchpoints each element is.
    least, most : arrays of int64, shape (m,)
        Events of each element.
    through : array of bool, shape (m - 1, k)
        Which touchpoints may lie in each gap.
    limits : array of int64, shape (m - 1, 4)
        Least and most microseconds, least and most steps of each gap.
    from_begin, to_end : bool
        Whether the pattern is anchored.
    before, after : arrays of bool, shape (k,)
        Which touchpoints may lie before and after an anchored match.
    """

    mask: NDArray[np.bool_]
    least: NDArray[np.int64]
    most: NDArray[np.int64]
    through: NDArray[np.bool_]
    limits: NDArray[np.int64]
    from_begin: bool
    before: NDArray[np.bool_]
    to_end: bool
    after: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read; see `journeykit.journeys.pattern` for the grammar.

    Attributes
    ----------
    text : str
    elements : tuple of Element
        What must occur, in order.
    gaps : tuple of Gap
        What may lie between; one fewer than elements.
    begin, end : Touch or None
        Classes of what may lie before and after an anchored match; None without ``^`` or ``$``.
    mentions : tuple of Mention
        Names in the text and where they stand.
    """

    text: str
    elements: tuple[Element, ...]
    gaps: tuple[Gap, ...]
    begin: Touch | None
    end: Touch | None
    mentions: tuple[Mention, ...]

    @property
    def timed(self) -> bool:
        """Whether a gap has a bound in time."""
        return any(
            gap.bound.shortest is not None or gap.bound.longest is not None for gap in self.gaps
        )

    def find(self, journeys: Journeys, /) -> Matches:
        """Find all matches: leftmost, then shortest, not overlapping within a journey.

        From left to right the first event at which a match can begin begins one; it ends at the
        earliest event at which a match from there can end; the next begins after it. Where
        several ways lead to that end, each element in turn takes its earliest event. Time and
        memory are linear in the events, and in the elements of the pattern.

        Raises
        ------
        PatternError
            When the pattern names a touchpoint that the journeys do not know.
        NotObservedError
            When a gap is bounded in time and the journeys have no times.
        ArgumentError
            When a gap is bounded in time and repeats were merged: their ends are forgotten.
        """
        from journeykit.journeys.pattern import kernels

        journey, last, step = kernels.find(*self._bound(journeys))
        return Matches(journey=journey, first=step[:, 0].copy(), last=last, step=step)

    def earliest_ends(self, journeys: Journeys, /) -> NDArray[np.int64]:
        """Return for each event the event at which a match that begins there ends earliest.

        -1 where none begins. Unlike `find`, matches from different starts may overlap. Raises
        like `find`.
        """
        from journeykit.journeys.pattern import kernels

        ends: NDArray[np.int64] = kernels.earliest_ends(*self._bound(journeys))
        return ends

    def progress(self, journeys: Journeys, /) -> Progress:
        """Return how many elements each journey completes, and what may still come.

        Raises like `find`.
        """
        from journeykit.journeys.pattern import kernels

        # A copy, because one end that all journeys share is stored once, with no stride.
        ends = 0 if journeys.observed_to is None else journeys.observed_to
        watched_to = np.full(len(journeys), ends, dtype=np.int64)
        completed, pending = kernels.progress(*(*self._bound(journeys), watched_to))
        return Progress(completed, np.where(is_open(journeys), pending, len(self.elements)))

    def _bound(self, journeys: Journeys) -> tuple[Any, ...]:
        """Return what the kernels take: the journeys' arrays, and the pattern over their names."""
        time = _NO_TIMES
        if self.timed:
            refuse_collapsed(journeys, f"The bound of the pattern {self.text!r}")
            time = journeys.need_time(f"The bound of the pattern {self.text!r}")
        return (
            journeys.touchpoint,
            time,
            journeys.start,
            ~begins_unseen(journeys),
            ~is_open(journeys),
            self._compiled(journeys.names),
        )

    def _compiled(self, names: Sequence[str]) -> Compiled:
        check_names(self.text, self.mentions, names)
        m, k = len(self.elements), len(names)
        through = np.array([gap.through.mask(names) for gap in self.gaps], dtype=bool)
        limits = np.array([_limits(gap) for gap in self.gaps], dtype=np.int64)
        return Compiled(
            mask=np.array([element.touch.mask(names) for element in self.elements]),
            least=np.array([element.least for element in self.elements], dtype=np.int64),
            most=np.array(
                [element.most or _ALL_STEPS for element in self.elements], dtype=np.int64
            ),
            through=through.reshape(m - 1, k),
            limits=limits.reshape(m - 1, 4),
            from_begin=self.begin is not None,
            before=(self.begin or _NOTHING).mask(names),
            to_end=self.end is not None,
            after=(self.end or _NOTHING).mask(names),
        )


def _limits(gap: Gap) -> tuple[int, int, int, int]:
    """Return the least and most microseconds, and the least and most steps."""
    bound = gap.bound
    return (
        bound.shortest or 0,
        _UNLIMITED if bound.longest is None else bound.longest,
        bound.fewest or 1,
        (bound.most or _ALL_STEPS) if gap.later else 1,
    )


def parse(text: str | Pattern, /) -> Pattern:
    """Read a pattern; the grammar is that of `journeykit.journeys.pattern`.

    One that was read before is returned as it is.

    Raises
    ------
    PatternError
        With the text, a caret under the character, and the mend.

    Examples
    --------
    >>> pattern = parse("email > product_page > !purchase* > exit >> [7d] return > offer")
    >>> [element.text for element in pattern.elements]
    ['email', 'product_page', 'exit', 'return', 'offer']
    """
    if isinstance(text, Pattern):
        return text
    reader = Reader(text)
    begins = reader.sign("^") is not None
    pieces, gaps, places = [], [], []
    while True:
        places.append(reader.token.at)
        pieces.append(reader.piece())
        gap = reader.gap(after_run=pieces[-1].least == 0)
        if gap is None:
            break
        gaps.append(gap)
    ends = reader.sign("$") is not None
    reader.finish()
    begin = end = None
    if begins:
        begin = _NOTHING
        if pieces[0].least == 0 and gaps and gaps[0] == Gap(later=False):
            begin, pieces, gaps, places = pieces[0].touch, pieces[1:], gaps[1:], places[1:]
    if ends:
        end = _NOTHING
        if pieces[-1].least == 0 and gaps and gaps[-1] == Gap(later=False):
            end, pieces, gaps, places = pieces[-1].touch, pieces[:-1], gaps[:-1], places[:-1]
    elements, between = _joined(reader, pieces, gaps, places)
    return Pattern(text, tuple(elements), tuple(between), begin, end, tuple(reader.mentions))


def _joined(
    reader: Reader, pieces: Sequence[Element], gaps: Sequence[Gap], places: Sequence[int]
) -> tuple[list[Element], list[Gap]]:
    """Turn runs into gaps: ``a > x* > [1h] b`` is one gap through x, bounded from a to b."""
    elements: list[Element] = []
    between: list[Gap] = []
    for at, piece in enumerate(pieces):
        if piece.least > 0:
            elements.append(piece)
            if at + 1 < len(pieces) and pieces[at + 1].least > 0:
                between.append(gaps[at])
            continue
        run = piece.text
        if at in (0, len(pieces) - 1) or pieces[at - 1].least == 0:
            raise reader.problem(
                f"The run {run} may be empty, so it must stand between two touchpoints, or between "
                "one and an anchor: `^ x* > a`, `a > x* $`. Write x+ for at least one event; of "
                "two runs in a row make one class.",
                places[at],
            )
        if gaps[at - 1] != Gap(later=False) or gaps[at].later:
            raise reader.problem(
                f"The run {run} is joined by `>` on both sides, and a bound stands behind the "
                "second, as in `a > !x* > [7d] b`: it is measured from a to b.",
                places[at],
            )
        between.append(Gap(later=True, through=piece.touch, bound=gaps[at].bound))
    return elements, between


def touchpoints(expression: str, names: Sequence[str], /) -> NDArray[np.bool_]:
    """Return which of `names` are in a class: ``a``, ``a | b``, ``!a``, ``!(a | b)``, ``*``.

    A name that contains spaces or one of ``> | ! * + ^ $ ( ) [ ] { }`` stands in backticks, unless
    it is the whole expression.

    Raises
    ------
    PatternError
        When the expression is no class, or names what is not among `names`.

    Examples
    --------
    >>> touchpoints("!(web | `in store`)", ["email", "in store", "web"]).tolist()
    [True, False, False]
    """
    if expression in names:
        return Touch(frozenset([expression])).mask(names)
    reader = Reader(expression)
    touch = reader.touch()
    reader.finish()
    check_names(expression, reader.mentions, names)
    return touch.mask(names)
