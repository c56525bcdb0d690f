"""A picture with its reading, and the words for those who cannot see it."""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from journeykit.errors import ArgumentError
from journeykit.report.contract import CONTRACT_MIME, Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

#: Beyond this a drawing weighs more than the same picture in pixels.
_MOST_SVG_BYTES = 38_000
_COLOURS = 128
#: Inches. Letters keep their size when a drawing is made narrower, so a phone shows them larger.
_MOST_WIDTH = 5.4
#: Digits beyond a hundredth of a point: a third of the weight of a drawing. Numbers below 1 scale.
_PRECISE = re.compile(r"\b([1-9]\d*\.\d\d)\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure(Shown):
    """A picture with its reading, and the words for those who cannot see it."""

    kind: ClassVar[str] = "figure"
    alt: str
    caption: str
    svg: str = ""
    png: str = ""

    def _repr_html_(self) -> str:
        return f"<p><em>{html.escape(self.caption)}</em></p>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        # The picture stands under its own media type, so that every notebook viewer shows it.
        picture = {"image/svg+xml": self.svg} if self.svg else {"image/png": self.png}
        content = {"kind": self.kind, "alt": self.alt, "caption": self.caption}
        return {"text/plain": self.alt, CONTRACT_MIME: content, **picture}


def figure(axes: Axes, /, *, alt: str, caption: str) -> Figure:
    """Return the picture that `axes` belongs to, and close it.

    `alt` says what the picture shows to those who cannot see it, `caption` what to read from it:
    one sentence. The drawing is the same, byte for byte, whenever it is made from the same data.
    """
    for name, text in (("alt", alt), ("caption", caption)):
        if not text.strip():
            raise ArgumentError(f"`{name}` of a figure must not be empty: some readers rely on it.")
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    drawing = axes.get_figure(root=True)
    if drawing is None:
        raise ArgumentError("`axes` must belong to a figure; it was removed from its own.")
    width, height = drawing.get_size_inches()
    shrunk = min(1.0, _MOST_WIDTH / width)
    drawing.set_size_inches(width * shrunk, height * shrunk)
    with mpl.rc_context({"svg.hashsalt": "journeykit", "svg.fonttype": "path"}):
        written = io.StringIO()
        drawing.savefig(written, format="svg", bbox_inches="tight", metadata={"Date": None})
    svg, png = _PRECISE.sub(r"\1", written.getvalue()), ""
    if len(svg) > _MOST_SVG_BYTES:
        svg, png = "", _png(drawing)
    # Left open, the notebook would show it a second time, without its words.
    plt.close(drawing)
    return Figure(alt=alt, caption=caption, svg=svg, png=png)


def _png(drawing: MatplotlibFigure) -> str:
    from PIL import Image

    drawn, pixels = io.BytesIO(), io.BytesIO()
    drawing.savefig(drawn, format="png", dpi=160, bbox_inches="tight")
    # A chart has few colours: a palette of them takes a quarter of the room.
    Image.open(drawn).convert("RGB").quantize(_COLOURS).save(pixels, format="png", optimize=True)
    return base64.b64encode(pixels.getvalue()).decode()
