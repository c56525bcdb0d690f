"""The executive summary: drawn from manifests alone, ranked, each number traceable."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from journeykit.report.publishing.summary import MOST, Source, overall, ranked, summarise
from journeykit.report.run import Made
from journeykit.study import Study, load_study

BASE: dict[str, Any] = {
    "title": "Ways", "status": "ok", "parameters": {"segment": None}, "rows": {"customers": 1000},
    "findings": [], "kpis": [], "banners": [], "failure": None, "study": "tiny",
}  # fmt: skip


def finding(text: str, verdict: str = "clear", customers: int | None = None) -> dict[str, Any]:
    return {
        "text": text, "verdict": verdict, "customers": customers, "basis": "", "todo": "",
        "anchor": "a-section", "section": "A section",
    }  # fmt: skip


def made(out: Path, report: str, run: str, **manifest: Any) -> Made:
    folder = out / "tiny" / report / run
    folder.mkdir(parents=True)
    content = {**BASE, **manifest, "report": report, "run": run}
    (folder / "manifest.json").write_text(json.dumps(content))
    return Made(report, content["status"], folder / "report.html")


@pytest.fixture
def study(tiny: Path) -> Study:
    return load_study(tiny)


def test_consequence_times_certainty() -> None:
    source = Source(
        {
            **BASE,
            "findings": [
                finding("few, clear", "clear", 200),  # .2 x 1
                finding("many, no telling", "cannot tell", 900),  # .9 x .2 = .18
                finding("many, leaning", "leaning", 900),  # .9 x .6 = .54
                finding("all, counted", "counted", 1000),  # 1 x .5
                finding("unsaid, missed", "missed", None),  # .5 x 1, and after what came first
                finding("more than all", "met", 5000),  # 1 x 1
                finding("without a verdict", "", 1000),  # 1 x .4
            ],
        },
        Made("paths", "ok", Path("/x/tiny/paths/r/report.html")),
    )
    assert [(found["text"], found["rank"]) for found in ranked([source])] == [
        ("more than all", 1.0), ("many, leaning", 0.54), ("all, counted", 0.5),
        ("unsaid, missed", 0.5), ("without a verdict", 0.4), ("few, clear", 0.2),
        ("many, no telling", 0.18),
    ]  # fmt: skip


def test_consequence_is_measured_by_the_largest_report() -> None:
    small, large = (
        Source(
            {**BASE, "rows": {"customers": n}, "findings": [finding(str(n), "clear", 100)]},
            Made("paths", "ok", Path(f"/x/tiny/paths/{n}/report.html")),
        )
        for n in (100, 400)
    )
    assert [found["rank"] for found in ranked([small, large])] == [0.25, 0.25]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["ok", "ok"], "ok"),
        (["failed", "failed"], "failed"),
        (["ok", "failed"], "partial"),
        (["ok", "partial"], "partial"),
        (["alert", "failed"], "partial"),
        (["ok", "alert"], "alert"),
    ],
)
def test_of_several_runs_in_a_word(statuses: list[str], status: str) -> None:
    assert overall(statuses) == status


def test_the_page_links_to_what_it_says(study: Study, tmp_path: Path) -> None:
    runs = [
        made(
            tmp_path, "paths", "r1",
            findings=[finding(f"Finding {number}", "clear", 1000 - number) for number in range(9)],
            changes=[
                {"kind": "kpi", "text": "Success fell."}, {"kind": "code", "text": "Not this."},
            ],
        ),
        made(
            tmp_path, "own report", "r2", status="alert", title="Loyal <b>ones</b>",
            told=["all customers", "a=<i>"],
            parameters={"segment": "a=<i>"},
            banners=[{"level": "warn", "text": "Old <script>data</script>."}],
            kpis=[
                {
                    "key": "k", "label": "Coming <back>", "unit": "share", "value": 0.25, "n": 9,
                    "conf_low": 0.1, "conf_high": 0.4, "status": "fail", "said": "below 30%",
                    "period": ["2026-01-01", "2026-01-31"], "anchor": "",
                }
            ],
        ),
        made(
            tmp_path, "paths", "r3", status="failed", title="Broken",
            failure={"section": "S", "cause": "No <memory>.", "details": ""},
        ),
        # One of several: then it is said for whom each is.
        made(tmp_path, "own report", "r4", told=["all customers"], title="For all"),
    ]  # fmt: skip
    summary = summarise(study, runs, out=tmp_path)
    html = summary.page.read_text()
    assert (summary.status, summary.page.parent.parent) == (
        "partial", tmp_path / "tiny" / "summary",
    )  # fmt: skip
    assert all(f"<strong>Finding {number}</strong>" in html for number in range(MOST))
    assert f"<strong>Finding {MOST}</strong>" not in html
    assert "2 more stand in the reports." in html
    assert "Success fell." in html
    assert "Not this." not in html
    assert "Loyal &lt;b&gt;ones&lt;/b&gt;" in html
    assert "Old &lt;script&gt;data&lt;/script&gt;." in html
    assert "Coming &lt;back&gt;" in html
    assert "(a=&lt;i&gt;)" in html
    assert "No &lt;memory&gt;." in html
    for tag in ("<script", "<i>", "<memory", "<back"):
        assert tag not in html
    links = {unquote(link) for link in re.findall(r'href="(\.\./\.\./(?!\.\.)[^"#]*)', html)}
    assert links == {
        "../../paths/r1/report.html", "../../own report/r2/report.html",
        "../../paths/r3/report.html", "../../own report/r4/report.html",
    }  # fmt: skip
    assert 'href="../../paths/r1/report.html#a-section"' in html
    manifest = json.loads((summary.page.parent / "manifest.json").read_text())
    assert manifest["sources"] == [
        {"report": "paths", "run": "r1"}, {"report": "own report", "run": "r2"},
        {"report": "paths", "run": "r3"}, {"report": "own report", "run": "r4"},
    ]  # fmt: skip
    assert (manifest["status"], len(manifest["findings"])) == ("partial", MOST)


def test_a_run_that_cannot_be_read_is_named(study: Study, tmp_path: Path) -> None:
    runs = [made(tmp_path, "paths", "r1"), made(tmp_path, "survival", "r2")]
    (runs[1].page.parent / "manifest.json").write_text("{")
    summary = summarise(study, runs, out=tmp_path)
    assert summary.status == "partial"
    assert "What it found cannot be read." in summary.page.read_text()
