"""XML of others, read safely, and our own, written so that it is read back equal."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from journeykit.errors import DataError
from journeykit.plan.files import need_readable, write_beside

#: What XML 1.0 cannot hold, and what a parser changes: a carriage return becomes a newline.
_NOT_HELD = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Larger files are no plans.
_LARGEST = 50_000_000


def read_markup(path: Path, /) -> Element:
    """Read an XML file without a document type: no entity is ever declared, nothing is fetched.

    Raises
    ------
    DataError
        Unreadable or too large, no XML, or with a document type.
    """
    data = need_readable(path)
    if len(data) > _LARGEST:
        raise DataError(f"{path}: is larger than {_LARGEST // 1_000_000} MB, which is no plan.")
    if b"<!DOCTYPE" in data.replace(b"\0", b""):  # Of two bytes a letter too.
        _refuse_doctype(path)
    # No document type, so no entities: what S314 warns of cannot come.
    parser = ElementTree.XMLParser(target=_NoDoctype(path))  # noqa: S314
    try:
        parser.feed(data)
        root: Element = parser.close()
    except ElementTree.ParseError as error:
        raise DataError(f"{path}: is not well-formed XML: {error}.") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: is not in an encoding that is known: {error}.") from error
    return root


class _NoDoctype(ElementTree.TreeBuilder):
    """Builds the tree, and stops where a document type begins: before any entity is declared."""

    def __init__(self, path: Path) -> None:
        """Remember the file for the message."""
        super().__init__()
        self._path = path

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        """Refuse."""
        _refuse_doctype(self._path)


def _refuse_doctype(path: Path) -> None:
    raise DataError(
        f"{path}: has a document type (<!DOCTYPE>), which could declare entities or name other "
        "files; save it without."
    )


def write_markup(root: Element, path: Path, /) -> None:
    """Write an XML file, indented; beside its place and then renamed.

    Raises
    ------
    DataError
        When a text has a character that XML cannot hold.
    StudyError
        When the file cannot be written.
    """
    for element in root.iter():
        for text in (element.text, *element.attrib.values()):
            found = _NOT_HELD.search(text or "")
            if found:
                raise DataError(
                    f"The plan cannot be written as XML, which has no character "
                    f"U+{ord(found[0]):04X}; it is in {text!r}. Take it out."
                )
    ElementTree.indent(root)
    buffer = io.BytesIO()
    ElementTree.ElementTree(root).write(buffer, encoding="utf-8", xml_declaration=True)
    write_beside(path, buffer.getvalue() + b"\n")


@contextmanager
def not_too_deep(path: Path, /) -> Iterator[None]:
    """Say that a file is nested too deeply where reading it exhausts the interpreter."""
    try:
        yield
    except RecursionError as error:
        raise DataError(f"{path}: is nested too deeply to be a plan.") from error


def local(element: Element, /) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Element, *names: str) -> Iterator[Element]:
    """Return the children of these names, of whatever namespace; all of them without names."""
    return (child for child in element if not names or local(child) in names)


def child(element: Element, name: str) -> Element | None:
    """Return the first child of a name, of whatever namespace."""
    return next(children(element, name), None)


def text_of(element: Element | None, /, *, exact: bool = False) -> str:
    """Return the text of an element; without the blanks around it unless it is `exact`."""
    text = "" if element is None else "".join(element.itertext())
    return text if exact else text.strip()


def add(parent: Element, tag: str, text: str | None = None, /, **attributes: str) -> Element:
    """Append an element with a text and attributes."""
    made = ElementTree.SubElement(parent, tag, attributes)
    made.text = text
    return made


def doubled(values: Iterable[str]) -> set[str]:
    """Return the values that are there more than once."""
    seen: set[str] = set()
    return {value for value in values if value in seen or seen.add(value)}  # type: ignore[func-returns-value]
