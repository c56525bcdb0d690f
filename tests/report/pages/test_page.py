from __future__ import annotations

from typing import Any

import nbformat
import pytest

from journeykit import report
from journeykit.report.pages.page import Page, optional_cells
from tests.report.conftest import code, markdown, notebook, shown
from tests.report.pages.examples import PIXEL, error, finding, guard, handed, kpi, page_of, table

v4 = nbformat.v4


def body_of(output: Any) -> str:
    return "".join(page_of(markdown("# T\n\n## S"), code("x", output)).sections[0].body)


def states(page: Page) -> list[tuple[str, str]]:
    return [(section.title, section.state) for section in page.sections]


def test_title_question_and_sections() -> None:
    page = page_of(
        markdown("# Which way?\n\nWhy *so*?"),
        code("study = 1"),
        markdown("## First\n\ntext\n\n### Small\n\nmore\n\n## Second `x`"),
        code("1"),
        markdown("## How sure\n\nNot very.", "limits"),
    )
    assert page.title == "Which way?"
    assert page.question == "<p>Why <em>so</em>?</p>\n"
    assert page.setup == ['<pre class="code">study = 1</pre>']
    assert [section.title for section in page.sections] == ["First", "Second x", "How sure"]
    assert [section.limits for section in page.sections] == [False, False, True]
    assert "<h3>Small</h3>" in "".join(page.sections[0].body)


def test_code_before_the_title_is_kept() -> None:
    page = page_of(code("a = 1"), markdown("# T\n\nWhy?"), code("b"), markdown("## S"))
    assert (page.title, page.question) == ("T", "<p>Why?</p>\n")
    assert [part.removeprefix('<pre class="code">') for part in page.setup] == [
        "a = 1</pre>", "b</pre>",
    ]  # fmt: skip


def test_anchors_are_words_and_unique() -> None:
    titles = ["What follows what?", "what follows: what", "In short", "Größe & 率", "***", "a" * 90]
    page = page_of(markdown("# T\n\n" + "".join(f"## {title}\n\nx\n\n" for title in titles)))
    assert [section.anchor for section in page.sections] == [
        "what-follows-what", "what-follows-what-2", "in-short-2", "größe-率", "section", "a" * 60,
    ]  # fmt: skip


def test_a_finding_knows_its_section() -> None:
    page = page_of(
        markdown("# Title"),
        code("x", finding("Before.")),
        markdown("## Where they go"),
        code("x", finding("A.", verdict="clear"), finding("B.")),
    )
    assert [(f["text"], f["anchor"], f["section"]) for f in page.findings] == [
        ("Before.", "", ""),
        ("A.", "where-they-go", "Where they go"),
        ("B.", "where-they-go", "Where they go"),
    ]


def test_what_is_handed_over_is_lifted() -> None:
    page = page_of(
        markdown("# T\n\n## S"),
        code("x", finding("A."), guard("Ties", "passed", "none"), kpi("Stay")),
        code("x", table([["a", "1"]]), handed("term", name="w", meaning="m")),
    )
    assert [found["text"] for found in page.findings] == ["A."]
    assert [found["name"] for found in page.guards] == ["Ties"]
    assert [found["key"] for found in page.tables] == ["k"]
    assert [found["label"] for found in page.kpis] == ["Stay"]
    assert [found["name"] for found in page.terms] == ["w"]


@pytest.mark.parametrize("content", [None, [], {}, {"kind": "new"}, {"kind": "table", "key": "k"}])
def test_damaged_content_is_missed_aloud(content: object) -> None:
    output = shown({"application/vnd.journeykit.report+json": content})
    page = page_of(markdown("# T\n\n## S"), code("x", output))
    assert "damaged, or newer than this page" in "".join(page.sections[0].body)
    assert page.tables == []


def test_code_stands_where_it_ran_and_names_no_machine() -> None:
    page = page_of(
        markdown("# T\n\n## S"),
        code('study = "/home/x/studies/mine/study.yaml"\norder = 1', tags=("injected-parameters",)),
        code('study = "/home/x/kept.yaml" # <b>'),
    )
    first, second = (part for part in page.sections[0].body if part.strip())
    assert first == (
        '<pre class="code">study = &quot;…/mine/study.yaml&quot;\norder = 1</pre>'
    )  # fmt: skip
    assert second == '<pre class="code">study = &quot;/home/x/kept.yaml&quot; # &lt;b&gt;</pre>'


def test_tables_say_what_is_left() -> None:
    def notes(**more: Any) -> str:
        return body_of(table([["a", "1"], ["b", "2"]], **more)).rpartition("</table></div>")[2]

    link = '<a href="tables/k.csv">k.csv</a>'
    assert notes() == f'<p class="quiet">File: {link}</p></div>'
    assert f"The first 2 of 30 rows. File with its first 2 rows: {link}" in notes(n=30)
    assert f"The first 2 of 30 rows. File with all rows: {link}" in notes(n=30, rows=[[0, 0]] * 30)
    assert "3 cells are left empty where so few" in notes(hidden=3)
    assert "1 cell is left empty where so few" in notes(hidden=1)
    assert "No rows." in body_of(table([]))
    page = page_of(markdown("# T\n\n## S"), code("x", table([["a", "1"]])), files=False)
    assert "tables/" not in "".join(page.sections[0].body)


def test_tables_tell_the_script_how_many_rows_to_show() -> None:
    assert 'data-key="k" data-shown="1"' in body_of(table([["a", "1"], ["b", "2"]], shown=1))
    assert 'data-shown="2"' in body_of(table([["a", "1"], ["b", "2"]], shown=None))


def test_figure_has_alt_and_caption() -> None:
    from matplotlib import pyplot as plt

    _, ax = plt.subplots()
    made = report.figure(ax, alt='An "empty" <plot>', caption="Nothing.")
    body = body_of(shown(made._repr_mimebundle_()))
    assert 'alt="An &quot;empty&quot; &lt;plot&gt;"' in body
    assert '<img src="data:image/svg+xml;base64,' in body
    assert "<figcaption>Nothing.</figcaption>" in body


def test_plain_pictures_get_an_alt_from_metadata_or_section() -> None:
    assert 'alt="Undescribed figure: S"' in body_of(shown({"image/png": PIXEL}))
    assert 'alt="Bars"' in body_of(shown({"image/png": f"{PIXEL}\n"}, alt="Bars"))
    assert 'alt="Bars"' in body_of(shown({"image/png": PIXEL}, **{"image/png": {"alt": "Bars"}}))


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (shown({"image/png": "<script>"}), "A picture is damaged and cannot be shown"),
        (
            shown({"application/vnd.plotly.v1+json": {}, "text/html": "<script>p()</script>"}),
            "This part is interactive (application/vnd.plotly.v1+json)",
        ),
        (
            shown({"application/vnd.jupyter.widget-view+json": {}, "text/plain": "VBox()"}),
            "This part is interactive",
        ),
        (
            shown({"application/javascript": "alert(1)", "text/plain": "<IPython>"}),
            "This part is interactive (application/javascript)",
        ),
        (shown({"application/pdf": "JVBERi0="}), "This part is interactive (application/pdf)"),
        (shown({"video/mp4": "AAAA"}), "This part is interactive (video/mp4)"),
        (shown({"text/html": "<script>p()</script><style>x</style>"}), "This part is a program"),
        (shown({"text/html": "<iframe src='https://x'></iframe>"}), "This part is a program"),
        (shown({"text/html": "<b>bold</b>"}), "<b>bold</b>"),
        (shown({"text/html": "<img src='https://x/y.png' alt='z'>"}), "[picture not included]"),
        (shown({"text/plain": "<x> 1"}), '<pre class="scroll" tabindex="0">&lt;x&gt; 1</pre>'),
        (shown({"text/markdown": "*a* <b>"}), "<p><em>a</em> &lt;b&gt;</p>"),
        (shown({"text/latex": "$x$", "text/plain": "x"}), "$x$"),
        (v4.new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m\n"), ">red</pre>"),
        (v4.new_output("stream", name="stderr", text="careful"), "Notes from the program"),
    ],
)
def test_outputs_are_shown_or_missed_aloud(output: Any, wanted: str) -> None:
    assert wanted in body_of(output)


@pytest.mark.parametrize(
    ("name", "message", "cause"),
    [
        ("StudyError", "study.yaml: `churn` is missing.", "study.yaml: `churn` is missing."),
        ("MemoryError", "", "The computer ran out of memory."),
        (
            "ModuleNotFoundError",
            "No module named 'x'",
            "A program this report needs is not installed: No module named 'x'",
        ),
        ("SystemExit", "3", "A step of this section could not be computed: 3"),
    ],
)
def test_causes_in_plain_words(name: str, message: str, cause: str) -> None:
    failure = page_of(markdown("# T\n\n## S"), code("x", error(name, message))).failure
    assert failure is not None
    assert (failure.section, failure.cause) == ("S", cause)


def test_leaving_on_purpose_is_no_failure() -> None:
    assert page_of(markdown("# T"), code("x", error("SystemExit", "0"))).failure is None


@pytest.mark.parametrize("count", [None, 2])
def test_a_run_whose_kernel_died_in_a_cell(count: int | None) -> None:
    # The count may or may not have arrived before the kernel died: only the runner knows the cell.
    cells = [markdown("# T\n\n## One"), code("1"), markdown("## Two"), code("2", count=count)]
    more = [markdown("## Three"), code("3", count=None)]
    page = page_of(*cells, *more, stopped="The kernel died.", at=3)
    assert page.failure is not None
    assert (page.failure.section, page.failure.cause) == ("Two", "The kernel died.")
    assert states(page) == [("One", "ok"), ("Two", "failed"), ("Three", "not run")]


def test_a_run_that_stopped_is_never_good() -> None:
    failure = page_of(markdown("# T"), code("1"), stopped="Gone.", at=9).failure
    assert failure is not None
    assert failure.cause == "Gone."


def test_which_cells_are_optional() -> None:
    made = notebook(
        markdown("# T", "optional"),
        code("1"),
        markdown("## Needed"),
        code("3"),
        code("4", tags=("optional",)),
        markdown("## Extra", "optional"),
        code("6"),
        markdown("Words, and a ### smaller heading.\n\n### Smaller"),
        code("8"),
        markdown("Words alone.", "optional"),
        code("10"),
        markdown("## Needed again"),
        markdown("Words alone.", "optional"),
        code("13"),
    )
    assert optional_cells(made) == {1, 4, 6, 8, 10}


def test_an_optional_section_degrades_and_the_rest_stands() -> None:
    page = page_of(
        markdown("# T"),
        markdown("## Extra", "optional"),
        code("0", table([["a", "1"]])),
        code("1", error("DataError", "There is no column `cost`.")),
        code("2", error("NameError", "name 'x' is not defined")),
        code("3", shown({"text/plain": "after"})),
        markdown("## Needed"),
        code("4", finding("A.")),
    )
    assert page.failure is None
    assert page.degraded == ["Extra"]
    assert states(page) == [("Extra", "degraded"), ("Needed", "ok")]
    assert page.sections[0].cause == "There is no column `cost`."
    assert [found["text"] for found in page.findings] == ["A."]
    assert "after" in "".join(page.sections[0].body)


def test_a_needed_cell_in_a_degraded_section_still_stops_the_report() -> None:
    page = page_of(
        markdown("# T\n\n## S"),
        code("1", error(), tags=("optional",)),
        code("2", error("MemoryError", "")),
        markdown("## After", "optional"),
        code("3", error()),
    )
    assert page.failure is not None
    assert page.failure.cause == "The computer ran out of memory."
    assert page.degraded == []
    assert states(page) == [("S", "failed"), ("After", "not run")]


def test_an_optional_cell_before_the_first_section() -> None:
    page = page_of(markdown("# T"), code("1", error(), tags=("optional",)), markdown("## S"))
    assert page.failure is None
    assert (page.title, page.degraded) == ("T", ["T"])
    assert states(page) == [("", "degraded"), ("S", "ok")]
