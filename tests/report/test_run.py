from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from journeykit.report import make
from journeykit.report.run import Job
from tests.report.conftest import code, markdown

RESULT = """
import pandas as pd, sys, os
from matplotlib import pyplot as plt
_, ax = plt.subplots(figsize=(3, 2))
ax.bar(["a", "b"], [1, 2])
display(report.finding(f"Order is {p.order}.", basis=sys.executable))
display(report.figure(ax, alt="Bars: 1 and 2", caption="b is double a."))
report.table(pd.DataFrame({"path": ["=1+1"], "n": [1]}), key="paths", caption="C")
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out {braces}")


@pytest.fixture(scope="module")
def good(job_of: Callable[..., Job], out: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page of a good run, made while Jupyter offers a broken kernel and scripts choose a "
    "backend."""
    broken = tmp_path_factory.mktemp("jupyter")
    spec = {
        "argv": ["/nonexistent/python", "{connection_file}"],
        "display_name": "x",
        "language": "python",
    }
    (broken / "kernels" / "python3").mkdir(parents=True)
    (broken / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    steps = list[tuple[int, int]]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(broken))
        patch.setenv("MPLBACKEND", "agg")
        job = job_of(markdown("## Bars"), code(RESULT, count=None), order="2")
        made = make(job, out=out, advance=lambda done, cells: steps.append((done, cells)))
    assert (made.report, made.good, made.cause) == ("paths", True, "")
    assert steps[-1][0] == steps[-1][1]
    return made.page


def test_a_good_run_is_a_folder(good: Path, out: Path) -> None:
    assert good.parent.parent == out / "tiny" / "paths"
    names = sorted(path.name for path in good.parent.iterdir())
    assert names == [
        *("log.txt", "manifest.json", "notebook.ipynb", "report.html", "results.json", "tables")
    ]
    assert [path.name for path in (out / "tiny" / "paths").glob(".*")] == [".lock"]
    assert (good.parent / "tables" / "paths.csv").read_text() == "path,n\n'=1+1,1\n"


def test_the_page_says_it(good: Path) -> None:
    html = good.read_text()
    assert "Order is 2." in html
    assert 'alt="Bars: 1 and 2"' in html
    assert html.count("<img") == 1
    assert "Undescribed" not in html


def test_the_kernel_is_this_interpreter(good: Path) -> None:
    manifest = json.loads((good.parent / "manifest.json").read_text())
    (found,) = manifest["findings"]
    assert (found["text"], found["basis"]) == ("Order is 2.", sys.executable)
    assert (found["section"], found["anchor"]) == ("Bars", "bars")


def test_the_manifest(good: Path) -> None:
    manifest = json.loads((good.parent / "manifest.json").read_text())
    assert manifest["status"] == "ok"
    assert manifest["title"] == "A question"
    assert manifest["about"][:2] == ["2017-01-01 up to 2018-01-01", "all customers"]
    assert manifest["parameters"]["order"] == 2
    assert manifest["tables"] == {"paths": 1}
    assert manifest["packages"]["python"] == sys.version.split()[0]
    assert manifest["started"] <= manifest["finished"]
    assert manifest["finished"].endswith("+00:00")
    assert (good.parent / manifest["results"]).is_file()


def test_papermill_injected_plain_values(good: Path) -> None:
    notebook = nbformat.read(good.parent / "notebook.ipynb", as_version=4)
    cell = next(c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", []))
    assert "order = 2\n" in cell.source
    assert "segment = None" in cell.source


def test_latest_leads_to_the_good_run_and_a_failure_leaves_it(
    good: Path, out: Path, job_of: Callable[..., Job]
) -> None:
    latest = out / "tiny" / "paths" / "latest.html"
    before = latest.read_text()
    assert f"{good.parent.name}/report.html" in before
    boom = 'raise FileNotFoundError("prices.csv")'
    job = job_of(
        markdown("## Fine"), code("print('so far')", count=None),
        markdown("## Prices"), code(boom, count=None),
        markdown("## Later"), code("1", count=None),
        order="2",
    )  # fmt: skip
    made = make(job, out=out)
    assert not made.good
    assert made.cause == "A file this report needs is missing: prices.csv"
    assert latest.read_text() == before
    html = made.page.read_text()
    assert "so far" in html
    assert "<strong>Prices</strong>" in html
    assert f'The last good report is kept: <a href="../{good.parent.name}/report.html">' in html
    manifest = json.loads((made.page.parent / "manifest.json").read_text())
    assert (manifest["status"], manifest["failure"]["section"]) == ("failed", "Prices")
    notebook = nbformat.read(made.page.parent / "notebook.ipynb", as_version=4)
    assert any(cell.source == boom for cell in notebook.cells)


def test_a_guard_that_fails_stops_the_report(job_of: Callable[..., Job], tmp_path: Path) -> None:
    failing = 'report.guard("Views agree", status="failed", found="steps: 7 and 8")'
    job = job_of(markdown("## Bars"), code(RESULT, count=None), code(failing, count=None))
    made = make(job, out=tmp_path)
    said = "The check “Views agree” failed: steps: 7 and 8."
    assert (made.status, made.cause) == ("failed", said)
    assert said in made.page.read_text()
    assert not (made.page.parents[1] / "latest.html").exists()
