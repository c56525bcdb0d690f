"""Reports run on made-up worlds, in a folder that goes again, and what came of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeykit.errors import JourneyKitError
from journeykit.report.jobs import Job
from journeykit.report.manifest import read_json
from journeykit.report.slots import Progress, make_all
from journeykit.report.trials.scoring import coverage, false_findings
from journeykit.report.trials.worlds import World, worlds_of
from journeykit.study.folders import CACHE

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.report.run import Made
    from journeykit.report.trials.trial import Trial
    from journeykit.study import Study

#: Told how many reports on made-up worlds are done, and how many there are to be.
Told = Callable[[int, int], None]
#: Worlds that lie on the disk at a time, for each process; fewer make processes start more often.
_AT_A_TIME = 4
#: Number of the world whose values are the truth.
_TRUTH = -1
#: What is kept of a report for its scores.
_KEPT = ("findings", "kpis", "tables")
#: Different causes of failures that are told.
_CAUSES = 3


@dataclass(slots=True)
class _Harvest:
    """What came of one report in the worlds of one kind.

    Attributes
    ----------
    world : World
    results : list of mapping
        Of the worlds in which it was made.
    causes : dict of str to int
        Why it was not, and how often.
    truth : mapping or None
    no_truth : str
        Why there is no truth where there should be one.
    """

    world: World
    results: list[Mapping[str, Any]] = field(default_factory=list)
    causes: dict[str, int] = field(default_factory=dict)
    truth: Mapping[str, Any] | None = None
    no_truth: str = ""

    def take(self, number: int, found: Mapping[str, Any] | str) -> None:
        """Take in the results of a world, or why there are none."""
        if number == _TRUTH:
            self.truth, self.no_truth = (None, found) if isinstance(found, str) else (found, "")
        elif isinstance(found, str):
            self.causes[found] = self.causes.get(found, 0) + 1
        else:
            self.results.append(found)


def check_worlds(jobs: Sequence[Job], /) -> None:
    """Look whether the data of jobs, as `verify` returned them, have the worlds they ask for.

    Raises
    ------
    ParameterError
        They have not.
    """
    for job in [job for job in jobs if job.trial is not None and not job.refused][:1]:
        assert job.trial is not None
        worlds_of(job.study, job.study.journeys(), job.trial)


def tried(
    jobs: Sequence[Job], /, *, slots: int, told: Told, options: Mapping[str, Any]
) -> tuple[Job, ...]:
    """Run the reports of jobs on made-up worlds; return the jobs with their scores.

    All jobs are of one study and ask for the same worlds, as `plan` makes them. Each world is
    written as a study of its own into a temporary folder, cache and reports included; after the
    scores are known nothing of it is left. A report that is refused is not tried; a world in which
    a report cannot be made is counted, and told with its cause.

    Parameters
    ----------
    jobs : sequence of Job
    slots : int
        Reports made at a time.
    told : callable
    options : mapping
        Further arguments of `make`: the limits, for each report.

    Raises
    ------
    ParameterError
        The study has no such world.
    ReportError
        The temporary folder cannot be written.
    """
    chosen = {at: job for at, job in enumerate(jobs) if job.trial is not None and not job.refused}
    if not chosen:
        return tuple(jobs)
    first = next(iter(chosen.values()))
    trial = first.trial
    assert trial is not None
    worlds = worlds_of(first.study, first.study.journeys(), trial)
    exchanged = {
        world.kind: dict(world.exchanged()) for world in worlds if world.exchanged is not None
    }
    harvests = {at: {world.kind: _Harvest(world) for world in worlds} for at in chosen}
    numbered = [
        (world, number)
        for world in worlds
        for number in (*([_TRUTH] if world.truth else []), *range(trial.replicates))
    ]
    size = 1 if slots == 1 else _AT_A_TIME * slots
    with _folder() as folder:
        for begin in range(0, len(numbered), size):
            runs = [
                run
                for world, number in numbered[begin : begin + size]
                for run in _runs(world, number, chosen, folder / f"{world.kind}-{number}")
            ]
            done, n_all = begin * len(chosen), len(numbered) * len(chosen)
            advance = _counter(lambda n, done=done, n_all=n_all: told(done + n, n_all))  # type: ignore[misc]
            found = _made(runs, folder, slots=slots, advance=advance, options=options)
            for run, results in zip(runs, found, strict=True):
                harvests[run.at][run.kind].take(run.number, results)
    return tuple(
        replace(job, scores=_scores(trial, harvests[at].values(), exchanged))
        if at in harvests
        else job
        for at, job in enumerate(jobs)
    )


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder for the worlds, which also takes what else would be kept of them."""
    with tempfile.TemporaryDirectory(
        prefix="journeykit-trials-", ignore_cleanup_errors=True
    ) as place:
        before = os.environ.get(CACHE)
        # Kernels and processes of slots inherit it: the user's own cache is not for made-up data.
        os.environ[CACHE] = str(Path(place) / "cache")
        try:
            yield Path(place)
        finally:
            os.environ.pop(CACHE)
            if before is not None:
                os.environ[CACHE] = before


@dataclass(frozen=True, slots=True)
class _Run:
    """A report in a world; instead of the job, why there can be none."""

    at: int
    kind: str
    number: int
    job: Job | str


def _runs(world: World, number: int, jobs: Mapping[int, Job], folder: Path) -> list[_Run]:
    """Write a world as a study, and return the reports to be made of it."""
    from journeykit.study.writing import write_study

    study = next(iter(jobs.values())).study
    try:
        journeys = world.truth() if world.truth and number == _TRUTH else world.replicate(number)
        written = write_study(study, journeys, folder)
        found = {at: _moved(job, written, journeys) for at, job in jobs.items()}
    except JourneyKitError as error:
        found = dict.fromkeys(jobs, str(error))
    return [_Run(at, world.kind, number, job) for at, job in found.items()]


def _moved(job: Job, study: Study, journeys: Journeys) -> Job | str:
    """Return the same report of another study, or what of it does not suit its data."""
    parameters = job.parameters.model_copy(update={"study": study.path})
    if sentences := parameters.unsuited(study, journeys):
        return " ".join(dict.fromkeys(sentences))
    return Job(study, parameters, job.notebook)


def _counter(told: Callable[[int], None]) -> Progress:
    """Return what counts the reports whose last cell has run."""
    done = set[int]()

    def advance(at: int, cells: int, of: int) -> None:
        if cells == of and at not in done:
            done.add(at)
            told(len(done))

    told(0)
    return advance


def _made(
    runs: Sequence[_Run],
    folder: Path,
    *,
    slots: int,
    advance: Progress,
    options: Mapping[str, Any],
) -> list[Mapping[str, Any] | str]:
    """Make the reports, return their results or why there are none, and leave nothing behind."""
    jobs = [run.job for run in runs if isinstance(run.job, Job)]
    out = folder / "reports"
    made = iter(make_all(jobs, out=out, slots=slots, advance=advance, options=options))
    found = [run.job if isinstance(run.job, str) else _results(next(made), folder) for run in runs]
    for path in folder.iterdir():
        shutil.rmtree(path, ignore_errors=True)
    return found


def _results(made: Made, folder: Path) -> Mapping[str, Any] | str:
    results = read_json(made.page.parent / "results.json") if made.good else None
    if results is not None:
        return {name: results.get(name, []) for name in _KEPT}
    # Where it lay for a moment is nobody's business, and differs from run to run.
    return made.cause.replace(str(folder), "…") or "Its results cannot be read."


def _scores(
    trial: Trial, harvests: Iterable[_Harvest], exchanged: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what came of the trials of a report, as JSON can hold it."""
    scores: dict[str, Any] = {"replicates": trial.replicates, "seed": trial.seed}
    for harvest in harvests:
        causes = sorted(harvest.causes.items(), key=lambda item: (-item[1], item[0]))
        told = {
            "what": harvest.world.what,
            "where": harvest.world.where,
            "words": harvest.world.words,
            "n_worlds": len(harvest.results),
            "n_failed": sum(harvest.causes.values()),
            "causes": [{"cause": cause, "n": n} for cause, n in causes[:_CAUSES]],
        }
        if harvest.world.kind in exchanged:
            told["exchanged"] = exchanged[harvest.world.kind]
        if harvest.world.truth is None:
            told["findings"] = [asdict(one) for one in false_findings(harvest.results)]
        else:
            told["no_truth"] = harvest.no_truth
            truth = harvest.truth
            told["intervals"] = [
                asdict(one) for one in (coverage(harvest.results, truth) if truth else ())
            ]
        scores[harvest.world.kind] = told
    return scores
