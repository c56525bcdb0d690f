"""What must not leave with a report: taken out of its notebook, and looked for in what was made."""

from __future__ import annotations

import base64
import binascii
import copy
import html
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journeykit.report.contract import CONTRACT_MIME
from journeykit.report.privacy.escapes import views
from journeykit.report.privacy.identifiers import Identifiers
from journeykit.report.privacy.personal import emails, pseudonym, redact, redact_comment
from journeykit.report.privacy.secrets import scrub

__all__ = ["Identifiers", "clean_notebook", "pseudonym", "redact", "redact_comment", "scan"]

_SVG = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/]+={0,2})")
#: Pictures and fonts, in one piece or in lines of 76: short ids occur in them by chance.
_BASE64 = re.compile(
    r"[A-Za-z0-9+/]{200,}={0,2}|(?:[A-Za-z0-9+/]{76}(?:\\n|\r?\n))+[A-Za-z0-9+/]*={0,2}"
)
_DATA_ADDRESS = re.compile(r"(data:[\w/+.;=-]*;base64,[A-Za-z0-9+/=]*)")
#: Words drawn as shapes are named in a comment; what draws them stands before the group's end.
_DRAWN_WORDS = re.compile(r"<!--(?P<words>(?:(?!--).)*)-->(?P<shapes>.*?)(?=</g>|<!--)", re.DOTALL)
_SHAPE = re.compile(r"<use\b[^<>]*/>|<use\b[^<>]*></use>")
#: Up to the next of their kind at most, so that a text of mere beginnings takes no long time.
_TABLE = re.compile(r"(?is)<table\b(?:(?!<table\b).)*?</table>")
_ROW = re.compile(r"(?is)<tr\b(?:(?!<tr\b).)*?</tr>")
_CELL = re.compile(r"(?is)(<(t[hd])\b[^<>]*>)((?:(?!<t[hd]\b).)*?)(</\2>)")
_TAG = re.compile(r"<[^<>]*>")
_HIDDEN = "[customer]"
_BOUNDS = {"conf_low", "conf_high"}
_NO_WORDS = "[a table with customers]"
#: What the contract says to programs, not to readers.
_NAMES = {"kind", "key", "fingerprint", "png"}
#: Outputs in base64.
_BINARY = ("image/", "audio/", "video/", "font/", "application/pdf", "application/octet-stream")


def scan(text: str, identifiers: Identifiers, /) -> list[str]:
    """Return the customer ids and e-mail addresses in a file that was made, sorted.

    The file may be a page, a notebook, CSV or JSON: its escapes are resolved, level after level,
    and drawings inside it (SVG in base64) are read too. Pictures of pixels are not.
    """
    drawings = []
    for found in _SVG.finditer(text):
        try:
            drawings.append(base64.b64decode(found.group(1)).decode("utf-8", errors="replace"))
        except binascii.Error:
            continue
    found_here = set[str]()
    for part in (_BASE64.sub(" ", text), *drawings):
        for view in views(part):
            spans = [*identifiers.spans(view.text), *emails(view.text)]
            found_here |= {view.text[start:end] for start, end in spans}
    return sorted(found_here)


def clean_notebook(
    notebook: Mapping[str, Any],
    /,
    *,
    identifiers: Identifiers,
    secrets: Collection[str],
    customer_columns: Collection[str],
) -> Any:
    """Return an executed notebook without secrets, customer ids and e-mail addresses.

    All that is published is made from what comes back. Secrets go everywhere: sources, outputs,
    metadata. E-mail addresses and customer ids go from the outputs: printed text, errors, HTML,
    drawings, JSON, and the tables of a report, whose columns named in `customer_columns` are taken
    out and named in ``left_out``. In other HTML tables the cells of such columns become
    ``[customer]``, and the same table as plain text goes. Numbers, pictures of pixels and the
    names by which programs know things stay as they are; so does text that a chart draws as shapes
    without saying so in a comment, as matplotlib does.

    Parameters
    ----------
    notebook : mapping, nbformat 4
        Not changed.
    identifiers : Identifiers
    secrets : collection of str
        Values, as `journeykit.report.privacy.secrets.secret_values` returns them.
    customer_columns : collection of str

    Returns
    -------
    mapping of the same type
    """
    cleaner = _Cleaner(identifiers, tuple(secrets), frozenset(customer_columns))
    cleaned: Any = copy.deepcopy(notebook)
    metadata = cleaned["metadata"] = _each_text(cleaned.get("metadata", {}), cleaner.scrubbed)
    if "widgets" in metadata:
        metadata["widgets"] = _each_text(metadata["widgets"], cleaner.text, keys=True)
    for cell in cleaned["cells"]:
        cell["source"] = cleaner.scrubbed(_joined(cell["source"]))
        cell["metadata"] = _each_text(cell.get("metadata", {}), cleaner.scrubbed)
        if cell["cell_type"] == "code":
            cell["outputs"] = [cleaner.output(output) for output in cell["outputs"]]
    return cleaned


def _joined(text: str | Sequence[str]) -> str:
    """Return a text that a notebook on disk may keep as lines."""
    return text if isinstance(text, str) else "".join(text)


def _each_text(
    value: Any, change: Callable[[str], str], /, *, keys: bool = False, but: Collection[str] = ()
) -> Any:
    """Return a value of JSON with every text changed, not those under the keys `but`.

    `keys` says whether the keys are text as well.
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        changed = {
            change(name) if keys else name: (
                inner if name in but else _each_text(inner, change, keys=keys, but=but)
            )
            for name, inner in value.items()
        }
        return type(value)(changed)
    if isinstance(value, list | tuple):
        return type(value)(_each_text(inner, change, keys=keys, but=but) for inner in value)
    return value


@dataclass(frozen=True, slots=True)
class _Cleaner:
    """What is to be taken out, and how from each kind of output."""

    identifiers: Identifiers
    secrets: tuple[str, ...]
    columns: frozenset[str]

    def scrubbed(self, text: str) -> str:
        return scrub(text, self.secrets)

    def text(self, text: str) -> str:
        # Secrets first: an address with a password is half an e-mail address.
        return self.identifiers.redacted(redact(self.scrubbed(text)))

    def output(self, output: Any) -> Any:
        kind = output["output_type"]
        if kind == "stream":
            output["text"] = self.text(_joined(output["text"]))
        elif kind == "error":
            for name in ("ename", "evalue", "traceback"):
                output[name] = _each_text(output[name], self.text)
        else:
            output["metadata"] = _each_text(output.get("metadata", {}), self.text)
            self._bundle(output["data"])
        return output

    def _bundle(self, data: Any) -> None:
        names_customers = False
        for mime, content in list(data.items()):
            if mime == CONTRACT_MIME:
                if self.columns & {*content.get("columns", ())}:
                    names_customers = True
                    # The same table, with headings that we do not know.
                    data.pop("text/html", None)
                data[mime] = self._contract(content)
            elif mime == "image/svg+xml":
                data[mime] = self.drawing(_joined(content))
            elif mime.startswith(_BINARY):
                continue
            elif mime == "text/html" and mime in data:
                markup = _joined(content)
                hidden = _TABLE.sub(lambda found: self._columns(found.group()), markup)
                names_customers |= hidden != markup
                data[mime] = self.markup(hidden)
            elif mime in data:
                whole = _joined(content) if mime.startswith("text/") else content
                data[mime] = _each_text(whole, self.text, keys=True)
        if names_customers and "text/plain" in data:
            data["text/plain"] = _NO_WORDS

    def markup(self, markup: str) -> str:
        """Clean HTML; pictures inside it stay, drawings are cleaned."""
        pieces = _DATA_ADDRESS.split(markup)
        return "".join(
            self._data_address(piece) if at % 2 else self.text(piece)
            for at, piece in enumerate(pieces)
        )

    def _data_address(self, address: str) -> str:
        found = _SVG.fullmatch(address)
        if found is None:
            return address
        try:
            svg = base64.b64decode(found.group(1)).decode()
        except ValueError:
            return address
        cleaned = self.drawing(svg)
        if cleaned == svg:
            return address
        return f"data:image/svg+xml;base64,{base64.b64encode(cleaned.encode()).decode()}"

    def drawing(self, svg: str) -> str:
        """Clean an SVG: its texts, titles and comments, with the shapes that draw what they say."""
        return self.markup(_DRAWN_WORDS.sub(self._drawn, svg))

    def _drawn(self, found: re.Match[str]) -> str:
        words = found["words"]
        cleaned = self.text(words)
        if cleaned == words:
            return found.group()
        return f"<!--{cleaned}-->{_SHAPE.sub('', found['shapes'])}"

    def _columns(self, table: str) -> str:
        """Hide the cells under headings that name customers, in a table of HTML."""
        rows = [_CELL.findall(row) for row in _ROW.findall(table)]
        words = [[html.unescape(_TAG.sub("", cell[2])).strip() for cell in row] for row in rows]
        headings = [
            {
                at
                for at, word in enumerate(said)
                if cells[at][1].lower() == "th" and word in self.columns
            }
            for cells, said in zip(rows, words, strict=True)
        ]
        hidden = set[int]().union(*headings)
        if not hidden:
            return table
        # Cells that span others move those after them: then nothing of the table can be shown.
        everything = re.search(r"\b(?:row|col)span=", table) is not None
        return _ROW.sub(lambda row: self._row(row.group(), hidden, everything), table)

    def _row(self, row: str, hidden: set[int], everything: bool) -> str:
        at = -1

        def cell(found: re.Match[str]) -> str:
            nonlocal at
            at += 1
            said = html.unescape(_TAG.sub("", found[3])).strip()
            is_heading = found[2].lower() == "th" and said in self.columns
            if is_heading or not said or not (everything or at in hidden):
                return found.group()
            return f"{found[1]}{_HIDDEN}{found[4]}"

        return _CELL.sub(cell, row)

    def _contract(self, content: Any) -> Any:
        if content.get("kind") == "table":
            content = self._table(content)
        return _each_text(content, self.text, but=_NAMES)

    def _table(self, table: Any) -> Any:
        """Take the columns of customers out of a table and its page."""
        columns = list(table["columns"])
        left_out = [name for name in columns if name in self.columns]
        if not left_out:
            return table
        kept = [at for at, name in enumerate(columns) if name not in self.columns]
        # On the page both bounds are one column, at the place of the lower one.
        joined = {"conf_high"} if set(columns) >= _BOUNDS else set[str]()
        shown = [name for name in columns if name not in joined]
        table["columns"] = [columns[at] for at in kept]
        table["rows"] = [[row[at] for at in kept] for row in table["rows"]]
        if len(shown) == len(table["labels"]):
            on_page = [at for at, name in enumerate(shown) if name not in self.columns]
        else:
            on_page = []
        for name in ("labels", "is_number"):
            table[name] = [table[name][at] for at in on_page]
        table["cells"] = [[row[at] for at in on_page] for row in table["cells"]]
        if "identity" in table:
            table["identity"] = [name for name in table["identity"] if name not in self.columns]
        table["left_out"] = left_out
        return table
