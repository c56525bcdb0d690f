"""The touchpoint column: blanks trimmed, case twins reported."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeykit.errors import DataError
from journeykit.events.times import BLANKS, Note

if TYPE_CHECKING:
    from journeykit.events.sources import Column

#: Beyond so many names a column is not one of touchpoints, and twins are no longer looked for.
_MANY = 100_000


@dataclass(frozen=True, slots=True)
class TouchpointReading:
    """SQL that gives the touchpoint as text, NULL where there is none."""

    value: str
    is_clean: bool
    notes: tuple[Note, ...] = ()


def read_touchpoints(column: Column) -> TouchpointReading:
    """Look at each distinct name in `column` once."""
    raw = f"{column.sql}::VARCHAR"
    names = f"(SELECT {raw} AS raw, count(*) AS n FROM {column.relation} GROUP BY 1)"
    n_missing, n_trimmed, n_named, n_distinct = column.ask(
        "SELECT coalesce(sum(n) FILTER (id IS NULL), 0)::BIGINT, "
        "coalesce(sum(n) FILTER (id <> raw), 0)::BIGINT, count(id), count(DISTINCT id) "
        f"FROM (SELECT *, nullif(trim(raw, {BLANKS}), '') AS id FROM {names})"
    )
    if not n_named:
        raise DataError(f"Touchpoint column {column.name!r} is empty in all {n_missing:,} rows.")
    clean = f"nullif(trim({raw}, {BLANKS}), '')"
    notes = []
    if n_trimmed:
        notes.append(Note("blanks around touchpoints", n_trimmed, f"trimmed in {column.name!r}"))
    if n_distinct <= _MANY:
        rows = column.connection.sql(
            f"SELECT {clean} AS id, count(*) FROM {column.relation} "
            "GROUP BY 1 HAVING id IS NOT NULL"
        ).fetchall()
        notes += _twins(dict(rows))
    needs_cleaning = n_missing or n_trimmed
    return TouchpointReading(clean if needs_cleaning else raw, not n_missing, tuple(notes))


def _twins(rows: dict[str, int]) -> list[Note]:
    """Report touchpoints that differ only by upper and lower case."""
    by_fold: dict[str, list[str]] = defaultdict(list)
    for touchpoint in sorted(rows):
        by_fold[touchpoint.casefold()].append(touchpoint)
    groups = [group for group in by_fold.values() if len(group) > 1]
    if not groups:
        return []
    shown = "; ".join(" / ".join(map(repr, group)) for group in groups[:5])
    more = f"; and {len(groups) - 5} more" if len(groups) > 5 else ""
    n = sum(rows[touchpoint] for group in groups for touchpoint in group)
    return [Note("touchpoints that differ by case only", n, f"kept apart: {shown}{more}")]
