"""What the page's own script does with tables, and that they are whole without it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from journeykit.report.pages.export import report_html
from journeykit.report.publishing.publish import csv_text
from tests.browser.conftest import Visit
from tests.report.conftest import code, markdown
from tests.report.pages.examples import MANIFEST, PAYLOADS, page_of, table

#: Nine rows, so that there is a filter; sorting must take the numbers as numbers.
ROWS = [
    ["mailing B", "12,345", "43.1 to 50.0%"],
    ["mailing 10", "900", "5.0 to 6.0%"],
    ["mailing 9", "–", "–"],
    ["visit", "-3", "-1.5 to 2.0%"],
    ["Trip", "1.2e-05", "100.0 to 100.0%"],
    ["=1+1", "0.5", "0.1 to 0.2%"],
    ['say "hi", you', "900", "7.0 to 9.0%"],
    ["<b>bold</b>", "inf", "8.0 to 9.0%"],
    ["–", "77", "9.5 to 9.9%"],
]
LABELS = ["Kind", "Number", "95% interval"]
NUMBERS = [False, True, True]


@pytest.fixture(scope="module")
def tables_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    long = [[f"row {i}", str(i)] for i in range(30)]
    cells = [
        markdown("# T\n\n## S"),
        code("x", table(ROWS, labels=LABELS, numbers=NUMBERS, key="nine")),
        code("x", table(long, key="long", shown=10), table([], key="none"), table(long[:8])),
    ]
    path = tmp_path_factory.mktemp("tables") / "report.html"
    html = report_html(page_of(*cells), manifest=MANIFEST, last_good="")
    path.write_text(html, encoding="utf-8")
    return path


def column(box: Any, at: int) -> list[str]:
    return box.evaluate(
        "(box, at) => [...box.querySelectorAll('tbody tr')].filter(r => !r.hidden)"
        ".map(r => r.cells[at].textContent)",
        at,
    )


def table_of(visit: Visit, key: str) -> Any:
    return visit.page.locator(f".table[data-key='{key}']")


def press(box: Any, label: str) -> str:
    """Press the heading of a column; return how it is sorted then."""
    box.locator("th button", has_text=label).click()
    return box.locator("th", has_text=label).get_attribute("aria-sort")


def test_numbers_sort_as_numbers_and_missing_ones_last(browser: Any, tables_file: Path) -> None:
    box = table_of(Visit(browser, tables_file), "nine")
    assert press(box, "Number") == "descending"
    assert column(box, 1) == ["inf", "12,345", "900", "900", "77", "0.5", "1.2e-05", "-3", "–"]
    assert column(box, 0)[2:4] == ["mailing 10", 'say "hi", you']
    assert press(box, "Number") == "ascending"
    assert column(box, 1) == ["-3", "1.2e-05", "0.5", "77", "900", "900", "12,345", "inf", "–"]
    assert column(box, 0)[4:6] == ["mailing 10", 'say "hi", you']
    assert press(box, "Number") == "none"
    assert column(box, 0) == [row[0] for row in ROWS]
    press(box, "95% interval")
    assert column(box, 2)[:3] == ["100.0 to 100.0%", "43.1 to 50.0%", "9.5 to 9.9%"]
    assert column(box, 2)[-2:] == ["-1.5 to 2.0%", "–"]


def test_words_sort_as_words_with_the_keyboard_too(browser: Any, tables_file: Path) -> None:
    visit = Visit(browser, tables_file)
    box = table_of(visit, "nine")
    box.locator("th button", has_text="Kind").focus()
    visit.page.keyboard.press("Enter")
    names = column(box, 0)
    assert names.index("mailing 9") < names.index("mailing 10") < names.index("mailing B")
    assert names[-1] == "–"
    visit.page.keyboard.press("Space")
    assert box.locator("th", has_text="Kind").get_attribute("aria-sort") == "descending"
    assert column(box, 0)[0] == "visit"
    assert press(box, "Number") == "descending"
    assert box.locator("th", has_text="Kind").get_attribute("aria-sort") == "none"


def test_filter(browser: Any, tables_file: Path) -> None:
    visit = Visit(browser, tables_file)
    box = table_of(visit, "nine")
    box.get_by_label("Filter").fill(" MAILING ")
    assert column(box, 0) == ["mailing B", "mailing 10", "mailing 9"]
    assert box.locator("output", has_text="3 of 9 rows").is_visible()
    press(box, "Number")
    assert column(box, 0) == ["mailing B", "mailing 10", "mailing 9"]
    box.get_by_label("Filter").fill("<b>")
    assert column(box, 0) == ["<b>bold</b>"]
    box.get_by_label("Filter").fill("nothing like it")
    assert column(box, 0) == []
    box.get_by_label("Filter").fill("")
    assert len(column(box, 0)) == 9
    assert table_of(visit, "k").get_by_label("Filter").count() == 0


def test_rows_beyond_the_first_are_folded(browser: Any, tables_file: Path) -> None:
    visit = Visit(browser, tables_file)
    box = table_of(visit, "long")
    assert column(box, 0) == [f"row {i}" for i in range(10)]
    press(box, "Number")
    assert column(box, 0) == [f"row {i}" for i in range(29, 19, -1)]
    box.get_by_text("Show all 30 rows").click()
    assert len(column(box, 0)) == 30
    box.get_by_text("Show the first 10 rows").click()
    assert len(column(box, 0)) == 10
    box.get_by_label("Filter").fill("row 1")
    assert len(column(box, 0)) == 11
    assert not box.get_by_text("Show all 30 rows").is_visible()
    assert not table_of(visit, "nine").get_by_text("Show all").is_visible()


def saved(visit: Visit, box: Any) -> tuple[str, str]:
    with visit.page.expect_download() as waiting:
        box.get_by_role("button", name="CSV").click()
    download = waiting.value
    return download.suggested_filename, Path(download.path()).read_text(encoding="utf-8-sig")


def test_saved_rows_are_those_chosen_and_no_formula(browser: Any, tables_file: Path) -> None:
    visit = Visit(browser, tables_file)
    box = table_of(visit, "nine")
    name, text = saved(visit, box)
    rows = list(csv.reader(io.StringIO(text)))
    assert name == "nine.csv"
    assert rows[0] == LABELS
    assert rows[1] == ROWS[0]
    assert rows[3] == ["mailing 9", "", ""]
    assert rows[4] == ["visit", "-3", "-1.5 to 2.0%"]
    assert rows[6] == ["'=1+1", "0.5", "0.1 to 0.2%"]
    assert rows[7][0] == 'say "hi", you'
    box.get_by_label("Filter").fill("mailing")
    press(box, "Number")
    assert [row[0] for row in csv.reader(io.StringIO(saved(visit, box)[1]))] == [
        "Kind", "mailing B", "mailing 10", "mailing 9",
    ]  # fmt: skip
    _, everything = saved(visit, table_of(visit, "long"))
    assert everything.count("\n") == 31
    assert visit.messages == []


def test_formulas_are_stopped_as_in_the_files(browser: Any, tmp_path: Path) -> None:
    texts = [
        "=1+1", "+1+cmd", "-2+3", "@SUM(A1)", "|x", "%y", "  =x", "\t=x", "a=1", "a,b", 'q"q', "",
        "-", "x\ny", *PAYLOADS,
    ]  # fmt: skip
    page = page_of(markdown("# T\n\n## S"), code("x", table(
        [[text, "-3"] for text in texts], labels=["=name", "n"], key="formulas")))  # fmt: skip
    path = tmp_path / "report.html"
    path.write_text(report_html(page, manifest=MANIFEST, last_good=""), encoding="utf-8")
    visit = Visit(browser, path)
    _, text = saved(visit, table_of(visit, "formulas"))
    assert text == csv_text(["=name", "n"], [[text, -3] for text in texts])


def test_copied_rows_paste_into_a_spreadsheet(browser: Any, tables_file: Path) -> None:
    allowed = ["clipboard-read", "clipboard-write"]
    visit = Visit(browser, tables_file, permissions=allowed)
    box = table_of(visit, "nine")
    box.get_by_role("button", name="Copy").click()
    box.get_by_text("Copied 9 rows").wait_for()
    lines = visit.page.evaluate("navigator.clipboard.readText()").split("\n")
    assert lines[0] == "Kind\tNumber\t95% interval"
    assert lines[4] == "visit\t-3\t-1.5 to 2.0%"
    assert lines[6] == "'=1+1\t0.5\t0.1 to 0.2%"
    assert len(lines) == 10


def test_without_script_every_row_is_in_sight(browser: Any, tables_file: Path) -> None:
    visit = Visit(browser, tables_file, java_script_enabled=False)
    rows = visit.page.locator("tbody tr")
    assert rows.count() == 9 + 30 + 8
    assert all(row.is_visible() for row in rows.all())
    assert visit.page.locator("button").count() == 0
    assert visit.page.locator("a", has_text="nine.csv").is_visible()


def test_hostile_rows_stay_text_whatever_is_done_with_them(
    browser: Any, hostile_file: Path
) -> None:
    visit = Visit(browser, hostile_file)
    before = visit.page.evaluate("document.querySelectorAll('*').length")
    box = visit.page.locator(".table").last
    for at in range(2):
        for _ in range(3):
            box.locator("th button").nth(at).click()
    box.get_by_text("Show all 26 rows").click()
    assert column(box, 0) == PAYLOADS
    for payload in PAYLOADS:
        box.get_by_label("Filter").fill(payload)
        assert payload in column(box, 0)
    box.get_by_role("button", name="Copy").click()
    box.get_by_text("Copied").wait_for()
    name, text = saved(visit, box)
    assert "/" not in name
    assert PAYLOADS[-1] in text
    assert visit.page.evaluate("document.querySelectorAll('*').length") == before
    assert visit.messages == []
    assert [url for url in visit.asked if not url.startswith("blob:")] == [hostile_file.as_uri()]
