"""What a pattern is made of, once it is read: classes of touchpoints, elements, gaps, anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import did_you_mean
from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PatternError(ArgumentError):
    """A pattern cannot be read, or names what is not there; a caret points at the character."""

    def __init__(self, problem: str, text: str, at: int) -> None:
        line = text.replace("\n", " ").replace("\t", " ")
        super().__init__(f"{problem}\n  {line}\n  {' ' * at}^")
        self.problem, self.text, self.at = problem, text, at

    def __reduce__(self) -> tuple[type[PatternError], tuple[str, str, int]]:
        """Travel between processes with what it was made of."""
        return PatternError, (self.problem, self.text, self.at)


@dataclass(frozen=True, slots=True)
class Touch:
    """A class of touchpoints: those named, or all but those named.

    Attributes
    ----------
    named : frozenset of str
    negated : bool
    """

    named: frozenset[str]
    negated: bool = False

    def __or__(self, other: Touch) -> Touch:
        """Return what is in either class."""
        if self.negated and other.negated:
            return Touch(self.named & other.named, negated=True)
        if self.negated:
            return Touch(self.named - other.named, negated=True)
        if other.negated:
            return Touch(other.named - self.named, negated=True)
        return Touch(self.named | other.named)

    def __invert__(self) -> Touch:
        """Return what is not in the class."""
        return Touch(self.named, negated=not self.negated)

    def mask(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return which of `names` are in the class."""
        return np.array([(name in self.named) != self.negated for name in names], dtype=bool)


ANY = Touch(frozenset(), negated=True)


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in the text, and where."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Element:
    """Events that follow each other directly, all of one class.

    Attributes
    ----------
    text : str
        As written.
    touch : Touch
    least : int
    most : int or None
        How many events, both 1 for a plain element; None is no limit.
    """

    text: str
    touch: Touch
    least: int = 1
    most: int | None = 1


@dataclass(frozen=True, slots=True)
class Bound:
    """Limits of a gap, all inclusive; None is no limit.

    Attributes
    ----------
    shortest, longest : int or None
        Elapsed microseconds.
    fewest, most : int or None
        Steps: the next event is 1 step away.
    """

    shortest: int | None = None
    longest: int | None = None
    fewest: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What lies between two elements.

    Attributes
    ----------
    later : bool
        Whether other events may lie between: ``>>`` or a run; False for ``>``.
    through : Touch
        The class of all events that lie between.
    bound : Bound
    """

    later: bool
    through: Touch = ANY
    bound: Bound = Bound()


def check_names(text: str, mentions: Sequence[Mention], names: Sequence[str]) -> None:
    """Require every name in the text to be one of `names`."""
    known = set(names)
    for mention in mentions:
        if mention.name not in known:
            shown = ", ".join(repr(name) for name in names[:12]) or "none"
            more = "" if len(names) <= 12 else f" and {len(names) - 12} more"
            raise PatternError(
                f"There is no touchpoint {mention.name!r}."
                f"{did_you_mean(mention.name, names)} There are: {shown}{more}.",
                text,
                mention.at,
            )
