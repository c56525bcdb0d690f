"""Several reports at a time: one process a slot, each of which makes one report after the other."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

from journeykit.errors import ReportError
from journeykit.report.jobs import Job
from journeykit.report.run import Made, make

#: Told for each job, by its place: cells done, cells there are.
Progress = Callable[[int, int, int], None]
Options = Mapping[str, Any]
_ENDED = "The process that made it was ended from outside, mostly for lack of memory."


def make_all(
    jobs: Sequence[Job],
    /,
    *,
    out: Path,
    slots: int = 1,
    retries: int = 0,
    advance: Progress,
    options: Options,
) -> list[Made]:
    """Make every job and return what came of each, in their order.

    One slot works in this process. Of several, each is a process of its own that imports once and
    makes one report after the other; it ends with this process, however that ends.

    Parameters
    ----------
    jobs : sequence of Job
    out : Path
    slots : int
        Reports made at a time.
    retries : int
        How often a report that failed is made anew.
    advance : callable
    options : mapping
        Further arguments of `make`: the limits.
    """
    if slots == 1 or len(jobs) < 2:
        return [
            _tried(
                lambda at=at, job=job: make(  # type: ignore[misc]
                    job, out=out, advance=lambda done, cells: advance(at, done, cells), **options
                ),
                retries if not job.refused else 0,
            )
            for at, job in enumerate(jobs)
        ]
    return _spread(jobs, out=out, slots=slots, retries=retries, advance=advance, options=options)


def _tried(attempt: Callable[[], Made], retries: int) -> Made:
    made = attempt()
    for _ in range(retries):
        if made.good:
            break
        made = attempt()
    return made


def _spread(
    jobs: Sequence[Job],
    *,
    out: Path,
    slots: int,
    retries: int,
    advance: Progress,
    options: Options,
) -> list[Made]:
    left: SimpleQueue[int] = SimpleQueue()
    for at in range(len(jobs)):
        left.put(at)
    found: dict[int, Made] = {}
    told = Lock()

    def tell(at: int, done: int, cells: int) -> None:
        with told:
            advance(at, done, cells)

    def work(slot: Slot) -> None:
        with slot:
            while not slot.stopped:
                try:
                    at = left.get_nowait()
                except Empty:
                    return
                again = 0 if jobs[at].refused else retries
                found[at] = _tried(lambda at=at: slot.make(jobs[at], at, tell), again)  # type: ignore[misc]

    workers = [Slot(out=out, options=options) for _ in range(min(slots, len(jobs)))]
    with ThreadPoolExecutor(len(workers)) as pool:
        futures = [pool.submit(work, slot) for slot in workers]
        try:
            for future in futures:
                future.result()
        except BaseException:
            # Told to stop, or one broke off: nothing new is begun, and what runs ends now.
            for slot in workers:
                slot.stop()
            raise
    return [found[at] for at in range(len(jobs))]


class Slot:
    """A process that makes reports: jobs go in as lines of JSON, what came of them comes out."""

    def __init__(self, *, out: Path, options: Options) -> None:
        self._given: dict[str, Any] = {"out": str(out.absolute()), "options": dict(options)}
        self._process: subprocess.Popen[str] | None = None
        self.stopped = False

    def stop(self) -> None:
        """End the process, and the report it makes, at once."""
        self.stopped = True
        if process := self._process:
            process.terminate()

    def __enter__(self) -> Slot:
        """Leave the process to the first job."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the input, at which the process ends."""
        self._end()

    def make(self, job: Job, at: int, advance: Progress) -> Made:
        """Make one job; when the process is ended from outside meanwhile, a page says so.

        Raises
        ------
        ReportError
            The folder cannot be written.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps({**self._given, "job": job.to_json()}) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            said = json.loads(line)
            if "error" in said:
                raise ReportError(said["error"])
            if "broken" in said:
                why = f"It could not be made: {said['broken']}"
                return make(replace(job, refused=why), out=Path(self._given["out"]))
            if "made" in said:
                return Made(**{**said["made"], "page": Path(said["made"]["page"])})
            advance(at, *said["advance"])
        self._end()
        if self.stopped:
            raise ReportError("The run was stopped.")
        return make(replace(job, refused=_ENDED), out=Path(self._given["out"]))

    def _end(self) -> None:
        if self._process is not None:
            with self._process:
                self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "journeykit.report.slot"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
            if self.stopped:
                # Told so while it started.
                self._process.terminate()
        return self._process


def serve(lines: Iterable[str], say: Callable[[Mapping[str, Any]], None], /) -> None:
    """Make a report for each line, in this process, and say what came of it."""
    from journeykit.errors import JourneyKitError
    from journeykit.report.jobs import job_from

    for line in lines:
        given = json.loads(line)
        try:
            made = make(
                job_from(given["job"]),
                out=Path(given["out"]),
                advance=lambda done, cells: say({"advance": [done, cells]}),
                **given["options"],
            )
        except JourneyKitError as error:
            say({"error": str(error)})
            continue
        except Exception as error:
            # The reader gets a page, from whoever started us.
            logging.getLogger(__name__).exception("A report broke off.")
            say({"broken": f"{type(error).__name__}: {error}"})
            continue
        say({"made": {**asdict(made), "page": str(made.page)}})
