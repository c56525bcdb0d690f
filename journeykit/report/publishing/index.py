"""``index.html``: all studies, their reports and runs, made anew from the manifests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from operator import attrgetter
from pathlib import Path

from markupsafe import Markup

from journeykit.errors import ReportError
from journeykit.report.pages.export import render
from journeykit.report.parameters import EVERYBODY
from journeykit.report.publishing.entry import STATUSES, Figure, Run, in_words, read_run, text
from journeykit.report.publishing.publish import locked, write_shared
from journeykit.report.publishing.sparkline import sparkline
from journeykit.report.registry import SUMMARY

_FINDINGS, _FIGURES, _WAITING = 3, 6, 5


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure of the run that is shown, with its way there."""

    figure: Figure
    line: Markup
    words: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a study, by its newest run and its newest good one."""

    key: str
    anchor: str
    runs: tuple[Run, ...]

    @property
    def _meant(self) -> tuple[Run, ...]:
        """Runs with the parameters of the study; all, where none has them."""
        return tuple(run for run in self.runs if run.own) or self.runs

    @property
    def newest(self) -> Run:
        """Run that began last, of those with the parameters of the study."""
        return self._meant[0]

    @property
    def good(self) -> Run | None:
        """Newest of them with a page to rely on."""
        return next((run for run in self._meant if run.good), None)

    @property
    def statuses(self) -> list[str]:
        """How the newest run ended, and the one that is shown."""
        return list(dict.fromkeys(run.status for run in (self.newest, self.good) if run))

    @property
    def segments(self) -> list[Run]:
        """Newest good run of each segment, when there are several."""
        newest: dict[str, Run] = {}
        for run in self.runs:
            if run.good:
                newest.setdefault(run.segment, run)
        return [newest[name] for name in sorted(newest)]

    @property
    def trends(self) -> list[Trend]:
        """Figures of the run that is shown, over the runs it may be compared with."""
        good = self.good
        if good is None:
            return []
        alike = [run for run in reversed(self.runs) if run.good]
        alike = [run for run in alike if run.comparable == good.comparable]
        return [_trend(figure, alike) for figure in list(good.figures.values())[:_FIGURES]]


@dataclass(frozen=True, slots=True)
class Study:
    """A study and its reports."""

    title: str
    reports: tuple[Report, ...]


def write_index(out: Path, /) -> Path:
    """Rebuild ``<out>/index.html`` from the manifests below `out`; links are relative.

    A run whose manifest cannot be read is listed by its folder and otherwise left alone. Several
    processes may call this at once: the last one to write has seen everything.

    Raises
    ------
    ReportError
        When the folder cannot be written, or another process holds it.
    """
    with locked(out):
        runs, broken = _read(out)
        try:
            write_shared(out / "index.html", index_html(runs, broken))
        except OSError as error:
            raise ReportError(
                f"{out / 'index.html'} cannot be written ({error.strerror}); the old one stands."
            ) from error
    return out / "index.html"


def index_html(runs: Iterable[Run], broken: Sequence[str], /) -> str:
    """Return the page about `runs` and the folders in `broken`."""
    ordered = sorted(runs, key=attrgetter("age"), reverse=True)
    studies = _studies(ordered)
    reports = [report for study in studies for report in study.reports]
    titles = {report.key: report.newest.title for report in reversed(reports)}
    return render(
        "index.html.j2",
        {
            "studies": studies,
            "runs": ordered,
            "broken": broken,
            "reports": len(reports),
            "waiting": [report for report in reports if report.newest.status != "ok"],
            "most_waiting": _WAITING,
            "choices": _choices(ordered, titles),
            "icons": STATUSES,
            "everybody": EVERYBODY,
            "most_findings": _FINDINGS,
        },
    )


def _read(out: Path) -> tuple[list[Run], list[str]]:
    runs, broken = [], []
    for folder in sorted(out.glob("*/*/*/")):
        relative = folder.relative_to(out)
        if any(part.startswith(".") for part in relative.parts):
            continue
        run = read_run(folder, out)
        if run is not None:
            runs.append(run)
        elif folder.exists():
            # Otherwise it was removed while we looked.
            broken.append(text(relative.as_posix()))
    return runs, broken


def _choices(
    runs: Sequence[Run], titles: Mapping[str, str]
) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return what can be filtered by: its name, the words for no choice, values and their words."""
    segments = sorted({run.segment or EVERYBODY for run in runs})
    statuses = [name for name in STATUSES if any(run.status == name for run in runs)]
    return [
        ("report", "all reports", sorted(titles.items(), key=_by_first)),
        ("segment", "all segments", [(name, name) for name in segments]),
        ("status", "any status", [(name, name) for name in statuses]),
    ]


def _studies(runs: Sequence[Run]) -> list[Study]:
    """Group runs, newest first; the order of time within a report is kept."""
    by_report = sorted(runs, key=lambda run: (run.study, *_by_first((run.report, ""))))
    studies = []
    number = count(1)
    for _, of_study in groupby(by_report, key=attrgetter("study")):
        reports = tuple(
            Report(key, f"report-{next(number)}", tuple(of_report))
            for key, of_report in groupby(of_study, key=attrgetter("report"))
        )
        newest = max((report.newest for report in reports), key=attrgetter("age"))
        studies.append(Study(newest.study_title, reports))
    return studies


def _by_first(item: tuple[str, str]) -> tuple[bool, str]:
    return item[0] != SUMMARY, item[0]


def _trend(figure: Figure, runs: Sequence[Run]) -> Trend:
    """Draw a figure over its own past, or, where it tells none, over the runs."""
    if figure.value is not None and len(figure.history) > 1:
        first = in_words(figure.history[0], figure.unit)
        words = f"from {first} to {figure.shown} over {len(figure.history)} periods"
        return Trend(figure, sparkline(figure.history, low=figure.low, high=figure.high), words)
    same = (run.figures.get(figure.key) for run in runs)
    values = [one.value for one in same if one is not None and one.unit == figure.unit]
    known = [value for value in values if value is not None]
    if figure.value is None or len(known) < 2:
        return Trend(figure, Markup(), "")
    words = f"from {in_words(known[0], figure.unit)} to {figure.shown} over {len(known)} runs"
    return Trend(figure, sparkline(known, low=figure.low, high=figure.high), words)
