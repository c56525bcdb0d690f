"""The folder of a run: built beside, renamed at the end; `latest.html` and the index follow."""

from __future__ import annotations

import csv
import io
import json
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from journeykit.errors import ReportError
from journeykit.report.export import render

#: First signs by which spreadsheets take a text for a formula.
_FORMULA_SIGNS = ("=", "+", "-", "@", "|", "%")
_BUILDING = ".building-"
#: A run that has written nothing for so long was killed.
_ABANDONED = timedelta(days=1)


def new_run_id(now: datetime, /) -> str:
    """Return an id that sorts by time and that concurrent runs do not share."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run is built, and where it will stand: ``<out>/<study>/<report>/<run>``."""

    home: Path
    run: str

    @property
    def building(self) -> Path:
        """Folder out of readers' sight while the run is made."""
        return self.home / f"{_BUILDING}{self.run}"

    @property
    def final(self) -> Path:
        """Folder that readers open."""
        return self.home / self.run

    @property
    def latest(self) -> Path:
        """Page that leads to the last good run."""
        return self.home / "latest.html"

    def open(self) -> None:
        """Create the folder to build in; those of runs killed more than a day ago go.

        Raises
        ------
        ReportError
            When the place for reports cannot be written.
        """
        try:
            (self.building / "tables").mkdir(parents=True)
        except OSError as error:
            raise ReportError(
                f"Reports cannot be written to {self.home} ({error.strerror}); "
                "choose another folder with `--out`."
            ) from error
        self._remove_abandoned()

    def _remove_abandoned(self) -> None:
        limit = (datetime.now(UTC) - _ABANDONED).timestamp()
        for folder in self.home.glob(f"{_BUILDING}*/"):
            try:
                touched = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            except OSError:
                # Another run finished it, or removes it too.
                continue
            if touched < limit:
                shutil.rmtree(folder, ignore_errors=True)

    def publish(self, *, good: bool) -> None:
        """Put the finished run in its place; a good one becomes the latest."""
        self.building.rename(self.final)
        if good:
            # A page that leads on survives being zipped, copied to object storage or to Windows;
            # a symbolic link does not.
            target = f"{quote(self.run)}/report.html"
            write_text(
                self.latest,
                f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Latest report</title>'
                f'<meta http-equiv="refresh" content="0; url={target}">'
                f'<p><a href="{target}">The latest report</a></p></html>\n',
            )


def write_text(path: Path, text: str, /) -> None:
    """Write a whole file or nothing: readers never see half of it."""
    beside = path.with_name(f".{path.name}-{secrets.token_hex(3)}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]], /) -> str:
    """Return a CSV file in which no text is a formula when a spreadsheet opens it."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([_no_formula(name) for name in columns])
    writer.writerows([_no_formula(value) for value in row] for row in rows)
    return written.getvalue()


def _no_formula(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] in _FORMULA_SIGNS and value.strip():
        return f"'{value}"
    return value


def write_index(out: Path, /) -> Path:
    """Rebuild ``<out>/index.html`` from the manifests below `out`; links are relative.

    A damaged manifest is listed by its folder and otherwise left alone.
    """
    runs: list[dict[str, Any]] = []
    broken: list[str] = []
    for folder in sorted(out.glob("*/*/*/")):
        if folder.name.startswith("."):
            continue
        relative = folder.relative_to(out).as_posix()
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            runs.append(_entry(manifest, relative))
        except (OSError, ValueError, KeyError, TypeError):
            broken.append(relative)
    studies = _grouped(runs)
    write_text(out / "index.html", render("index.html.j2", {"studies": studies, "broken": broken}))
    return out / "index.html"


def _entry(manifest: Mapping[str, Any], relative: str) -> dict[str, Any]:
    return {
        "study": str(manifest["study"]),
        "study_title": str(manifest["study_title"]),
        "report": str(manifest["report"]),
        "title": str(manifest["title"]),
        "status": str(manifest["status"]),
        "when": f"{datetime.fromisoformat(manifest['finished']):%Y-%m-%d %H:%M} UTC",
        "about": [str(part) for part in manifest["about"]],
        "findings": [str(found["text"]) for found in manifest["findings"]],
        "href": quote(f"{relative}/report.html"),
        "run": str(manifest["run"]),
    }


def _grouped(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Studies, their reports, and of each report its runs, newest first."""
    studies: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for run in sorted(runs, key=lambda run: run["run"], reverse=True):
        studies.setdefault(run["study"], {}).setdefault(run["report"], []).append(run)
    return [
        {
            "title": next(iter(reports.values()))[0]["study_title"],
            "reports": [
                {
                    "newest": entries[0],
                    "good": next((run for run in entries if run["status"] == "ok"), None),
                    "runs": entries,
                }
                for _, entries in sorted(reports.items())
            ],
        }
        for _, reports in sorted(studies.items())
    ]
