"""What a run tells others."""

from __future__ import annotations

import json
import sys
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from journeykit.errors import ParameterError, ReportError
from journeykit.report.publishing.notify import payload, split_command, tell
from journeykit.report.run import Made

HOSTILE = "<script>alert(1)</script>\r\nBcc: all@example.org"


def made(out: Path, number: int, *, status: str = "ok", **manifest: Any) -> Made:
    folder = out / "s" / "paths" / f"run{number}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"title": "Ways", **manifest}))
    cause = "It broke." if status == "failed" else ""
    return Made("paths", status, folder / "report.html", cause=cause)


def body(mail: str, kind: str) -> str:
    message = message_from_string(mail, policy=default)
    assert isinstance(message, EmailMessage)
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_what_is_told(tmp_path: Path) -> None:
    kpis = [
        {
            "key": "a",
            "label": "Leaving",
            "value": 0.2,
            "n": 9,
            "status": "fail",
            "said": "above 10%",
        },
        {"key": "b", "label": "Success", "value": 0.2, "n": 9, "status": "ok", "said": "fine"},
    ]
    runs = [
        made(tmp_path, 1, status="alert", findings=[{"text": "A leads."}], kpis=kpis),
        made(tmp_path, 2, status="failed"),
    ]
    page = tmp_path / "s" / "summary" / "r" / "report.html"
    told = payload("A study", "partial", runs, page=page, out=tmp_path)
    assert (told["status"], told["page"], told["left_out"]) == (
        "partial", "s/summary/r/report.html", 0,
    )  # fmt: skip
    assert told["reports"][0]["page"] == "s/paths/run1/report.html"
    assert [kpi["status"] for kpi in told["reports"][0]["kpis"]] == ["fail", "ok"]
    assert told["chat"]["text"] == (
        f"A study: partial\n{tmp_path}/s/summary/r/report.html\n"
        "! alert: Ways\n  - Leaving: 20%, above 10%\n  - A leads.\n"
        "✕ failed: Ways\n  - It broke."
    )
    assert body(told["email"], "plain").strip() == told["chat"]["text"]
    assert "<h2>! alert: Ways</h2><ul><li>Leaving: 20%, above 10%</li>" in body(
        told["email"], "html"
    )
    assert message_from_string(told["email"])["Subject"] == "A study: partial"


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    run = made(tmp_path, 1, findings=[{"text": HOSTILE}])
    told = payload(HOSTILE, "ok", [run], page=run.page, out=tmp_path)
    message = message_from_string(told["email"])
    assert message["Bcc"] is None
    assert "Bcc: all@example.org" in message["Subject"]
    assert "<script>" not in body(told["email"], "html")


def test_it_stays_below_100_kilobytes(tmp_path: Path) -> None:
    runs = [
        made(tmp_path, number, findings=[{"text": "ü" * 9000}] * 40, kpis=[])
        for number in range(90)
    ]
    told = payload("s", "ok", runs, page=runs[0].page, out=tmp_path)
    assert len(json.dumps(told)) < 100_000
    assert 0 < len(told["reports"]) < 90
    assert told["left_out"] == 90 - len(told["reports"])
    assert told["reports"][0]["findings"][0] == "ü" * 399 + "…"


def test_a_damaged_manifest_is_no_reason_to_be_silent(tmp_path: Path) -> None:
    run = made(tmp_path, 1)
    (run.page.parent / "manifest.json").write_text("{")
    told = payload("s", "ok", [run], page=run.page, out=tmp_path)
    assert told["reports"][0]["title"] == "paths"


def test_the_command_gets_it_on_standard_input(tmp_path: Path) -> None:
    target = tmp_path / "told $(x) file"
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    command = split_command(f"'{sys.executable}' -c '{code}' '{target}'")
    tell(command, {"status": "ok"})
    assert json.loads(target.read_text()) == {"status": "ok"}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"{sys.executable} -c 'import sys; sys.exit(\"no mail today\")'", "exit code 1: no mail"),
        (f"{sys.executable} -c 'raise SystemExit(7)'", "exit code 7: it said nothing"),
        ("/nowhere/at/all", "`--on-finish` could not be run: .*No such file"),
    ],
)
def test_a_command_that_fails_says_so(command: str, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        tell(split_command(command), {})


@pytest.mark.parametrize("command", ["", "  ", "echo 'open"])
def test_a_command_that_is_none(command: str) -> None:
    with pytest.raises(ParameterError, match="`--on-finish`"):
        split_command(command)
