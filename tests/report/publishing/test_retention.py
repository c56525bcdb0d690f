from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from journeykit.errors import ArgumentError
from journeykit.report.publishing import retention
from journeykit.report.publishing.publish import run_ids
from journeykit.report.publishing.retention import prune
from tests.report.publishing.test_publish import build, leads_to, run_id


def stand(home: Path, number: int, **manifest: object) -> str:
    """Put a run in its place, with its manifest."""
    folder = home / run_id(number)
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "x.csv").write_text("x\n1\n")
    text = json.dumps({"status": "ok", "parameters": {"study": number, "a": 1}, **manifest})
    (folder / "manifest.json").write_text(text)
    return folder.name


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "tiny" / "paths"


def ids(*numbers: int) -> list[str]:
    return [run_id(number) for number in numbers]


def test_the_newest_with_the_same_parameters_stay(home: Path) -> None:
    for number in range(1, 9):
        stand(home, number, parameters={"month": "ab"[number % 2]})
    assert prune(home, 2) == ids(4, 3, 2, 1)
    assert run_ids(home) == ids(8, 7, 6, 5)
    assert prune(home, 2) == []
    assert {path.name for path in home.glob(".*")} == {".lock"}


def test_the_last_good_run_of_a_group_stays_however_old(home: Path) -> None:
    stand(home, 1, parameters={"month": "b"})
    stand(home, 2, parameters={"month": "b"})
    stand(home, 3)
    for number in (4, 5, 6):
        stand(home, number, status="failed")
        stand(home, number + 10, status="failed", parameters={"month": "b"})
    assert prune(home, 1) == ids(15, 14, 5, 4, 1)
    assert run_ids(home) == ids(16, 6, 3, 2)
    # The page that leads on was missing; the newest good run is where it leads.
    assert leads_to(home) == run_id(3)


def test_older_manifests_are_a_group_of_their_own(home: Path) -> None:
    for number in (1, 2, 3):
        stand(home, number, parameters=None)
        stand(home, number + 3, parameters=["a"] if number == 1 else {"a": 1})
    assert prune(home, 1) == ids(5, 3, 2, 1)
    assert run_ids(home) == ids(6, 4)


def test_what_a_summary_draws_on_stays(home: Path) -> None:
    for number in range(1, 7):
        stand(home, number)
    summary = home.parent / "summary"
    paths = {"report": "paths"}
    stand(summary, 20, sources=[{**paths, "run": run_id(1)}, {"report": "x", "run": run_id(2)}])
    stand(summary, 21, sources=[None, 3, {}, {**paths, "run": 3}, {**paths, "run": [run_id(2)]}])
    stand(summary, 22, sources={"report": "paths", "run": run_id(2)})
    (summary / run_id(23)).mkdir()
    being_built = stand(summary, 24, sources=[{**paths, "run": run_id(3)}])
    (summary / being_built).rename(summary / f".building-{being_built}")
    gone = stand(summary, 25, sources=[{**paths, "run": run_id(4)}])
    (summary / gone).rename(summary / f".removing-{gone}")
    assert prune(home, 1) == ids(5, 4, 2)
    assert run_ids(home) == ids(6, 3, 1)
    # Without the summary nothing holds them.
    shutil.rmtree(summary)
    assert prune(home, 1) == ids(3, 1)


def test_what_cannot_be_read_and_what_is_no_run_stays(home: Path) -> None:
    for number in (1, 2, 3):
        stand(home, number)
    (home / run_id(1) / "manifest.json").write_text("{")
    (home / "my own copy").mkdir()
    (home / "notes.txt").write_text("")
    build(home, 4)
    (home / run_id(0)).symlink_to(home / "my own copy")
    assert prune(home, 1) == ids(2)
    assert {path.name for path in home.iterdir()} == {
        *ids(3, 1, 0), f".building-{run_id(4)}",
        "my own copy", "notes.txt", "latest.html", ".lock",
    }  # fmt: skip


def test_killed_while_removing_the_next_call_finishes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        stand(home, number)

    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(retention.shutil, "rmtree", kill)
        with pytest.raises(Killed):
            prune(home, 1)
    assert (home / f".removing-{run_id(1)}" / "manifest.json").exists()
    assert run_ids(home) == ids(2)
    assert prune(home, 1) == []
    assert {path.name for path in home.glob(".*")} == {".lock"}


def test_a_run_that_cannot_be_moved_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        stand(home, number)
    rename = Path.rename

    def busy(self: Path, target: Path) -> Path:
        if self.name == run_id(2):
            raise PermissionError(13, "in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", busy)
    assert prune(home, 1) == ids(1)
    assert run_ids(home) == ids(3, 2)


def test_nothing_there_and_nothing_kept(home: Path) -> None:
    assert prune(home, 1) == []
    assert not home.exists()
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ArgumentError, match="`keep` must be a whole number at least 1"):
            prune(home, wrong)  # type: ignore[arg-type]
