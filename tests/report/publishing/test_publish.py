from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from journeykit.errors import ReportError
from journeykit.report.publishing import publish
from journeykit.report.publishing.publish import (
    RunFolder,
    csv_text,
    is_run_id,
    locked,
    new_run_id,
    run_ids,
    settle_latest,
)


def test_run_ids_sort_by_time_and_differ() -> None:
    early = new_run_id(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert early.startswith("20260102T030405Z-")
    assert early < new_run_id(datetime(2026, 1, 2, 3, 4, 5, 1000, tzinfo=UTC))
    assert early < new_run_id(datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC))
    now = datetime.now(UTC)
    assert len({new_run_id(now) for _ in range(50)}) == 50


def test_what_is_a_run_id() -> None:
    assert is_run_id(new_run_id(datetime.now(UTC)))
    assert is_run_id("20260102T030405Z-abcdef")
    for name in ("20260102T030405Z", "old 20260102T030405Z-abcdef", ".building-x", "latest", ""):
        assert not is_run_id(name)


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


def run_id(number: int) -> str:
    return f"20260101T{number:06d}Z-abcdef"


def build(home: Path, number: int, *, status: str = "ok") -> RunFolder:
    folder = RunFolder(home, run_id(number))
    folder.open()
    (folder.building / "manifest.json").write_text(json.dumps({"status": status}))
    return folder


def leads_to(home: Path) -> str:
    page = (home / "latest.html").read_text()
    (href,) = {part.split('"')[0] for part in page.split('href="')[1:]}
    assert f'content="0; url={href}"' in page
    return href.removesuffix("/report.html")


def test_the_latest_moves_with_good_runs_only(tmp_path: Path) -> None:
    build(tmp_path, 1).publish(good=True)
    assert leads_to(tmp_path) == run_id(1)
    build(tmp_path, 2, status="failed").publish(good=False)
    assert leads_to(tmp_path) == run_id(1)
    build(tmp_path, 3, status="alert").publish(good=True)
    assert leads_to(tmp_path) == run_id(3)
    assert run_ids(tmp_path) == [run_id(3), run_id(2), run_id(1)]
    assert {path.name for path in tmp_path.glob(".*")} == {".lock"}


def test_a_run_that_began_earlier_and_ends_later_stays_behind(tmp_path: Path) -> None:
    slow, fast = build(tmp_path, 1), build(tmp_path, 2)
    fast.publish(good=True)
    slow.publish(good=True)
    assert leads_to(tmp_path) == run_id(2)
    assert run_ids(tmp_path) == [run_id(2), run_id(1)]


def test_what_a_killed_process_left_undone_is_mended_by_the_next(tmp_path: Path) -> None:
    build(tmp_path, 1).publish(good=True)
    # Killed between the renaming and the moving of the latest, half of which it had written.
    build(tmp_path, 2).building.rename(tmp_path / run_id(2))
    (tmp_path / ".latest.html-0a0a0a").write_text("<!doc")
    build(tmp_path, 3, status="failed").publish(good=False)
    assert leads_to(tmp_path) == run_id(2)
    assert {path.name for path in tmp_path.glob(".*")} == {".lock"}


@pytest.mark.parametrize(
    "damage", [b"", b"\xff\xfe", b'url=../report.html"', b'url=x/report.html"']
)
def test_a_damaged_latest_is_written_anew(tmp_path: Path, damage: bytes) -> None:
    build(tmp_path, 1).publish(good=True)
    (tmp_path / "latest.html").write_bytes(damage)
    build(tmp_path, 2, status="failed").publish(good=False)
    assert leads_to(tmp_path) == run_id(1)


def test_when_the_latest_run_is_taken_away_the_one_before_follows(tmp_path: Path) -> None:
    for number in (1, 2):
        build(tmp_path, number).publish(good=True)
    (tmp_path / run_id(2)).rename(tmp_path / "put-away")
    assert settle_latest(tmp_path) == run_id(1)
    assert leads_to(tmp_path) == run_id(1)


def test_copies_and_damaged_runs_are_not_the_latest(tmp_path: Path) -> None:
    build(tmp_path, 1).publish(good=True)
    (tmp_path / "zz-copy").mkdir()
    (tmp_path / "zz-copy" / "manifest.json").write_text('{"status": "ok"}')
    for number, text in enumerate(['{"status": ["ok"]}', "{", "[]", '{"status": "fine"}', ""], 5):
        (tmp_path / run_id(number)).mkdir()
        (tmp_path / run_id(number) / "manifest.json").write_text(text)
    (tmp_path / run_id(20)).symlink_to(tmp_path / "zz-copy")
    assert settle_latest(tmp_path) == run_id(1)


def test_a_name_that_is_taken_is_a_clean_error(tmp_path: Path) -> None:
    folder = build(tmp_path, 1)
    (folder.final / "x").mkdir(parents=True)
    with pytest.raises(ReportError, match=f"{tmp_path} cannot be written"):
        folder.publish(good=True)
    assert not folder.latest.exists()


def test_a_lock_ends_with_the_process_that_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "_PATIENCE_SECONDS", 0.2)
    hold = (
        "import sys, time; from pathlib import Path\n"
        "from journeykit.report.publishing.publish import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, tmp_path], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ReportError, match=r"has held .*\.lock for 0\.2 seconds"):
            build(tmp_path, 1).publish(good=True)
        assert run_ids(tmp_path) == []
        holder.send_signal(signal.SIGKILL)
    RunFolder(tmp_path, run_id(1)).publish(good=True)
    assert leads_to(tmp_path) == run_id(1)


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(ReportError, match="cannot be written"), locked(tmp_path):
        pass


#: One run of a scheduler, as several do at once: published, old ones removed, the index rebuilt.
ONCE = """
import json, os, random, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from journeykit.report.publishing.index import write_index
from journeykit.report.publishing.publish import RunFolder, new_run_id, write_text
from journeykit.report.publishing.retention import prune

out = Path(sys.argv[1])
home = out / "tiny" / "paths"

def once(keep):
    run = RunFolder(home, new_run_id(datetime.now(UTC)))
    run.open()
    manifest = {"status": "ok", "title": "Which way?", "comparable": "a", "findings": []}
    write_text(run.building / "manifest.json", json.dumps(manifest))
    write_text(run.building / "report.html", "<h1>Which way?</h1>")
    run.publish(good=True)
    prune(home, keep)
    write_index(out)
"""


def test_eight_processes_at_once(tmp_path: Path) -> None:
    work = f"{ONCE}\nfor _ in range(5): once(keep=100)\n"
    processes = [subprocess.Popen([sys.executable, "-c", work, tmp_path]) for _ in range(8)]
    assert [process.wait(timeout=120) for process in processes] == [0] * 8
    home = tmp_path / "tiny" / "paths"
    runs = run_ids(home)
    assert len(runs) == 40
    assert leads_to(home) == runs[0]
    index = (tmp_path / "index.html").read_text()
    assert all(f'<a href="tiny/paths/{run}/report.html">' in index for run in runs)
    assert "All 40 runs" in index
    assert {path.name for path in tmp_path.rglob(".*")} == {".lock"}
    assert {path.name for path in home.iterdir()} == {*runs, "latest.html", ".lock"}


KILLS = """
def state():
    runs = sorted(path.name for path in home.glob("[!.]*/"))
    latest = (home / "latest.html").read_text() if (home / "latest.html").exists() else ""
    index = (out / "index.html").read_text() if (out / "index.html").exists() else ""
    hidden = {path.name.partition("-")[0] for path in [*out.glob(".*"), *home.glob(".*")]}
    return {
        "latest": bool(runs) and f"url={runs[-1]}/" in latest,
        "index": bool(runs) and all(run in index for run in runs) and "be read" not in index
        and index.count("<li data-report") == len(runs),
        "hidden": hidden <= {".lock", ".building"},
        "kept": 1 <= len(runs) <= 3,
    }

random.seed(20260101)
once(keep=3)
hurt = 0
for _ in range(60):
    child = os.fork()
    if child == 0:
        while True:
            once(keep=3)
    time.sleep(random.uniform(0.002, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    hurt += not all(state().values())
    once(keep=3)
    assert all(state().values()), state()
print(hurt)
"""


def test_killed_at_any_moment_the_next_run_heals(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ONCE + KILLS, tmp_path],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    # A share of the kills left something to heal; otherwise this test would show nothing.
    assert int(done.stdout) >= 5
