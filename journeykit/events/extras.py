"""Event columns and attributes: text files tell no types, so all values are asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from journeykit.events.times import BLANKS, Note

if TYPE_CHECKING:
    from journeykit.events.sources import Column


def read_extra(column: Column) -> tuple[str, list[Note]]:
    """Return SQL for an event column or attribute, and what to say about it.

    Untyped text becomes integers if every value is one without leading zeros, else floats if
    every value is a number, else it stays text; decimals become floats, enums text.
    """
    if not column.untyped:
        kind = re.match("DECIMAL|ENUM|", column.kind)
        cast = {"DECIMAL": "::DOUBLE", "ENUM": "::VARCHAR"}.get(kind[0] if kind else "", "")
        return column.sql + cast, []
    text = f"nullif(trim({column.sql}, {BLANKS}), '')"
    n, n_whole, n_number = column.ask(
        "SELECT count(t), "
        "count(*) FILTER (regexp_full_match(t, '0|-?[1-9][0-9]{0,17}')), "
        "count(*) FILTER (regexp_full_match(t, '-?(0|[1-9][0-9]*)?(\\.[0-9]*)?([eE][+-]?[0-9]+)?')"
        f" AND try_cast(t AS DOUBLE) IS NOT NULL) FROM (SELECT {text} AS t FROM {column.relation})"
    )
    if n and n == n_whole:
        return f"({text})::BIGINT", []
    if n and n == n_number:
        return f"({text})::DOUBLE", []
    if 0.9 * n <= n_number < n:
        detail = f"{column.name!r} is kept as text for {n - n_number:,} values that are not numbers"
        return text, [Note("numbers with exceptions", n - n_number, detail)]
    return text, []
