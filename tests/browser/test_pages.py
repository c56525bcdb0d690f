"""Pages opened in a real browser, from the disk, as somebody would who was sent one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from journeykit.report.publishing.index import write_index
from tests.browser.conftest import Visit
from tests.report.pages.examples import MANIFEST, PAYLOADS

EVERYWHERE = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]


@pytest.mark.parametrize("which", ["page_file", "hostile_file"])
@pytest.mark.parametrize(("width", "scheme"), EVERYWHERE)
def test_no_request_no_message_no_overflow(
    browser: Any, request: pytest.FixtureRequest, which: str, width: int, scheme: str
) -> None:
    path = request.getfixturevalue(which)
    visit = Visit(browser, path, width=width, scheme=scheme)
    assert visit.asked == [path.as_uri()]
    assert visit.messages == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.check("text=Show the code")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


SMALL_TEXT = """
() => [...document.querySelectorAll('body *')].filter(e =>
  [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())
  && e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < 16
).map(e => e.outerHTML.slice(0, 80))
"""


def test_text_on_a_phone_is_not_small(browser: Any, page_file: Path) -> None:
    page = Visit(browser, page_file, width=390).page
    page.check("text=Show the code")
    assert page.evaluate(SMALL_TEXT) == []


@pytest.mark.parametrize(("width", "scheme"), EVERYWHERE)
def test_nothing_keeps_anybody_out(browser: Any, page_file: Path, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # The policy would stop the checker as well.
    page = Visit(browser, page_file, width=width, scheme=scheme, bypass_csp=True).page
    page.check("text=Show the code")
    for summary in page.query_selector_all("summary"):
        summary.click()
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"], "resultTypes": ["violations", "passes"]}
    found = Axe().run(page, options=rules)
    assert found.generate_snapshot() == ""
    assert "color-contrast" in {rule["id"] for rule in found.response["passes"]}


def test_pictures_are_drawn_and_described(browser: Any, page_file: Path) -> None:
    images = Visit(browser, page_file).page.evaluate(
        "[...document.images].map(i => [i.naturalWidth > 0, i.alt])"
    )
    assert images == [[True, "A line from 1 to 2"]]


def test_headings_landmarks_and_links(browser: Any, page_file: Path) -> None:
    page = Visit(browser, page_file).page
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert page.evaluate("document.querySelectorAll('main').length") == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    page.click("nav a >> text=Tables")
    assert page.evaluate("document.querySelector(location.hash).textContent") == "Tables"
    page.click(".see a >> nth=0")
    assert page.evaluate("document.querySelector(location.hash).textContent") == "Pictures"
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_the_answer_is_on_the_first_screen_of_a_phone(browser: Any, tmp_path: Path) -> None:
    from journeykit.report.pages.export import report_html
    from tests.report.conftest import code, markdown
    from tests.report.pages.examples import finding, kpi, page_of

    text = "Of all other moments, “mailing A” is most often followed directly by “redemption”."
    basis = "2.9% of 3,618 times (95% interval 2.4% to 3.6%), by 90 customers; highest of 8."
    page = page_of(
        markdown("# Which way customers go\n\nWhat usually follows what?\n\n## Steps"),
        code("x", finding(text, basis=basis, verdict="clear", todo="Send it."), kpi("Still here")),
    )
    manifest = {
        **MANIFEST,
        "study_title": "From a mailing to the coupon redeemed, 2,469 households in 2017",
        "about": ["2017-01-01 up to 2018-01-01", "all customers", "made 2026-11-24"],
    }
    path = tmp_path / "report.html"
    path.write_text(report_html(page, manifest=manifest, last_good=""), encoding="utf-8")
    page = Visit(browser, path, width=390).page
    assert page.locator(".todo").bounding_box()["y"] < 844 - 24


@pytest.mark.parametrize("script", [True, False])
def test_code_is_folded_behind_one_toggle(browser: Any, page_file: Path, script: bool) -> None:
    page = Visit(browser, page_file, java_script_enabled=script).page
    code = page.locator("pre.code")
    assert code.count() == 9
    assert not code.first.is_visible()
    page.check("text=Show the code")
    assert all(cell.is_visible() for cell in code.all())
    page.uncheck("text=Show the code")
    assert not code.first.is_visible()


def test_hostile_text_stays_text(browser: Any, hostile_file: Path) -> None:
    visit = Visit(browser, hostile_file)
    tags = "[...new Set([...document.querySelectorAll('*')].map(e => e.localName))]"
    assert {"iframe", "svg", "math", "object", "form", "base", "template"}.isdisjoint(
        visit.page.evaluate(tags)
    )
    assert visit.page.evaluate("document.scripts.length") == 1
    assert visit.page.evaluate("document.styleSheets.length") == 1
    shown = visit.page.evaluate(
        "[...document.querySelectorAll('.short strong')].map(e => e.textContent)"
    )
    assert shown == PAYLOADS


def test_the_index_leads_to_the_page_wherever_the_folder_is_copied(
    browser: Any, page_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "copied"
    shutil.copytree(page_file.parents[3], out)
    manifest = {
        **MANIFEST, "title": "A question", "status": "ok", "findings": [{"text": "A.", "basis": ""}]
    }  # fmt: skip
    (out / "tiny" / "paths" / "run" / "manifest.json").write_text(json.dumps(manifest))
    visit = Visit(browser, write_index(out), width=390)
    assert visit.messages == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    visit.page.click("text=A question")
    assert visit.page.url.endswith("copied/tiny/paths/run/report.html")
    visit.page.click("text=All reports")
    assert visit.page.url == (out / "index.html").as_uri()
