"""Markdown of notebooks as safe HTML."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import mistune

from journeykit.report.pages.safety import clean

#: Signs; addresses of sections are sent about in messages.
_LONGEST_SLUG = 60


class _Renderer(mistune.HTMLRenderer):
    """Names pictures that would have to be fetched."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if url.startswith("data:image/"):
            return super().image(text, url, title)
        return f"<em>[picture not included: {mistune.escape(text or url)}]</em>"


_tokens = mistune.create_markdown(renderer=None, plugins=["table"])
_markdown = mistune.create_markdown(renderer=_Renderer(escape=True), plugins=["table"])


def markdown_html(source: str, /) -> str:
    """Return Markdown as HTML; raw HTML in it stays text, tables scroll in their own box."""
    return "".join(_html([token]) for token in _tokens(source))  # type: ignore[list-item]


def sections(source: str, /) -> Iterator[tuple[str, str]]:
    """Cut Markdown at headings of the first two levels: (heading as text, what follows as HTML)."""
    heading, body = "", list[dict[str, Any]]()
    for token in _tokens(source):
        if token["type"] == "heading" and token["attrs"]["level"] <= 2:  # type: ignore[index, operator]
            if heading or body:
                yield heading, _html(body)
            heading, body = _text(token), []  # type: ignore[arg-type]
        else:
            body.append(token)  # type: ignore[arg-type]
    yield heading, _html(body)


def slug(title: str, /, *, taken: Collection[str] = ()) -> str:
    """Return the id of a heading: its words joined by hyphens, numbered when it is `taken`."""
    words = re.findall(r"\w+", title.lower())
    name, number = "-".join(words)[:_LONGEST_SLUG].strip("-") or "section", 1
    numbered = name
    while numbered in taken:
        number += 1
        numbered = f"{name}-{number}"
    return numbered


def _text(token: Mapping[str, Any]) -> str:
    inner = "".join(_text(child) for child in token.get("children", ()))
    return str(token.get("raw", "")) + inner


def _html(tokens: list[dict[str, Any]]) -> str:
    renderer = _markdown.renderer
    assert renderer is not None
    rendered = clean(str(renderer(tokens, mistune.core.BlockState())))
    scrolling = rendered.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    return scrolling.replace("</table>", "</table></div>")
