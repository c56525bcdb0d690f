"""What a run tells others: JSON for a command, with a mail and a chat message in it."""

from __future__ import annotations

import html
import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from journeykit.errors import ParameterError, ReportError
from journeykit.report.kpis import said_of
from journeykit.report.manifest import read_json
from journeykit.report.run import Made

#: Mail servers and chats take more, yet nobody reads more.
MOST_BYTES = 100_000
_FINDINGS, _TEXT = 5, 400
_KPI = ("key", "label", "value", "at_most", "at_least", "n", "status", "said")
#: Seconds a command may take.
_PATIENCE = 120
_WORDS = {"ok": "✓ good", "alert": "! alert", "partial": "! in part", "failed": "✕ failed"}


def payload(
    study_title: str, status: str, made: Sequence[Made], /, *, page: Path, out: Path
) -> dict[str, Any]:
    """Return what is told of a run: status, reports, and a mail and a chat message, below 100 KB.

    ``email`` is a whole message for ``sendmail -t`` but for ``To:`` and ``From:``, which the
    command adds; ``chat`` has ``text``, as incoming webhooks take it. Paths are relative to
    ``out``. There is no picture and no table in it: the page has them.
    """
    reports = [_report(one, out) for one in made]
    # Long texts are cut already; what is still too much are too many reports.
    while True:
        told = {
            "study": study_title,
            "status": status,
            "out": str(out.absolute()),
            "page": page.relative_to(out.absolute()).as_posix(),
            "reports": reports,
            "left_out": len(made) - len(reports),
        }
        told |= {"email": _mail(told), "chat": {"text": _plain(told)}}
        if len(json.dumps(told)) < MOST_BYTES or not reports:
            return told
        reports = reports[: len(reports) // 2]


def _report(made: Made, out: Path) -> dict[str, Any]:
    manifest = read_json(made.page.parent / "manifest.json") or {}
    return {
        "report": made.report,
        "told": _cut(made.told),
        "title": _cut(str(manifest.get("title", made.report))),
        "status": made.status,
        "unchanged": made.unchanged,
        "cause": _cut(made.cause),
        "page": made.page.relative_to(out.absolute()).as_posix(),
        "banners": [_cut(banner["text"]) for banner in manifest.get("banners", ())][:_FINDINGS],
        "findings": [_cut(found["text"]) for found in manifest.get("findings", ())][:_FINDINGS],
        "kpis": [{name: kpi.get(name) for name in _KPI} for kpi in manifest.get("kpis", ())],
    }


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


def _lines(report: Mapping[str, Any]) -> list[str]:
    alarms = [
        f"{kpi['label']}: {said_of(kpi)}, {kpi['said']}"
        for kpi in report["kpis"]
        if kpi["status"] == "fail"
    ]
    return [*filter(None, [report["cause"]]), *report["banners"], *alarms, *report["findings"]]


def _head(report: Mapping[str, Any]) -> str:
    whom = f" ({report['told']})" if report["told"] else ""
    return f"{_WORDS[report['status']]}: {report['title']}{whom}"


def _plain(told: Mapping[str, Any]) -> str:
    parts = [f"{told['study']}: {told['status']}", f"{told['out']}/{told['page']}"]
    for report in told["reports"]:
        parts += [_head(report), *(f"  - {line}" for line in _lines(report))]
    return "\n".join(parts)


def _mail(told: Mapping[str, Any]) -> str:
    message = EmailMessage()
    subject = f"{told['study']}: {told['status']}"
    message["Subject"] = " ".join(subject.split())
    message.set_content(_plain(told))
    items = "".join(
        f"<h2>{html.escape(_head(report))}</h2>"
        f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in _lines(report))}</ul>"
        for report in told["reports"]
    )
    message.add_alternative(f"<h1>{html.escape(subject)}</h1>{items}", subtype="html")
    return message.as_string()


def split_command(command: str, /) -> list[str]:
    """Read a command as a shell would, without one: no pipes, no variables.

    Raises
    ------
    ParameterError
        Nothing, or a quote that is not closed.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ParameterError(f"`--on-finish` cannot be read: {error}; got {command!r}.") from error
    if not words:
        raise ParameterError("`--on-finish` must be a command; got nothing.")
    return words


def tell(command: Sequence[str], told: Mapping[str, Any], /) -> None:
    """Run a command with the payload on its standard input.

    Raises
    ------
    ReportError
        It cannot be started, takes longer than two minutes or fails; the reports stand.
    """
    try:
        done = subprocess.run(
            command,
            input=json.dumps(told),
            text=True,
            encoding="utf-8",
            errors="replace",
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReportError(f"`--on-finish` could not be run: {error}") from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise ReportError(f"`--on-finish` failed with exit code {done.returncode}: {last[0]}")
