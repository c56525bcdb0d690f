"""No file of a run holds a secret, whatever the notebook does with it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import nbformat
import pytest

from journeykit.report import Parameters, Secret, make
from journeykit.report.jobs import Job
from journeykit.study import load_study
from tests.report.conftest import code, markdown, notebook

VALUE = 'pass"word <é> & more'
MODEL = """
from typing import ClassVar
from journeykit.report import Parameters, Secret

class MineParameters(Parameters):
    report: ClassVar[str] = "mine"
    password: Secret = Secret("env:MINE_PASSWORD")
"""
#: Says the secret in every way a notebook speaks.
TALKS = """
import json, html, logging, sys, urllib.parse
from journeykit import report
value = p.password.reveal()
print(value, repr(value), json.dumps(value), file=sys.stderr)
print(urllib.parse.quote(value), html.escape(value))
logging.getLogger("papermill").warning(value)
display(report.finding(f"It is {value}.", basis=value))
display({"text/html": f"<b>{html.escape(value)}</b>"}, raw=True)
"""


class MineParameters(Parameters):
    report: ClassVar[str] = "mine"
    password: Secret = Secret("env:MINE_PASSWORD")


@pytest.fixture
def job(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("MINE_PASSWORD", VALUE)
    (tmp_path / "mine.py").write_text(MODEL)
    return Job(load_study(tiny), MineParameters.of({"study": tiny}), tmp_path / "mine.ipynb")


@pytest.mark.parametrize("ending", ["", "raise ValueError(value)"])
def test_a_secret_is_in_no_file(ending: str, job: Job, tmp_path: Path) -> None:
    cells = notebook(
        markdown("# Mine\n\nWhat?"),
        code('study = ""\npassword = "env:MINE_PASSWORD"', tags=("parameters",), count=None),
        code("from mine import MineParameters\np = MineParameters.from_notebook(globals())"),
        markdown("## Talks"),
        code(TALKS, count=None),
        code(ending, count=None),
    )
    nbformat.write(cells, job.notebook)
    made = make(job, out=tmp_path / "out")
    assert made.status == ("failed" if ending else "ok")
    assert "word <" not in made.cause
    files = [path for path in made.page.parent.rglob("*") if path.is_file()]
    assert {"report.html", "notebook.ipynb", "log.txt"} <= {path.name for path in files}
    for path in files:
        text = path.read_text(encoding="utf-8")
        for sign in ("word <", "word &lt;", "word%20", "word \\u003c", "<é>", "&lt;é&gt;"):
            assert sign not in text, path.name
    assert "It is [secret]." in made.page.read_text(encoding="utf-8")
    assert "env:MINE_PASSWORD" in (made.page.parent / "manifest.json").read_text()


def test_a_secret_itself_is_no_parameter(job: Job) -> None:
    from journeykit.errors import ParameterError

    with pytest.raises(ParameterError, match="must be written env:NAME") as caught:
        MineParameters.of({"study": "x", "password": VALUE})
    assert VALUE not in str(caught.value)
    assert replace(job).parameters.plain()["password"] == "env:MINE_PASSWORD"
    assert os.environ["MINE_PASSWORD"] == VALUE
