"""The index in a real browser, from the disk: filters, size of the screen, accessibility."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from journeykit.report.publishing.index import write_index
from tests.browser.conftest import Visit
from tests.report.pages.examples import PAYLOADS
from tests.report.publishing.test_index import kpi, put, put_many

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with many runs, hostile and very long text, banners and damaged runs."""
    out = tmp_path_factory.mktemp("out")
    put_many(out, 60)
    long = "averyveryverylongword" * 12
    hostile = [{"text": payload, "verdict": payload} for payload in PAYLOADS]
    for at, words in enumerate([long, *PAYLOADS]):
        put(
            out, at, study="hostile", study_title=words, report=f"r{at:02}", title=words,
            about=[words], findings=hostile[:3], status="partial", degraded=[words],
            parameters={"segment": words[:40]}, comparable="a",
            banners=[{"level": "fail", "text": words}, {"level": "warn", "text": words}],
            kpis=[kpi(0.5, label=words, said=words, status="warn", unit=words)],
        )  # fmt: skip
    (put(out, "damaged" * 12) / "manifest.json").write_text("{")
    for folder in out.glob("*/*/*/"):
        (folder / "report.html").write_text(f"<!doctype html><title>{folder.name}</title>")
    return write_index(out)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_request_no_message_no_overflow(
    browser: Any,
    index: Path,
    width: int,
    scheme: str,
) -> None:
    visit = Visit(browser, index, width=width, scheme=scheme)
    visit.page.fill("input[type=search]", "a")
    visit.page.click("details.all:last-of-type summary")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 16
    assert [url for url in visit.requests if not url.startswith("data:")] == [index.as_uri()]
    assert visit.messages == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(browser: Any, index: Path, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # axe is a script of its own, which the page's policy rightly refuses.
    context = browser.new_context(
        color_scheme=scheme, bypass_csp=True, viewport={"width": width, "height": 900}
    )
    page = context.new_page()
    page.goto(index.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.fill("input[type=search]", "o")
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations", "passes"]}
    found = Axe().run(page, options=options).response
    assert [(it["id"], it["nodes"][0]["html"]) for it in found["violations"]] == []
    assert {"color-contrast", "label", "select-name"} <= {it["id"] for it in found["passes"]}


def shown(page: Any, selector: str) -> list[str]:
    texts = page.evaluate(
        "s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility())"
        ".map(e => e.dataset.report + ' ' + e.dataset.status)",
        selector,
    )
    return list(texts)


def test_filters(browser: Any, tmp_path: Path) -> None:
    put(tmp_path, 1, title="Which way?", parameters={"segment": "gold"})
    put(tmp_path, 2, title="Which way?")
    put(tmp_path, 3, report="survival", title="How long?", status="alert")
    put(tmp_path, 4, study="other", study_title="Music shop", report="survival", title="How long?")
    put(
        tmp_path, 5, study="other", study_title="Music shop", report="survival",
        title="How long?", status="failed", failure={"cause": "Out of memory."},
    )  # fmt: skip
    page = Visit(browser, write_index(tmp_path)).page
    told, runs = ".told", "details.all"
    assert len(shown(page, "article")) == 3
    assert shown(page, "li[data-report]") == []
    assert not page.is_visible(told)

    page.select_option("select[name=status]", "alert")
    assert shown(page, "article") == ["survival alert"]
    assert shown(page, "li[data-report]") == ["survival alert"]
    assert page.inner_text(".told span") == "1 of 3 reports, 1 of 5 runs"
    assert page.evaluate("document.querySelectorAll('.study:not([hidden])').length") == 1

    page.click("text=Show all")
    assert len(shown(page, "article")) == 3
    assert len(shown(page, "li[data-report]")) == 5
    assert not page.is_visible(told)
    assert page.evaluate("document.activeElement.type") == "search"

    page.select_option("select[name=segment]", "gold")
    assert shown(page, "article") == ["paths ok"]
    assert shown(page, "li[data-report]") == ["paths ok"]
    page.select_option("select[name=report]", "survival")
    assert page.inner_text(".told span") == "0 of 3 reports, 0 of 5 runs"
    page.select_option("select[name=segment]", "")
    assert shown(page, "article") == ["survival failed\nok", "survival alert"]

    page.fill("input[type=search]", "  MUSIC   long ")
    assert shown(page, "article") == ["survival failed\nok"]
    assert shown(page, "li[data-report]") == ["survival failed", "survival ok"]
    page.fill("input[type=search]", "memory")
    assert shown(page, "li[data-report]") == ["survival failed"]
    assert page.get_attribute(runs, "open") is not None


def test_coming_back_keeps_what_was_chosen(browser: Any, index: Path) -> None:
    page = Visit(browser, index).page
    page.select_option("select[name=report]", "paths")
    before = page.inner_text(".told span")
    page.click("article[data-report=paths] h3 a")
    page.go_back()
    page.wait_for_function("document.querySelector('.told span').textContent !== ''")
    assert page.input_value("select[name=report]") == "paths"
    assert page.inner_text(".told span") == before


def test_without_script_all_can_be_read(browser: Any, index: Path) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(index.as_uri())
    assert not page.is_visible(".filters")
    assert page.is_visible("article[data-report=summary] >> nth=0")
    page.click("details.all >> nth=0 >> summary")
    assert page.locator("li[data-report]:visible").count() == 61 + len(PAYLOADS)


def test_links_lead_on_wherever_the_folder_is_copied(
    browser: Any,
    index: Path,
    tmp_path: Path,
) -> None:
    copied = tmp_path / "copied {here} #1"
    shutil.copytree(index.parent, copied)
    page = Visit(browser, copied / "index.html").page
    hrefs = page.evaluate("[...document.links].map(a => a.getAttribute('href'))")
    assert len(hrefs) > 100
    assert not [href for href in hrefs if href.startswith(("/", ".", "file", "http"))]
    files = {href for href in hrefs if not href.startswith("#")}
    page.click("article[data-report=summary] h3 a")
    assert page.url.startswith(f"{copied.as_uri()}/cdnow/summary/")
    assert page.title() == page.url.split("/")[-2]
    for href in sorted(files)[::10]:
        page.goto(f"{copied.as_uri()}/{href}")
        assert page.title() == href.split("/")[-2]
    page.goto((copied / "index.html").as_uri())
    page.click("header a >> nth=0")
    assert page.evaluate("document.querySelector(location.hash).tagName") == "ARTICLE"
