"""Cells of a notebook as HTML that is safe whatever the data said."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from journeykit.report.contract import CONTRACT_MIME
from journeykit.report.pages.maps import map_html
from journeykit.report.pages.markdown import markdown_html
from journeykit.report.pages.safety import clean
from journeykit.report.privacy.personal import redact

_PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
_WORDS = ("text/html", "text/markdown", "text/latex", "text/plain")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CODE = '<pre class="code">'
#: Where the study lies on the machine that made the report is nobody's business.
_STUDY_PATH = re.compile(r"""^(study = ["']).*[/\\](?=[^/\\]+[/\\]+[^/\\]+["']$)""", re.MULTILINE)
#: What the page needs of each kind; content without it is damaged.
_NEEDED = {
    "finding": ("text",),
    "guard": ("name", "status", "found"),
    "figure": ("alt", "caption"),
    "table": ("key", "caption", "columns", "rows", "labels", "is_number", "cells", "n"),
    "data": ("facts", "ledger", "fingerprint"),
    "kpi": ("label", "value"),
    "term": ("name", "meaning"),
    "trials": ("scores",),
    "map": ("title", "rows", "stages"),
}


def plain(text: str, /) -> str:
    """Return text of a terminal without its colour codes and other control characters."""
    kept = _ANSI.sub("", text)
    return "".join(sign for sign in kept if sign in "\n\t" or sign.isprintable())


def warning(text: str, /) -> str:
    """Return a box that says what the reader misses."""
    return f'<p class="note warn">{html.escape(text)}</p>'


def preformatted(text: str, /) -> str:
    """Return text as it was printed, scrolling in its own box."""
    shown = html.escape(plain(text).rstrip())
    return f'<pre class="scroll" tabindex="0">{shown}</pre>' if shown else ""


def code_html(source: str, /, *, injected: bool = False) -> str:
    """Return the code of a cell, which the page shows on demand.

    In the cell where the runner has `injected` the parameters, the path of the study is cut short.
    """
    kept = redact(_STUDY_PATH.sub(r"\1…/", source) if injected else source)
    return f"{_CODE}{html.escape(plain(kept).strip())}</pre>"


def is_code(part: str, /) -> bool:
    """Return whether a part of a section was made by `code_html`."""
    return part.startswith(_CODE)


def content_of(content: object, /) -> dict[str, Any] | None:
    """Return what a notebook handed over, or None where it is damaged or of an unknown kind."""
    if not isinstance(content, dict):
        return None
    needed = _NEEDED.get(str(content.get("kind")))
    return content if needed and all(name in content for name in needed) else None


def output_html(output: Mapping[str, Any], /, *, section: str, files: bool = True) -> str:
    """Return one output as HTML; errors are told by the page, findings and data lifted to its top.

    What cannot be shown leaves a warning in its place, never nothing. Tables link to their files
    where there are `files` beside the page.
    """
    if output["output_type"] == "stream":
        if output["name"] == "stdout":
            return preformatted(output["text"])
        notes = preformatted(output["text"])
        return f'<details class="quiet"><summary>Notes from the program</summary>{notes}</details>'
    if output["output_type"] == "error":
        return ""
    data = output["data"]
    if CONTRACT_MIME in data:
        return _contract(data, files=files)
    return _bundle(data, output.get("metadata", {}), section)


def _contract(data: Mapping[str, Any], *, files: bool) -> str:
    content = content_of(data[CONTRACT_MIME])
    if content is None:
        return warning("A part of this report is damaged, or newer than this page can show.")
    if content["kind"] == "figure":
        caption = html.escape(content["caption"])
        return (
            f"<figure>{_picture(data, content['alt'])}<figcaption>{caption}</figcaption></figure>"
        )
    if content["kind"] == "map":
        return map_html(content)
    return _table(content, files=files) if content["kind"] == "table" else ""


def _bundle(data: Mapping[str, Any], metadata: Mapping[str, Any], section: str) -> str:
    picture = next((kind for kind in _PICTURES if kind in data), None)
    if picture:
        words = metadata.get("alt") or metadata.get(picture, {}).get("alt")
        return f"<figure>{_picture(data, words or f'Undescribed figure: {section}')}</figure>"
    # Plotly, widgets and their like leave a text that names them; it is not what was meant.
    strange = [kind for kind in data if kind not in _WORDS and "journeykit" not in kind]
    missing = warning(f"This part is interactive ({strange[0]}) and is only in the notebook."
                      ) if strange else ""  # fmt: skip
    if "text/html" in data:
        shown = clean(data["text/html"])
        if re.sub(r"<(?!img)[^>]*>|\s", "", shown):
            return f'{missing}<div class="scroll" tabindex="0">{shown}</div>'
        return missing or warning("This part is a program, which a report does not run.")
    if "text/markdown" in data:
        return missing + markdown_html(data["text/markdown"])
    words = data.get("text/latex") or data.get("text/plain", "")
    return missing or preformatted(words)


def _picture(data: Mapping[str, Any], alt: str) -> str:
    kind = next((kind for kind in _PICTURES if kind in data), "")
    raw = data.get(kind, "")
    if kind == "image/svg+xml":
        encoded = base64.b64encode(raw.encode()).decode()
    else:
        encoded = "".join(raw.split())
    try:
        base64.b64decode(encoded, validate=True)
    except binascii.Error:
        encoded = ""
    if not encoded:
        return warning(f"A picture is damaged and cannot be shown: {alt}")
    return f'<img src="data:{kind};base64,{encoded}" alt="{html.escape(alt)}">'


def _broken(text: str) -> str:
    """Escape a cell; names such as call_customer_service may go on in a new line after a _."""
    return html.escape(text).replace("_", "_<wbr>")


def _table(content: Mapping[str, Any], *, files: bool) -> str:
    numbers = [' class="number"' if number else "" for number in content["is_number"]]
    head = "".join(
        f'<th scope="col"{number}>{html.escape(label)}</th>'
        for label, number in zip(content["labels"], numbers, strict=True)
    )
    rows = [
        "".join(f"<td{n}>{_broken(cell)}</td>" for cell, n in zip(row, numbers, strict=True))
        for row in content["cells"]
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    caption, key = html.escape(content["caption"]), html.escape(content["key"])
    shown = int(content.get("shown") or len(rows))
    # The script reads the two attributes: without it all rows are in sight.
    return (
        f'<div class="table" data-key="{key}" data-shown="{shown}"><p class="caption">{caption}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f"{_table_notes(content, len(rows), files=files)}</div>"
    )


def _table_notes(content: Mapping[str, Any], on_page: int, *, files: bool) -> str:
    """Return what is not in sight, and where the rest is."""
    n, hidden, in_file = content["n"], content.get("hidden") or 0, len(content["rows"])
    notes = []
    if n == 0:
        notes.append("No rows.")
    elif on_page < n:
        notes.append(f"The first {on_page:,} of {n:,} rows.")
    if hidden:
        cells = "1 cell is" if hidden == 1 else f"{hidden:,} cells are"
        notes.append(f"{cells} left empty where so few are counted that they could be recognised.")
    if files and n:
        rows = f"its first {in_file:,} rows" if in_file < n else "all rows" if on_page < n else ""
        name = f"{content['key']}.csv"
        link = f'<a href="tables/{html.escape(quote(name))}">{html.escape(name)}</a>'
        notes.append(f"File with {rows}: {link}" if rows else f"File: {link}")
    return f'<p class="quiet">{" ".join(notes)}</p>' if notes else ""
