"""Limits of a run: the page says so, and no process outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from journeykit.errors import ArgumentError
from journeykit.report import make
from journeykit.report.execution.watch import Watch
from journeykit.report.run import Job
from tests.report.conftest import code, markdown

#: Starts a process of its own, then computes where no interrupt is heard.
BUSY = """
import pathlib, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
pathlib.Path(r"{0}").write_text(f"{{child.pid}} {{__import__('os').getpid()}}")
while True:
    pass
"""
#: A command that makes one report.
COMMAND = """
import signal, sys
from pathlib import Path
from journeykit.report import PathsParameters, make
from journeykit.report.run import Job
from journeykit.report.execution.watch import stop_cleanly_when_told
from journeykit.study import load_study
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
stop_cleanly_when_told()
study = load_study(sys.argv[1])
job = Job(study, PathsParameters.of({"study": study.path}), Path(sys.argv[2]))
make(job, out=Path(sys.argv[3]))
"""


def gone(file: Path, *, within: float = 5) -> bool:
    """Whether the processes whose ids `file` holds end within so many seconds."""
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 2
    until = time.monotonic() + within
    while time.monotonic() < until:
        if not any(running(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def running(pid: int) -> bool:
    try:
        # A child that ended and that nobody asked about, as in containers without an init.
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def processes() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize(
    ("limit", "cause"),
    [
        ({"cell_timeout": 3}, "It took longer than the 3 seconds that a step of it may take."),
        ({"timeout": 6}, "It took longer than the 6 seconds that a report may take."),
    ],
)
def test_a_limit_that_is_passed_is_a_page(
    limit: dict[str, float], cause: str, job_of: Callable[..., Job], tmp_path: Path
) -> None:
    before = processes()
    pids = tmp_path / "pids"
    job = job_of(
        markdown("## Fine"), code("print('so far')", count=None),
        markdown("## Endless"), code(BUSY.format(pids), count=None),
        markdown("## Later"), code("print('never')", count=None),
    )  # fmt: skip
    began = time.monotonic()
    made = make(job, out=tmp_path / "out", **limit)
    assert time.monotonic() - began < 30
    assert (made.good, made.cause) == (False, cause)
    assert gone(pids)
    assert processes() <= before
    html = made.page.read_text()
    assert "<strong>Endless</strong>" in html
    assert cause in html
    assert "so far" in html
    assert "Not run: the report stopped before this section." in html
    manifest = json.loads((made.page.parent / "manifest.json").read_text())
    assert manifest["failure"] == {"section": "Endless", "cause": cause, "details": ""}
    assert not list(made.page.parent.parent.glob(".building-*"))


def test_a_limit_before_the_kernel_is_there_is_a_page(
    job_of: Callable[..., Job], tmp_path: Path
) -> None:
    made = make(job_of(code("1", count=None)), out=tmp_path, timeout=0.001)
    assert made.cause == "It took longer than the 0.001 seconds that a report may take."
    assert made.page.is_file()


def test_what_a_cell_left_running_ends_with_the_run(
    job_of: Callable[..., Job], tmp_path: Path
) -> None:
    before = processes()
    pids = tmp_path / "pids"
    left = BUSY.format(pids).replace("while True:\n    pass\n", "")
    assert make(job_of(code(left, count=None)), out=tmp_path / "out").good
    assert gone(pids)
    assert processes() <= before


def test_limits_that_are_kept_change_nothing(job_of: Callable[..., Job], tmp_path: Path) -> None:
    pauses = [code("import time; time.sleep(1.2)", count=None) for _ in range(4)]
    # Together longer than a cell may take: each cell is counted for itself.
    made = make(job_of(markdown("## A"), *pauses), out=tmp_path, timeout=60, cell_timeout=4)
    assert (made.good, made.cause) == (True, "")


@pytest.mark.parametrize("name", ["timeout", "cell_timeout"])
def test_a_limit_must_be_positive(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}` must be a number greater than 0; got 0."):
        Watch(**{name: 0})


def test_folders_of_killed_runs_go_after_a_day(job_of: Callable[..., Job], tmp_path: Path) -> None:
    home = tmp_path / "tiny" / "paths"
    now = time.time()
    for name, log_age in ((".building-old", 25), (".building-slow", 23), ("old-but-finished", 99)):
        (home / name).mkdir(parents=True)
        (home / name / "log.txt").write_text("")
        os.utime(home / name / "log.txt", (now, now - log_age * 3600))
        os.utime(home / name, (now, now - 99 * 3600))
    (home / ".building-empty").mkdir()
    make(job_of(), out=tmp_path)
    left = {path.name for path in home.iterdir() if path.is_dir()}
    assert {".building-slow", ".building-empty", "old-but-finished"} < left
    assert ".building-old" not in left


#: Ways in which a kernel that has done its work does not end; each leaves a file when it is tried.
STUCK = {
    "at exit": """
import atexit, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
atexit.register(lambda: (open("tried", "w").close(), time.sleep(300)))
""",
    "when asked": """
kernel.shell_handlers["kernel_info_request"] = lambda *_: (
    open("tried", "w").close(), time.sleep(300))
""",
    "stopped": """
kernel.shell_handlers["kernel_info_request"] = lambda *_: (
    open("tried", "w").close(), os.kill(os.getpid(), 19))
""",
}


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("how", STUCK)
def test_a_kernel_that_does_not_end_is_ended(
    how: str, job_of: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journeykit.report.execution.watch._FAREWELL_SECONDS", 1)
    before = processes()
    began = time.monotonic()
    # The work was done within its limits.
    source = f"import os, time\nkernel = get_ipython().kernel\n{STUCK[how]}"
    made = make(job_of(code(source, count=None)), out=tmp_path, timeout=60, cell_timeout=20)
    assert time.monotonic() - began < 30
    assert (made.good, made.cause) == (True, "")
    assert (made.page.parent / "tried").exists()
    assert processes() <= before


def test_a_slow_start_of_the_kernel_is_not_time_of_a_cell(
    job_of: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(4)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    began = time.monotonic()
    made = make(job_of(), out=tmp_path / "out", cell_timeout=3.5)
    assert time.monotonic() - began > 4
    assert (made.good, made.cause) == (True, "")
    made = make(job_of(), out=tmp_path / "out", timeout=1)
    assert made.cause == "It took longer than the 1 second that a report may take."


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("sent", "code_of_exit"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGINT, -signal.SIGINT),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_killed_command_leaves_no_process(
    sent: signal.Signals, code_of_exit: int, job_of: Callable[..., Job], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    job = job_of(code(BUSY.format(pids), count=None))
    arguments = [str(job.study.path), str(job.notebook), str(tmp_path / "out")]
    command = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments])
    until = time.monotonic() + 60
    while not (pids.exists() and pids.read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    command.send_signal(sent)
    assert gone(pids)
    assert command.wait(timeout=30) == code_of_exit
    if sent != signal.SIGKILL:
        assert list((tmp_path / "out" / "tiny" / "paths").iterdir()) == []
