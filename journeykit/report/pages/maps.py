"""A journey map as HTML: a grid where there is room, one stage below the other where not."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

#: What a thing rests on, as a reader is told.
_RESTS = {
    "log": "counted",
    "survey": "asked",
    "experiment": "tested",
    "assumed": "assumed",
}


def map_html(content: Mapping[str, Any], /) -> str:
    """Return the map; every text is escaped here."""
    labels = "".join(f"<span>{html.escape(label)}</span>" for label in content["rows"])
    levels = [_levels(content["stages"], at) for at in range(len(content["rows"]))]
    stages = "".join(
        f'<section class="stage"><h3>{html.escape(stage["name"])}</h3>'
        + "".join(
            _cell(label, cell, levels[at], place)
            for at, (label, cell) in enumerate(zip(content["rows"], stage["cells"], strict=True))
        )
        + "</section>"
        for place, stage in enumerate(content["stages"])
    )
    legend = ", ".join(f"<b>{word}</b> ({said})" for word, said in (
        ("counted", "from events"), ("asked", "from answers"),
        ("tested", "with customers held out by chance"), ("assumed", "declared, not seen"),
    ))  # fmt: skip
    return (
        f'<div class="map" role="group" aria-label="Journey map">'
        f'<div class="rows" aria-hidden="true"><span></span>{labels}</div>{stages}</div>'
        f'<p class="quiet">What a cell rests on: {legend}.</p>'
    )


def _levels(stages: Sequence[Mapping[str, Any]], at: int) -> list[float | None]:
    return [stage["cells"][at].get("level") for stage in stages]


def _cell(label: str, cell: Mapping[str, Any], levels: Sequence[float | None], place: int) -> str:
    drawn = ""
    if cell.get("level") is not None:
        drawn = _curve(cell, levels, place) if cell.get("drawn") == "curve" else _bar(cell)
    # What all rest on is said once.
    grades = {one["evidence"] for one in cell["items"]}
    together = len(grades) == 1 and len(cell["items"]) > 1
    items = "".join(_item(one, told=not together) for one in cell["items"])
    more = f'<li class="quiet">{int(cell["more"])} more</li>' if cell["more"] else ""
    listed = f"<ul>{items}{more}</ul>" if items or more else ""
    shared = _rests(grades.pop()) if together else ""
    return f'<div class="cell"><h4>{html.escape(label)}</h4>{drawn}{listed}{shared}</div>'


def _rests(evidence: str) -> str:
    return f'<i class="rests">{_RESTS[evidence]}</i>' if evidence in _RESTS else ""


def _item(one: Mapping[str, Any], *, told: bool) -> str:
    name = html.escape(one["name"]).replace("_", "_<wbr>")
    parts = [
        f"<span>{name}</span>" if name else "",
        f"<b>{html.escape(one['value'])}</b>" if one["value"] else "",
        f"<small>{html.escape(one['note'])}</small>" if one["note"] else "",
        _rests(one["evidence"]) if told else "",
    ]
    return f"<li>{' '.join(part for part in parts if part)}</li>"


def _bar(cell: Mapping[str, Any]) -> str:
    width = 100 * float(cell["level"])
    return (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="back" width="100" height="6"/><rect width="{width:.1f}" height="6"/></svg>'
    )


def _curve(cell: Mapping[str, Any], levels: Sequence[float | None], place: int) -> str:
    """Draw the piece of the curve that lies in one stage: it goes on in the next."""
    here = float(cell["level"])

    def edge(other: int) -> float:
        beside = levels[other] if 0 <= other < len(levels) else None
        return here if beside is None else (here + float(beside)) / 2

    y = [60 * (1 - level) for level in (edge(place - 1), here, edge(place + 1))]
    low, high, zero = (60 * (1 - float(cell[name])) for name in ("low", "high", "zero"))
    return (
        '<svg class="curve" viewBox="0 0 100 60" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="zero" d="M0 {zero:.1f}H100"/>'
        f'<path class="error" d="M50 {low:.1f}V{high:.1f}"/>'
        f'<path d="M0 {y[0]:.1f}L50 {y[1]:.1f}L100 {y[2]:.1f}"/></svg>'
    )
