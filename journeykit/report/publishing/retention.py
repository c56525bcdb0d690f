"""Which runs of a report are kept, and how the others go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeykit.checks import check_whole
from journeykit.report.manifest import GOOD
from journeykit.report.publishing.publish import (
    locked,
    parameters_of,
    read_manifest,
    run_ids,
    settle_latest,
)
from journeykit.report.registry import SUMMARY

_REMOVING = ".removing-"


def prune(home: Path, keep: int, /) -> list[str]:
    """Remove old runs of a report and return their ids, newest first.

    Of runs with the same parameters the newest `keep` stay, and the newest good one.
    The run that `latest.html` leads to stays, and so does every run that a summary there is draws
    on: prune the summary first. A run that cannot be read stays, since nothing is known of it; the
    index lists it.

    Parameters
    ----------
    home : Path
        Folder of the report's runs, ``<out>/<study>/<report>``.
    keep : int
        At least 1.

    Raises
    ------
    ArgumentError
        `keep` is not a whole number of at least 1.
    ReportError
        The folder cannot be written, or another process holds it.
    """
    check_whole("keep", keep, least=1)
    if not home.is_dir():
        return []
    with locked(home):
        for leftover in home.glob(f"{_REMOVING}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        wanted = {settle_latest(home), *_drawn_on(home)}
        return [run for run in _beyond(home, keep) if run not in wanted and _remove(home / run)]


def _beyond(home: Path, keep: int) -> list[str]:
    """Return the runs after the newest `keep` and the newest good one of their group."""
    seen: dict[str, int] = {}
    have_good: set[str] = set()
    beyond = []
    for run in run_ids(home):
        manifest = read_manifest(home / run)
        if manifest is None:
            continue
        group = parameters_of(manifest)
        newest_good = manifest.get("status") in GOOD and group not in have_good
        if newest_good:
            have_good.add(group)
        seen[group] = seen.get(group, 0) + 1
        if seen[group] > keep and not newest_good:
            beyond.append(run)
    return beyond


def _drawn_on(home: Path) -> Iterator[str]:
    """Yield the runs of this report that a summary draws on, one being built included."""
    for path in (home.parent / SUMMARY).glob("*/"):
        manifest = None if path.name.startswith(_REMOVING) else read_manifest(path)
        sources: Any = (manifest or {}).get("sources")
        for source in sources if isinstance(sources, list) else []:
            if isinstance(source, dict) and source.get("report") == home.name:
                run = source.get("run")
                if isinstance(run, str):
                    yield run


def _remove(folder: Path) -> bool:
    """Take a run out of readers' sight in one step, then delete it.

    Killed in between, it leaves a folder that the next call deletes. A run that cannot be moved, as
    when a program holds its files open, stays.
    """
    removing = folder.with_name(f"{_REMOVING}{folder.name}")
    try:
        folder.rename(removing)
    except OSError:
        return False
    shutil.rmtree(removing, ignore_errors=True)
    return True
