"""An executed notebook read as a page: title, question, findings, sections, data, failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journeykit.report.contract import CONTRACT_MIME
from journeykit.report.pages.markdown import sections, slug
from journeykit.report.pages.outputs import code_html, content_of, is_code, output_html, plain

#: Ids of the page's own parts; a section of the same title gets another.
OWN_IDS = frozenset(
    {"failure", "key-figures", "in-short", "changes", "the-data", "words", "show-code"}
)


@dataclass(slots=True)
class Section:
    """A heading and what stands under it.

    Attributes
    ----------
    title : str
    anchor : str
        Id of the heading, unique on the page.
    body : list of str
        Safe HTML: words, outputs, and the code that made them.
    limits : bool
        Whether it says how sure the report is and what it does not show.
    state : {"ok", "degraded", "failed", "not run"}
        ``degraded``: an optional part could not be made; the report stands without it.
    cause : str
        Why it is degraded.
    """

    title: str = ""
    anchor: str = ""
    body: list[str] = field(default_factory=list)
    limits: bool = False
    state: str = "ok"
    cause: str = ""
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing for a reader who has the code folded."""
        return not "".join(part for part in self.body if not is_code(part)).strip()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a report stopped: its section, the cause in plain words, details for who mends it."""

    section: str
    cause: str
    details: str = ""


@dataclass(slots=True)
class Page:
    """Everything the exporter needs, and all that is published beside the page.

    Attributes
    ----------
    title, question : str
        First heading as text, and what stands directly under it as HTML.
    setup : list of str
        Code from before the first section.
    sections : list of Section
    findings, guards, tables, figures, kpis, terms, maps : list of dict
        What the notebook handed over, in its order; a finding also has ``anchor`` and ``section``.
    data, trials : dict or None
    degraded : list of str
        Titles of the sections that could not be made whole.
    failure : Failure or None
    """

    title: str = ""
    question: str = ""
    setup: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    guards: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    kpis: list[dict[str, Any]] = field(default_factory=list)
    terms: list[dict[str, Any]] = field(default_factory=list)
    maps: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, Any] | None = None
    trials: dict[str, Any] | None = None
    degraded: list[str] = field(default_factory=list)
    failure: Failure | None = None


def title_of(path: Path, /) -> str:
    """Return the title of a notebook that was not run: its first heading, or its name."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    except (OSError, ValueError, KeyError, TypeError):
        texts = []
    return next((head for text in texts for head, _ in sections(text) if head), path.stem)


def optional_cells(notebook: Mapping[str, Any], /) -> set[int]:
    """Return the indices of the code cells whose failure does not stop the report.

    They are tagged ``optional`` themselves, or stand in a section whose heading is.
    """
    optional: set[int] = set()
    in_optional = False
    for index, cell in enumerate(notebook["cells"]):
        tagged = "optional" in _tags(cell)
        if cell["cell_type"] == "markdown":
            if any(heading for heading, _ in sections(cell["source"])):
                in_optional = tagged
        elif cell["cell_type"] == "code" and (tagged or in_optional):
            optional.add(index)
    return optional


def read_page(
    notebook: Mapping[str, Any], /, *, stopped: str = "", at: int = 0, files: bool = True
) -> Page:
    """Read an executed notebook.

    Parameters
    ----------
    notebook : mapping
        Cells with their outputs.
    stopped : str
        The cause, when the run ended without an error in a cell, such as a dead kernel.
    at : int
        Index of the cell that was running then.
    files : bool
        Whether the tables lie beside the page, to link to.
    """
    page = Page()
    section = Section()
    page.sections.append(section)
    optional = optional_cells(notebook)
    for index, cell in enumerate(notebook["cells"]):
        # papermill's own notes about a failure; the page tells it in its own words.
        if "papermill-error-cell-tag" in _tags(cell):
            continue
        if cell["cell_type"] == "markdown":
            for heading, body in sections(cell["source"]):
                if heading:
                    section = Section(heading)
                    page.sections.append(section)
                section.body.append(body)
            section.limits |= "limits" in _tags(cell)
        elif cell["cell_type"] == "code" and cell["source"].strip():
            section.body.append(
                code_html(cell["source"], injected="injected-parameters" in _tags(cell))
            )
            broken = stopped if index >= at else ""
            _read_outputs(page, section, cell, broken, optional=index in optional, files=files)
    if stopped and page.failure is None:
        page.failure = Failure(section.title, stopped)
    _lift_title(page)
    _give_anchors(page)
    return page


def _tags(cell: Mapping[str, Any]) -> list[str]:
    tags = cell["metadata"].get("tags")
    return tags if isinstance(tags, list) else []


def _read_outputs(
    page: Page,
    section: Section,
    cell: Mapping[str, Any],
    stopped: str,
    *,
    optional: bool,
    files: bool,
) -> None:
    if page.failure is not None:
        section.state = "not run" if section.state == "ok" else section.state
        return
    for output in cell["outputs"]:
        _harvest(page, section, output)
        section.body.append(output_html(output, section=section.title, files=files))
        failure = _failure(section.title, output)
        if failure is not None and optional:
            _degrade(section, failure)
        else:
            page.failure = page.failure or failure
    if stopped and page.failure is None:
        page.failure = Failure(section.title, stopped)
    if page.failure is not None:
        section.state = "failed"


def _degrade(section: Section, failure: Failure) -> None:
    # What follows in the section mostly fails for want of what failed first.
    if section.state == "ok":
        section.state, section.cause = "degraded", failure.cause


def _harvest(page: Page, section: Section, output: Mapping[str, Any]) -> None:
    content = content_of(output.get("data", {}).get(CONTRACT_MIME))
    if content is None:
        return
    if content["kind"] == "finding":
        # The anchor is known when all titles are.
        found = {**content, "anchor": "", "section": ""}
        page.findings.append(found)
        section.findings.append(found)
    elif content["kind"] == "data":
        page.data = content
    elif content["kind"] == "trials":
        page.trials = content["scores"]
    else:
        kept = {
            "guard": page.guards,
            "table": page.tables,
            "figure": page.figures,
            "kpi": page.kpis,
            "term": page.terms,
            "map": page.maps,
        }
        kept[content["kind"]].append(content)


#: What common errors mean to somebody who does not program.
_CAUSES = {
    **dict.fromkeys(
        # As Python, NumPy, Arrow and DuckDB call it.
        ("MemoryError", "_ArrayMemoryError", "ArrowMemoryError", "OutOfMemoryException"),
        "The computer ran out of memory.",
    ),
    "ModuleNotFoundError": "A program this report needs is not installed",
    "FileNotFoundError": "A file this report needs is missing",
    "KeyboardInterrupt": "The run was stopped by hand.",
}
#: Errors raised on purpose: their message is already written for the reader.
_WRITTEN_FOR_READERS = (
    "ArgumentError", "MappingError", "DataError", "StudyError", "ParameterError",
    "NotObservedError", "ReportError", "MissingExtraError", "GuardError", "PatternError",
)  # fmt: skip


def _failure(section: str, output: Mapping[str, Any]) -> Failure | None:
    if output["output_type"] != "error":
        return None
    name, message = output["ename"], plain(output["evalue"])
    if name == "SystemExit" and message in ("", "0"):
        return None
    details = plain("\n".join(output["traceback"]))
    if name in _WRITTEN_FOR_READERS:
        return Failure(section, message, details)
    cause = _CAUSES.get(name, "A step of this section could not be computed")
    return Failure(section, cause if cause.endswith(".") else f"{cause}: {message}", details)


def _lift_title(page: Page) -> None:
    """Make the first heading and what stands directly under it the head of the page."""
    first, rest = page.sections[0], page.sections[1:]
    if not first.title and first.empty and first.state == "ok" and rest:
        rest[0].body[:0] = first.body
        first, rest = rest[0], rest[1:]
    page.title = first.title
    if first.state in ("ok", "degraded"):
        page.question = "".join(part for part in first.body if not is_code(part))
        page.setup = [part for part in first.body if is_code(part)]
        first.title, first.body = "", []
    page.sections = [
        section
        for section in ([first] if first.state != "ok" else []) + rest
        if section.title or section.body or section.state != "ok"
    ]


def _give_anchors(page: Page) -> None:
    taken = set(OWN_IDS)
    for section in page.sections:
        if section.title:
            section.anchor = slug(section.title, taken=taken)
            taken.add(section.anchor)
        for found in section.findings:
            found["anchor"], found["section"] = section.anchor, section.title
    page.degraded = [
        section.title or page.title for section in page.sections if section.state == "degraded"
    ]
