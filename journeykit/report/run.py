"""Reports of a study: checked as a whole, then run one after the other and published."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from journeykit import __version__
from journeykit.checks import did_you_mean
from journeykit.errors import MappingError, ParameterError, StudyError
from journeykit.report.parameters import REPORTS, Parameters, parameters_of
from journeykit.shipped import shipped

if TYPE_CHECKING:
    from journeykit.report.execute import Advance
    from journeykit.report.page import Page
    from journeykit.report.publish import RunFolder
    from journeykit.study import Study

#: Packages whose version can change a number on the page.
_PACKAGES = ("duckdb", "lifelines", "matplotlib", "numpy", "pandas", "pyarrow", "scipy")


@dataclass(frozen=True, slots=True)
class Job:
    """One report to make: its notebook, its checked parameters."""

    study: Study
    parameters: Parameters
    notebook: Path

    @property
    def report(self) -> str:
        """Name of the report."""
        return self.parameters.report


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a job."""

    report: str
    good: bool
    page: Path
    cause: str = ""
    seconds: float = 0.0

    @property
    def run(self) -> str:
        """Id of the run."""
        return self.page.parent.name

    @property
    def status(self) -> Literal["ok", "failed"]:
        """In a word."""
        return "ok" if self.good else "failed"


def plan(study: Study, reports: Sequence[str], given: Mapping[str, object], /) -> tuple[Job, ...]:
    """Check everything about the `reports` to make before anything runs.

    Parameters
    ----------
    study : Study
    reports : sequence of str
        Their names; none means those the study lists, or all that ship where it lists none.
    given : mapping of str to object
        Parameters from the command line, as text; each goes to every report that has one of that
        name.

    Raises
    ------
    StudyError
        The study's own list of reports is wrong.
    MappingError
        Unknown report.
    ParameterError
        A parameter that no chosen report has, of the wrong type or out of range.
    """
    listed = _listed(study)
    chosen = {name: parameters_of(name) for name in reports} or listed or REPORTS
    known = {field for model in chosen.values() for field in model.model_fields} - {"study"}
    for name in given:
        if name not in known:
            raise ParameterError(
                f"`{name}` is no parameter of {', '.join(chosen)}.{did_you_mean(name, known)} "
                f"Known here: {', '.join(sorted(known))}."
            )
    return tuple(
        Job(
            study,
            model.of(
                {
                    **study.reports.get(name, {}),
                    **{key: value for key, value in given.items() if key in model.model_fields},
                    "study": study.path,
                }
            ),
            shipped("notebooks", f"{name}.ipynb"),
        )
        for name, model in chosen.items()
    )


def verify(jobs: Sequence[Job], /) -> None:
    """Look whether the parameters suit the data, before anything runs.

    Reads the study's events, or opens them from the cache, where the notebooks find them.

    Raises
    ------
    ParameterError
        Everything that does not suit, a line each.
    """
    found = [
        f"{job.report}: {sentence}"
        for job in jobs
        for sentence in job.parameters.unsuited(job.study, job.study.journeys())
    ]
    if found:
        lines = "\n  ".join(dict.fromkeys(found))
        raise ParameterError(f"{jobs[0].study.path}, with its data:\n  {lines}")


def _listed(study: Study) -> dict[str, type[Parameters]]:
    """Return the models of the reports that the study lists, its own parameters checked."""
    try:
        listed = {name: parameters_of(name) for name in study.reports}
        for name, model in listed.items():
            model.of({**study.reports[name], "study": study.path})
    except (MappingError, ParameterError) as error:
        raise StudyError(f"{study.path}, `reports`: {error}") from error
    return listed


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
    from journeykit.report.execute import execute
    from journeykit.report.page import read_page
    from journeykit.report.publish import RunFolder, new_run_id
    from journeykit.report.reserve import Reserve
    from journeykit.report.watch import Watch

    watch = Watch(timeout=timeout, cell_timeout=cell_timeout)
    started = datetime.now(UTC)
    folder = RunFolder(out.absolute() / job.study.name / job.report, new_run_id(started))
    folder.open()
    try:
        with Reserve(folder.building) as reserve:
            done = execute(
                job.notebook,
                job.parameters.plain(),
                folder=folder.building,
                watch=watch,
                reserve=reserve,
                advance=advance,
            )
            page = read_page(done.notebook, stopped=done.stopped, at=done.cell)
            if done.stopped and page.failure:
                # It says more than the error of a cell.
                page.failure = replace(page.failure, cause=done.stopped)

            def write(page: Page) -> tuple[Page, dict[str, Any]]:
                manifest = _manifest(job, page, run=folder.run, started=started)
                _write(folder, job, page, manifest)
                return page, manifest

            page, manifest = reserve.written(page, write)
        folder.publish(good=page.failure is None)
    except BaseException:
        # Told to stop, or no room even for the page of the failure.
        shutil.rmtree(folder.building, ignore_errors=True)
        raise
    return Made(
        job.report,
        good=page.failure is None,
        page=folder.final / "report.html",
        cause=page.failure.cause if page.failure else "",
        seconds=manifest["duration_seconds"],
    )


def _manifest(job: Job, page: Page, *, run: str, started: datetime) -> dict[str, Any]:
    finished = datetime.now(UTC)
    about = (job.study.window_text, *job.parameters.told(), f"made {finished:%Y-%m-%d}")
    return {
        "report": job.report,
        "title": page.title or job.report,
        "study": job.study.name,
        "study_title": job.study.title,
        "about": [part for part in about if part],
        "status": "ok" if page.failure is None else "failed",
        "failure": asdict(page.failure) if page.failure else None,
        "run": run,
        "parameters": job.parameters.plain(),
        "packages": {
            "journeykit": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "fingerprint": page.data["fingerprint"] if page.data else "",
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "duration_seconds": round((finished - started).total_seconds(), 2),
        "findings": [{"text": found["text"], "basis": found["basis"]} for found in page.findings],
        "guards": [
            {"name": guard["name"], "status": guard["status"], "found": guard["found"]}
            for guard in page.guards
        ],
        "tables": {table["key"]: table["n"] for table in page.tables},
        "results": "results.json",
    }


def _write(folder: RunFolder, job: Job, page: Page, manifest: dict[str, Any]) -> None:
    from journeykit.report.export import report_html
    from journeykit.report.publish import csv_text, write_text
    from journeykit.report.results import results_text

    for table in page.tables:
        text = csv_text(table["columns"], table["rows"])
        write_text(folder.building / "tables" / f"{table['key']}.csv", text)
    results = results_text(
        page,
        report=job.report,
        study=job.study.name,
        parameters=job.parameters.plain(),
        customer_columns=_customer_columns(job.study),
    )
    write_text(folder.building / "results.json", results)
    has_latest = folder.latest.exists()
    html = report_html(page, manifest=manifest, has_latest=has_latest)
    write_text(folder.building / "report.html", html)
    text = json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True)
    write_text(folder.building / "manifest.json", f"{text}\n")


def _customer_columns(study: Study) -> set[str]:
    """Names under which a table would hold customer ids: ours, and those of the sources."""
    model = study.model
    links = model.identities
    return {
        *("customer", "customer_id"),
        *model.events.customer,
        *(model.customers.customer if model.customers else ()),
        *((links.anonymous, links.known) if links else ()),
    }
