"""``results.json``: what is in it, and that it is the same whenever the results are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from journeykit.report import make
from journeykit.report.pages.page import Failure, Page
from journeykit.report.results import results_text
from journeykit.report.run import Job
from tests.report.conftest import code, markdown

RESULT = """
import pandas as pd
from matplotlib import pyplot as plt
_, ax = plt.subplots(figsize=(3, 2))
ax.bar(["a", "b"], [1, 2])
display(report.figure(ax, alt="Bars: 1 and 2", caption="b is double a."))
display(report.finding("One third.", basis="1 of 3"))
display(report.guard("Enough", status="passed", found=" ".join({"x", "y"} & {"x"})))
frame = pd.DataFrame({"customer_id": ["anna@example.org"], "c": ["anna"], "share": [1 / 3]})
report.table(frame, key="thirds", caption="Thirds")
"""


def page_of(**content: Any) -> Page:
    return Page(title="T", **content)


def results(page: Page, **changes: Any) -> Mapping[str, Any]:
    given: dict[str, Any] = {
        "report": "paths",
        "study": "tiny",
        "parameters": {"order": 2},
        "status": "ok",
    }
    read = json.loads(results_text(page, **{**given, **changes}))
    assert isinstance(read, dict)
    return read


@pytest.fixture(scope="module")
def made(job_of: Callable[..., Job], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders of two runs whose kernels order their sets differently."""
    folders = []
    for seed in ("1", "2"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONHASHSEED", seed)
            job = job_of(markdown("## Bars"), code(RESULT, count=None), order="2")
            page = make(job, out=tmp_path_factory.mktemp(f"out{seed}")).page
            folders.append(page.parent)
    return folders


def test_two_runs_give_the_same_bytes(made: list[Path]) -> None:
    first, second = ((folder / "results.json").read_bytes() for folder in made)
    assert first == second
    assert made[0].name.encode() not in first


def test_all_that_was_handed_over_is_there(made: list[Path]) -> None:
    assert json.loads((made[0] / "results.json").read_text()) == {
        "version": 2,
        "report": "paths",
        "study": "tiny",
        "parameters": {
            "segment": None,
            "month": None,
            "outcome": None,
            "anchor": None,
            "steps": None,
            "window": None,
            "group": None,
            "order": 2,
            "top": 10,
        },
        "status": "ok",
        "title": "A question",
        "fingerprint": "",
        "facts": {},
        "ledger": [],
        "findings": [
            {
                "text": "One third.",
                "basis": "1 of 3",
                "key": "",
                "verdict": "",
                "todo": "",
                "estimate": None,
                "conf_low": None,
                "conf_high": None,
                "n": None,
                "customers": None,
                "rests_on": "",
                "section": "Bars",
                "anchor": "bars",
            }
        ],
        "kpis": [],
        "guards": [
            {"name": "Enough", "status": "passed", "found": "x"},
            {
                "name": "Nobody can be recognised by an id",
                "status": "warned",
                "found": "Looked for e-mail addresses and 0 of 2 customer ids; none is on the "
                "page. The other ids look like plain words or numbers: of them columns are left "
                "out by name, and nothing more can be looked for.",
            },
        ],
        "figures": [{"alt": "Bars: 1 and 2", "caption": "b is double a."}],
        "tables": [
            {
                "key": "thirds",
                "caption": "Thirds",
                "columns": ["share"],
                "rows": [[0.3333333333]],
                "n": 1,
                "identity": [],
                "left_out": ["customer_id", "c"],
                "rest": None,
            }
        ],
    }


def test_no_customer_id_is_in_it(made: list[Path]) -> None:
    assert "anna" not in (made[0] / "results.json").read_text()


def test_facts_and_ledger() -> None:
    data = {
        "facts": [["Events", "7"], ["Customers", "3"]],
        "ledger": [["read", "", 3, 8], ["no time", "left out", 0, -1]],
        "fingerprint": "ab",
    }
    read = results(page_of(data=data))
    assert read["facts"] == {"Customers": "3", "Events": "7"}
    assert read["ledger"][1] == {
        "step": "no time", "reason": "left out", "customers": 0, "events": -1,
    }  # fmt: skip
    assert read["fingerprint"] == "ab"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.3333333333"),
        (2e10 / 3, "6666666667.0"),
        (-0.0, "0.0"),
        (1.23456789012e-300, "1.23456789e-300"),
        (12345678901234, "12345678901234"),
        (True, "true"),
        (None, "null"),
        ("inf", '"inf"'),
    ],
)
def test_numbers_have_ten_significant_digits(value: object, written: str) -> None:
    table = {
        "key": "k",
        "caption": "C",
        "n": 1,
        "columns": ["a"],
        "rows": [[value]],
        "identity": [],
    }
    text = results_text(page_of(tables=[table]), report="r", study="s", parameters={}, status="ok")
    rows = text.partition('"rows": ')[2].partition("}")[0]
    assert "".join(rows.split()) == f"[[{written}]]"


def test_a_failed_run_keeps_what_stands() -> None:
    found = {"kind": "finding", "text": "Half.", "basis": ""}
    read = results(
        page_of(findings=[found], failure=Failure("S", "Why", "a traceback")), status="failed"
    )
    assert (read["status"], read["findings"]) == ("failed", [{"text": "Half.", "basis": ""}])
    assert "traceback" not in str(read)
