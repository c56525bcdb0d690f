"""The command ``journeykit``: check a study, run its reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeykit import __version__
from journeykit.errors import JourneyKitError, ParameterError

if TYPE_CHECKING:
    from journeykit.report import Job, Made

SAMPLE = "complete-journey"

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
    out: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("reports"),
) -> None:
    """Run the reports of a study and write their pages.

    Exit code 0: all reports are good. 1: at least one failed; its page says why. 2: nothing was
    run, as the study, a report's name or a parameter is wrong.
    """
    from journeykit.report import REPORTS, plan, verify
    from journeykit.report.publish import write_index
    from journeykit.study import load_study

    if study in REPORTS and not Path(study).exists():
        raise ParameterError(
            f"`{study}` is a report; name its study first: journeykit run STUDY {study}"
        )
    jobs = plan(load_study(study), reports or [], _pairs(parameters or []))
    verify(jobs)
    made = _make_all(jobs, out)
    index = write_index(out)
    for one in made:
        if not one.good:
            typer.echo(f"The report {one.report!r} failed: {one.cause}", err=True)
    typer.echo(made[0].page if len(made) == 1 else index.absolute())
    if not all(one.good for one in made):
        raise typer.Exit(1)


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


def _make_all(jobs: tuple[Job, ...], out: Path) -> list[Made]:
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

            made.append(make(job, out=out, advance=advance))
            progress.update(task, completed=1, total=1)
    return made


def main() -> None:
    """Run the command; a mistake of the user is one clean message and exit code 2."""
    try:
        app()
    except JourneyKitError as error:
        typer.echo(f"journeykit: {error}", err=True)
        raise SystemExit(2) from error
