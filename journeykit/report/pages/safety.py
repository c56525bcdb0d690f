"""HTML reduced to what can do no harm."""

from __future__ import annotations

import re

import nh3

_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "code", "del", "div", "em", "hr", "i", "img", "p"),
    *("pre", "s", "small", "span", "strong", "sub", "sup", "u", "h3", "h4", "h5", "h6"),
    *("dd", "dl", "dt", "li", "ol", "ul"),
    *("caption", "col", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"),
}
_ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "alt"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
}
#: What is left of a picture that lies elsewhere.
_FETCHED = re.compile(r"<img(?![^>]*\ssrc=)[^>]*>")


def clean(markup: str, /) -> str:
    """Return HTML reduced to an allow-list: no script, style, frame, form or outside address."""
    kept = nh3.clean(
        markup,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_inside_only,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
    )
    return _FETCHED.sub("<em>[picture not included]</em>", kept)


def _inside_only(_tag: str, attribute: str, value: str) -> str | None:
    """Pictures come from the page itself; links go anywhere but into a data: address."""
    if attribute == "src":
        return value if re.match(r"data:image/(png|jpeg|gif|webp|svg\+xml)[;,]", value) else None
    return None if attribute == "href" and value.strip().lower().startswith("data:") else value
