"""The folder of a run: built beside, renamed at the end; `latest.html` follows under a lock."""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from filelock import FileLock, Timeout

from journeykit.errors import ReportError
from journeykit.report.manifest import GOOD, read_json

#: First signs by which spreadsheets take a text for a formula.
_FORMULA_SIGNS = ("=", "+", "-", "@", "|", "%")
_BUILDING = ".building-"
#: A run that has written nothing for so long was killed.
_ABANDONED = timedelta(days=1)
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6,9}")
_LEADS_TO = re.compile(r'url=([^"/]+)/report\.html"')
#: Locks are held for moments; who waits longer waits for something that hangs.
_PATIENCE_SECONDS = 300.0


def new_run_id(now: datetime, /) -> str:
    """Return an id that sorts by time and that concurrent runs do not share."""
    # Milliseconds, so that a run of the next moment sorts behind.
    milli = now.microsecond // 1000
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{milli:03d}{secrets.token_hex(3)}"


def is_run_id(name: str, /) -> bool:
    """Whether a folder's name is a run's own, so that it tells when the run began."""
    return _RUN_ID.fullmatch(name) is not None


@contextmanager
def locked(folder: Path, /) -> Iterator[None]:
    """Let one process at a time change what all runs of a folder share.

    The lock is the operating system's and ends with the process that holds it, however that ends;
    the file ``.lock`` means nothing by itself and stays.

    Raises
    ------
    ReportError
        When the folder cannot be written, or another process does not let go.
    """
    try:
        with FileLock(folder / ".lock", timeout=_PATIENCE_SECONDS):
            yield
    except Timeout as error:
        raise ReportError(
            f"Another process has held {folder / '.lock'} for {_PATIENCE_SECONDS:g} seconds; "
            "look whether one hangs."
        ) from error
    except OSError as error:
        raise ReportError(f"{folder} cannot be written ({error.strerror or error}).") from error


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
        """Put the finished run in its place; a good one becomes the latest.

        A run that began before the latest one stays behind it, however late it ends.

        Raises
        ------
        ReportError
            When the place for reports cannot be written, or another process holds it.
        """
        with locked(self.home):
            self.building.rename(self.final)
            settle_latest(self.home, good=self.run if good else "")


def settle_latest(home: Path, /, *, good: str = "") -> str:
    """Make `latest.html` lead to the newest good run, and return that run's id, or "".

    Runs with the parameters of the study go before those with others, such as one month of a sweep.

    Call it under the lock of `home`. It looks at the runs themselves, so it also mends what a
    killed process left undone. `good` is a run known to be good whatever its manifest says.
    """
    latest = home / "latest.html"
    leads_to = _latest_run(latest)
    newest = max(
        (leads_to, good, *_good_runs(home)), key=lambda run: (bool(run) and _own(home, run), run)
    )
    if newest and newest != leads_to:
        # A page that leads on survives being zipped, copied to object storage or to Windows;
        # a symbolic link does not.
        target = f"{quote(newest)}/report.html"
        write_shared(
            latest,
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Latest report</title>'
            f'<meta http-equiv="refresh" content="0; url={target}">'
            f'<p><a href="{target}">The latest report</a></p></html>\n',
        )
    return newest


def _good_runs(home: Path) -> Iterator[str]:
    for run in run_ids(home):
        manifest = read_manifest(home / run)
        if manifest is not None and manifest.get("status") in GOOD:
            yield run


def _own(home: Path, run: str) -> bool:
    """Whether a run has the parameters of its study: readers are led to these first."""
    return (read_manifest(home / run) or {}).get("own") is not False


def _latest_run(latest: Path) -> str:
    """Return the run that `latest.html` leads to, or "" when that run is not there any more."""
    try:
        leads = _LEADS_TO.search(latest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    run = unquote(leads[1]) if leads else ""
    return run if is_run_id(run) and (latest.parent / run).is_dir() else ""


def run_ids(home: Path, /) -> list[str]:
    """Return the runs that stand in a report's folder, newest first."""
    paths = (path for path in home.iterdir() if is_run_id(path.name))
    return sorted((p.name for p in paths if p.is_dir() and not p.is_symlink()), reverse=True)


def read_manifest(folder: Path, /) -> dict[str, Any] | None:
    """Return what a run says of itself; None when that is missing or damaged.

    What comes back has text for its keys, and nothing is known about its values: whoever takes one
    looks at its type first.
    """
    return read_json(folder / "manifest.json")


def parameters_of(manifest: dict[str, Any], /) -> str:
    """Return a text that runs with the same parameters share, wherever their study lies."""
    given = manifest.get("parameters")
    kept = (
        {name: given[name] for name in given if name != "study"} if isinstance(given, dict) else 0
    )
    return json.dumps(kept, sort_keys=True, default=str)


def comparable_of(manifest: dict[str, Any], /) -> str:
    """Return the digest shared by runs that may be compared; "" in manifests of older versions."""
    digest = manifest.get("comparable")
    return digest if isinstance(digest, str) else ""


def write_text(path: Path, text: str, /) -> None:
    """Write a whole file or nothing: readers never see half of it."""
    beside = path.with_name(f".{path.name}-{secrets.token_hex(3)}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError:
        # Half a file would take room on a disk that is full.
        beside.unlink(missing_ok=True)
        raise


def write_shared(path: Path, text: str, /) -> None:
    """Write a whole file that only the holder of its folder's lock writes.

    Nobody else is writing it, so halves beside it come from processes that were killed, and go.
    """
    for half in path.parent.glob(f".{path.name}-*"):
        half.unlink(missing_ok=True)
    write_text(path, text)


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
