"""Whatever happens to a run, there is a page that says so, and nothing that lies beside it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from journeykit.errors import ReportError
from journeykit.report import make
from journeykit.report.execution.endings import kernel_ended, oom_kills
from journeykit.report.run import Job, Made
from tests.report.conftest import code, markdown

linux = pytest.mark.skipif(sys.platform != "linux", reason="a limit of Linux")
posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

KILLED = """
import os, subprocess, time
subprocess.Popen(["sh", "-c", f"kill -9 {os.getpid()}"], start_new_session=True)
time.sleep(60)
"""
#: Allocates until the limit of the process is really reached.
EXHAUSTED = """
import resource
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 100_000_000,) * 2)
held = []
while True:
    held.append(bytearray(1_000_000))
"""


def broken(job_of: Callable[..., Job], source: str) -> Job:
    return job_of(
        markdown("## Fine"), code("print('so far')", count=None),
        markdown("## Breaks"), code(source, count=None),
        markdown("## Later"), code("print('ne' + 'ver')", count=None),
    )  # fmt: skip


def check_the_page(made: Made, cause: str, *, section: str = "Breaks") -> dict[str, Any]:
    """Hold what is true of every failure; return the manifest."""
    assert made.cause == cause
    assert not made.good
    html = made.page.read_text(encoding="utf-8")
    shown, _, _ = html.partition("<details")
    assert f"<strong>{section}</strong>" in html
    assert "Traceback" not in shown
    assert "never" not in html
    manifest: dict[str, Any] = json.loads((made.page.parent / "manifest.json").read_text())
    failure = manifest["failure"]
    assert (manifest["status"], failure["section"]) == ("failed", section)
    assert failure["cause"] == cause
    assert json.loads((made.page.parent / "results.json").read_text())["status"] == "failed"
    assert not list(made.page.parent.parent.glob(".building-*"))
    assert not list(made.page.parent.glob(".*"))
    return manifest


def check_the_account(made: Made, *, failed: str | None) -> Any:
    """Hold what the notebook says of its own run; return it."""
    executed = nbformat.read(made.page.parent / "notebook.ipynb", as_version=4)
    account = executed.metadata.papermill
    assert account.exception is True
    assert account.start_time < account.end_time
    assert account.duration > 0
    status = [(cell.source, cell.metadata.papermill.status) for cell in executed.cells]
    at = len(status) if failed is None else [source for source, _ in status].index(failed)
    before, after = ("completed", "pending") if failed is not None else ("pending", "")
    assert {said for _, said in status[:at]} == {before}
    assert {said for _, said in status[at + 1 :]} == ({after} - {""})
    if failed is not None:
        assert status[at][1] == "failed"
        assert executed.cells[at].metadata.papermill.exception is True
        assert {cell.metadata.papermill.start_time for cell in executed.cells[at + 1 :]} == {None}
    return executed


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("int('x')", "A step of this section could not be computed: "
                     "invalid literal for int() with base 10: 'x'"),
        ("raise MemoryError", "The computer ran out of memory."),
        ("raise KeyboardInterrupt", "The run was stopped by hand."),
        ("import sys; sys.exit()", "A step of it ended the report early."),
        ("raise SystemExit('No data.')", "A step of it ended the report early: No data."),
        ("import os; os._exit(7)", "The program that computed it ended itself (exit code 7)."),
        pytest.param(
            KILLED,
            "The program that computed it was ended from outside (signal 9), "
            "mostly for lack of memory.",
            marks=posix,
        ),
        pytest.param(
            "import ctypes; ctypes.string_at(0)",
            "The program that computed it crashed (signal 11): a fault in compiled code.",
            marks=posix,
        ),
    ],
    ids=["error", "no memory", "interrupt", "exit", "exit said", "gone", "killed",
         "crash"],
)  # fmt: skip
def test_a_failure_is_a_page(
    source: str, cause: str, job_of: Callable[..., Job], tmp_path: Path
) -> None:
    made = make(broken(job_of, source), out=tmp_path)
    check_the_page(made, cause)
    check_the_account(made, failed=source)
    html = made.page.read_text()
    assert "so far" in html
    assert "Later</h2>" in html
    assert "Not run: the report stopped before this section." in html


@linux
def test_a_limit_of_memory_that_is_reached(
    job_of: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journeykit.report.execution.execute._ASK_SECONDS", 1.0)
    made = make(broken(job_of, EXHAUSTED), out=tmp_path)
    # At its limit a kernel may have no room left for its answer.
    assert made.cause in (
        "The computer ran out of memory.",
        "The program that computed it did not answer any more, mostly for lack of memory.",
    )
    check_the_page(made, made.cause)
    check_the_account(made, failed=EXHAUSTED)


@pytest.mark.parametrize(
    "source",
    [
        "import time; time.sleep(1.5)",
        "import asyncio; await asyncio.sleep(1.5)",
        "end = __import__('time').time() + 1.5\nwhile __import__('time').time() < end: pass",
    ],
)
def test_a_kernel_that_is_asked_while_it_works_is_not_given_up(
    source: str, job_of: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journeykit.report.execution.execute._ASK_SECONDS", 0.1)
    made = make(job_of(*(code(source, count=None) for _ in range(3))), out=tmp_path)
    assert (made.status, made.cause) == ("ok", "")


#: The kernel sends the reply to this cell nowhere.
MUTE = """
shell = get_ipython().kernel
true = shell.session.send
def send(stream, message, *others, **named):
    if message != "execute_reply":
        return true(stream, message, *others, **named)
    shell.session.send = true
shell.session.send = send
"""


def test_a_reply_that_got_lost_is_a_page(
    job_of: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journeykit.report.execution.execute._ASK_SECONDS", 1.0)
    cause = "The program that computed it did not answer any more, mostly for lack of memory."
    made = make(broken(job_of, MUTE), out=tmp_path)
    check_the_page(made, cause)
    check_the_account(made, failed=MUTE)


@pytest.mark.parametrize("limit", [{"cell_timeout": 2}, {"timeout": 5}])
def test_a_timeout_in_the_notebook(
    limit: dict[str, float], job_of: Callable[..., Job], tmp_path: Path
) -> None:
    endless = "while True: pass"
    made = make(broken(job_of, endless), out=tmp_path, **limit)
    assert made.cause.startswith("It took longer than the ")
    check_the_account(made, failed=endless)


def test_a_kernel_that_never_starts_is_a_page(
    job_of: Callable[..., Job],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "ipykernel").mkdir()
    (tmp_path / "ipykernel" / "__init__.py").write_text("raise ImportError('half installed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    made = make(broken(job_of, "1"), out=tmp_path / "out")
    check_the_page(
        made,
        "The program that computes reports could not be started: ImportError: half installed",
        section="A question",
    )
    check_the_account(made, failed=None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "oom_killed", "said"),
    [
        (None, False, "did not answer any more, mostly for lack of memory."),
        (0, False, "ended itself (exit code 0)."),
        (-6, True, "crashed (signal 6): a fault in compiled code."),
        (-9, True, "The computer ran out of memory: the program that computed it was ended for it "
                   "(signal 9)."),
        (-15, True, "was ended from outside (signal 15)."),
    ],
)  # fmt: skip
def test_no_more_is_said_than_is_known(code: int | None, oom_killed: bool, said: str) -> None:
    sentence = kernel_ended(code, oom_killed=oom_killed)
    assert sentence.removeprefix("The program that computed it ") == said


@pytest.fixture
def little_memory() -> Iterator[Path]:
    """Control group with 300 MB of memory, as containers have."""
    for root, limit in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = root / f"journeykit-{uuid.uuid4().hex[:8]}"
        with contextlib.suppress(OSError):
            group.mkdir()
            (group / limit).write_text("300000000")
            break
        with contextlib.suppress(OSError):
            group.rmdir()
    else:
        pytest.skip("no control group can be made here")
    yield group
    with contextlib.suppress(OSError):
        group.rmdir()


def test_a_kernel_ended_for_memory_says_so(
    little_memory: Path, job_of: Callable[..., Job], tmp_path: Path
) -> None:
    before = oom_kills()
    greedy = (
        f"import os\nopen({str(little_memory / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n"
        "held = []\nwhile True: held.append(b'x' * 1_000_000)"
    )
    made = make(broken(job_of, greedy), out=tmp_path)
    assert oom_kills() > before
    check_the_page(
        made,
        "The computer ran out of memory: the program that computed it was ended for it (signal 9).",
    )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """File system of 3 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


#: Fills a disk to the last byte with a file.
FILL = """
with open({0!r}, "wb", buffering=0) as file:
    try:
        for size in (100_000, 1_000, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                full = error
    finally:
        file.close()
"""
MENDS = "free some space or choose another folder with --out."


def fill(disk: Path) -> str:
    return FILL.format(str(disk / "ballast"))


@pytest.mark.parametrize("where", ["in the folder of the run", "beside it"])
def test_a_notebook_that_fills_the_disk(where: str, job_of: Callable[..., Job], disk: Path) -> None:
    good = make(job_of(), out=disk)
    latest = good.page.parent.parent / "latest.html"
    leads = latest.read_text()
    source = (FILL.format("ballast") if where.startswith("in") else fill(disk)) + "raise full"
    made = make(broken(job_of, source), out=disk)
    check_the_page(made, f"The disk is full (0.0 MB free); {MENDS}")
    check_the_account(made, failed=source)
    html = made.page.read_text()
    assert "so far" in html
    assert "Not run: the report stopped before this section." in html
    assert (latest.read_text(), good.good) == (leads, True)
    assert not (made.page.parent / "ballast").exists()


def test_a_full_disk_keeps_nothing_that_is_to_be_cleaned(
    job_of: Callable[..., Job], disk: Path
) -> None:
    source = fill(disk) + "print('some' + 'one@shop.example')\nraise full"
    made = make(broken(job_of, source), out=disk)
    check_the_page(made, f"The disk is full (0.0 MB free); {MENDS}")
    files = [path.read_bytes() for path in made.page.parent.rglob("*") if path.is_file()]
    assert b"Traceback" in b"".join(files)
    assert not any(b"someone@" in content for content in files)


def test_a_disk_that_is_full_before_the_page(job_of: Callable[..., Job], disk: Path) -> None:
    filling = fill(disk)
    made = make(job_of(markdown("## Last"), code(filling, count=None)), out=disk)
    check_the_page(made, f"The disk is full (0.0 MB free); {MENDS}", section="Last")
    executed = nbformat.read(made.page.parent / "notebook.ipynb", as_version=4)
    assert executed.cells[-1].metadata.papermill.status == "completed"
    assert not (made.page.parent.parent / "latest.html").exists()


def test_a_page_too_large_for_the_disk_is_its_head(job_of: Callable[..., Job], disk: Path) -> None:
    large = "from IPython.display import SVG\nSVG('<svg>' + '<!-- x -->' * 40_000 + '</svg>')"
    table = "import pandas\nreport.table(pandas.DataFrame({'n': [1]}), key='k', caption='c')"
    cells = (markdown("## Large"), code(large, count=None), code(table, count=None))
    whole = make(job_of(*cells), out=disk)
    assert whole.good
    made = make(job_of(*cells, markdown("## Last"), code(fill(disk), count=None)), out=disk)
    # A page that was tried and did not fit has left some room.
    assert re.fullmatch(rf"The disk is full \(0\.\d MB free\); {re.escape(MENDS)}", made.cause)
    check_the_page(made, made.cause, section="Last")
    assert made.page.stat().st_size < 60_000 < whole.page.stat().st_size
    assert list((made.page.parent / "tables").iterdir()) == []
    # Half of a notebook is none; without its outputs it has room.
    executed = nbformat.read(made.page.parent / "notebook.ipynb", as_version=4)
    assert [cell.outputs for cell in executed.cells if cell.cell_type == "code"][-1] == []


def test_a_disk_that_is_full_at_the_beginning(job_of: Callable[..., Job], disk: Path) -> None:
    good = make(job_of(), out=disk)
    exec(fill(disk))
    with pytest.raises(ReportError, match=re.escape(f"The disk is full (0.0 MB free); {MENDS}")):
        make(job_of(), out=disk)
    left = sorted(path.name for path in good.page.parent.parent.iterdir())
    assert left == sorted([".lock", good.run, "latest.html"])


def test_another_disk_that_is_full(job_of: Callable[..., Job], disk: Path, tmp_path: Path) -> None:
    made = make(broken(job_of, fill(disk) + "raise full"), out=tmp_path / "out")
    said = "A disk that this report writes to is full, not the one it stands on: "
    check_the_page(made, f"{said}[Errno 28] No space left on device")


def test_a_full_disk_for_temporary_files(
    job_of: Callable[..., Job], disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    exec(fill(disk))
    made = make(broken(job_of, "1"), out=tmp_path / "out")
    mend = "choose another folder for temporary files with TMPDIR."
    cause = f"The disk is full (0.0 MB free); free some space or {mend}"
    check_the_page(made, cause, section="A question")
