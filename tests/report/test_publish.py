from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from journeykit.errors import ReportError
from journeykit.report.publish import RunFolder, csv_text, new_run_id, write_index


def test_run_ids_sort_by_time_and_differ() -> None:
    early = new_run_id(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert early.startswith("20260102T030405Z-")
    assert early < new_run_id(datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC))
    now = datetime.now(UTC)
    assert len({new_run_id(now) for _ in range(50)}) == 50


def test_formulas_are_text() -> None:
    rows = [["=1+1", "+1", "-1", "@x"], [" =x", "\t=x", "a=1", -3], ["-", "", None, 0.5]]
    assert csv_text(["=a", "b", "c", "d"], rows) == (
        "'=a,b,c,d\n'=1+1,'+1,'-1,'@x\n' =x,'\t=x,a=1,-3\n'-,,,0.5\n"
    )


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ReportError, match="cannot be written to .*choose another folder with `--out`"
    ):
        RunFolder(tmp_path / "file" / "x", "run").open()


def run(out: Path, name: str, *, status: str = "ok", **changes: object) -> Path:
    manifest = {
        "study": "tiny", "study_title": "Tiny <b>", "report": "paths", "title": "Which way?",
        "status": status, "finished": "2026-01-01T10:00:00+00:00", "about": ["2017"],
        "findings": [{"text": "Half & more.", "basis": ""}], "run": name, **changes,
    }  # fmt: skip
    folder = out / "tiny" / "paths" / name
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_index_shows_the_last_good_run_and_the_failure_after_it(tmp_path: Path) -> None:
    run(tmp_path, "1 good")
    run(tmp_path, "2-bad", status="failed", findings=[])
    html = write_index(tmp_path).read_text()
    assert 'href="tiny/paths/1%20good/report.html">Which way?' in html
    assert (
        'The newest run failed (2026-01-01 10:00 UTC): <a href="tiny/paths/2-bad/report.html">'
        in html
    )
    assert "Half &amp; more." in html
    assert "Tiny &lt;b&gt;" in html
    assert "All 2 runs" in html


def test_index_survives_damage(tmp_path: Path) -> None:
    run(tmp_path, "1")
    (run(tmp_path, "2") / "manifest.json").write_text("{")
    (run(tmp_path, "3") / "manifest.json").write_text('{"study": 1}')
    (run(tmp_path, "4") / "manifest.json").write_text("[]")
    (run(tmp_path, "5") / "manifest.json").unlink()
    run(tmp_path, "6", finished="yesterday")
    run(tmp_path, ".building-7")
    html = write_index(tmp_path).read_text()
    for name in "23456":
        assert f"<li>tiny/paths/{name}</li>" in html
    assert "building" not in html
    assert "Which way?" in html


def test_empty_index(tmp_path: Path) -> None:
    assert "No report has been made yet" in write_index(tmp_path).read_text()
