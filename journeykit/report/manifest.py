"""``manifest.json``: what a run was made from, when, and what came of it."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeykit.report.inputs import comparable, packages
from journeykit.report.jobs import is_own

if TYPE_CHECKING:
    from journeykit.report.jobs import Job
    from journeykit.report.pages.page import Page

#: Ends of a run after which its page is the latest; the fourth is "failed".
GOOD = ("ok", "alert", "partial")


def manifest_of(
    job: Job,
    page: Page,
    /,
    *,
    run: str,
    inputs: Mapping[str, Any],
    started: datetime,
    finished: datetime,
) -> dict[str, Any]:
    """Return the manifest of a run; what changed since the run before is added by who knows it."""
    data = page.data or {}
    told = job.parameters.told()
    about = (job.study.window_text, *told, f"made {finished:%Y-%m-%d}")
    return {
        "version": 2,
        "report": job.report,
        "title": page.title or job.report,
        "study": job.study.name,
        "study_title": job.study.title,
        "about": [part for part in about if part],
        "told": told,
        "own": is_own(job),
        "status": status_of(page, banners=job.banners),
        "failure": asdict(page.failure) if page.failure else None,
        "degraded": list(page.degraded),
        "banners": [{"level": "warn", "text": text} for text in job.banners],
        "fresh_until": job.fresh_until,
        "run": run,
        "parameters": job.parameters.plain(),
        "packages": {"python": platform.python_version(), **packages()},
        "fingerprint": data.get("fingerprint", ""),
        "rows": {"customers": data.get("n_customers"), "events": data.get("n_events")},
        "span": data.get("span"),
        "inputs": dict(inputs),
        "comparable": comparable(job),
        "trial": job.trial.to_json() if job.trial else None,
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "duration_seconds": round((finished - started).total_seconds(), 2),
        "findings": [_without(found, "kind") for found in page.findings],
        "guards": [_without(guard, "kind") for guard in page.guards],
        "kpis": [_without(kpi, "kind") for kpi in page.kpis],
        "tables": {table["key"]: table["n"] for table in page.tables},
        "results": "results.json",
    }


def status_of(page: Page, /, *, banners: tuple[str, ...]) -> str:
    """Return what came of a run: failed, partial, alert or ok, the gravest that is true."""
    if page.failure is not None:
        return "failed"
    if page.degraded:
        return "partial"
    failing = any(kpi["status"] == "fail" for kpi in page.kpis)
    return "alert" if failing or banners else "ok"


def _without(content: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}


def manifest_text(manifest: Mapping[str, Any], /) -> str:
    """Return the file: keys sorted, so that two runs can be compared line by line."""
    return f"{json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True)}\n"


def read_json(path: Path, /) -> dict[str, Any] | None:
    """Return what a file of a run holds, or None where it is missing or damaged."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def newest(
    home: Path,
    /,
    *,
    comparable: str,
    parameters: str,
    before: str = "~",
    trial: str | None = None,
) -> dict[str, Any] | None:
    """Return the manifest of the newest good run in `home` with the same parameters, or None.

    `comparable`, `parameters` and `trial` are the hashes that runs with the same share, whatever
    worlds they were tried on where `trial` is None; only runs before the id `before` count.
    """
    good = (
        run
        for run in _good(home, comparable=comparable, before=before)
        if trial is None or (run.get("inputs") or {}).get("trial", "") == trial
    )
    return next((run for run in good if _parameters(run) == parameters), None)


def before(
    home: Path, manifest: Mapping[str, Any], /, *, periods: Sequence[str]
) -> dict[str, Any] | None:
    """Return the manifest of the run that one is compared with, or None.

    It is the newest good one before it with the same parameters; where there is none, and the
    parameters `periods` say which time each is about, that of the latest time before its own.
    """
    earlier = list(_good(home, comparable=manifest["comparable"], before=manifest["run"]))
    for run in earlier:
        if _parameters(run) == manifest["inputs"]["parameters"]:
            return run
    about = _about(manifest, periods)
    past = [run for run in earlier if all(_about(run, periods)) and _about(run, periods) < about]
    # Of several about the same time the first, which is the newest.
    return max(past, key=lambda run: _about(run, periods), default=None)


def _good(home: Path, *, comparable: str, before: str) -> Iterator[dict[str, Any]]:
    """Yield the manifests of good runs that may be compared, newest first: ids sort by time."""
    for folder in sorted(home.glob("[!.]*/"), key=lambda path: path.name, reverse=True):
        manifest = read_json(folder / "manifest.json") if folder.name < before else None
        if (
            manifest is not None
            and manifest.get("comparable") == comparable
            and manifest.get("status") in GOOD
        ):
            yield manifest


def _parameters(manifest: Mapping[str, Any]) -> object:
    return (manifest.get("inputs") or {}).get("parameters")


def _about(manifest: Mapping[str, Any], periods: Sequence[str]) -> list[str]:
    """Return which time a run is about; empty text where it does not say."""
    given = manifest.get("parameters") or {}
    return [str(given.get(name) or "") for name in periods]
