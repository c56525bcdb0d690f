"""Identifier columns -> SQL for clean identifiers; damage that cannot be undone is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from journeykit.errors import DataError
from journeykit.events.times import BLANKS, WHOLE_NUMBERS, Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from journeykit.events.sources import Column

_DAMAGED = r"'[+-]?[0-9]([.,][0-9]+)?[eE]\+[0-9]+'"
_WHOLE = r"'0|-?[1-9][0-9]{0,17}'"
_WHOLE_FLOAT = r"'-?[0-9]{1,15}\.0+'"
_NUMERIC = r"'-?[0-9]+(\.[0-9]+)?'"
_PLACEHOLDERS = "('null', 'none', 'nan', 'na', 'n/a', '<na>', 'undefined', 'unknown')"
#: Whole numbers are exact in a 64-bit float up to here.
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class IdReading:
    """SQL that gives the identifier, NULL where there is none, and its DuckDB type."""

    value: str
    kind: str
    notes: tuple[Note, ...] = ()


def read_identifier(column: Column) -> IdReading:
    """Find out what `column` needs to become an identifier.

    Untyped text (CSV) becomes integers if all of it is; text that was declared text stays.
    """
    if column.kind in {"HUGEINT", "UHUGEINT", "UBIGINT"} or column.kind.startswith("DECIMAL"):
        return _wide(column)
    if column.kind in WHOLE_NUMBERS:
        return IdReading(column.sql + ("" if column.kind == "BIGINT" else "::BIGINT"), "BIGINT")
    if column.kind in {"DOUBLE", "FLOAT"}:
        return _floats(column)
    return _texts(column)


def _wide(column: Column) -> IdReading:
    """Keep numbers as numbers where 64 bits hold them all, else as text."""
    n_lost, n_fraction = column.ask(
        f"SELECT count(*) FILTER (try_cast({column.sql} AS BIGINT) IS NULL), "
        f"count(*) FILTER (try_cast({column.sql} AS BIGINT) <> {column.sql}) "
        f"FROM {column.relation} WHERE {column.sql} IS NOT NULL"
    )
    if n_fraction:
        raise _fractional(column.name, n_fraction)
    if n_lost:
        return IdReading(f"{column.sql}::VARCHAR", "VARCHAR")
    return IdReading(f"{column.sql}::BIGINT", "BIGINT")


def _floats(column: Column) -> IdReading:
    n, n_fraction, n_wide = column.ask(
        f"SELECT count(*), count(*) FILTER (x <> round(x)), "
        f"count(*) FILTER (abs(x) > {_EXACT}) FROM "
        f"(SELECT {column.sql} AS x FROM {column.relation} WHERE NOT isnan({column.sql}))"
    )
    if n_fraction:
        raise _fractional(column.name, n_fraction)
    if n_wide:
        raise DataError(
            f"Identifiers in {column.name!r} are floats beyond 2^53 in {n_wide:,} rows: different "
            "identifiers have become equal. Export the column as text or as integers."
        )
    note = Note(
        "identifiers that were floats", n, f"whole numbers in {column.name!r} read as integers"
    )
    value = f"CASE WHEN NOT isnan({column.sql}) THEN {column.sql}::BIGINT END"
    return IdReading(value, "BIGINT", (note,) if n else ())


def _fractional(name: str, n: int) -> DataError:
    return DataError(
        f"Identifiers in {name!r} must not have fractions; {n:,} rows have, so this is probably "
        "not an identifier. If it is, export the column as text."
    )


def _texts(column: Column) -> IdReading:
    text = column.sql if column.kind == "VARCHAR" else f"{column.sql}::VARCHAR"
    found = _look_at_texts(column, text)
    if found.damaged:
        raise DataError(
            f"Identifiers in {column.name!r} were damaged by a spreadsheet in "
            f"{found.damaged:,} rows, such as {found.example!r}: their last digits are gone, and "
            "different customers have become equal. Export them from the source again, with the "
            "column as text."
        )
    clean = f"nullif(trim({text}, {BLANKS}), '')" if found.trimmed or found.blank else text
    kind, notes = "VARCHAR", []
    if found.trimmed:
        notes.append(
            Note("blanks around identifiers", found.trimmed, f"trimmed in {column.name!r}")
        )
    if found.placeholder:
        detail = f"such as NULL or nan in {column.name!r}, kept as a customer"
        notes.append(Note("identifiers that look missing", found.placeholder, detail))
    integers = found.n > 0 and found.whole + found.float == found.n
    if integers and found.float:
        detail = f"text such as 17.0 in {column.name!r} read as integers"
        notes.append(Note("identifiers that were floats", found.float, detail))
        clean, kind = f"({clean})::DOUBLE::BIGINT", "BIGINT"
    elif integers and column.untyped:
        clean, kind = f"({clean})::BIGINT", "BIGINT"
    elif column.mixed or 0 < found.numeric < found.n:
        detail = f"{found.numeric:,} numbers beside text in {column.name!r}, all kept as text"
        notes.append(Note("identifiers of mixed type", found.n, detail))
    return IdReading(clean, kind, tuple(notes))


class _Texts(NamedTuple):
    """Rows by what their identifier looks like."""

    n: int
    blank: int
    trimmed: int
    damaged: int
    whole: int
    float: int
    numeric: int
    placeholder: int
    example: str | None


def _look_at_texts(column: Column, text: str) -> _Texts:
    """Look at each distinct text once: there are far fewer than rows."""
    wanted = (
        "id IS NOT NULL",
        "raw IS NOT NULL AND id IS NULL",
        "id <> raw",
        f"regexp_full_match(id, {_DAMAGED})",
        f"regexp_full_match(id, {_WHOLE})",
        f"regexp_full_match(id, {_WHOLE_FLOAT})",
        f"regexp_full_match(id, {_NUMERIC})",
        f"lower(id) IN {_PLACEHOLDERS}",
    )
    counts = ", ".join(f"coalesce(sum(n) FILTER ({what}), 0)::BIGINT" for what in wanted)
    query = (
        f"WITH ids AS (SELECT {text} AS raw, count(*) AS n FROM {column.relation} GROUP BY 1) "
        f"SELECT {counts}, min(id) FILTER (regexp_full_match(id, {_DAMAGED})) "
        f"FROM (SELECT *, nullif(trim(raw, {BLANKS}), '') AS id FROM ids)"
    )
    return _Texts(*column.ask(query))


def joined(readings: Sequence[IdReading]) -> IdReading:
    """Join the parts of a customer by ``/``; a ``/`` or backslash in a part gets a backslash."""
    if len(readings) == 1:
        return readings[0]
    parts = [
        f"replace(replace(({reading.value})::VARCHAR, '\\', '\\\\'), '/', '\\/')"
        for reading in readings
    ]
    notes = tuple(note for reading in readings for note in reading.notes)
    return IdReading(" || '/' || ".join(parts), "VARCHAR", notes)
