"""What is to be made: reports and parameters, checked as a whole before anything runs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeykit.checks import did_you_mean
from journeykit.errors import DataError, MappingError, ParameterError, StudyError
from journeykit.report.parameters import Parameters
from journeykit.report.registry import Report, report_of, shipped_reports
from journeykit.report.trials.trial import Trial, trial_from
from journeykit.report.trials.worlds import check_trial

if TYPE_CHECKING:
    from journeykit.study import Study

_MONTHS = re.compile(r"(\d{4})-(0[1-9]|1[0-2])\.\.(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Job:
    """One report to make.

    Attributes
    ----------
    study : Study
    parameters : Parameters
        Checked.
    notebook : Path
    banners : tuple of str
        What readers must know of the data first.
    refused : str
        Why no notebook is to run: the page says only that. Empty otherwise.
    fresh_until : str
        Moment (UTC) from which on the study calls these data too old; empty where it never does.
    trial : Trial or None
        Made-up worlds on which the report is tried.
    scores : mapping or None
        What came of that, as JSON can hold it.
    """

    study: Study
    parameters: Parameters
    notebook: Path
    banners: tuple[str, ...] = ()
    refused: str = ""
    fresh_until: str = ""
    trial: Trial | None = None
    scores: Mapping[str, Any] | None = None

    @property
    def report(self) -> str:
        """Name of the report."""
        return self.parameters.report

    def to_json(self) -> dict[str, Any]:
        """Return what another process needs to make the same job."""
        return {
            "study": str(self.study.path),
            "report": self.report,
            "notebook": str(self.notebook),
            "parameters": self.parameters.plain(),
            "banners": list(self.banners),
            "refused": self.refused,
            "fresh_until": self.fresh_until,
            "trial": self.trial.to_json() if self.trial else None,
            "scores": self.scores,
        }


def job_from(given: Mapping[str, Any], /) -> Job:
    """Return the job that `Job.to_json` described."""
    from journeykit.study import load_study

    study = load_study(given["study"])
    return Job(
        study,
        report_of(given["report"], study).model.of(given["parameters"]),
        Path(given["notebook"]),
        tuple(given["banners"]),
        given["refused"],
        given["fresh_until"],
        trial_from(given["trial"]),
        given["scores"],
    )


def plan(
    study: Study,
    reports: Sequence[str],
    given: Mapping[str, object],
    /,
    *,
    sweep: Mapping[str, Sequence[str]] | None = None,
    trial: Trial | None = None,
) -> tuple[Job, ...]:
    """Check everything about the `reports` to make before anything runs.

    Parameters
    ----------
    study : Study
    reports : sequence of str
        Their names; none means those the study lists, or all that ship where it lists none.
    given : mapping of str to object
        Parameters from the command line, as text; each goes to every report that has one of that
        name.
    sweep : mapping of str to sequence of str, optional
        Parameters that take several values: a report is made for every combination of those it has.
    trial : Trial, optional
        Made-up worlds on which each report is tried as well.

    Raises
    ------
    StudyError
        The study's own list of reports, or a KPI it names, is wrong.
    MappingError
        Unknown report.
    ParameterError
        A parameter that no chosen report has, given twice, of the wrong type or out of range; or
        worlds that the study does not have.
    """
    sweep = sweep or {}
    if trial is not None:
        check_trial(study, trial)
    listed = _listed(study)
    _check_kpis(study, listed or shipped_reports(study))
    chosen = {name: report_of(name, study) for name in reports} or listed or shipped_reports(study)
    known = {field for found in chosen.values() for field in found.model.model_fields} - {"study"}
    for name in [*given, *sweep]:
        if name not in known:
            raise ParameterError(
                f"`{name}` is no parameter of {', '.join(chosen)}.{did_you_mean(name, known)} "
                f"Known here: {', '.join(sorted(known))}."
            )
    if both := sorted({*given} & {*sweep}):
        raise ParameterError(f"`{both[0]}` is given and swept at once; keep one.")
    return tuple(
        Job(
            study,
            report.model.of(
                {
                    **study.reports.get(name, {}),
                    **{
                        key: value
                        for key, value in given.items()
                        if key in report.model.model_fields
                    },
                    **combined,
                    "study": study.path,
                }
            ),
            report.notebook,
            trial=trial,
        )
        for name, report in chosen.items()
        for combined in _combinations(report, sweep)
    )


def _combinations(report: Report, sweep: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    names = [name for name in sweep if name in report.model.model_fields]
    for values in product(*(sweep[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def sweep_values(text: str, /) -> list[str]:
    """Read what a swept parameter goes through: ``a,b``, or the months ``2026-01..2026-06``.

    A value with a comma stands in double quotes.

    Raises
    ------
    ParameterError
        No value, one of them twice, or months that run backwards.
    """
    if span := _MONTHS.fullmatch(text):
        first, last = (int(span[at]) * 12 + int(span[at + 1]) - 1 for at in (1, 3))
        if last < first:
            raise ParameterError(f"`--sweep` goes from an earlier month to a later; got {text!r}.")
        values = [f"{month // 12}-{month % 12 + 1:02}" for month in range(first, last + 1)]
    else:
        values = [value.strip() for value in next(csv.reader([text], skipinitialspace=True), [])]
    if not values or "" in values or len({*values}) < len(values):
        raise ParameterError(
            "`--sweep` needs different values such as NAME=a,b or month=2026-01..2026-06; "
            f"got {text!r}."
        )
    return values


def _listed(study: Study) -> dict[str, Report]:
    """Return the reports that the study lists, its own parameters checked."""
    try:
        listed = {name: report_of(name, study) for name in study.reports}
        for name, report in listed.items():
            report.model.of({**study.reports[name], "study": study.path})
    except (MappingError, ParameterError) as error:
        raise StudyError(f"{study.path}, `reports`: {error}") from error
    return listed


def is_own(job: Job, /) -> bool:
    """Whether a job has the parameters that its study gives the report, and no others."""
    own = {**job.study.reports.get(job.report, {}), "study": job.study.path}
    return type(job.parameters).of(own) == job.parameters


def part_of_kpis(job: Job, /) -> float:
    """Return the part of all KPIs of a study's reports that a job's report has."""
    study = job.study
    names = {*(study.reports or shipped_reports(study)), job.report}
    numbers = {name: len(report_of(name, study).model.kpis) for name in names}
    return numbers[job.report] / max(1, sum(numbers.values()))


def _check_kpis(study: Study, reports: Mapping[str, Report]) -> None:
    known = [f"{name}.{key}" for name, report in reports.items() for key in report.model.kpis]
    for name in study.model.kpis:
        if name not in known:
            raise StudyError(
                f"{study.path}: `kpis.{name}` is no KPI of its reports.{did_you_mean(name, known)} "
                f"There are: {', '.join(known) or 'none'}."
            )


def verify(jobs: Sequence[Job], /) -> tuple[Job, ...]:
    """Look whether the data suit the jobs, before anything runs; return what is to be run.

    Reads the study's events, or opens them from the cache, where the notebooks find them. Data that
    cannot be read, as of a database that does not answer, refuse all jobs: readers get a page that
    says so. So do stale data or an unusual volume, where the study declares it; and single members
    of a sweep that do not suit the data, such as a month without events, are refused.

    Raises
    ------
    ParameterError
        Everything that does not suit, a line each, when a report has no job that does.
    """
    if not jobs:
        return ()
    from journeykit.report.health import concerns, fresh_until

    study = jobs[0].study
    try:
        journeys = study.journeys()
    except DataError as error:
        return tuple(replace(job, refused=str(error)) for job in jobs)
    found = [tuple(dict.fromkeys(job.parameters.unsuited(study, journeys))) for job in jobs]
    suited = {job.report for job, sentences in zip(jobs, found, strict=True) if not sentences}
    wrong = [
        f"{job.report}: {sentence}"
        for job, sentences in zip(jobs, found, strict=True)
        if job.report not in suited
        for sentence in sentences
    ]
    if wrong:
        lines = "\n  ".join(dict.fromkeys(wrong))
        raise ParameterError(f"{study.path}, with its data:\n  {lines}")
    said = concerns(study, journeys, now=datetime.now(UTC))
    banners = tuple(concern.text for concern in said)
    refusal = " ".join(concern.text for concern in said if concern.refuse)
    until = fresh_until(study, journeys)
    return tuple(
        replace(
            job,
            # A refusal says the same.
            banners=() if refusal else banners,
            refused=" ".join(sentences) or refusal,
            fresh_until=until.isoformat() if until else "",
        )
        for job, sentences in zip(jobs, found, strict=True)
    )
