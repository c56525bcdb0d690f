"""An executed notebook read as a page: title, question, findings, sections, data, failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from journeykit.report.contract import CONTRACT_MIME
from journeykit.report.markdown import sections
from journeykit.report.outputs import output_html, plain


@dataclass(slots=True)
class Section:
    """A heading and what stands under it; `state` is ``ok``, ``failed`` or ``not run``."""

    title: str = ""
    body: list[str] = field(default_factory=list)
    limits: bool = False
    state: str = "ok"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a report stopped: its section, the cause in plain words, details for who mends it."""

    section: str
    cause: str
    details: str = ""


@dataclass(slots=True)
class Page:
    """Everything the exporter needs, and all that is published beside the page."""

    title: str = ""
    question: str = ""
    sections: list[Section] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    guards: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, Any] | None = None
    failure: Failure | None = None


def read_page(notebook: Mapping[str, Any], /, *, stopped: str = "", at: int = 0) -> Page:
    """Read an executed notebook.

    `stopped` is the cause when the run ended without an error in a cell, such as a dead kernel, and
    `at` the index of the cell that was running then.
    """
    page = Page()
    section = Section()
    page.sections.append(section)
    for index, cell in enumerate(notebook["cells"]):
        tags = cell["metadata"].get("tags", [])
        # papermill's own notes about a failure; the page tells it in its own words.
        if "papermill-error-cell-tag" in tags:
            continue
        if cell["cell_type"] == "markdown":
            for heading, body in sections(cell["source"]):
                if heading:
                    section = Section(heading)
                    page.sections.append(section)
                section.body.append(body)
            section.limits |= "limits" in tags
        elif cell["cell_type"] == "code" and cell["source"].strip():
            _read_code(page, section, cell, stopped if index >= at else "")
    if stopped and page.failure is None:
        page.failure = Failure(section.title, stopped)
    _lift_title(page)
    return page


def optional_cells(notebook: Mapping[str, Any], /) -> set[int]:
    """Return the indices of code cells that may fail: the rest of the report stands without them.

    They are tagged ``optional``, or stand in a section whose heading cell is.
    """
    found, within = set[int](), False
    for index, cell in enumerate(notebook["cells"]):
        tagged = "optional" in cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and (tagged or within):
            found.add(index)
        elif cell["cell_type"] == "markdown" and any(head for head, _ in sections(cell["source"])):
            within = tagged
    return found


def _read_code(page: Page, section: Section, cell: Mapping[str, Any], stopped: str) -> None:
    if page.failure is not None:
        section.state = section.state if section.state == "failed" else "not run"
        return
    for output in cell["outputs"]:
        _harvest(page, output)
        section.body.append(output_html(output, section=section.title))
        page.failure = page.failure or _failure(section.title, output)
    if stopped and page.failure is None:
        page.failure = Failure(section.title, stopped)
    if page.failure is not None:
        section.state = "failed"


def _harvest(page: Page, output: Mapping[str, Any]) -> None:
    content = output.get("data", {}).get(CONTRACT_MIME)
    if content is None:
        return
    kept = {
        "finding": page.findings,
        "guard": page.guards,
        "table": page.tables,
        "figure": page.figures,
    }
    if content["kind"] in kept:
        kept[content["kind"]].append(content)
    elif content["kind"] == "data":
        page.data = content


#: What common errors mean to somebody who does not program.
_CAUSES = {
    "MemoryError": "The computer ran out of memory.",
    "ModuleNotFoundError": "A program this report needs is not installed",
    "FileNotFoundError": "A file this report needs is missing",
    "KeyboardInterrupt": "The run was stopped by hand.",
}
#: Errors raised on purpose: their message is already written for the reader.
_WRITTEN_FOR_READERS = (
    "ArgumentError", "MappingError", "DataError", "StudyError", "ParameterError",
    "NotObservedError", "ReportError", "MissingExtraError",
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
    if not first.title and not "".join(first.body).strip() and first.state == "ok" and rest:
        first, rest = rest[0], rest[1:]
    page.title = first.title
    if first.state == "ok":
        page.question, first.body = "".join(first.body), []
    page.sections = [
        section
        for section in ([first] if first.state != "ok" else []) + rest
        if section.title or "".join(section.body).strip() or section.state != "ok"
    ]
