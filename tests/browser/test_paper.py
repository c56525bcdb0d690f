"""Pages printed on A4."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.browser.conftest import WIDE, Visit

#: CSS pixels between the margins of an upright A4 page.
PAPER = 672


@pytest.fixture(scope="module")
def paper(browser: Any, page_file: Path) -> PdfReader:
    page = Visit(browser, page_file, scheme="dark").page
    page.check("text=Show the code")
    return PdfReader(io.BytesIO(page.pdf(format="A4", print_background=True)))


def words_of(paper: PdfReader) -> str:
    # Narrow columns break words; the letters are all there.
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in paper.pages))


def test_every_column_is_on_the_paper(paper: PdfReader) -> None:
    text = words_of(paper)
    for at, label in enumerate(WIDE):
        assert label.replace(" ", "") in text
        assert text.count(f"alongvalue{at}alongvalue{at}") >= 3


def test_nothing_is_cut_off_at_the_edge(browser: Any, page_file: Path, paper: PdfReader) -> None:
    page = Visit(browser, page_file, width=PAPER).page
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
    places: list[float] = []
    width = float(paper.pages[0].mediabox.width)

    def note(text: str, base: list[float], matrix: list[float], *_: Any) -> None:
        if text.strip():
            places.append(matrix[4] * base[0] + matrix[5] * base[2] + base[4])

    for sheet in paper.pages:
        sheet.extract_text(visitor_text=note)
    assert min(places) > 20
    assert max(places) < width - 40


def test_no_heading_is_left_alone_at_the_end_of_a_page(
    browser: Any, page_file: Path, paper: PdfReader
) -> None:
    page = Visit(browser, page_file).page
    headings = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, .caption, summary')].map(e => e.textContent)"
    )
    last = [sheet.extract_text().strip().splitlines()[-1].strip() for sheet in paper.pages]
    assert len(last) > 2
    assert not set(last) & {heading.strip() for heading in headings}


@pytest.mark.parametrize("filler", range(0, 40, 4))
def test_headings_keep_with_what_follows_wherever_the_page_ends(
    browser: Any, tmp_path: Path, filler: int
) -> None:
    from journeykit.report.pages.export import report_html
    from tests.report.conftest import code, markdown
    from tests.report.pages.examples import MANIFEST, page_of, table

    page = page_of(
        markdown("# T\n\n## Words\n\n" + "A line.\n\n" * filler + "## Numbers"),
        code("x", table([["name", "1"]] * 8, caption="What they say.")),
        markdown("## More\n\nThe end."),
    )
    path = tmp_path / "report.html"
    path.write_text(report_html(page, manifest=MANIFEST, last_good=""), encoding="utf-8")
    printed = PdfReader(io.BytesIO(Visit(browser, path).page.pdf(format="A4")))
    last = [sheet.extract_text().strip().splitlines()[-1].strip() for sheet in printed.pages]
    assert not set(last) & {"Words", "Numbers", "What they say.", "More"}


def test_numbers_and_their_headings_are_not_broken(paper: PdfReader) -> None:
    lines = "\n".join(page.extract_text() for page in paper.pages)
    for whole in ("162,290", "2,469", "26,000", "Name Number", "Customers Events"):
        assert whole in lines


def test_paper_has_no_code_no_tools_and_readable_links(paper: PdfReader) -> None:
    text = words_of(paper)
    assert "order=1" in text  # among the parameters, once
    assert text.count("order=1") == 1
    assert "yyyyyyyy" not in text.replace("y" * 80, "")
    assert "Showall" not in text
    assert "Filter" not in text
    assert "(https://example.org/page)" in text
    assert "Wherethesenumberscomefrom" in text
    assert "Run" in text


def test_paper_is_white_also_when_the_screen_is_dark(browser: Any, page_file: Path) -> None:
    page = Visit(browser, page_file, scheme="dark").page
    page.emulate_media(media="print")
    colours = (
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert page.evaluate(colours) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]


def test_a_heading_row_is_repeated_on_the_next_page(browser: Any, tmp_path: Path) -> None:
    from journeykit.report.pages.export import report_html
    from tests.report.conftest import code, markdown
    from tests.report.pages.examples import MANIFEST, page_of, table

    rows = [[f"row {i}", str(i)] for i in range(80)]
    made = table(rows, labels=["Their name", "Number"])
    page = page_of(markdown("# T\n\n## S"), code("x", made))
    path = tmp_path / "report.html"
    path.write_text(report_html(page, manifest=MANIFEST, last_good=""), encoding="utf-8")
    printed = PdfReader(io.BytesIO(Visit(browser, path).page.pdf(format="A4")))
    with_rows = [text for sheet in printed.pages if "row " in (text := sheet.extract_text())]
    assert len(with_rows) >= 2
    assert all("Their name" in text for text in with_rows)
