"""The command ``journeykit``: begin and check a study, run its reports, compare runs."""

from __future__ import annotations

import json
import shlex
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from journeykit import __version__
from journeykit.errors import JourneyKitError, JourneyKitWarning, ParameterError, ReportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from journeykit.report import Job, Made

SAMPLE = "complete-journey"
#: What `describe` calls the simulated company.
WORLD = "world"
#: What the command `run` says to a scheduler; 2 is a mistake of the user.
EXIT_CODES = {"ok": 0, "failed": 1, "alert": 3, "partial": 4}

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A research workbench for customer journeys.",
)

Study = Annotated[
    str, typer.Argument(help="study.yaml, its folder, or a study that ships.", metavar="[STUDY]")
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"journeykit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Work on customer journeys: check a study, run its reports."""


@app.command()
def run(
    study: Study = SAMPLE,
    reports: Annotated[
        list[str] | None,
        typer.Argument(help="Reports to make; by default all of the study.", metavar="[REPORT]..."),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="A parameter; repeatable."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--params",
            metavar="FILE.yaml",
            help="Parameters from a file; values are taken as written, and -p wins.",
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep",
            metavar="NAME=A,B",
            help="One report for each value: a,b or months 2026-01..2026-06; repeatable, and "
            "several are combined.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("reports"),
    jobs: Annotated[int, typer.Option(min=1, help="Reports made at a time.")] = 1,
    timeout: Annotated[
        int | None, typer.Option(min=1, help="Seconds a report may take; by default any time.")
    ] = None,
    cell_timeout: Annotated[
        int | None, typer.Option(min=1, help="Seconds each cell may take; by default any time.")
    ] = None,
    retries: Annotated[
        int, typer.Option(min=0, help="How often a report that failed is made anew.")
    ] = 0,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Runs kept of each report and its parameters; by default all."),
    ] = None,
    null: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="Try the reports on worlds in which WHAT tells nothing (exposure, attributes; a "
            "parameter, of a simulated study): how often are findings false?",
        ),
    ] = None,
    recovery: Annotated[
        bool,
        typer.Option(
            "--recovery",
            help="Try the reports on many samples: do intervals hold the value of the whole?",
        ),
    ] = False,
    replicates: Annotated[
        int | None, typer.Option(min=1, help="Worlds of each kind that is tried; by default 20.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed from which worlds are drawn; by default 0.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Make reports anew even if nothing has changed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made, and make nothing.")
    ] = False,
    on_finish: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="Run a command at the end, with JSON on its standard input."
        ),
    ] = None,
) -> None:
    """Run the reports of a study and write their pages, and a summary of all of them.

    Prints the page to open, and at the end one line of JSON: what came of each report.

    Exit codes:
    0: all reports are good, or nothing had changed.
    1: all failed; their pages say why.
    2: nothing was run: the study, a name, a parameter or an option is wrong.
    3: an alert: the data are not as the study declares, or a KPI is where it draws the line.
    4: some failed or lack a part, some are good.
    """
    from journeykit.report.execution.watch import stop_cleanly_when_told
    from journeykit.report.jobs import plan, verify
    from journeykit.report.publishing.notify import split_command
    from journeykit.report.trials.trial import trial_of
    from journeykit.study import load_study

    stop_cleanly_when_told()
    _refuse_report_as_study(study)
    command = split_command(on_finish) if on_finish is not None else None
    trial = trial_of(null=null, recovery=recovery, replicates=replicates, seed=seed)
    loaded = load_study(study)
    given, swept = _given(file, parameters or []), _sweeps(sweep or [])
    planned = plan(loaded, reports or [], given, sweep=swept, trial=trial)
    standing = {} if force else _standing(planned, out)
    waiting = [at for at in range(len(planned)) if at not in standing]
    verified = verify([planned[at] for at in waiting])
    options = {"timeout": timeout, "cell_timeout": cell_timeout}
    if trial is not None:
        verified = _tried(verified, dry_run=dry_run, slots=jobs, options=options)
    if dry_run:
        _say_plan(planned, standing, verified, out)
        return
    fresh = _make_all(verified, out, {"slots": jobs, "retries": retries, "options": options})
    made = [
        standing[at] if at in standing else fresh[waiting.index(at)] for at in range(len(planned))
    ]
    _finish(loaded, made, out, keep=keep, command=command)


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(help="A new folder, or an empty one.", metavar="FOLDER")
    ],
) -> None:
    """Begin a study of your own: a folder that runs as it is and waits for your data.

    Writes study.yaml with every key explained, a made-up example of 60 customers to replace, and a
    README with the next steps. Overwrites nothing.
    """
    from journeykit.study.scaffold import create_study

    file = create_study(folder)
    given = shlex.quote(str(folder))
    typer.echo(
        f"{file} and an example of made-up customers beside it.\n"
        f"Put your own data there; {file.with_name('README.md').name} says how. Until then:\n"
        f"  journeykit check {given}\n"
        f"  journeykit run {given}"
    )


@app.command()
def check(study: Study = SAMPLE) -> None:
    """Validate a study and its data, and profile them, without running a report."""
    from journeykit.errors import StudyError
    from journeykit.report.jobs import plan, verify
    from journeykit.report.unsuited import unread_files
    from journeykit.study import load_study
    from journeykit.study.profile import profile

    loaded = load_study(study)
    if wrong := unread_files(loaded):
        raise StudyError("\n".join(wrong))
    planned = plan(loaded, [], {})
    typer.echo(profile(loaded))
    for text in verify(planned)[0].banners:
        typer.echo(f"\nTo look at first: {text}")


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="A new folder, or an empty one.")],
    customers: Annotated[int, typer.Option(min=1, help="How many.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another world.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PART.PARAMETER=VALUE",
            help="A parameter of the world, such as orders.effect.email_promo=0; repeatable.",
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=30, max=3000, help="From 2024-01-01 on.")] = 731,
    processes: Annotated[int, typer.Option(min=1, help="Processes that draw.")] = 1,
) -> None:
    """Simulate a company whose truth is known: its tables, truth.json, and a study that runs."""
    from journeykit.simulate.world import world
    from journeykit.study.folders import check_new

    check_new(out)
    made = world(
        customers=customers,
        seed=seed,
        settings=_pairs("--set", settings or []),
        days=days,
        processes=processes,
    )
    file = made.write(out)
    given = shlex.quote(str(out))
    typer.echo(
        f"{file}: {made.customers:,} made-up customers, {made.events.num_rows:,} events.\n"
        f"  journeykit check {given}\n"
        f"  journeykit run {given}"
    )


@app.command()
def describe(
    report: Annotated[
        str,
        typer.Argument(
            help="Name of the report; `world` for the simulated company.", metavar="REPORT"
        ),
    ],
    study: Annotated[
        str | None, typer.Option(help="The study beside which a report of your own stands.")
    ] = None,
    json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print the JSON Schema, for programs.")
    ] = False,
) -> None:
    """List the parameters of a report: type, range or choices, default, what each does.

    `describe world` lists those of the simulated company, part by part, with the law of each.
    """
    if report == WORLD:
        from journeykit.simulate.parameters import parameters_text

        typer.echo(parameters_text())
        return
    from journeykit.report.describe import describe as table_of
    from journeykit.report.registry import report_of
    from journeykit.study import load_study

    model = report_of(report, load_study(study) if study else None).model
    if json_schema:
        typer.echo(json.dumps(model.model_json_schema(), indent=2))
    else:
        typer.echo(table_of(model))


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Folder of the older run, or its page.")],
    new: Annotated[Path, typer.Argument(help="Folder of the newer run, or its page.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say what changed between two runs of a report; nothing where all is the same."""
    from journeykit.report.compare import diff as changes_between

    changes = changes_between(old, new)
    if as_json:
        typer.echo(json.dumps([{"kind": change.kind, "text": change.text} for change in changes]))
        return
    for change in changes:
        typer.echo(f"{change.kind}: {change.text}")


def _refuse_report_as_study(study: str) -> None:
    from journeykit.report.registry import REPORTS

    if study in REPORTS and not Path(study).exists():
        raise ParameterError(
            f"`{study}` is a report; name its study first: journeykit run STUDY {study}"
        )


def _given(file: Path | None, parameters: list[str]) -> dict[str, object]:
    from journeykit.report.parameters import read_parameters

    return {**(read_parameters(file) if file else {}), **_pairs("-p", parameters)}


def _sweeps(given: list[str]) -> dict[str, list[str]]:
    from journeykit.report.jobs import sweep_values

    return {name: sweep_values(values) for name, values in _pairs("--sweep", given).items()}


def _pairs(option: str, given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ParameterError(f"`{option}` must be NAME=VALUE; got {text!r}.")
        if name in pairs:
            raise ParameterError(f"`{option} {name}=` is given twice; keep one.")
        pairs[name] = value
    return pairs


def _standing(planned: Sequence[Job], out: Path) -> dict[int, Made]:
    from journeykit.report.run import unchanged

    found = {at: unchanged(job, out=out) for at, job in enumerate(planned)}
    return {at: made for at, made in found.items() if made is not None}


def _say_plan(
    planned: Sequence[Job], standing: dict[int, Made], waiting: Sequence[Job], out: Path
) -> None:
    verified = iter(waiting)
    jobs = [
        {
            **(job if at in standing else next(verified)).to_json(),
            "unchanged": at in standing,
            "out": str(out.absolute()),
        }
        for at, job in enumerate(planned)
    ]
    for job in jobs:
        refused = f"refused: {job['refused']}" if job["refused"] else "to be made"
        state = "unchanged" if job["unchanged"] else refused
        given = {name: value for name, value in job["parameters"].items() if value is not None}
        typer.echo(f"{job['report']}: {state}, {given}")
    typer.echo(json.dumps({"status": "planned", "reports": jobs}))


def _tried(jobs: Sequence[Job], *, dry_run: bool, **limits: Any) -> tuple[Job, ...]:
    """Run the reports on made-up worlds first, so that their pages can tell what came of it."""
    from journeykit.report.trials.replicates import check_worlds, tried

    if dry_run:
        check_worlds(jobs)
        return tuple(jobs)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task("reports on made-up worlds", total=None)
        return tried(
            jobs,
            told=lambda done, of: progress.update(task, completed=done, total=of),
            **limits,
        )


def _make_all(jobs: Sequence[Job], out: Path, limits: dict[str, Any]) -> list[Made]:
    if not jobs:
        return []
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from journeykit.report.slots import make_all

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = [progress.add_task(job.report, total=None, start=False) for job in jobs]

        def advance(at: int, done: int, cells: int) -> None:
            progress.start_task(tasks[at])
            progress.update(tasks[at], completed=done, total=cells)

        return make_all(jobs, out=out, advance=advance, **limits)


def _finish(
    study: Any, made: list[Made], out: Path, *, keep: int | None, command: list[str] | None
) -> None:
    """Write the summary and the index, say what came of all, and tell others."""
    from journeykit.report.publishing.index import write_index
    from journeykit.report.publishing.notify import payload, tell
    from journeykit.report.publishing.retention import prune
    from journeykit.report.publishing.summary import overall, summarise

    status = overall([one.status for one in made])
    summary = None
    try:
        if len(made) > 1 and not all(one.unchanged for one in made):
            summary = summarise(study, made, out=out)
        if keep is not None:
            # The summary's first: what it draws on stays.
            homes = [one.page.parent.parent for one in [*([summary] if summary else []), *made]]
            for home in dict.fromkeys(homes):
                prune(home, keep)
        write_index(out)
    except ReportError as error:
        # The reports stand, and their exit code tells of them.
        typer.echo(f"journeykit: {error}", err=True)
    for one in made:
        if not one.good:
            typer.echo(f"The report {one.report!r} ({one.told}) failed: {one.cause}", err=True)
        elif one.unchanged:
            typer.echo(f"The report {one.report!r} stands: nothing has changed.", err=True)
    page = summary.page if summary else made[0].page if len(made) == 1 else _latest(study, out)
    typer.echo(page)
    told = ""
    if command is not None:
        try:
            tell(command, payload(study.title, status, made, page=page, out=out))
        except ReportError as error:
            told = str(error)
            typer.echo(f"journeykit: {error}", err=True)
    line = {"status": status, "reports": [_line(one, out) for one in made], "on_finish": told}
    typer.echo(json.dumps(line))
    raise typer.Exit(EXIT_CODES[status])


def _latest(study: Any, out: Path) -> Path:
    from journeykit.report.registry import SUMMARY

    latest = out.absolute() / study.name / SUMMARY / "latest.html"
    return latest if latest.exists() else out.absolute() / "index.html"


def _line(made: Made, out: Path) -> dict[str, object]:
    return {
        "report": made.report,
        "told": made.told,
        "status": made.status,
        "unchanged": made.unchanged,
        "page": made.page.relative_to(out.absolute()).as_posix(),
        "run": made.run,
        "seconds": made.seconds,
        "cause": made.cause,
    }


def _told(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """Return a warning of ours without the place in our code, which is nobody's business."""
    if issubclass(category, JourneyKitWarning):
        return f"journeykit: note: {message}\n"
    return _as_python_does(message, category, filename, lineno, line)


_as_python_does = warnings.formatwarning


def main() -> None:
    """Run the command; a mistake of the user is one clean message and exit code 2."""
    warnings.formatwarning = _told
    try:
        app()
    except JourneyKitError as error:
        typer.echo(f"journeykit: {error}", err=True)
        raise SystemExit(2) from error
