"""From what the parts have drawn to tables: events merged and sorted, blocks put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc

from journeykit.simulate.part import Part
from journeykit.simulate.past import SECONDS, START
from journeykit.simulate.tables import ACTORS, STATUSES, TABLES, TIME
from journeykit.simulate.touchpoints import touchpoints

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.past import Columns, Past

    Sums = dict[str, Any]

#: Bits for the touchpoint and for the second in the sort key; the customer takes the rest.
_CODE_BITS, _SECOND_BITS = 8, 28


@dataclass(frozen=True, slots=True)
class BlockTables:
    """The tables of some customers.

    Attributes
    ----------
    tables, hidden : mapping of str to pyarrow.Table
    sums : mapping of str to array or number
    lengths : array of int64, shape (n_customers,)
        Events of each customer, in the order of `tables["events"]`.
    """

    tables: Mapping[str, pa.Table]
    hidden: Mapping[str, pa.Table]
    sums: Sums
    lengths: NDArray[np.int64]


def assembled(past: Past, /) -> BlockTables:
    """Put together what was drawn for a block."""
    from journeykit.simulate.parts.identity import Identity, known_by_name

    ids = pa.array(customer_ids(past.customers))
    events = _sorted_events(past)
    known = not past.has(Identity)
    seen = known_by_name(events) if known else past.part(Identity).seen(past, events)
    tables = {"events": _event_table(events, pa.concat_arrays([ids, seen.devices]), seen.code)}
    tables |= {"identities": seen.links} if seen.links is not None else {}
    tables |= _stacked(past, "tables", ids)
    hidden = _stacked(past, "hidden", ids)
    hidden |= {"devices": seen.owners} if seen.owners is not None else {}
    lengths = np.bincount(events["who"], minlength=past.n)
    return BlockTables(tables, hidden, added([drawn.sums for drawn in past.drawn]), lengths)


def customer_ids(numbers: NDArray[np.int64], /) -> list[str]:
    """Return the ids of customers, which sort by number."""
    return [f"C{number:07}" for number in numbers.tolist()]


def _sorted_events(past: Past) -> dict[str, NDArray[Any]]:
    """Return all events inside the window as columns, sorted by customer, time and touchpoint."""
    codes = {row.touchpoint: code for code, row in enumerate(touchpoints())}
    parts = [touches for drawn in past.drawn for touches in drawn.touches if len(touches.who)]
    sizes = [len(touches.who) for touches in parts]
    nothing = np.zeros(0, dtype=np.int64)
    who = np.concatenate([nothing, *(touches.who for touches in parts)])
    time = np.concatenate([np.zeros(0), *(touches.time for touches in parts)])
    code = np.repeat([codes[touches.name] for touches in parts], sizes).astype(np.int64)
    second = np.rint(time * SECONDS).astype(np.int64)
    out = np.asarray(past.trait("exit"))[who]
    inside = np.flatnonzero((time >= 0) & (time < out))
    key = (who << (_CODE_BITS + _SECOND_BITS)) + (second << _CODE_BITS) + code
    order = inside[np.argsort(key[inside], kind="stable")]
    columns = {"who": who[order], "second": second[order], "code": code[order]}
    defaults = {"session_id": -1, "value": -1, "cost": -1, "actor": 0, "status": 0}
    for name, default in defaults.items():
        filled = [
            np.asarray(touches.columns.get(name, np.full(size, default)), dtype=np.int64)
            for touches, size in zip(parts, sizes, strict=True)
        ]
        columns[name] = np.concatenate([nothing, *filled])[order]
    return columns


def _event_table(
    events: Mapping[str, NDArray[Any]], ids: pa.Array, seen_as: NDArray[np.int64]
) -> pa.Table:
    rows = touchpoints()
    channels = sorted({row.channel for row in rows})
    channel = np.array([channels.index(row.channel) for row in rows], dtype=np.int32)
    schema = TABLES["events"]
    columns = {
        "customer_id": _coded(seen_as, ids),
        "event_time": _moments(events["second"] / SECONDS),
        "touchpoint": _coded(events["code"], [row.touchpoint for row in rows]),
        "channel": _coded(channel[events["code"]], channels),
        "actor": _coded(events["actor"], ACTORS),
        "status": _coded(events["status"], STATUSES),
        **{
            name: pa.array(events[name], mask=events[name] < 0)
            for name in ("value", "cost", "session_id")
        },
    }
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _coded(codes: NDArray[np.integer], words: Any) -> pa.DictionaryArray:
    dictionary = words if isinstance(words, pa.Array) else pa.array(list(words))
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), dictionary)


def _moments(days: NDArray[np.float64]) -> pa.Array:
    """Turn days since the world's first into timestamps; what is not a number is empty."""
    empty = np.isnan(days)
    seconds = np.rint(np.where(empty, 0.0, days) * SECONDS).astype(np.int64) + START
    return pa.array(seconds * 1_000_000, mask=empty).cast(TIME)


def _stacked(past: Past, which: str, ids: pa.Array) -> dict[str, pa.Table]:
    """Return the tables of all parts; rows of the same table by customer, then by part."""
    found: dict[str, list[pa.Table]] = {}
    for drawn in past.drawn:
        for name, columns in getattr(drawn, which).items():
            schema = TABLES[name] if which == "tables" else None
            found.setdefault(name, []).append(table_of(columns, schema, ids))
    return {name: _by_customer(tables) for name, tables in found.items()}


def _by_customer(tables: Sequence[pa.Table]) -> pa.Table:
    """Put tables together so that the order of rows does not depend on the size of the block."""
    whole = pa.concat_tables(tables)
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in whole["customer_id"].chunks])
    if (codes[1:] >= codes[:-1]).all():
        return whole
    return whole.take(pa.array(np.argsort(codes, kind="stable")))


def table_of(columns: Columns, schema: pa.Schema | None, ids: pa.Array | None, /) -> pa.Table:
    """Turn columns into a table: ``who`` becomes `customer_id`, days timestamps or dates.

    Without a schema, as of hidden tables, columns whose name ends in ``_time`` are times.
    """
    arrays = {}
    for name, column in columns.items():
        if name == "who":
            arrays["customer_id"] = _coded(column.astype(np.int64), ids)
        elif name.endswith("_time") or (schema is not None and schema.field(name).type == TIME):
            arrays[name] = _moments(np.asarray(column, dtype=np.float64))
        elif schema is not None and schema.field(name).type == pa.date32():
            arrays[name] = pa.array(np.floor(column).astype(np.int32) + START // SECONDS)
        elif column.dtype.kind in "UO":
            texts = pa.array(column.tolist(), pa.string())
            arrays[name] = pc.if_else(pc.equal(texts, ""), None, texts).dictionary_encode()
        elif column.dtype.kind == "f":
            # Processors differ in the last digits of a logarithm.
            arrays[name] = pa.array(np.round(column, 9))
        else:
            arrays[name] = pa.array(column)
    if schema is None:
        return pa.table(arrays)
    return pa.table(
        [
            arrays[field.name].cast(field.type)
            if field.name in arrays
            else pa.nulls(len(next(iter(arrays.values()))), field.type)
            for field in schema
        ],
        schema=schema,
    )


def added(sums: Sequence[Mapping[str, Any]], /) -> Sums:
    """Add up sums of the same name."""
    total: Sums = {}
    for part in sums:
        for name, value in part.items():
            total[name] = total[name] + value if name in total else value
    return total


def closed(
    blocks: Sequence[BlockTables], parts: Sequence[Part], /, *, days: int, seed: int
) -> BlockTables:
    """Put the blocks together, and add the tables that are not about single customers."""
    sums = added([block.sums for block in blocks])
    tables = _joined([block.tables for block in blocks])
    hidden = _joined([block.hidden for block in blocks])
    for part in parts:
        for name, columns in part.closing(sums, days=days, seed=seed).items():
            tables[name] = table_of(columns, TABLES[name], None)
    tables["touchpoints"] = pa.Table.from_pylist(
        [row._asdict() for row in touchpoints()], schema=TABLES["touchpoints"]
    )
    lengths = np.concatenate([block.lengths for block in blocks])
    return BlockTables(tables, hidden, sums, lengths)


def _joined(blocks: Sequence[Mapping[str, pa.Table]]) -> dict[str, pa.Table]:
    names = dict.fromkeys(name for block in blocks for name in block)
    return {
        name: pa.concat_tables([block[name] for block in blocks if name in block]) for name in names
    }
