"""When nothing has changed nothing runs; when anything has, it does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest

from journeykit.report import inputs
from journeykit.report.inputs import comparable, inputs_of
from journeykit.report.jobs import Job, plan
from journeykit.report.manifest import GOOD
from journeykit.report.run import home_of, make, unchanged
from journeykit.study import load_study
from journeykit.study.hashes import file_hashes
from tests.report.conftest import CHECK, DEFAULTS, code, markdown, notebook

STUDY = """\
name: own
events: {source: e.csv, customer: who, time: at, touchpoint: what}
reports: {paths: {}}
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "e.csv").write_text("who,at,what\na,2017-01-01,visit\nb,2017-01-02,buy\n")
    nbformat.write(
        notebook(
            markdown("# Why?"),
            code(DEFAULTS, tags=("parameters",), count=None),
            code(CHECK, count=None),
        ),
        tmp_path / "paths.ipynb",
    )
    return again(tmp_path)


def again(folder: Path, **given: object) -> Job:
    (job,) = plan(load_study(folder), ["paths"], given)
    return replace(job, notebook=folder / "paths.ipynb")


def test_what_is_the_same_is_not_made_again(job: Job, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert unchanged(job, out=out) is None
    made = make(job, out=out)
    found = unchanged(again(tmp_path), out=out)
    assert found is not None
    assert (found.page, found.status, found.unchanged) == (made.page, "ok", True)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("e.csv", "buy", "bye"),
        ("e.csv", "2017-01-02,buy\n", "2017-01-02,buy\nc,2017-01-03,buy\n"),
        ("study.yaml", "name: own\n", "name: own\ntitle: Another\n"),
        ("paths.ipynb", "Why?", "Why ?"),
    ],
)
def test_any_change_makes_it_run(file: str, old: str, new: str, job: Job, tmp_path: Path) -> None:
    made = make(job, out=tmp_path / "out")
    assert made.good
    path = tmp_path / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert unchanged(again(tmp_path), out=tmp_path / "out") is None
    path.write_text(text)
    assert unchanged(again(tmp_path), out=tmp_path / "out") is not None


def test_other_parameters_code_or_libraries_make_it_run(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    make(job, out=out)
    assert unchanged(again(tmp_path, order="2"), out=out) is None
    with monkeypatch.context() as patch:
        patch.setattr(inputs, "packages", lambda: {"numpy": "0.0"})
        assert unchanged(job, out=out) is None
    with monkeypatch.context() as patch:
        patch.setattr(inputs, "_code", lambda: "other")
        assert unchanged(job, out=out) is None
    assert unchanged(job, out=out) is not None


def test_a_module_beside_the_notebook_makes_it_run(job: Job, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("x = 1\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("")
    make(job, out=tmp_path / "out")
    assert unchanged(job, out=tmp_path / "out") is not None
    for path in (tmp_path / "helper.py", tmp_path / "parts" / "__init__.py"):
        before = path.read_text()
        path.write_text("x = 2\n")
        assert unchanged(job, out=tmp_path / "out") is None
        path.write_text(before)
    assert unchanged(job, out=tmp_path / "out") is not None


@pytest.mark.parametrize("status", ["ok", "alert", "partial", "failed"])
def test_an_alert_stands_and_what_is_not_whole_is_made_again(
    status: str, job: Job, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made = make(job, out=out)
    file = made.page.parent / "manifest.json"
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps({**manifest, "status": status}))
    found = unchanged(job, out=out)
    assert (found.status if found else None) == {"ok": "ok", "alert": "alert"}.get(status)


def test_a_page_that_is_gone_is_made_again(job: Job, tmp_path: Path) -> None:
    made = make(job, out=tmp_path / "out")
    made.page.unlink()
    assert unchanged(job, out=tmp_path / "out") is None


@pytest.mark.parametrize(("left", "stands"), [(timedelta(hours=1), True), (-timedelta(1), False)])
def test_fresh_data_become_stale_by_themselves(
    left: timedelta, stands: bool, job: Job, tmp_path: Path
) -> None:
    until = (datetime.now(UTC) + left).isoformat()
    make(replace(job, fresh_until=until), out=tmp_path / "out")
    assert (unchanged(job, out=tmp_path / "out") is not None) is stands


def test_a_file_of_this_moment_is_not_trusted(job: Job, tmp_path: Path) -> None:
    # It may change again within one tick of its clock.
    file_hashes([tmp_path / "e.csv"])
    assert not (tmp_path / "cache" / "hashes.json").exists()


def test_the_record_is_used_and_a_broken_one_is_not(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journeykit.study.hashes._SETTLED_NS", -1)
    path, file = tmp_path / "e.csv", tmp_path / "cache" / "hashes.json"
    (true,) = file_hashes([path])
    record = json.loads(file.read_text())
    record[str(path)][-1] = "trusted"
    file.write_text(json.dumps(record))
    assert file_hashes([path]) == ["trusted"]
    path.write_text(path.read_text())
    assert file_hashes([path]) == [true]
    for broken in ("{", "[]", json.dumps({str(path): 7})):
        file.write_text(broken)
        assert file_hashes([path]) == [true]


def test_the_study_may_move(job: Job, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("study.yaml", "e.csv", "paths.ipynb"):
        (moved / name).write_bytes((tmp_path / name).read_bytes())
    assert inputs_of(again(moved)) == inputs_of(job)
    assert comparable(again(moved)) == comparable(job)


def test_runs_about_another_time_may_be_compared_and_others_not(job: Job, tmp_path: Path) -> None:
    assert comparable(again(tmp_path, month="2017-01")) == comparable(job)
    assert comparable(again(tmp_path, order="2")) != comparable(job)
    assert home_of(job, tmp_path / "out") == tmp_path / "out" / "own" / "paths"
    assert GOOD == ("ok", "alert", "partial")
