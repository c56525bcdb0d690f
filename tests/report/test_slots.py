"""Several reports at a time: the same results, a page whatever happens to a slot."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import psutil
import pytest

from journeykit.report.jobs import Job
from journeykit.report.slots import make_all
from tests.report.conftest import code, markdown

OPTIONS = {"timeout": None, "cell_timeout": None}
#: Fails the first time and is good the second.
ONCE = """
import pathlib
seen = pathlib.Path({0!r})
if not seen.exists():
    seen.write_text("x")
    raise OSError("the first time")
"""


def quiet(at: int, done: int, cells: int) -> None:
    pass


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.fixture
def three(job_of: Callable[..., Job]) -> list[Job]:
    """Jobs of one notebook with other parameters; the second fails."""
    cells = (
        markdown("## A"),
        code("assert p.order != 2, 'two'\nreport.finding(f'Order {p.order}.')"),
    )
    job = job_of(*cells)
    return [
        Job(job.study, job.parameters.model_copy(update={"order": order}), job.notebook)
        for order in (1, 2, 3)
    ]


@pytest.mark.parametrize("slots", [1, 2])
def test_one_bad_report_does_not_stop_the_others(
    slots: int, three: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = children()
    told = set[int]()
    made = make_all(
        three,
        out=tmp_path,
        slots=slots,
        advance=lambda at, done, cells: told.add(at),
        options=OPTIONS,
    )
    assert [one.status for one in made] == ["ok", "failed", "ok"]
    assert [one.page.parent.parent for one in made] == [tmp_path / "tiny" / "paths"] * 3
    assert "Order 1." in made[0].page.read_text()
    assert "Order 3." in made[2].page.read_text()
    assert made[1].cause.endswith(": two")
    assert told == {0, 1, 2}
    assert children() <= before


@pytest.mark.parametrize(("retries", "status"), [(0, "failed"), (1, "ok")])
def test_what_failed_is_made_anew(
    retries: int, status: str, job_of: Callable[..., Job], tmp_path: Path
) -> None:
    job = job_of(code(ONCE.format(str(tmp_path / "seen"))))
    (made,) = make_all([job], out=tmp_path / "out", retries=retries, advance=quiet, options=OPTIONS)
    assert made.status == status
    assert len(list((tmp_path / "out" / "tiny" / "paths").glob("2*"))) == 1 + retries


def test_a_refused_report_is_a_page_and_starts_no_kernel(
    job_of: Callable[..., Job], tmp_path: Path
) -> None:
    job = job_of(code("open(__file__)"))
    refused = Job(job.study, job.parameters, job.notebook, (), "The data are <old>.")
    (made,) = make_all([refused], out=tmp_path, retries=3, advance=quiet, options=OPTIONS)
    assert (made.status, made.cause) == ("failed", "The data are <old>.")
    assert "The data are &lt;old&gt;." in made.page.read_text()
    assert len(list((tmp_path / "tiny" / "paths").glob("2*"))) == 1
    # The notebook lies beside the page as it is, for the link to it.
    assert (made.page.parent / "notebook.ipynb").read_bytes() == job.notebook.read_bytes()
    assert "<h1>A question</h1>" in made.page.read_text()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_slot_that_is_killed_leaves_a_page_and_no_kernel(
    job_of: Callable[..., Job], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    sleepy = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(pids)!r}).write_text(f'{{os.getppid()}} {{os.getpid()}}')\n"
        "time.sleep(60)"
    )
    slow = job_of(code(sleepy))
    jobs = [
        Job(slow.study, slow.parameters, slow.notebook),
        Job(slow.study, slow.parameters, slow.notebook, (), "Not now."),
    ]
    found = []
    work = Thread(
        target=lambda: found.extend(
            make_all(jobs, out=tmp_path / "out", slots=2, advance=quiet, options=OPTIONS)
        )
    )
    work.start()
    until = time.monotonic() + 60
    while not (pids.exists() and pids.read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    slot, kernel = (int(pid) for pid in pids.read_text().split())
    os.kill(slot, signal.SIGKILL)
    work.join(timeout=60)
    assert [(one.status, one.cause) for one in found] == [
        ("failed", "The process that made it was ended from outside, mostly for lack of memory."),
        ("failed", "Not now."),
    ]
    assert all(one.page.exists() for one in found)
    until = time.monotonic() + 15
    while psutil.pid_exists(kernel) and time.monotonic() < until:
        time.sleep(0.1)
    assert not psutil.pid_exists(kernel) or psutil.Process(kernel).status() == "zombie"
