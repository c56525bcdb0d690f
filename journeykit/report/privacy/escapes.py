"""Text read through its escapes: those of HTML, JSON and addresses, and where all of it stood."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Where something begins and ends.
Span = tuple[int, int]

#: HTML in JSON in an address, and one level to spare.
_DEEPEST = 4
#: One escape each, so that what it stands for has a beginning and an end in the text.
_ESCAPE = re.compile(
    r"&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}"
    r"|\\x[0-9a-fA-F]{2}|\\[\"'\\/bfnrt]"
    r"|%(?:[0-7][0-9a-fA-F]|[cCdD][0-9a-fA-F]%[89abAB][0-9a-fA-F]"
    r"|[eE][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){2}|[fF][0-7](?:%[89abAB][0-9a-fA-F]){3})"
)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class View:
    """A text with one level of escapes resolved.

    Attributes
    ----------
    text : str
        What is read.
    at : array of int64, length of `text` + 1, optional
        Where each character stood in the text as it was written; none where nothing was escaped.
    """

    text: str
    at: NDArray[np.int64] | None = None

    def origin(self, span: Span) -> Span:
        """Return where a span of this view stood."""
        return span if self.at is None else (int(self.at[span[0]]), int(self.at[span[1]]))


def views(text: str, /) -> Iterator[View]:
    """Return the text as it stands, then with one level of escapes resolved after the other."""
    view = View(text)
    for _ in range(_DEEPEST):
        yield view
        resolved = _resolved(view)
        if resolved is None:
            return
        view = resolved
    yield view


def _resolved(view: View) -> View | None:
    """Resolve one level of escapes; None when there are none."""
    text, pieces, end = view.text, list[str](), 0
    steps: list[NDArray[np.int64]] = []
    for found in _ESCAPE.finditer(text):
        written = found.group()
        meant = _meant(written)
        if meant == written:
            continue
        pieces += [text[end : found.start()], meant]
        steps.append(np.arange(end, found.start()))
        steps.append(np.full(len(meant), found.start()))
        end = found.end()
    if not pieces:
        return None
    pieces.append(text[end:])
    at = np.concatenate([*steps, np.arange(end, len(text) + 1)])
    return View("".join(pieces), at if view.at is None else view.at[at])


def _meant(written: str) -> str:
    if written[0] == "&":
        return html.unescape(written)
    if written[0] == "%":
        return unquote(written)
    if written[1] in "ux":
        units = [int(code, 16) for code in re.split(r"\\[ux]", written)[1:]]
        if len(units) == 2:
            return chr(0x10000 + ((units[0] - 0xD800) << 10) + units[1] - 0xDC00)
        return chr(units[0])
    return _SHORT.get(written[1], written[1])


def spans_in(text: str, find: Callable[[str], Iterable[Span]], /) -> list[Span]:
    """Return where `find` finds something, in the text itself or through its escapes.

    Spans are those of the text as it is written, sorted; those that overlap or touch inside one
    escape are one.
    """
    found = sorted(view.origin(span) for view in views(text) for span in find(view.text))
    merged: list[Span] = []
    for start, end in found:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def replaced(text: str, spans: Iterable[Span], word: str, /) -> str:
    """Return `text` with `word` in place of each of the `spans`, which are sorted and apart."""
    pieces, at = list[str](), 0
    for start, end in spans:
        pieces += [text[at:start], word]
        at = end
    return "".join([*pieces, text[at:]])
