"""What the README shows works, and what it promises is there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_of_the_tour_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) >= 4
    seen: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), seen)
    assert seen["log"].ledger.frame["events"].sum() == 162_437
    assert seen["journeys"].n_customers == 2_469
    said = re.search(r"# '(.*?) \.\.\.'", README)
    assert said is not None
    assert seen["jk"].paths.variants(seen["outcomes"]).summary().startswith(said[1])


def test_the_two_commands_stand_first() -> None:
    commands = re.findall(r"^make (\w+)", README, flags=re.MULTILINE)
    assert commands[:2] == ["report", "test"]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
