from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journeykit import report
from journeykit.report.pages import export
from journeykit.report.pages.export import render, report_html
from tests.report.conftest import code, markdown, shown
from tests.report.pages.examples import (
    MANIFEST,
    PAYLOADS,
    data,
    error,
    finding,
    guard,
    handed,
    hostile_cells,
    hostile_manifest,
    kpi,
    page_of,
    table,
)


def html_of(*cells: Any, stopped: str = "", **manifest: Any) -> str:
    page = page_of(*cells, stopped=stopped)
    return report_html(page, manifest={**MANIFEST, **manifest}, last_good="../latest.html")


def text_of(html: str) -> str:
    """Return what a reader sees, the style and the script left out."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", body)).strip()


def test_first_screen_in_order() -> None:
    html = html_of(
        markdown("# Which way?\n\nWhy is it so?\n\nMore words.\n\n## Where they go"),
        code("x", finding("Half leave.", basis="10 of 20", verdict="clear", todo="Call them."),
             kpi("Stay", 0.612, status="ok")),
        study_title="Tiny",
        about=["2017", "all customers"],
        banners=[{"level": "warn", "text": "The data are 9 days old."}],
        changes=[{"kind": "kpi", "text": "Stay: 61% after 70%."}],
        previous="20260102T030405Z-abcdef",
        kpis=[kpi("Stay", 0.612)["data"]["application/vnd.journeykit.report+json"]
              | {"status": "fail", "said": "below 70%"}],
    )  # fmt: skip
    order = [
        "Tiny", "Which way?", "Why is it so?", "2017 · all customers",
        "Watch: The data are 9 days old.", "Key figures", "Stay 61%",
        "95% interval 40% to 60%, n = 1,000", "✕ Alert: below 70%", "In short", "clear",
        "Half leave.", "10 of 20", "What to do: Call them.", "More: Where they go",
        "What changed since the last report", "Stay: 61% after 70%.",
        "Compared with the report of 2026-01-02 03:04 UTC.", "More words.", "Where they go",
    ]  # fmt: skip
    text = text_of(html.partition("<body>")[2])
    places = [text.find(words) for words in order]
    assert -1 not in places, [words for words, at in zip(order, places, strict=True) if at < 0]
    assert re.search(".*?".join(re.escape(words) for words in order), text)
    assert '<a href="#where-they-go">Where they go</a></span>' in html


@pytest.mark.parametrize(
    ("status", "wanted"), [("ok", "✓ Fine"), ("warn", "! Watch"), ("fail", "✕ Alert"), ("", None)]
)
def test_a_state_is_a_word_and_an_icon(status: str, wanted: str | None) -> None:
    text = text_of(html_of(markdown("# T"), code("x", kpi("Stay", status=status))))
    assert wanted in text if wanted else not re.search("Fine|Watch|Alert", text)


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [
        (0.123, "share", "12%"),
        (0.0432, "share", "4.3%"),
        (0.987, "share", "98.7%"),
        (45.0, "days", "45 days"),
        (1, "days", "1 day"),
        (12.34, "number", "12.3"),
        (123456.7, "number", "123,457"),
        (None, "share", "cannot tell"),
    ],
)
def test_amounts(value: float | None, unit: str, wanted: str) -> None:
    made = kpi("Stay", value, unit=unit, conf_low=None, conf_high=None, n=None)
    assert f'<span class="value">{wanted}</span></li>' in html_of(markdown("# T"), code("x", made))


def test_one_period_is_told_once() -> None:
    def html(*periods: list[str]) -> str:
        return html_of(markdown("# T"), code("x", *(kpi("S", period=p) for p in periods)))

    november, december = ["2017-11-01", "2017-11-30"], ["2017-12-01", "2017-12-31"]
    assert html(november, november).count("November 2017") == 1
    assert "n = 1,000, December 2017" in text_of(html(november, december))


def test_a_finding_without_words_about_it_gives_its_numbers() -> None:
    made = finding("A.", estimate=0.25, conf_low=0.2, conf_high=0.3, n=1200)
    text = text_of(html_of(markdown("# T"), code("x", made)))
    assert "A. 0.25, 95% interval 0.2 to 0.3, n = 1,200" in text


def test_more_than_five_findings_are_folded() -> None:
    html = html_of(markdown("# T"), code("x", *(finding(f"F{i}.") for i in range(7))))
    assert html.index("F4.") < html.index("<summary>2 more</summary>") < html.index("F5.")
    assert "more</summary>" not in html_of(
        markdown("# T"), code("x", *(finding(f"F{i}.") for i in range(5)))
    )


def test_what_changed() -> None:
    def told(**manifest: Any) -> str:
        return text_of(html_of(markdown("# T"), **manifest))

    nothing = told(changes=[], previous="20260102T030405Z-abcdef")
    assert "Nothing changed since 2026-01-02 03:04 UTC." in nothing
    assert "Nothing changed since by hand." in told(changes=[], previous="by hand")
    assert "What changed" not in told(changes=[], previous=None)
    assert "What changed" not in told()


def test_a_failing_cell() -> None:
    html = html_of(
        markdown("An Exception", "papermill-error-cell-tag"),
        markdown("# T\n\n## One"),
        code("1", shown({"text/plain": "fine"})),
        markdown("## Two"),
        code("1 / 0", error("ZeroDivisionError", "division by zero", "\x1b[1mTrace <b>")),
        markdown("## Three\n\nwords"),
        code("3", count=None),
    )
    assert "This report could not be finished" in html
    assert "in the section <strong>Two</strong>" in html
    assert "A step of this section could not be computed: division by zero" in html
    assert "An Exception" not in html
    assert "fine" in html
    assert '<a href="../latest.html">' in html
    assert re.search(r"Three</h2>.*Not run: the report stopped", html, re.DOTALL)
    before, _, after = html.partition("<details")
    assert "Trace" not in before
    assert "Trace &lt;b&gt;" in after


def test_a_failure_before_the_first_section() -> None:
    html = html_of(markdown("# T"), code("x", error()), markdown("## S"), code("y", count=None))
    assert "This report could not be finished" in html
    assert "<title>T · Tiny</title>" in html


def test_a_missing_part_is_told_where_it_is_and_at_the_top() -> None:
    html = html_of(
        markdown("# T\n\n## Extra", "optional"), code("x", error("DataError", "No costs", "Trace"))
    )
    text = text_of(html)
    assert "One part is missing: Extra could not be made. The rest of the report stands." in text
    assert "This part could not be made. No costs. The rest of the report stands." in text
    assert "Trace" not in html


def test_contents_say_what_is_not_whole() -> None:
    html = html_of(
        markdown("# T\n\n## A", "optional"), code("x", error()), markdown("## B"),
        code("x", error()), markdown("## C"), code("x", count=None),
    )  # fmt: skip
    contents = text_of(html.partition("<nav")[2].partition("</nav>")[0])
    assert "A (incomplete) B (failed) C (not run)" in contents


def test_contents_and_code_toggle() -> None:
    html = html_of(markdown("# T\n\n## A\n\n## B\n\n## C"), code("x = '<b>'"), code("y", data()))
    assert re.findall(r'<li><a href="#([^"]+)">', html) == ["a", "b", "c", "the-data"]
    assert html.count('<input type="checkbox" id="show-code"') == 1
    assert '<pre class="code">x = &#x27;&lt;b&gt;&#x27;</pre>' in html


def test_glossary_has_the_words_of_the_page_and_no_others() -> None:
    html = html_of(
        markdown("# T\n\n## S\n\nThe touchpoints on the way."),
        code("log-rank test", finding("A.", verdict="leaning"), kpi("Stay", definition="Who do.")),
        code("x", handed("term", name="Touchpoint", meaning="Ours.")),
        code("x", handed("term", name="Basket", meaning="What is bought at once.")),
    )
    words = html.partition('id="words"')[2].partition("</dl>")[0]
    assert re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", words) == [
        ("Basket", "What is bought at once."),
        ("leaning", "The data point this way, but chance is not ruled out."),
        ("Stay", "Who do."),
        ("Touchpoint", "Ours."),
    ]
    assert 'id="words"' not in html_of(markdown("# T\n\n## S"))


def test_a_page_without_a_run_links_to_no_files() -> None:
    page = page_of(markdown("# T\n\n## S"), code("x", table([["a", "1"]])), files=False)
    html = report_html(page, manifest={"report": "mine"}, last_good="")
    assert re.findall(r'href="([^"]*)"', html) == ["data:,"]
    assert "<title>T</title>" in html


def test_an_empty_notebook() -> None:
    assert "<h1>paths</h1>" in html_of()


def test_the_policy_names_the_one_style_and_the_one_script() -> None:
    html = html_of(markdown("# T\n\n## S"))
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in html
    assert "content=\"default-src 'none'; img-src data:; style-src" in html
    assert "; base-uri 'none'; form-action 'none'\">" in html
    assert "nonce" not in html
    assert html == html_of(markdown("# T\n\n## S"))


def test_a_page_takes_the_style_and_script_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "style.css").write_text("a{}")
    (tmp_path / "mine.css").write_text("b{}")
    (tmp_path / "mine.js").write_text("c")
    (tmp_path / "mine.html.j2").write_text("{{ style }}|{{ script }}")
    (tmp_path / "plain.html.j2").write_text("{{ style }}|{{ script }}")
    monkeypatch.setattr(export, "_TEMPLATES", tmp_path)
    for cached in (export._asset, export._environment):
        cached.cache_clear()
    try:
        assert render("mine.html.j2", {}) == "a{}b{}|c"
        assert render("plain.html.j2", {}) == "a{}|"
    finally:
        for cached in (export._asset, export._environment):
            cached.cache_clear()


def report_cells(*outputs: Any) -> list[Any]:
    """Return a report such as those that ship, with `outputs` in the place of its figures."""
    prose = "Of all moments at one touchpoint, where did customers go next? " * 3
    rows = [[f"touchpoint {i} > touchpoint {i + 1}", f"{i},123"] for i in range(10)]
    return [
        markdown("# Which way customers go\n\nWhat usually follows what?"),
        code("study = 'x'\norder = 1\n" * 3, data(Customers="2,469", Window="2017")),
        *(markdown(f"## Section {i}\n\n{prose}") for i in range(4)),
        code("x = 1\n" * 40, *(finding(f"{prose[:90]}.", basis=prose[:120]) for _ in range(4))),
        code("y", *(table(rows, key=f"k{i}") for i in range(3)), guard("Ties", "passed", prose)),
        code("z", *outputs, kpi("Stay", definition=prose)),
        markdown("## How sure\n\n- Intervals.\n- Journeys still under way.", "limits"),
    ]


def test_a_report_without_figures_weighs_little() -> None:
    assert len(html_of(markdown("# T")).encode()) < 20_000
    assert len(html_of(*report_cells()).encode()) < 30_000


def plot(kind: int) -> Any:
    from matplotlib import pyplot as plt

    _, ax = plt.subplots(figsize=(6.4, 3.6))
    x = np.arange(200)
    y = np.exp(-x / 90) + 0.02 * np.sin(x * (kind + 1))
    if kind % 3 == 0:
        ax.step(x, y)
        ax.fill_between(x, y - 0.05, y + 0.05, step="pre", alpha=0.3)
    elif kind % 3 == 1:
        ax.barh([f"quick trip > stock-up trip {i}" for i in range(12)], y[:12], xerr=0.02)
    else:
        shares = y[:100].reshape(10, 10)
        ax.pcolormesh(shares)
        for (row, column), share in np.ndenumerate(shares):
            ax.text(column + 0.5, row + 0.5, f"{share:.0%}", ha="center", va="center")
    made = report.figure(ax, alt=f"Plot {kind}", caption="It falls.")
    return shown(made._repr_mimebundle_())


def test_a_report_with_fifteen_plots_can_be_mailed() -> None:
    html = html_of(*report_cells(*(plot(kind) for kind in range(15))))
    assert html.count("<figure>") == 15
    assert len(html.encode()) < 800_000


TAGS = {
    *("html", "head", "meta", "link", "title", "style", "body", "header", "main", "footer", "nav"),
    *("section", "h1", "h2", "h3", "p", "div", "span", "a", "strong", "em", "b", "script"),
    *("code", "pre", "br", "ul", "ol", "li", "dl", "dt", "dd", "details", "summary"),
    *("figure", "figcaption", "img", "table", "thead", "tbody", "tr", "th", "td"),
    *("label", "input"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "tabindex"),
    *("role", "scope", "src", "alt", "aria-label", "aria-labelledby", "aria-hidden"),
    *("data-key", "data-shown", "type", "autocomplete"),
}
_ADDRESS = re.compile(r"#|\.\./|tables/|notebook.ipynb|results.json|manifest.json|data:image/png|$")


class Tags(HTMLParser):
    """Every element a browser would build, and where its addresses lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("failing", [True, False])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_stays_text(payload: str, failing: bool) -> None:
    cells = [*hostile_cells(payload), *([code("x", error("X", payload, payload))] * failing)]
    html = report_html(
        page_of(*cells), manifest=hostile_manifest(payload), last_good="../latest.html"
    )
    found = Tags(html).found
    for tag, attributes in found:
        assert tag in TAGS, (tag, attributes)
        assert set(attributes) <= ATTRIBUTES, (tag, attributes)
        if tag == "meta" and "http-equiv" in attributes:
            assert attributes["http-equiv"] == "Content-Security-Policy"
        if tag not in ("link", "meta"):
            address = attributes.get("href") or attributes.get("src") or ""
            assert _ADDRESS.match(address), address
    tags = [tag for tag, _ in found]
    assert (tags.count("script"), tags.count("style"), tags.count("input")) == (1, 1, 1)
    assert ">49<" not in html
