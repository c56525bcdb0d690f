"""A journey map as a report shows it: stages side by side, or one below the other on a phone."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from journeykit.report.contract import Shown

if TYPE_CHECKING:
    import pandas as pd

    from journeykit.maps import JourneyMap

#: Things of one kind shown in a stage; the others are counted.
_MOST = 4
#: What a reader calls the rows.
LABELS = {
    "people": "Here at the end",
    "moving on": "Move up, per 100 and 30 days",
    "falling back": "Fall back, per 100 and 30 days",
    "touchpoint": "What they meet",
    "sentiment": "How they feel",
    "pain point": "Where it hurts",
    "passion point": "What moves them on",
    "tested": "What was tried",
    "leaving": "Leave, per 100 and 30 days",
    "KPI": "Key figure",
    "accountable": "Who answers for it",
}
_NONE = {"pain point": "none found", "passion point": "none found", "touchpoint": "nothing shown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Shown):
    """Stages, and what is known of each.

    Attributes
    ----------
    title : str
    rows : tuple of str
        What the cells are about, from above.
    stages : tuple of mapping
        ``name`` and ``cells``, one a row: ``items`` (``name``, ``value``, ``note``, ``evidence``),
        ``more`` items that are not shown; ``level``, the estimate between 0 and 1 where the row is
        drawn, with ``low``, ``high`` and ``zero``, else None.
    """

    kind: ClassVar[str] = "map"
    title: str
    rows: tuple[str, ...]
    stages: tuple[dict[str, Any], ...]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(stage['name'])}</th>" for stage in self.stages)
        body = "".join(
            f"<tr><th>{html.escape(label)}</th>{''.join(self._cells(at))}</tr>"
            for at, label in enumerate(self.rows)
        )
        return f"<table><tr><th></th>{head}</tr>{body}</table>"

    def _cells(self, at: int) -> list[str]:
        return [
            "<td>"
            + "<br>".join(
                html.escape(" ".join(filter(None, (one["name"], one["value"], one["note"]))))
                for one in stage["cells"][at]["items"]
            )
            + "</td>"
            for stage in self.stages
        ]


def journey_map(found: JourneyMap, /) -> Map:
    """Return a journey map for the report; its numbers in full belong into a table beside it."""
    there = [row for row in LABELS if (found.frame["row"] == row).any()]
    rows = {row: found.frame[found.frame["row"] == row] for row in there}
    return Map(
        title=found.title,
        rows=tuple(LABELS[row] for row in there),
        stages=tuple(
            {
                "name": stage,
                "cells": [_cell(row, things, stage) for row, things in rows.items()],
            }
            for stage in found.stages
        ),
    )


def _cell(row: str, things: pd.DataFrame, stage: str) -> dict[str, Any]:
    here = things[things["stage"] == stage]
    items = [_item(row, one) for one in here.head(_MOST).itertuples()]
    if not items and row in _NONE:
        items = [{"name": "", "value": "", "note": _NONE[row], "evidence": ""}]
    cell: dict[str, Any] = {"items": items, "more": max(0, len(here) - _MOST), "level": None}
    if row not in ("people", "sentiment") or here["estimate"].isna().all():
        return cell
    one, low, high = here.iloc[0], 0.0, 1.0
    if row == "sentiment":
        # As wide as what is known of all stages, 0 included.
        low, high = min(0.0, things["conf_low"].min()), max(0.0, things["conf_high"].max())

    def scaled(value: float) -> float:
        return 0.5 if high == low else (value - low) / (high - low)

    return cell | {
        "level": scaled(one["estimate"]),
        "low": scaled(one["conf_low"]),
        "high": scaled(one["conf_high"]),
        "zero": scaled(0.0),
        "drawn": "curve" if row == "sentiment" else "bar",
    }


def _item(row: str, one: Any) -> dict[str, str]:
    value, interval = _figure(one)
    note = [one.text] if one.text else []
    if interval and row != "touchpoint":
        note.insert(0, interval)
    return {
        "name": one.item,
        "value": value,
        "note": ", ".join(note),
        "evidence": one.evidence,
    }


def _figure(one: Any) -> tuple[str, str]:
    """Return the number of a thing and its interval as a reader sees them."""
    if math.isnan(one.estimate):
        return "", ""
    value, low, high = (_said(x, one.unit) for x in (one.estimate, one.conf_low, one.conf_high))
    if one.row == "people":
        value = f"{one.n:,} ({value})"
    elif one.unit in ("points", "conversions"):
        value += f" {one.unit}"
    known = not (math.isnan(one.conf_low) or math.isnan(one.conf_high))
    return value, f"{low} to {high}" if known else ""


def _said(value: float, unit: str) -> str:
    if unit == "share":
        return f"{value:.0%}" if 0.1 <= value <= 0.9 or value in (0, 1) else f"{value:.1%}"
    if unit == "points":
        return f"{100 * value:+.1f}"
    formats = {"score": "+.2f", "conversions": ",.0f", "per 100 in 30 days": ".1f"}
    return format(value, formats.get(unit, ".3g"))
