"""A tiny study, and notebooks made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from journeykit.report import PathsParameters
from journeykit.report.run import Job
from journeykit.study import load_study
from tests.postgres import postgres

__all__ = ["postgres"]

v4 = nbformat.v4
DEFAULTS = 'study = "complete-journey"\nsegment = None\norder = 1\ntop = 10'
CHECK = "from journeykit import report\np = report.PathsParameters.from_notebook(globals())"


def notebook(*cells: Any) -> Any:
    made = v4.new_notebook(cells=list(cells))
    made.metadata = {"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}
    return made


def markdown(source: str, *tags: str) -> Any:
    return v4.new_markdown_cell(source, metadata={"tags": list(tags)})


def code(source: str, *outputs: Any, tags: tuple[str, ...] = (), count: int | None = 1) -> Any:
    cell = v4.new_code_cell(source, metadata={"tags": list(tags)}, outputs=list(outputs))
    cell["execution_count"] = count
    return cell


def shown(data: dict[str, Any], **metadata: Any) -> Any:
    return v4.new_output("display_data", data=data, metadata=metadata)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study with data of two customers."""
    folder = tmp_path_factory.mktemp("tiny {study}")
    (folder / "e.csv").write_text("c,t,p\na,2017-03-01,visit\nb,2017-03-02,buy\n")
    (folder / "study.yaml").write_text(
        "name: tiny\ntitle: A tiny study\n"
        "events: {source: e.csv, customer: c, time: t, touchpoint: p}\n"
        "window: {from: 2017-01-01, to: 2018-01-01}\n"
    )
    return folder


@pytest.fixture(scope="session")
def job_of(tiny: Path) -> Callable[..., Job]:
    """Make a job of a notebook's cells."""

    def make_job(*cells: Any, **given: object) -> Job:
        study = load_study(tiny)
        path = tiny / "paths.ipynb"
        first = (
            markdown("# A question\n\nWhy is it so?"),
            code(DEFAULTS, tags=("parameters",), count=None),
            code(CHECK, count=None),
        )
        nbformat.write(notebook(*first, *cells), path)
        return Job(study, PathsParameters.of({"study": study.path, **given}), path)

    return make_job
