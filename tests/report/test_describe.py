from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field

from journeykit.report import REPORTS, Parameters, PathsParameters
from journeykit.report.describe import describe


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Mine(Parameters):
    """What mine does.

    And more.
    """

    report: ClassVar[str] = "mine"
    speed: Annotated[Literal["slow", "fast"], Field(description="How.")] = "slow"
    only: Literal["this"] = "this"
    size: Size = Size.SMALL
    strict: bool = False
    since: date | None = None
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.5
    least: Annotated[int, Field(ge=3)]
    most: Annotated[float | None, Field(le=2.5)] = None
    mixed: Annotated[int, Field(ge=1)] | Literal["all"] = "all"
    names: tuple[str, ...] = ()


def test_the_table_of_a_report_that_ships() -> None:
    assert describe(PathsParameters).splitlines() == [
        "paths: Which way customers go.",
        "",
        "Parameter  Type          Allowed    Default     What it does",
        "study      path                     (required)  "
        "A study.yaml, its folder, or a study that ships.",
        "segment    text                     (none)      "
        "Only customers with this attribute: `attribute=value`.",
        "month      month                    (none)      "
        "Only this calendar month: `2026-03`; by default all.",
        "outcome    text                     (none)      "
        "What success is: `order | call`; by default the study's conversions.",
        "anchor     text                     (none)      "
        "Where the steps are counted from: `email > visit`; else the first event.",
        "steps      text                     (none)      "
        "The funnel: `visit >> cart >> order`; by default anything, then success.",
        "window     whole number  1 to 3650  (none)      "
        "Days a funnel may take; by default the look-back, or 30.",
        "group      text                     (none)      "
        "Attribute whose two largest groups are compared.",
        "order      whole number  1 to 3     1           Touchpoints a step remembers.",
        "top        whole number  1 to 50    10          Rows shown of a table.",
    ]


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("speed", ["choice", "slow, fast", "slow", "How."]),
        ("only", ["choice", "this", "this"]),
        ("size", ["choice", "small, large", "small"]),
        ("strict", ["true or false", "false"]),
        ("since", ["date", "(none)"]),
        ("rate", ["number", "more than 0, less than 1", "0.5"]),
        ("least", ["whole number", "at least 3", "(required)"]),
        ("most", ["number", "at most 2.5", "(none)"]),
        ("mixed", ["whole number or choice", "at least 1; all", "all"]),
        ("names", ["list", "[]"]),
    ],
)
def test_every_kind_of_parameter(name: str, row: list[str]) -> None:
    lines = describe(Mine).splitlines()
    assert lines[0] == "mine: What mine does."
    (line,) = [line for line in lines if line.startswith(f"{name} ")]
    assert [cell.strip() for cell in line.split("  ") if cell.strip()] == [name, *row]


@pytest.mark.parametrize("report", list(REPORTS))
def test_every_parameter_that_ships_says_what_it_does(report: str) -> None:
    schema = REPORTS[report].model_json_schema()
    assert schema["description"]
    assert all(field["description"] for field in schema["properties"].values())
