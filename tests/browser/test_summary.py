"""The executive summary in a real browser, and that every number on it can be traced."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from journeykit.report.jobs import plan
from journeykit.report.publishing.summary import summarise
from journeykit.report.run import make
from journeykit.study import load_study
from tests.browser.conftest import Visit
from tests.browser.test_index import WCAG

NUMBER = re.compile(r"\d[\d,.]*\d%?|\d%?")


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The summary of the study that ships."""
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        study = load_study("complete-journey")
        made = [make(job, out=out) for job in plan(study, [], {})]
        return summarise(study, made, out=out).page


def test_every_number_stands_in_the_section_that_is_linked(browser: Any, summary: Path) -> None:
    page = Visit(browser, summary).page
    items = page.query_selector_all("section.kpis li, section.short li")
    findings = json.loads((summary.parent / "manifest.json").read_text())["findings"]
    assert len(items) == 3 + len(findings)
    traced = 0
    for item in items:
        link = item.query_selector("a")
        target = page.evaluate("link => link.href", link)
        said = item.inner_text()
        other = Visit(browser, summary).page
        other.goto(target)
        there = other.inner_text("body")
        if "#" in target:
            title = other.query_selector(f"[id='{target.partition('#')[2]}']")
            assert title is not None
            assert title.inner_text() in said
        for number in NUMBER.findall(said):
            assert number in there, (number, target)
            traced += 1
    assert traced > 40


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_quiet_and_fits(browser: Any, summary: Path, width: int, scheme: str) -> None:
    visit = Visit(browser, summary, width=width, scheme=scheme)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 16
    assert [url for url in visit.requests if not url.startswith("data:")] == [summary.as_uri()]
    assert visit.messages == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, summary: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(summary.as_uri())
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations", "passes"]}
    found = Axe().run(page, options=options).response
    assert len(found["passes"]) > 10
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


def test_its_pages_on_paper(browser: Any, summary: Path, tmp_path: Path) -> None:
    from pypdf import PdfReader

    page = Visit(browser, summary).page
    headings = page.evaluate("[...document.querySelectorAll('h2')].map(h => h.innerText)")
    page.pdf(path=str(tmp_path / "summary.pdf"), format="A4")
    pages = [sheet.extract_text().strip() for sheet in PdfReader(tmp_path / "summary.pdf").pages]
    assert 1 <= len(pages) <= 3
    for text in pages:
        last = text.splitlines()[-1].strip()
        assert not any(heading.startswith(last) for heading in headings), last
