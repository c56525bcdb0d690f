"""The journey map as the report shows it."""

from __future__ import annotations

import re
from dataclasses import replace

from journeykit import report
from journeykit.maps import journey_map
from journeykit.report.contract import CONTRACT_MIME
from journeykit.report.journey_maps import LABELS
from journeykit.report.pages.export import _asset
from journeykit.report.pages.maps import map_html
from journeykit.report.pages.outputs import output_html
from journeykit.stages import Ladder
from tests.maps.journey.test_standing import TWO

LADDER = Ladder(rungs={"<i>look": {"touchpoints": ["web"]}, "buying": {"touchpoints": ["buy"]}})


def test_names_from_outside_are_escaped() -> None:
    found = journey_map(TWO, LADDER, small_cell=1)
    frame = found.frame.assign(item=found.frame["item"].where(found.frame["item"] == "", "<b>x_y"))
    bundle = report.journey_map(replace(found, frame=frame))._repr_mimebundle_()
    page = output_html({"output_type": "display_data", "data": bundle}, section="")
    for text in (page, bundle["text/html"]):
        assert "<i>look" not in text
        assert "<b>x" not in text
    assert "&lt;i&gt;look" in page
    assert "&lt;b&gt;x_<wbr>y" in page


def test_numbers_of_a_cell() -> None:
    shown = report.journey_map(journey_map(TWO, LADDER, small_cell=1))
    assert shown.rows[:3] == (
        "Here at the end", "Move up, per 100 and 30 days", "Fall back, per 100 and 30 days",
    )  # fmt: skip
    people, moves, back = (shown.stages[0]["cells"][at] for at in range(3))
    assert people["items"][0]["value"] == "2 (100%)"
    assert (people["level"], people["drawn"]) == (1.0, "bar")
    assert moves["items"][0]["value"] == f"{3000 / 14:.1f}"
    assert back == {"items": [], "more": 0, "level": None}


def test_the_curve_goes_on_from_stage_to_stage() -> None:
    cells = [
        {"items": [], "more": 0, "level": level, "low": 0.0, "high": 1.0, "zero": 0.5,
         "drawn": "curve"}
        for level in (0.0, 1.0)
    ]  # fmt: skip
    content = {
        "kind": "map", "title": "", "rows": ["feel"],
        "stages": [{"name": str(at), "cells": [cell]} for at, cell in enumerate(cells)],
    }  # fmt: skip
    drawn = map_html(content)
    assert "M0 60.0L50 60.0L100 30.0" in drawn
    assert "M0 30.0L50 0.0L100 0.0" in drawn


def test_a_damaged_map_leaves_a_note() -> None:
    data = {CONTRACT_MIME: {"kind": "map", "title": "x"}, "text/html": "<p>old</p>"}
    shown = output_html({"output_type": "display_data", "data": data}, section="")
    assert "damaged" in shown


def test_the_grid_has_room_for_every_row() -> None:
    """A row beyond those of the grid would lie on the last one."""
    style = _asset("map.css")
    rows = {int(n) for n in re.findall(r"(?:repeat\(|span )(\d+)", style)}
    assert rows == {13}
    assert len(LABELS) + 1 <= 13
