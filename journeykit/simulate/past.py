"""What has been drawn for a block of customers, and how later parts look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from journeykit.errors import ArgumentError
from journeykit.simulate.draws import Draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.part import Part

    Columns = Mapping[str, NDArray[Any]]

#: The world's first moment, 2024-01-01 UTC, a Monday: seconds since 1970.
START = 1_704_067_200
#: Seconds of a day; times are whole seconds, so that no processor rounds them differently.
SECONDS = 86_400
#: Customer and time in one sortable number: room for times from -2000 to 6000 days.
_SPAN, _OFFSET = 8192.0, 2000.0
#: A hundredth of a second: more than rounding moves such a number, less than what is told apart.
_ROUNDING = 1e-7

P = TypeVar("P", bound="Part")


def whole_seconds(days: Floats, /) -> Floats:
    """Round times in days to whole seconds."""
    return np.rint(days * SECONDS) / SECONDS


def sort_key(who: Indices, time: Floats, /) -> Floats:
    """Return numbers that sort by customer, then time."""
    return who * _SPAN + (time + _OFFSET)


@dataclass(frozen=True, slots=True)
class Touches:
    """Events of one touchpoint in a block, sorted by customer and time.

    Attributes
    ----------
    name : str
        The touchpoint.
    who : array of int64, shape (n,)
        Index of the customer within the block.
    time : array of float64, shape (n,)
        Days since the world's first, whole seconds.
    columns : mapping of str to array, shape (n,)
        Any of ``session_id`` (int64, -1 for none), ``value`` and ``cost`` (int64, cents),
        ``actor`` (index into `ACTORS`), ``status`` (index into `STATUSES`), and columns that other
        parts need.
    """

    name: str
    who: Indices
    time: Floats
    columns: Columns = field(default_factory=dict)

    @classmethod
    def of(
        cls, name: str, who: Indices, time: Floats, /, columns: Columns | None = None
    ) -> Touches:
        """Round the times and sort."""
        time = whole_seconds(time)
        order = np.argsort(sort_key(who, time), kind="stable")
        sorted_columns = {key: column[order] for key, column in (columns or {}).items()}
        return cls(name, who[order], time[order], sorted_columns)

    def keep(self, chosen: NDArray[np.bool_]) -> Touches:
        """Return some of the events, by mask."""
        columns = {key: column[chosen] for key, column in self.columns.items()}
        return Touches(self.name, self.who[chosen], self.time[chosen], columns)


class Pairs(NamedTuple):
    """Which questions meet which events: ``query[k]`` looks back on event ``touch[k]``."""

    query: Indices
    touch: Indices


def looking_back(touches: Touches, who: Indices, time: Floats, /, *, days: float) -> Pairs:
    """Pair each (customer, time) with the customer's events in the `days` before it.

    An event at the very time is not before it; one exactly `days` before is still seen. With
    infinite `days`, all before it are.
    """
    keys = sort_key(touches.who, touches.time)
    asked = sort_key(who, time) - _ROUNDING
    # However far back: the events before a customer's first are another's.
    first = np.searchsorted(keys, np.maximum(asked - days, who * _SPAN), side="left")
    last = np.searchsorted(keys, asked, side="left")
    n = last - first
    query = np.repeat(np.arange(len(who)), n)
    touch = np.arange(len(query)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first, n)
    return Pairs(query, touch)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a part adds for a block of customers.

    Attributes
    ----------
    touches : sequence of Touches
    traits : mapping of str to array, shape (n_customers,)
        What later parts read of each customer.
    tables : mapping of str to columns
        Rows of the tables of `TABLES`: column ``who`` is the customer, times are days.
    hidden : mapping of str to columns
        The same for tables that only the truth knows; later parts read them too.
    sums : mapping of str to array or number
        What the truth is made of; blocks are added.
    """

    touches: Sequence[Touches] = ()
    traits: Columns = field(default_factory=dict)
    tables: Mapping[str, Columns] = field(default_factory=dict)
    hidden: Mapping[str, Columns] = field(default_factory=dict)
    sums: Mapping[str, NDArray[Any] | float] = field(default_factory=dict)


class Past:
    """Everything earlier parts have drawn for a block."""

    def __init__(
        self, parts: Sequence[Part], customers: Indices, /, *, days: int, seed: int
    ) -> None:
        self.days = days
        self.seed = seed
        self.customers = customers
        self.draws = Draws.of(customers, seed=seed)
        self.parts = parts
        self._drawn: list[Drawn] = []

    @property
    def n(self) -> int:
        """Number of customers of the block."""
        return len(self.customers)

    def add(self, drawn: Drawn) -> None:
        """Take in what a part has drawn."""
        self._drawn.append(drawn)

    def has(self, kind: type[Part]) -> bool:
        """Tell whether the world has a part."""
        return any(isinstance(part, kind) for part in self.parts)

    def part(self, kind: type[P]) -> P:
        """Return another part of the world, for its parameters."""
        return part_of(self.parts, kind)

    def trait(self, name: str) -> NDArray[Any]:
        """Return what an earlier part has drawn of each customer."""
        for drawn in self._drawn:
            if name in drawn.traits:
                return drawn.traits[name]
        raise ArgumentError(
            f"No part of this world draws the trait {name!r}; add the part that does."
        )

    def touches(self, name: str) -> Touches:
        """Return all events of a touchpoint so far; columns only some of them have are left out."""
        found = [
            touches for drawn in self._drawn for touches in drawn.touches if touches.name == name
        ]
        if not found:
            return Touches(name, np.zeros(0, dtype=np.int64), np.zeros(0))
        if len(found) == 1:
            return found[0]
        shared = set.intersection(*(set(touches.columns) for touches in found))
        return Touches.of(
            name,
            np.concatenate([touches.who for touches in found]),
            np.concatenate([touches.time for touches in found]),
            {
                key: np.concatenate([touches.columns[key] for touches in found])
                for key in sorted(shared)
            },
        )

    def rows(self, table: str) -> Columns:
        """Return the rows of a visible table so far; columns only some parts have are left out.

        Raises
        ------
        ArgumentError
            No part before this one fills it.
        """
        found = [drawn.tables[table] for drawn in self._drawn if table in drawn.tables]
        if not found:
            raise ArgumentError(
                f"No part of this world fills the table {table!r}; add the part that does."
            )
        shared = [key for key in found[0] if all(key in columns for columns in found)]
        return {key: np.concatenate([columns[key] for columns in found]) for key in shared}

    def hidden(self, name: str) -> Columns | None:
        """Return a hidden table of an earlier part, or None."""
        for drawn in self._drawn:
            if name in drawn.hidden:
                return drawn.hidden[name]
        return None

    @property
    def drawn(self) -> Sequence[Drawn]:
        """All that was drawn, in the order of the parts."""
        return self._drawn


def part_of(parts: Sequence[Part], kind: type[P], /) -> P:
    """Return the part of a kind, with its default parameters where the world has none."""
    return next((part for part in parts if isinstance(part, kind)), kind())
