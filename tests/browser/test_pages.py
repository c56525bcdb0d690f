"""Pages opened in a real browser, from the disk, as somebody would who was sent one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journeykit import report
from journeykit.report.export import report_html
from journeykit.report.index import write_index
from journeykit.report.page import read_page
from tests.report.conftest import code, markdown, notebook, shown
from tests.report.test_page import MANIFEST, PAYLOADS

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not shutil.which(CHROMIUM):
        why = f"there is no {CHROMIUM}; install Debian's package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything on it: long words, wide tables, pictures and every payload."""
    import matplotlib as mpl
    import pandas as pd
    from matplotlib import pyplot as plt

    mpl.use("agg")
    _, ax = plt.subplots()
    ax.plot([1, 2])
    figure = report.figure(ax, alt="A line from 1 to 2", caption="It rises.")
    wide = pd.DataFrame({f"column_{i}": [f"a long value {i}" * 3] for i in range(12)})
    table = report.table(wide, key="wide", caption="A wide table.")
    payloads = pd.DataFrame({"text": PAYLOADS, "n": range(len(PAYLOADS))})
    hostile = "".join(f"- {payload}\n" for payload in PAYLOADS)
    cells = [
        markdown(f"# A question with averyveryverylongword{'x' * 60}\n\nWhy?\n\n## Pictures"),
        code("x", shown(figure._repr_mimebundle_())),
        markdown("## Tables\n\n| a | b |\n|---|---|\n" + f"| {'long ' * 40} | {'y' * 80} |"),
        code("x", shown(table._repr_mimebundle_())),
        code("x", shown({"text/html": wide.to_html()}), shown({"text/plain": "z" * 300})),
        markdown(f"## Hostile text\n\n{hostile}"),
        code("x", *(shown({"text/html": payload}) for payload in PAYLOADS)),
        code("x", *(shown(report.finding(p, basis=p)._repr_mimebundle_()) for p in PAYLOADS)),
        code(
            "x", shown(report.table(payloads, key="p", caption="P", shown=50)._repr_mimebundle_())
        ),
        markdown("## How sure\n\nVery.", "limits"),
    ]
    folder = tmp_path_factory.mktemp("out") / "tiny" / "paths" / "run"
    folder.mkdir(parents=True)
    path = folder / "report.html"
    path.write_text(report_html(read_page(notebook(*cells)), manifest=MANIFEST, has_latest=False))
    return path


class Visit:
    """A page opened at a width, with all it did."""

    def __init__(
        self, browser: Any, path: Path, *, width: int = 1280, scheme: str = "light"
    ) -> None:
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, offline=True
        )
        self.page = context.new_page()
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("dialog", lambda dialog: self.messages.append(f"dialog {dialog.message}"))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_request_no_message_no_overflow(
    browser: Any, page_file: Path, width: int, scheme: str
) -> None:
    visit = Visit(browser, page_file, width=width, scheme=scheme)
    asked = [url for url in visit.requests if not url.startswith("data:")]
    assert asked == [page_file.as_uri()]
    assert visit.messages == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 16


def test_pictures_are_drawn_and_described(browser: Any, page_file: Path) -> None:
    images = Visit(browser, page_file).page.evaluate(
        "[...document.images].map(i => [i.naturalWidth > 0, i.alt])"
    )
    assert [True, "A line from 1 to 2"] in images
    assert all(drawn and alt for drawn, alt in images)


CONTRAST = """
() => {
  const light = c => {
    const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const [r, g, b] = c.map(v => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const worst = [];
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (!element.checkVisibility()) continue;
    let back = element, color = [0, 0, 0, 0];
    while (back && (color.length === 4 && color[3] === 0)) {
      color = parse(getComputedStyle(back).backgroundColor);
      back = back.parentElement;
    }
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(color)];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) worst.push([element.tagName, element.className, ratio.toFixed(2)]);
  }
  return worst;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser: Any, page_file: Path, scheme: str) -> None:
    assert Visit(browser, page_file, scheme=scheme).page.evaluate(CONTRAST) == []


def test_headings_and_landmarks(browser: Any, page_file: Path) -> None:
    page = Visit(browser, page_file).page
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert page.evaluate("document.querySelectorAll('main').length") == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    page.click("nav a >> text=Tables")
    assert page.evaluate("document.querySelector(location.hash).textContent") == "Tables"


def test_the_index_leads_to_the_page_wherever_the_folder_is_copied(
    browser: Any, page_file: Path, tmp_path: Path
) -> None:
    import json

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


def test_printed_on_paper(browser: Any, page_file: Path) -> None:
    assert len(Visit(browser, page_file).page.pdf(format="A4")) > 10_000
