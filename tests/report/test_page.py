from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from typing import Any

import nbformat
import pytest

from journeykit import report
from journeykit.report.export import report_html
from journeykit.report.page import read_page
from tests.report.conftest import code, markdown, notebook, shown

v4 = nbformat.v4
MANIFEST: dict[str, Any] = {
    "report": "paths", "study": "tiny", "study_title": "Tiny", "about": ["2017"], "run": "r1",
    "parameters": {"study": "x", "order": 1, "segment": None}, "packages": {"python": "3.11"},
    "fingerprint": "", "finished": "2026-01-01T00:00:00+00:00", "duration_seconds": 1.0,
}  # fmt: skip
PIXEL = base64.b64encode(b"\x89PNG not really").decode()


def page_of(*cells: Any, stopped: str = "", at: int = 0) -> Any:
    return read_page(notebook(*cells), stopped=stopped, at=at)


def html_of(*cells: Any, stopped: str = "") -> str:
    return report_html(page_of(*cells, stopped=stopped), manifest=MANIFEST, has_latest=True)


def body_of(output: Any) -> str:
    return "".join(page_of(markdown("# T\n\n## S"), code("x", output)).sections[0].body)


def displayed(thing: Any) -> Any:
    return shown(thing._repr_mimebundle_())


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
    assert [section.title for section in page.sections] == ["First", "Second x", "How sure"]
    assert [section.limits for section in page.sections] == [False, False, True]
    assert "<h3>Small</h3>" in "".join(page.sections[0].body)


def test_findings_guards_tables_and_data_are_lifted() -> None:
    import pandas as pd

    page = page_of(
        markdown("# T\n\n## S"),
        code("x", displayed(report.finding("A.", basis="n = 3"))),
        code("x", displayed(report.guard("Ties", status="passed", found="none"))),
        code("x", displayed(report.table(pd.DataFrame({"n": [1]}), key="k", caption="C"))),
    )
    assert [found["text"] for found in page.findings] == ["A."]
    assert [guard["name"] for guard in page.guards] == ["Ties"]
    assert [table["key"] for table in page.tables] == ["k"]
    html = report_html(page, manifest=MANIFEST, has_latest=False)
    assert html.index("In short") < html.index("A.") < html.index("S</h2>")
    assert '<a href="tables/k.csv">k.csv</a>' in html
    assert html.count("A.") == 1


def test_code_is_not_shown() -> None:
    assert "secret_call" not in html_of(markdown("# T"), code("secret_call()"))


def test_long_tables_say_what_is_left() -> None:
    import pandas as pd

    made = report.table(pd.DataFrame({"n": range(30)}), key="k", caption="C", shown=5)
    assert "25 more in the file" in body_of(displayed(made))


def test_figure_has_alt_and_caption() -> None:
    from matplotlib import pyplot as plt

    _, ax = plt.subplots()
    body = body_of(displayed(report.figure(ax, alt='An "empty" <plot>', caption="Nothing.")))
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


def test_a_failing_cell() -> None:
    error = v4.new_output(
        "error",
        ename="ZeroDivisionError",
        evalue="division by zero",
        traceback=["\x1b[1mTrace <b>"],
    )
    html = html_of(
        markdown("An Exception", "papermill-error-cell-tag"),
        markdown("# T\n\n## One"),
        code("1", shown({"text/plain": "fine"})),
        markdown("## Two"),
        code("1 / 0", error),
        markdown("## Three\n\nwords"),
        code("3", count=None),
    )
    assert "This report could not be finished" in html
    assert "in the section <strong>Two</strong>" in html
    assert "A step of this section could not be computed: division by zero" in html
    assert "An Exception" not in html
    assert "fine" in html
    assert re.search(r"Three</h2>.*Not run: the report stopped", html, re.DOTALL)
    before, _, after = html.partition("<details")
    assert "Trace" not in before
    assert "Trace &lt;b&gt;" in after


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
    error = v4.new_output("error", ename=name, evalue=message, traceback=[])
    failure = page_of(markdown("# T\n\n## S"), code("x", error)).failure
    assert (failure.section, failure.cause) == ("S", cause)


def test_leaving_on_purpose_is_no_failure() -> None:
    error = v4.new_output("error", ename="SystemExit", evalue="0", traceback=[])
    assert page_of(markdown("# T"), code("x", error)).failure is None


@pytest.mark.parametrize("count", [None, 2])
def test_a_run_whose_kernel_died_in_a_cell(count: int | None) -> None:
    # The count may or may not have arrived before the kernel died: only the runner knows the cell.
    cells = [markdown("# T\n\n## One"), code("1"), markdown("## Two"), code("2", count=count)]
    more = [markdown("## Three"), code("3", count=None)]
    page = page_of(*cells, *more, stopped="The kernel died.", at=3)
    assert (page.failure.section, page.failure.cause) == ("Two", "The kernel died.")
    assert [section.state for section in page.sections] == ["ok", "failed", "not run"]


def test_a_run_that_stopped_is_never_good() -> None:
    assert page_of(markdown("# T"), code("1"), stopped="Gone.", at=9).failure.cause == "Gone."


def test_a_failure_before_the_first_section() -> None:
    error = v4.new_output("error", ename="ParameterError", evalue="bad", traceback=[])
    html = html_of(markdown("# T"), code("x", error), markdown("## S"), code("y", count=None))
    assert "This report could not be finished" in html
    assert "<title>T · Tiny</title>" in html


def test_an_empty_notebook() -> None:
    assert "<h1>paths</h1>" in html_of()


def test_the_page_is_closed_and_small() -> None:
    html = html_of(markdown("# T\n\n## S"))
    assert len(html.encode()) < 30_000
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in html
    assert "<script" not in html
    assert " style=" not in html
    assert html == html_of(markdown("# T\n\n## S"))


PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></p><style><img src=x onerror=alert(1)></style>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "![x](javascript:alert(1))",
    "<base href='https://evil.example/'>",
    "<meta http-equiv='refresh' content='0;url=https://evil.example'>",
    "<form action='https://evil.example'><input name=x></form>",
    "<style>body{display:none}</style>",
    "</style><script>alert(1)</script>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<details open ontoggle=alert(1)>",
    "<div style='position:fixed;inset:0'>x</div>",
    "\"><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% for x in y %}",
    "<!--<img src=x onerror=alert(1)>-->",
    "<template><script>alert(1)</script></template>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
]  # fmt: skip
TAGS = {
    *("html", "head", "meta", "link", "title", "style", "body", "header", "main", "footer", "nav"),
    *(
        "section",
        "article",
        "h1",
        "h2",
        "h3",
        "p",
        "div",
        "span",
        "a",
        "strong",
        "em",
        "b",
        "small",
    ),
    *("code", "pre", "br", "ul", "ol", "li", "dl", "dt", "dd", "details", "summary"),
    *("figure", "figcaption", "img", "table", "caption", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "tabindex"),
    *("role", "scope", "src", "alt", "aria-label", "aria-labelledby", "aria-hidden", "colspan"),
    "rowspan",
}


class Tags(HTMLParser):
    """Every element a browser would build, and where its addresses lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_stays_text(payload: str) -> None:
    import pandas as pd

    frame = pd.DataFrame({payload: [payload], "n": [1]})
    made = report.table(frame, key="k", caption=payload, labels={"n": payload})
    error = v4.new_output("error", ename="X", evalue=payload, traceback=[payload])
    html = html_of(
        markdown(f"# {payload}\n\n{payload}\n\n## {payload}\n\n- {payload}\n\n```\n{payload}\n```"),
        code("x", displayed(report.finding(payload, basis=payload)), displayed(made)),
        code("x", displayed(report.guard(payload, status="warned", found=payload))),
        code("x", shown({"text/html": payload}), shown({"text/plain": payload})),
        code("x", shown({"text/html": frame.to_html(escape=False)})),
        code("x", shown({"image/png": PIXEL}, alt=payload)),
        code("x", error),
    )
    for tag, attributes in Tags(html).found:
        assert tag in TAGS, (tag, attributes)
        assert set(attributes) <= ATTRIBUTES, (tag, attributes)
        if tag == "meta" and "http-equiv" in attributes:
            assert attributes["http-equiv"] == "Content-Security-Policy"
        if tag != "link":
            address = attributes.get("href") or attributes.get("src") or ""
            assert re.match(
                r"#|\.\./|tables/|notebook.ipynb|results.json|manifest.json|data:image/|$", address
            ), address
    assert html.count("<style>") - html.count("&lt;style>") == 1
    assert ">49<" not in html
