"""What stands on a journey map: rows, units and grades of evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What a row of the map is about, from above.
Row = Literal[
    "people", "moving on", "falling back", "touchpoint", "sentiment", "pain point",
    "passion point", "tested", "leaving", "KPI", "accountable",
]  # fmt: skip
ROWS: tuple[Row, ...] = get_args(Row)
#: What a cell rests on, from the weakest; empty where it is not observed.
Evidence = Literal["", "assumed", "survey", "log", "experiment"]
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)
#: What the numbers of a row are.
Unit = Literal["share", "points", "per 100 in 30 days", "score", "conversions", ""]
UNITS: tuple[Unit, ...] = get_args(Unit)
NOT_OBSERVED = "not observed"
_UNKNOWN = (np.nan, np.nan, np.nan)


class Limits(NamedTuple):
    """From how many customers on numbers are shown, and how sure intervals are."""

    small_cell: int
    confidence: float


class Thing(NamedTuple):
    """A row of the map, by the names of its columns."""

    row: Row
    stage: str
    item: str
    n: float
    estimate: float
    conf_low: float
    conf_high: float
    unit: Unit
    text: str
    evidence: Evidence


def thing(
    row: Row,
    stage: str,
    item: str = "",
    *,
    n: float = np.nan,
    numbers: Sequence[float] = _UNKNOWN,
    unit: Unit = "",
    text: str = "",
    evidence: Evidence = "log",
    least: int = 0,
) -> Thing:
    """Return a row; one of fewer than `least` customers loses its numbers and says so."""
    if n < least:
        n, numbers, text = np.nan, _UNKNOWN, f"fewer than {least} customers"
    estimate, low, high = map(float, numbers)
    return Thing(row, stage, item, float(n), estimate, low, high, unit, text, evidence)
