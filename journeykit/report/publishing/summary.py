"""The executive summary: one page drawn from whatever reports there are, each number traceable.

It reads manifests alone. A report that is written later appears on it by handing over findings and
KPIs; nothing here knows any report by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from journeykit.report.inputs import digest, packages
from journeykit.report.manifest import GOOD, manifest_text, read_json
from journeykit.report.parameters import EVERYBODY
from journeykit.report.publishing.entry import STATUSES
from journeykit.report.registry import SUMMARY
from journeykit.report.run import Made

if TYPE_CHECKING:
    from journeykit.study import Study

#: How far a verdict is to be relied on; a finding without one is taken for uncertain.
CERTAINTY = {
    "clear": 1.0,
    "met": 1.0,
    "missed": 1.0,
    "leaning": 0.6,
    "counted": 0.5,
    "cannot tell": 0.2,
}
_NO_VERDICT = 0.4
#: Findings on the first screen; all others are one click away.
MOST = 7
_CHANGES = ("status", "kpi", "revision", "finding")


@dataclass(frozen=True, slots=True)
class Source:
    """A run the summary draws from, and the way from the summary's folder to it."""

    manifest: Mapping[str, Any]
    made: Made
    one_of_several: bool = False

    @property
    def href(self) -> str:
        """Relative address of its page."""
        return quote(f"../../{self.made.report}/{self.made.run}/report.html")


def summarise(study: Study, made: Sequence[Made], /, *, out: Path) -> Made:
    """Write the summary of the runs `made` and return it.

    Findings are ranked by consequence times certainty: the share of the study's customers whom a
    finding concerns (half where it does not say), times what its verdict is worth (`CERTAINTY`). A
    run of whose report nothing could be read is named, never passed over.

    Parameters
    ----------
    study : Study
    made : sequence of Made
        What came of each job, unchanged ones included.
    out : Path
        Folder of all reports.
    """
    from journeykit.report.pages.export import figure_words, finding_words, render
    from journeykit.report.publishing.publish import RunFolder, new_run_id, write_text

    started = datetime.now(UTC)
    often = Counter(one.report for one in made)
    sources = [Source(_said_by(one), one, often[one.report] > 1) for one in made]
    folder = RunFolder(out.absolute() / study.name / SUMMARY, new_run_id(started))
    folder.open()
    findings = ranked(sources)
    manifest = _manifest(study, sources, findings, run=folder.run, started=started)
    page = render(
        "summary.html.j2",
        {
            "title": manifest["title"],
            "study_title": study.title,
            "about": manifest["about"],
            "status": manifest["status"],
            "findings": [{**found, **finding_words(found)} for found in findings[:MOST]],
            "n_more": max(0, len(findings) - MOST),
            "kpis": [
                {**_linked(kpi, source), **figure_words(kpi)}
                for source in sources
                for kpi in source.manifest["kpis"]
            ],
            "banners": manifest["banners"],
            "changes": _changes(sources),
            "reports": [_report(source) for source in sources],
            "finished": manifest["finished"],
            "run": folder.run,
            "certainty": ", ".join(f"{word} {worth:g}" for word, worth in CERTAINTY.items()),
        },
    )
    write_text(folder.building / "report.html", page)
    write_text(folder.building / "results.json", manifest_text({"findings": findings}))
    write_text(folder.building / "manifest.json", manifest_text(manifest))
    folder.publish(good=manifest["status"] in GOOD)
    return Made(SUMMARY, manifest["status"], folder.final / "report.html")


def _said_by(made: Made) -> Mapping[str, Any]:
    """Return the manifest of a run, or one that says that there is none."""
    unreadable = {
        "title": made.report, "status": "failed", "parameters": {}, "rows": {}, "findings": [],
        "kpis": [], "failure": {"cause": "What it found cannot be read."},
    }  # fmt: skip
    return read_json(made.page.parent / "manifest.json") or unreadable


def ranked(sources: Sequence[Source], /) -> list[dict[str, Any]]:
    """Return the findings of all sources, the one of most consequence and certainty first."""
    most = max((_customers(source) for source in sources), default=1)
    found = [
        {**_linked(finding, source), "rank": round(_rank(finding, most), 6)}
        for source in sources
        for finding in source.manifest["findings"]
    ]
    return sorted(found, key=lambda finding: -finding["rank"])


def _customers(source: Source) -> int:
    return int((source.manifest.get("rows") or {}).get("customers") or 1)


def _rank(finding: Mapping[str, Any], most: int) -> float:
    concerned = finding.get("customers")
    consequence = 0.5 if concerned is None else min(1.0, concerned / most)
    return consequence * CERTAINTY.get(finding.get("verdict", ""), _NO_VERDICT)


def _linked(content: Mapping[str, Any], source: Source) -> dict[str, Any]:
    anchor = content.get("anchor", "")
    return {
        **content,
        "href": f"{source.href}#{quote(anchor)}" if anchor else source.href,
        "from": source.manifest["title"],
        "about": _for_whom(source),
    }


def _for_whom(source: Source) -> str:
    """Return for whom or when a report is, where several of one kind stand beside each other."""
    if not source.one_of_several:
        return ""
    return ", ".join(said for said in source.manifest.get("told", ()) if said != EVERYBODY)


def _changes(sources: Sequence[Source]) -> list[dict[str, Any]]:
    return [
        _linked(change, source)
        for source in sources
        for change in source.manifest.get("changes", ())
        if change["kind"] in _CHANGES
    ]


def _report(source: Source) -> dict[str, Any]:
    manifest = source.manifest
    return {
        "title": manifest["title"],
        "href": source.href,
        "status": manifest["status"],
        "icon": STATUSES[manifest["status"]],
        "about": _for_whom(source),
        "cause": (manifest["failure"] or {}).get("cause", ""),
        "findings": len(manifest["findings"]),
    }


def overall(statuses: Sequence[str], /) -> str:
    """Return what came of several runs in a word.

    "ok" and "failed" where all are; "partial" where some failed or lack a part; else "alert".
    """
    kinds = {*statuses}
    if len(kinds) == 1:
        return kinds.pop()
    return "partial" if kinds & {"failed", "partial"} else "alert"


def _manifest(
    study: Study,
    sources: Sequence[Source],
    findings: Sequence[Mapping[str, Any]],
    *,
    run: str,
    started: datetime,
) -> dict[str, Any]:
    finished = datetime.now(UTC)
    about = [study.window_text, f"{len(sources)} reports", f"made {finished:%Y-%m-%d}"]
    banners = {banner["text"]: banner for s in sources for banner in s.manifest.get("banners", ())}
    return {
        "version": 2,
        "report": SUMMARY,
        "title": "The most important in short",
        "own": all(source.manifest.get("own", True) for source in sources),
        "study": study.name,
        "study_title": study.title,
        "about": [part for part in about if part],
        "status": overall([source.manifest["status"] for source in sources]),
        "failure": None,
        "degraded": [],
        "banners": list(banners.values()),
        "run": run,
        "sources": [{"report": one.made.report, "run": one.made.run} for one in sources],
        "parameters": {},
        "packages": packages(),
        "fingerprint": "",
        "rows": {"customers": max(_customers(source) for source in sources), "events": None},
        "span": None,
        "inputs": {"all": digest([[one.made.report, one.made.run] for one in sources])},
        "comparable": digest([study.name, SUMMARY]),
        "previous": None,
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "duration_seconds": round((finished - started).total_seconds(), 2),
        "findings": list(findings[:MOST]),
        "guards": [],
        "kpis": [],
        "tables": {},
        "results": "results.json",
    }
