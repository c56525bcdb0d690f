"""The command ``journeykit``: check a study, run its reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeykit import __version__
from journeykit.errors import JourneyKitError, ParameterError

if TYPE_CHECKING:
    from journeykit.report import Job, Made

SAMPLE = "complete-journey"
#: What the command `run` says to a scheduler; 2 is a mistake of the user.
EXIT_CODES = {"ok": 0, "failed": 1, "partial": 4}

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
    out: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("reports"),
    timeout: Annotated[
        int | None, typer.Option(min=1, help="Seconds a report may take; by default any time.")
    ] = None,
    cell_timeout: Annotated[
        int | None, typer.Option(min=1, help="Seconds each cell may take; by default any time.")
    ] = None,
) -> None:
    """Run the reports of a study and write their pages.

    Prints the page to open, and then one line of JSON: what came of each report.

    Exit codes:
    0: all reports are good.
    1: all failed; their pages say why.
    2: nothing was run: the study, a name, a parameter or an option is wrong.
    4: some failed, some are good.
    """
    from journeykit.report import REPORTS, plan, verify
    from journeykit.report.index import write_index
    from journeykit.report.parameters import read_parameters
    from journeykit.study import load_study

    if study in REPORTS and not Path(study).exists():
        raise ParameterError(
            f"`{study}` is a report; name its study first: journeykit run STUDY {study}"
        )
    given = {**(read_parameters(file) if file else {}), **_pairs(parameters or [])}
    jobs = plan(load_study(study), reports or [], given)
    verify(jobs)
    made = _make_all(jobs, out, timeout=timeout, cell_timeout=cell_timeout)
    index = write_index(out)
    for one in made:
        if not one.good:
            typer.echo(f"The report {one.report!r} failed: {one.cause}", err=True)
    typer.echo(made[0].page if len(made) == 1 else index.absolute())
    status = _status(made)
    typer.echo(json.dumps({"status": status, "reports": [_line(one, out) for one in made]}))
    raise typer.Exit(EXIT_CODES[status])


@app.command()
def check(study: Study = SAMPLE) -> None:
    """Validate a study and its data, and profile them, without running a report."""
    from journeykit.report import plan, verify
    from journeykit.study import load_study
    from journeykit.study.profile import profile

    loaded = load_study(study)
    jobs = plan(loaded, [], {})
    typer.echo(profile(loaded))
    verify(jobs)


@app.command()
def describe(
    report: Annotated[str, typer.Argument(help="Name of the report.", metavar="REPORT")],
    json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print the JSON Schema, for programs.")
    ] = False,
) -> None:
    """List the parameters of a report: type, range or choices, default, what each does."""
    from journeykit.report.describe import describe as table_of
    from journeykit.report.parameters import parameters_of

    model = parameters_of(report)
    if json_schema:
        typer.echo(json.dumps(model.model_json_schema(), indent=2))
    else:
        typer.echo(table_of(model))


def _pairs(given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ParameterError(f"`-p` must be NAME=VALUE; got {text!r}.")
        if name in pairs:
            raise ParameterError(f"`-p {name}=` is given twice; keep one.")
        pairs[name] = value
    return pairs


def _status(made: list[Made]) -> str:
    kinds = {one.status for one in made}
    return kinds.pop() if len(kinds) == 1 else "partial"


def _line(made: Made, out: Path) -> dict[str, object]:
    return {
        "report": made.report,
        "status": made.status,
        "page": made.page.relative_to(out.absolute()).as_posix(),
        "run": made.run,
        "seconds": made.seconds,
        "cause": made.cause,
    }


def _make_all(
    jobs: tuple[Job, ...], out: Path, *, timeout: int | None, cell_timeout: int | None
) -> list[Made]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from journeykit.report import make

    made = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for job in jobs:
            task = progress.add_task(job.report, total=None)

            def advance(done: int, cells: int, task: TaskID = task) -> None:
                progress.update(task, completed=done, total=cells)

            limits = {"timeout": timeout, "cell_timeout": cell_timeout}
            made.append(make(job, out=out, advance=advance, **limits))
            progress.update(task, completed=1, total=1)
    return made


def main() -> None:
    """Run the command; a mistake of the user is one clean message and exit code 2."""
    try:
        app()
    except JourneyKitError as error:
        typer.echo(f"journeykit: {error}", err=True)
        raise SystemExit(2) from error
