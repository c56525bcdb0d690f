"""Every question of the source essays has a function, a notebook and a test, or is said to be open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import journeykit as jk
from journeykit.shipped import shipped
from tests.conftest import ROOT

READ = yaml.safe_load((ROOT / "tests" / "essay_coverage.yaml").read_text(encoding="utf-8"))
OPEN = [row for family in READ["open"] for row in family]


@pytest.mark.parametrize("row", READ["covered"])
def test_a_covered_row_is_answered(row: str) -> None:
    answer = READ["covered"][row]
    package, _, function = answer["function"].partition(".")
    assert callable(getattr(getattr(jk, package), function))
    notebook = shipped("notebooks", f"{answer['notebook']}.ipynb").read_text(encoding="utf-8")
    assert f"jk.{answer['function']}(" in notebook
    assert "def test_" in (ROOT / answer["test"]).read_text(encoding="utf-8")


def test_each_row_stands_once_and_none_is_missing(shared: Path) -> None:
    known = list[str]()
    for row in re.findall(
        r"^\| (S\d-[0-9.a-z]+) \|", (shared / "CAPABILITIES.md").read_text(), flags=re.MULTILINE
    ):
        family, first, last = re.fullmatch(r"(S\d-)(\w+)(?:\.\.(\d+))?", row).groups()  # type: ignore[union-attr]
        known += [f"{family}{n}" for n in range(int(first), int(last) + 1)] if last else [row]
    assert sorted([*READ["covered"], *OPEN]) == sorted(known)
