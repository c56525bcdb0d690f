"""One report: its notebook run, its page and all that lies beside it published."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeykit.report.inputs import comparable, described, inputs_of
from journeykit.report.jobs import Job, part_of_kpis
from journeykit.report.manifest import (
    GOOD,
    before,
    manifest_of,
    manifest_text,
    newest,
    read_json,
)

if TYPE_CHECKING:
    from journeykit.report.execution.execute import Advance
    from journeykit.report.execution.reserve import Reserve
    from journeykit.report.pages.page import Page
    from journeykit.report.privacy.protection import Protection
    from journeykit.report.publishing.publish import RunFolder


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a job.

    Attributes
    ----------
    report : str
    status : {"ok", "alert", "partial", "failed"}
    page : Path
    told : str
        For whom and with which parameters it is, as readers are told.
    cause : str
        Why it failed.
    seconds : float
    unchanged : bool
        Nothing had changed since the run that made the page, so nothing was run.
    """

    report: str
    status: str
    page: Path
    told: str = ""
    cause: str = ""
    seconds: float = 0.0
    unchanged: bool = False

    @property
    def good(self) -> bool:
        """Whether there is a report to read."""
        return self.status in GOOD

    @property
    def run(self) -> str:
        """Id of the run."""
        return self.page.parent.name


def home_of(job: Job, out: Path, /) -> Path:
    """Return the folder of all runs of a job's report."""
    return out.absolute() / job.study.name / job.report


def unchanged(job: Job, /, *, out: Path) -> Made | None:
    """Return the run that a new one would only repeat, or None where there is none.

    It was good, and everything it was made from is as it was: each row, parameter, character of the
    notebook and version of a library; and the data are not older now than the study allows.
    """
    inputs = inputs_of(job)
    found = newest(
        home_of(job, out),
        comparable=comparable(job),
        parameters=inputs["parameters"],
        trial=inputs["trial"],
    )
    if found is None or found["status"] == "partial":
        return None
    until = found.get("fresh_until", "")
    if until and datetime.now(UTC) > datetime.fromisoformat(until):
        return None
    if not inputs["all"] or found["inputs"].get("all") != inputs["all"]:
        return None
    page = home_of(job, out) / found["run"] / "report.html"
    told = ", ".join(job.parameters.told())
    made = Made(job.report, found["status"], page, told, unchanged=True)
    return made if page.exists() else None


def make(
    job: Job,
    /,
    *,
    out: Path,
    advance: Advance | None = None,
    timeout: float | None = None,
    cell_timeout: float | None = None,
) -> Made:
    """Run a job's notebook and publish its page, or the page of its failure.

    The last good report stays the latest until this one is good.

    Parameters
    ----------
    job : Job
    out : Path
        Folder of all reports.
    advance : callable, optional
        Told after each cell how many are done and how many there are.
    timeout, cell_timeout : float, optional
        Seconds the whole notebook, and each of its cells, may take; by default any time.

    Raises
    ------
    ArgumentError
        A limit that is not greater than 0.
    ReportError
        The folder cannot be written.
    """
    from journeykit.report.execution.reserve import Reserve
    from journeykit.report.execution.watch import Watch
    from journeykit.report.privacy.protection import protection_of
    from journeykit.report.publishing.publish import RunFolder, new_run_id

    watch = Watch(timeout=timeout, cell_timeout=cell_timeout)
    started = datetime.now(UTC)
    folder = RunFolder(home_of(job, out), new_run_id(started))
    inputs, protection = inputs_of(job), protection_of(job)
    folder.open()
    try:
        with Reserve(folder.building) as reserve:
            page = _page(job, folder, protection, watch=watch, reserve=reserve, advance=advance)
            page, manifest = reserve.written(
                page,
                lambda page: _write(folder, job, page, protection, inputs=inputs, started=started),
            )
        folder.publish(good=manifest["status"] in GOOD)
    except BaseException:
        # Told to stop, or no room even for the page of the failure.
        shutil.rmtree(folder.building, ignore_errors=True)
        raise
    return Made(
        job.report,
        manifest["status"],
        page=folder.final / "report.html",
        told=", ".join(job.parameters.told()),
        cause=page.failure.cause if page.failure else "",
        seconds=manifest["duration_seconds"],
    )


def _page(
    job: Job, folder: RunFolder, protection: Protection, *, reserve: Reserve, **options: Any
) -> Page:
    """Run the notebook, clean it and read it; of a refused job the page says only why."""
    from journeykit.report.execution.execute import execute, rewrite
    from journeykit.report.pages.page import Failure, Page, read_page, title_of

    if job.refused:
        shutil.copy(job.notebook, folder.building / "notebook.ipynb")
        return Page(title=title_of(job.notebook), failure=Failure("", job.refused))
    done = execute(
        job.notebook,
        job.parameters.plain(),
        folder=folder.building,
        reserve=reserve,
        **options,
    )
    executed = done.notebook
    if job.scores is not None and not done.stopped:
        from journeykit.report.trials.section import with_trials

        executed = with_trials(executed, job.scores)
    # All that is published is made from the cleaned notebook, so that one place cleans all.
    notebook = protection.notebook(executed)
    if notebook != done.notebook:
        rewrite(folder.building, notebook, protection.text, reserve=reserve)
    stopped = protection.text(done.stopped)
    page = read_page(notebook, stopped=stopped, at=done.cell)
    if stopped and page.failure:
        # It says more than the error of a cell.
        page.failure = replace(page.failure, cause=stopped)
    _judge(page, job)
    return page


def _judge(page: Page, job: Job) -> None:
    from journeykit.report.bands import judged

    for kpi in page.kpis:
        bands = job.study.model.kpis if job.parameters.bands_hold() else {}
        kpi.update(judged(kpi, bands.get(f"{job.report}.{kpi['key']}")))


def _results(job: Job, page: Page, status: str) -> str:
    from journeykit.report.results import results_text

    return results_text(
        page,
        report=job.report,
        study=job.study.name,
        status=status,
        parameters=described(job),
    )


def _compared(
    job: Job, folder: RunFolder, manifest: dict[str, Any], results: str
) -> dict[str, Any]:
    """Return what changed since the newest good run that may be compared, none on the first."""
    from journeykit.report.compare import Change, Run, changes

    older = before(folder.home, manifest, periods=job.parameters.periods)
    if older is None or manifest["status"] not in GOOD:
        return {"previous": None}
    old = Run(older, read_json(folder.home / older["run"] / "results.json") or {})
    try:
        found = changes(old, Run(manifest, json.loads(results)), part=part_of_kpis(job))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Whatever an older version wrote must not cost today's page.
        found = [Change("code", f"What changed cannot be told: {type(error).__name__}: {error}")]
    return {
        "previous": older["run"],
        "changes": [{"kind": change.kind, "text": change.text} for change in found],
    }


def _write(
    folder: RunFolder,
    job: Job,
    page: Page,
    protection: Protection,
    *,
    inputs: dict[str, Any],
    started: datetime,
) -> tuple[Page, dict[str, Any]]:
    """Write the page and all that lies beside it; return the page and its manifest."""
    from journeykit.report.pages.export import report_html
    from journeykit.report.privacy.protection import GUARD
    from journeykit.report.publishing.publish import csv_text, write_text

    if page.failure is None and not any(guard["name"] == GUARD for guard in page.guards):
        trial = report_html(page, manifest={"report": job.report}, last_good="")
        page.guards.append({"kind": "guard", **protection.guard(trial)})
    manifest = manifest_of(
        job, page, run=folder.run, inputs=inputs, started=started, finished=datetime.now(UTC)
    )
    results = _results(job, page, manifest["status"])
    manifest |= _compared(job, folder, manifest, results)
    for table in page.tables:
        text = csv_text(table["columns"], table["rows"])
        write_text(folder.building / "tables" / f"{table['key']}.csv", text)
    write_text(folder.building / "results.json", results)
    same = inputs["parameters"]
    good = newest(folder.home, comparable=manifest["comparable"], parameters=same)
    last_good = f"../{good['run']}/report.html" if good else ""
    html = report_html(page, manifest=manifest, last_good=last_good)
    write_text(folder.building / "report.html", protection.text(html))
    write_text(folder.building / "manifest.json", protection.text(manifest_text(manifest)))
    return page, manifest
