"""Which ids belong to one person: connected components, and links that hold for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from journeykit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Link(NamedTuple):
    """One accepted link; `low` and `high` bound its time, [low, high), None where it is open."""

    anonymous: Any
    known: Any
    low: int | None
    high: int | None

    @property
    def timeless(self) -> bool:
        """Whether it holds for all time."""
        return self.low is None and self.high is None


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Who each id is.

    Attributes
    ----------
    always : pyarrow.Table
        ``id person``: ids linked for all time.
    dated : pyarrow.Table
        ``id person low high``: from `low` until before `high` (microseconds), never overlapping
        for one id.
    """

    always: pa.Table
    dated: pa.Table

    def sizes(self, held: Sequence[tuple[Any, Any]]) -> dict[Any, int]:
        """Return the number of ids of every person who has two or more.

        Of `dated`, only the pairs (id, person) that `held` for an event count.
        """
        members: dict[Any, set[Any]] = {}
        always = zip(self.always["id"].to_pylist(), self.always["person"].to_pylist(), strict=True)
        for value, name in [*always, *held]:
            members.setdefault(name, {name}).add(value)
        return {name: len(ids) for name, ids in members.items()}


def people(links: Sequence[Link], kind: pa.DataType) -> People:
    """Resolve `links` between ids of type `kind`.

    Links without bounds join ids into components, each called by its smallest known id. A link
    with bounds sends its anonymous id to the person of its known id within its bounds, before
    any link without; it joins nothing else.
    """
    person = _components([link for link in links if link.timeless])
    spans: dict[Any, list[tuple[int, int, Any]]] = {}
    for link in links:
        if not link.timeless:
            low = -(2**63) if link.low is None else link.low
            high = 2**63 - 1 if link.high is None else link.high
            known = person.get(link.known, link.known)
            spans.setdefault(link.anonymous, []).append((low, high, known))
    dated = _disjoint(spans)
    return People(
        pa.table({"id": pa.array(person, kind), "person": pa.array(list(person.values()), kind)}),
        pa.table(
            {
                "id": pa.array([row[0] for row in dated], kind),
                "person": pa.array([row[3] for row in dated], kind),
                "low": pa.array([row[1] for row in dated], pa.int64()),
                "high": pa.array([row[2] for row in dated], pa.int64()),
            }
        ),
    )


def _components(links: Sequence[Link]) -> dict[Any, Any]:
    """Return each linked id with its component's smallest known id."""
    if not links:
        return {}
    known = {link.known for link in links}
    # Known ids first, each kind sorted: the first id of a component is its name.
    ids = [*sorted(known), *sorted({link.anonymous for link in links} - known)]
    place = {value: i for i, value in enumerate(ids)}
    source = np.array([place[link.anonymous] for link in links])
    target = np.array([place[link.known] for link in links])
    ones = np.ones(len(links), dtype=np.int8)
    graph = coo_array((ones, (source, target)), shape=(len(ids), len(ids)))
    label: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    first = np.unique(label, return_index=True)[1]
    return {value: ids[first[component]] for value, component in zip(ids, label, strict=True)}


def _disjoint(
    spans: dict[Any, list[tuple[int, int, Any]]],
) -> list[tuple[Any, int, int, Any]]:
    """Merge spans of one person, and refuse an id that is two people at one time."""
    rows: list[tuple[Any, int, int, Any]] = []
    contradictory: list[Any] = []
    for anonymous in sorted(spans):
        merged: list[tuple[int, int, Any]] = []
        for low, high, person in sorted(spans[anonymous]):
            if merged and low < merged[-1][1] and person != merged[-1][2]:
                contradictory.append(anonymous)
                break
            if merged and low <= merged[-1][1] and person == merged[-1][2]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]), person)
            else:
                merged.append((low, high, person))
        rows += [(anonymous, *span) for span in merged]
    if contradictory:
        raise DataError(
            f"Links with overlapping validity send {len(contradictory):,} anonymous ids to two "
            f"people at one time: {_few(contradictory)}. End each link before the next begins."
        )
    return rows


def refuse_large(sizes: dict[Any, int], largest: int) -> None:
    """Refuse people of more ids than `largest`: a shared device has glued strangers together."""
    large = sorted(
        ((size, name) for name, size in sizes.items() if size > largest),
        key=lambda item: (-item[0], str(item[1])),
    )
    if large:
        listed = ", ".join(f"{name!r} ({size:,} ids)" for size, name in large[:10])
        more = f", and {len(large) - 10:,} more" if len(large) > 10 else ""
        raise DataError(
            f"{len(large):,} people would have more than `largest` = {largest} ids: {listed}"
            f"{more}. Shared devices (a shop's tablet, a library) do this: leave out their "
            "anonymous ids, raise `min_confidence`, or date the links."
        )


def _few(values: Sequence[object]) -> str:
    more = f", and {len(values) - 5:,} more" if len(values) > 5 else ""
    return ", ".join(map(repr, values[:5])) + more
