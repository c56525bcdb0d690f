from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbconvert.exporters import export, get_exporter

from journeykit.report.pages.exporter import ReportExporter
from tests.report.conftest import code, markdown, notebook, shown
from tests.report.pages.examples import data, error, finding, table


def test_a_notebook_becomes_a_page_that_stands_alone(tmp_path: Path) -> None:
    made = notebook(
        markdown("# Which way?\n\n## S"),
        code("x = 1", finding("Half leave."), table([["a", "1"]]), data(Customers="2,469")),
        code("y", shown({"text/html": "<b>bold</b><script>alert(1)</script>"}), count=2),
    )
    path = tmp_path / "my <notebook>.ipynb"
    nbformat.write(made, path)
    html, resources = export(ReportExporter, str(path))
    assert resources["output_extension"] == ".html"
    assert ReportExporter.export_from_notebook == "journeykit report"
    assert ReportExporter().output_mimetype == "text/html"
    assert "<title>Which way?</title>" in html
    assert "Half leave." in html
    assert "<b>bold</b>" in html
    assert "alert(1)" not in html
    assert "<dt>Report</dt><dd>my &lt;notebook&gt;</dd>" in html
    assert "<dd>ab12</dd>" in html
    assert "tables/" not in html
    assert "index.html" not in html
    assert "Not all cells were run" not in html


@pytest.mark.parametrize("counts", [(2, 1), (1, None)])
def test_numbers_of_cells_run_in_another_order_are_doubted(counts: tuple[int | None, ...]) -> None:
    cells = [code("x", count=count) for count in counts]
    html, _ = ReportExporter().from_notebook_node(notebook(markdown("# T"), *cells))
    assert "Not all cells were run, or not from top to bottom" in html


def test_a_failed_notebook_says_so() -> None:
    made = notebook(markdown("# T\n\n## S"), code("x", error("MemoryError", "")))
    assert "The computer ran out of memory." in ReportExporter().from_notebook_node(made)[0]


def test_the_input_stays_as_it_is() -> None:
    made = notebook(markdown("# T"), code("x", table([["a", "1"]])))
    before = json.dumps(made)
    ReportExporter().from_notebook_node(made)
    assert json.dumps(made) == before


def test_an_entry_point_puts_it_among_the_exporters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Under a name of its own, so that it is not the installed one that is found.
    installed = tmp_path / "exporter_of_a_test-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: exporter-of-a-test\nVersion: 1.0\n"
    )
    (installed / "entry_points.txt").write_text(
        "[nbconvert.exporters]\nof-a-test = journeykit.report.pages.exporter:ReportExporter\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert get_exporter("of-a-test") is ReportExporter
