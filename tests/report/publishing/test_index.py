from __future__ import annotations

import json
import os
import random
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeykit.report.publishing.entry import read_run
from journeykit.report.publishing.index import index_html, write_index
from tests.report.pages.examples import PAYLOADS
from tests.report.publishing.test_publish import run_id

TITLES = {
    "summary": "Executive summary", "paths": "Which way do customers go?",
    "survival": "How long do customers stay?", "attribution": "Which touch earned the sale?",
}  # fmt: skip


def kpi(value: object = 0.5, **changes: object) -> dict[str, object]:
    return {"key": "k", "label": "Return", "unit": "share", "value": value, **changes}


def manifest_of(**changes: object) -> dict[str, Any]:
    return {
        "study": "tiny", "study_title": "Tiny <b>", "report": "paths", "title": "Which way?",
        "status": "ok", "finished": "2026-01-01T10:00:00+00:00", "about": ["2017", "all customers"],
        "findings": [{"text": "Half & more.", "basis": "", "verdict": "clear"}],
        "comparable": "a", "parameters": {"segment": None}, **changes,
    }  # fmt: skip


def put(
    out: Path, number: int | str, *, study: str = "tiny", report: str = "paths", **changes: object
) -> Path:
    folder = out / study / report / (run_id(number) if isinstance(number, int) else number)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest_of(**changes)))
    return folder


def put_many(out: Path, n: int) -> None:
    """Put `n` runs as full as real ones: two studies, four reports, three segments."""
    draw = random.Random(20260101)
    for at in range(n):
        report = list(TITLES)[at // 2 % 4]
        started = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=7 * at)
        segment = draw.choice([None, None, "gold", "silver"]) if report != "summary" else None
        status = draw.choices(["ok", "alert", "partial", "failed"], [85, 5, 5, 5])[0]
        value = 0.05 + 0.00002 * at + 0.01 * draw.random()
        put(
            out,
            f"{started:%Y%m%dT%H%M%SZ}-{at:06x}",
            study=("complete-journey", "cdnow")[at % 5 == 4],
            study_title=("Complete Journey", "CDNOW")[at % 5 == 4],
            report=report, title=TITLES[report], status=status, comparable=f"{report} {segment}",
            parameters={"segment": segment}, finished=started.isoformat(),
            about=["2017-01-01 to 2018-01-01", segment or "all customers"],
            failure={"cause": "A cell ran longer than the 60 seconds it may."},
            findings=[
                {"text": "After a coupon mailing 12.4% visit within a week, 9.8% without.",
                 "verdict": "clear"},
                {"text": "Who buys in two categories stays 41 days longer.", "verdict": "leaning"},
                {"text": "Whether displays earn their cost these data do not tell.",
                 "verdict": "cannot tell"},
            ],
            kpis=[
                kpi(value, label="Return within 30 days", conf_low=value - 0.004,
                    conf_high=value + 0.004, n=2500, period=["2017-11-01", "2017-11-30"],
                    status="fail" if status == "alert" else "ok",
                    said="below 5%, which the study calls a failure"),
                kpi(30 + 3 * draw.random(), key="days", unit="days",
                    label="Median days to the second purchase", n=812, status=""),
            ],
        )  # fmt: skip


def lines(html: str) -> str:
    """Return the text of the page as a reader meets it, one line."""
    body = html.partition("<body>")[2].partition("<script>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", body).replace("\u00a0", " ").split())


def test_the_newest_good_run_stands_for_its_report(tmp_path: Path) -> None:
    put(tmp_path, 1, findings=[{"text": "Old."}])
    put(tmp_path, 2, findings=[{"text": f"Finding {n}.", "verdict": "met"} for n in range(5)])
    put(tmp_path, 3, status="failed", findings=[], failure={"cause": "The data are gone."})
    html = write_index(tmp_path).read_text()
    page = f"tiny/paths/{run_id(2)}/report.html"
    assert f'<h3><a href="{page}">Which way?</a>' in html
    said = lines(html)
    assert "Tiny &lt;b&gt; Which way? ✕ failed 2017 · all customers" in said
    assert "The newest run, of 2026-01-01 10:00 UTC, failed: what happened" in said
    assert f'<a href="tiny/paths/{run_id(3)}/report.html">what happened</a>' in html
    assert "Finding 0. (met) Finding 1. (met) Finding 2. (met)" in said
    assert "Finding 3." not in said
    assert "Old." not in said
    assert "1 report, 3 runs. 1 needs a look: Which way? ." in said
    assert "✕ failed 2026-01-01 10:00" in said
    assert "The data are gone." in said


@pytest.mark.parametrize(
    ("status", "shown"), [("ok", "✓ ok"), ("alert", "! alert"), ("partial", "◐ partial")]
)
def test_a_status_is_an_icon_and_a_word(tmp_path: Path, status: str, shown: str) -> None:
    put(tmp_path, 1, status=status)
    said = lines(write_index(tmp_path).read_text())
    assert f"Which way? {shown} 2017" in said
    assert ("needs a look" in said) == (status != "ok")
    assert ("All newest runs are ok." in said) == (status == "ok")


def test_banners_and_missing_parts_are_told(tmp_path: Path) -> None:
    put(
        tmp_path, 1, status="partial", degraded=["What they said", "Prices"],
        banners=[{"level": "fail", "text": "Nothing new for 9 days."}, {"text": "Few events."}],
    )  # fmt: skip
    html = write_index(tmp_path).read_text()
    icon = '<span class="icon" aria-hidden="true">'
    assert f'<p class="note bad">{icon}✕</span> Nothing new for 9 days.</p>' in html
    assert f'<p class="note warn">{icon}!</span> Few events.</p>' in html
    assert "A part could not be made: What they said, Prices." in html


def test_the_summary_stands_first_and_studies_are_apart(tmp_path: Path) -> None:
    for study in ("b", "a"):
        for report in ("zeta", "attribution", "summary"):
            put(tmp_path, 1, study=study, report=report, title=report, study_title=f"Study {study}")
    html = write_index(tmp_path).read_text()
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>|<h3><a[^>]*>(.*?)</a>", html)
    assert ["".join(pair) for pair in headings] == [
        *("Study a", "summary", "attribution", "zeta"),
        *("Study b", "summary", "attribution", "zeta"),
    ]
    assert re.findall(r'<option value="(summary|attribution|zeta)">', html) == [
        *("summary", "attribution", "zeta")
    ]


def test_a_figure_with_its_way_there(tmp_path: Path) -> None:
    for number, value in enumerate([0.05, 0.07, None, 0.06], 1):
        put(tmp_path, number, kpis=[kpi(value)])
    put(tmp_path, 5, kpis=[kpi(0.99)], status="failed")
    put(tmp_path, 6, kpis=[kpi(0.98)], comparable="another")
    newest = {"conf_low": 0.055, "conf_high": 0.065, "n": 2500, "status": "fail"}
    period = ["2026-01-01", "2026-01-31"]
    put(tmp_path, 7, kpis=[kpi(0.06, **newest, period=period, said="below 7%, a failure")])
    html = write_index(tmp_path).read_text()
    assert (
        "Return 6.0% 5.5% to 6.5%, n = 2,500 January 2026 "
        "✕ alert below 7%, a failure from 5.0% to 6.0% over 4 runs"
    ) in lines(html)
    # 0.05, 0.07, 0.06, 0.06 between 28 (bottom) and 4 (top) of 32 pixels.
    assert 'points="4,28 41.3,4 78.7,16 116,16"' in html
    assert '<circle cx="116" cy="16" r="3"/>' in html
    assert '<rect x="0" y="10" width="120" height="12"/>' in html


def test_figures_without_a_way_or_a_value(tmp_path: Path) -> None:
    words = "cannot tell: no calendar period is complete"
    put(tmp_path, 1, kpis=[kpi(5, unit="number"), kpi(0.2, key="once", label="Once")])
    told = kpi(None, key="x", label="Untold", status="warn", said=words)
    put(tmp_path, 2, kpis=[kpi(0.5), kpi(0.3, key="new", label="New", status="ok"), told])
    html = write_index(tmp_path).read_text()
    said = lines(html)
    assert f"Return 50% New 30% ✓ within bounds Untold cannot tell ! warning {words}" in said
    assert "<svg" not in html
    assert "Once" not in said


def test_segments_of_a_report(tmp_path: Path) -> None:
    for number, segment in enumerate([None, "gold", "silver", "gold"], 1):
        put(
            tmp_path,
            number,
            parameters={"segment": segment},
            status="alert" if number == 3 else "ok",
        )
    html = write_index(tmp_path).read_text()
    assert "Newest of each segment: all customers , gold , silver ! alert" in lines(html)
    assert f'<a href="tiny/paths/{run_id(4)}/report.html">gold</a>' in html
    assert 'data-segment="all customers\ngold\nsilver"' in html
    assert re.findall(r'<option value="(all customers|gold|silver)">', html) == [
        *("all customers", "gold", "silver")
    ]


DAMAGED: dict[str, bytes] = {
    "empty": b"", "half": b'{"status": "ok", "title": "Half', "list": b"[]", "null": b"null",
    "other": b'{"study": 1}', "status": b'{"status": "fine"}', "kind": b'{"status": ["ok"]}',
    "binary": bytes(range(256)), "utf-16": '{"status": "ok"}'.encode("utf-16"),
    "deep": b"[" * 200_000, "long": b'{"status": "ok", "n": ' + b"9" * 5_000 + b"}",
}  # fmt: skip


def test_what_cannot_be_read_is_listed_by_its_folder(tmp_path: Path) -> None:
    put(tmp_path, 1)
    for name, content in DAMAGED.items():
        (put(tmp_path, name) / "manifest.json").write_bytes(content)
    (put(tmp_path, "missing") / "manifest.json").unlink()
    (put(tmp_path, "folder") / "manifest.json").rename(tmp_path / "x")
    (tmp_path / "tiny" / "paths" / "folder" / "manifest.json").mkdir()
    put(tmp_path, "<script>alert(1)</script>'\"".replace("/", ":"), status="?")
    put(tmp_path, ".building-7")
    put(tmp_path, ".removing-7")
    put(tmp_path, 2, study=".hidden")
    html = write_index(tmp_path).read_text()
    listed = html.partition("that cannot be read</summary>")[2]
    names = [*DAMAGED, "missing", "folder", "&lt;script&gt;alert(1)&lt;:script&gt;&#39;&#34;"]
    assert re.findall(r"<li>tiny/paths/(.*?)</li>", listed) == sorted(names, key=html_sorted)
    assert f"{len(names)} runs that cannot be read" in html
    assert not re.search("building|removing|hidden", lines(html))
    assert "1 report, 1 run." in lines(html)


def html_sorted(name: str) -> str:
    return name.replace("&lt;", "<")


def test_a_run_that_goes_while_we_look_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = put(tmp_path, 2)
    put(tmp_path, 1)

    def read(folder: Path, out: Path) -> object:
        if folder == going:
            folder.rename(folder.with_name(".removing-2"))
        return read_run(folder, out)

    monkeypatch.setattr("journeykit.report.publishing.index.read_run", read)
    assert "cannot be read" not in write_index(tmp_path).read_text()


def test_older_manifests_are_shown(tmp_path: Path) -> None:
    folder = put(tmp_path, 1)
    older = {
        "study": "tiny", "study_title": "Tiny", "report": "paths", "title": "Which way?",
        "status": "ok", "finished": "2026-01-01T11:00:00+02:00", "about": ["2017"],
        "findings": [{"text": "Half.", "basis": ""}], "run": folder.name,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(older))
    put(tmp_path, 2, status="ok", title=None, study_title=["x"], finished="yesterday", about="x")
    said = lines(write_index(tmp_path).read_text())
    assert "2026-01-01 09:00 Which way? ✓ ok" in said
    assert "time not known paths ✓ ok" in said


def test_folders_named_by_hand_are_not_the_newest(tmp_path: Path) -> None:
    put(tmp_path, "zz copy", title="A copy")
    put(tmp_path, 1)
    html = write_index(tmp_path).read_text()
    assert f'<h3><a href="tiny/paths/{run_id(1)}/report.html">Which way?</a>' in html
    assert 'href="tiny/paths/zz%20copy/report.html"' in html


def test_addresses_stay_below_the_page(tmp_path: Path) -> None:
    put(tmp_path, 1, study="javascript:alert(1)", report="a?b#c%20")
    html = write_index(tmp_path).read_text()
    hrefs = set(re.findall(r'<a href="([^"]*)"', html))
    assert hrefs == {f"javascript%3Aalert%281%29/a%3Fb%23c%2520/{run_id(1)}/report.html"}


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    put(tmp_path, 1, report=os.fsdecode(b"\xff"))
    html = write_index(tmp_path).read_text(encoding="utf-8")
    assert f'href="tiny/%FF/{run_id(1)}/report.html"' in html


class Tags(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: dict[str, int] = {}
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] = self.names.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attrs}
        assert all(not value for name, value in attrs if name == "style")


def full(words: Iterator[str]) -> dict[str, Any]:
    """Return a manifest with the next of the words wherever there is text."""
    return manifest_of(
        study_title=next(words), title=next(words), about=[next(words)], finished=next(words),
        findings=[{"text": next(words), "verdict": next(words)}], degraded=[next(words)],
        banners=[{"level": next(words), "text": next(words)}], comparable=next(words),
        parameters={"segment": next(words)}, failure={"cause": next(words)},
        kpis=[kpi(0.5, label=next(words), unit=next(words), said=next(words), status="warn",
                  period=[next(words), next(words)])],
    )  # fmt: skip


@pytest.mark.parametrize("status", ["ok", "failed"])
def test_hostile_text_stays_text(tmp_path: Path, status: str) -> None:
    for number, payload in enumerate(PAYLOADS):
        for out, word in (("all", payload), ("plain", f"word {number}")):
            folder = put(tmp_path / out, 1, report=f"r{number:02}")
            written = full(iter([word] * 30)) | {"status": status}
            (folder / "manifest.json").write_text(json.dumps(written))
    plain = Tags(write_index(tmp_path / "plain").read_text())
    html = write_index(tmp_path / "all").read_text()
    found = Tags(html)
    assert (found.names["script"], found.names["style"], found.names["meta"]) == (1, 1, 5)
    assert found.names == plain.names
    assert found.attributes == plain.attributes
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 5


def test_text_that_cannot_be_written_or_turns_the_line_is_marked(tmp_path: Path) -> None:
    put(tmp_path, 1, title="a\u202egpj.exe\ud800\x00\x1b[31m\n  b", about=["w" * 10_000, "x"])
    said = lines(write_index(tmp_path).read_text(encoding="utf-8"))
    assert "a\ufffdgpj.exe\ufffd\ufffd\ufffd[31m b" in said
    assert "w" * 399 + "…" in said
    assert "w" * 400 not in said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = [*full(iter(["x"] * 30)), "status", "run", "rows", "span", "inputs", "sources"]
INNER = ["text", "verdict", "level", "segment", "cause", "key", "label", "unit", "value", "n"]
ENTRY = st.dictionaries(st.sampled_from([*INNER, "conf_low", "period", "status", "said"]), JSON)


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(KEYS), JSON | ENTRY | st.lists(ENTRY, max_size=3)),
    st.sampled_from(["ok", "alert", "partial", "failed", None]),
)
@example({"kpis": [{"key": "k", "value": 1e308}, {"key": "l", "value": float("nan")}]}, "ok")
def test_whatever_a_manifest_holds_a_page_is_made(manifest: dict[str, Any], status: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        put(out, 1, kpis=[kpi(0.5)])
        changed = manifest | ({"status": status} if status else {})
        run = put(out, 2)
        (run / "manifest.json").write_text(json.dumps(changed))
        html = write_index(out).read_text(encoding="utf-8")
    readable = changed.get("status") in ("ok", "alert", "partial", "failed")
    assert html.count("<li data-report") == 1 + readable
    assert ("1 run that cannot be read" in html) is not readable
    assert Tags(html).names["article"] == 1


@given(st.binary(max_size=200))
@example(b'{"status": "ok"}')
def test_whatever_bytes_a_manifest_is_a_page_is_made(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        (put(out, 1) / "manifest.json").write_bytes(content)
        html = write_index(out).read_text()
    assert run_id(1) in html


def test_five_hundred_runs_make_a_page_of_moderate_size(tmp_path: Path) -> None:
    put_many(tmp_path, 500)
    html = write_index(tmp_path).read_text()
    assert html.count("<li data-report") == 500
    assert len(html.encode()) < 300_000
    assert "All 500 runs" in html


def test_the_same_runs_give_the_same_bytes_and_nothing_is_left_beside(tmp_path: Path) -> None:
    put_many(tmp_path, 20)
    first = write_index(tmp_path).read_bytes()
    (tmp_path / ".index.html-0a0a0a").write_text("<!doc")
    assert write_index(tmp_path).read_bytes() == first
    assert {path.name for path in tmp_path.glob(".*")} == {".lock"}


def test_empty_index(tmp_path: Path) -> None:
    html = write_index(tmp_path / "not yet there").read_text()
    assert "No report has been made yet" in html
    assert html == index_html([], [])


def test_a_figure_over_its_own_months(tmp_path: Path) -> None:
    months = [{"value": value} for value in (0.2, "x", None, 0.1, 0.3)]
    put(tmp_path, 1, kpis=[kpi(0.9)])
    put(tmp_path, 2, kpis=[kpi(0.3, history=months)])
    html = write_index(tmp_path).read_text()
    assert "from 20% to 30% over 3 periods" in html
    assert html.count('class="spark"') == 1
