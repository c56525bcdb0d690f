"""What a notebook hands to its report: findings, figures, tables, guards and the data behind them.

Each is a value a cell shows, as its last line or through ``display``. In JupyterLab it reads well
as it is; the executed notebook carries it under a media type of its own, for the exporter.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from journeykit.checks import check_choice, check_whole
from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

    from journeykit.journeys import Journeys

#: Output type of everything below; its key `kind` says which.
CONTRACT_MIME = "application/vnd.journeykit.report+json"
#: Rows of a table that travel with the notebook into its CSV file.
MOST_ROWS = 10_000
#: Beyond this a drawing weighs more than the same picture in pixels.
_MOST_SVG_BYTES = 40_000
_COLOURS = 128
#: Inches. Letters keep their size when a drawing is made narrower, so a phone shows them larger.
_MOST_WIDTH = 5.4
#: Digits beyond a hundredth of a point: a third of the weight of a drawing. Numbers below 1 scale.
_PRECISE = re.compile(r"\b([1-9]\d*\.\d\d)\d+")
_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Something a report shows, with a plain reading for JupyterLab."""

    kind: ClassVar[str] = ""

    def _repr_html_(self) -> str:
        raise NotImplementedError

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        content = {"kind": self.kind, **asdict(self)}
        return {
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
            CONTRACT_MIME: content,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Shown):
    """A headline: one sentence a reader takes away, and the numbers it rests on."""

    kind: ClassVar[str] = "finding"
    text: str
    basis: str = ""

    def _repr_html_(self) -> str:
        basis = f"<br><small>{html.escape(self.basis)}</small>" if self.basis else ""
        return f"<p><strong>{html.escape(self.text)}</strong>{basis}</p>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard(Shown):
    """Something that was checked about the data or the method, and what was found."""

    kind: ClassVar[str] = "guard"
    name: str
    status: Literal["passed", "warned"]
    found: str

    def _repr_html_(self) -> str:
        return (
            f"<p>{html.escape(self.name)}: <strong>{self.status}</strong>. "
            f"{html.escape(self.found)}</p>"
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Shown):
    """Rows for the page, and all of them for a CSV file beside it.

    Attributes
    ----------
    key : str
        Name of the CSV file without its ending: lower-case words joined by hyphens.
    columns : tuple of str
        Names in the file.
    rows : tuple of tuple
        Rows of the file, at most `MOST_ROWS`; missing is None.
    labels, is_number : tuple
        Headings on the page, and whether a column is set to the right.
    cells : tuple of tuple of str
        Rows on the page, as the reader sees them.
    n : int
        Rows there are.
    """

    kind: ClassVar[str] = "table"
    key: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    labels: tuple[str, ...]
    is_number: tuple[bool, ...]
    cells: tuple[tuple[str, ...], ...]
    n: int

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(label)}</th>" for label in self.labels)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in self.cells
        )
        return f"<table><caption>{html.escape(self.caption)}</caption><tr>{head}</tr>{body}</table>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Data(Shown):
    """What the report rests on: facts, and the population ledger from all rows to those used."""

    kind: ClassVar[str] = "data"
    facts: tuple[tuple[str, str], ...]
    ledger: tuple[tuple[str, str, int, int], ...]
    fingerprint: str

    def _repr_html_(self) -> str:
        facts = (f"<li>{html.escape(name)}: {html.escape(fact)}</li>" for name, fact in self.facts)
        return f"<ul>{''.join(facts)}</ul>"


def finding(text: str, /, *, basis: str = "") -> Finding:
    """Return a headline finding; the report lifts it to its top.

    `text` is one sentence; `basis` the numbers behind it: how many, which interval.
    """
    if not text.strip():
        raise ArgumentError("`text` of a finding must not be empty.")
    return Finding(text=text, basis=basis)


def guard(name: str, /, *, status: Literal["passed", "warned"], found: str) -> Guard:
    """Return what a check of data or method found; the report lists it beside the data."""
    check_choice("status", status, ("passed", "warned"))
    return Guard(name=name, status=status, found=found)


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


def data(journeys: Journeys, /, *, facts: Mapping[str, str] | None = None) -> Data:
    """Return the box of the data: customers, events, span, `facts` of your own, and the ledger."""
    counted = {
        "Customers": f"{journeys.n_customers:,}",
        "Events": f"{journeys.n_events:,}",
        "Touchpoints": f"{len(journeys.names):,}",
    }
    rows = journeys.ledger.frame.itertuples(index=False, name=None)
    return Data(
        facts=tuple({**counted, **(facts or {})}.items()),
        ledger=tuple((str(step), str(why), int(who), int(n)) for step, why, who, n in rows),
        fingerprint=journeys.fingerprint,
    )


#: Column names of the shared vocabulary in a reader's words.
_LABELS = {
    "customer_id": "Customer", "touchpoint": "Touchpoint", "channel": "Channel", "path": "Path",
    "source": "From", "target": "To", "group": "Group", "time_days": "Day", "n": "Number",
    "n_source": "Out of", "n_event": "Events", "n_censored": "Still open", "n_at_risk": "At risk",
    "estimate": "Estimate", "share": "Share", "cumulative_share": "Share so far", "value": "Value",
    "p_value": "p", "q_value": "q", "interval": "95% interval",
}  # fmt: skip
_BOUNDS = ["conf_low", "conf_high"]


def table(
    frame: pd.DataFrame,
    /,
    *,
    key: str,
    caption: str,
    labels: Mapping[str, str] | None = None,
    percent: Sequence[str] = ("share", "cumulative_share"),
    shown: int = 10,
) -> Table:
    """Return a table: its first rows for the page, all (at most 10,000) for ``tables/<key>.csv``.

    Parameters
    ----------
    frame : DataFrame
        `conf_low` and `conf_high` are shown as one column, ``interval``.
    key : str
        Name of the file: lower-case words and digits joined by hyphens.
    caption : str
        What the rows are and how to read them, one sentence.
    labels : mapping of str to str, optional
        Column headings in the reader's words, where the usual ones do not fit.
    percent : sequence of str
        Columns of shares between 0 and 1, shown as percentages.
    shown : int
        Rows on the page.
    """
    check_whole("shown", shown, least=1, most=1000)
    if not _KEY.fullmatch(key):
        raise ArgumentError(f"`key` must be lower-case words joined by hyphens; got {key!r}.")
    page = _for_page(frame.head(shown), percent)
    words = {**_LABELS, **(labels or {})}
    return Table(
        key=key,
        caption=caption,
        columns=tuple(str(name) for name in frame.columns),
        rows=tuple(
            tuple(_plain(value) for value in row)
            for row in frame.head(MOST_ROWS).itertuples(index=False, name=None)
        ),
        labels=tuple(words.get(name, name.replace("_", " ").capitalize()) for name in page),
        is_number=tuple(number for number, _ in page.values()),
        cells=tuple(zip(*(cells for _, cells in page.values()), strict=True)),
        n=len(frame),
    )


def _for_page(frame: pd.DataFrame, percent: Sequence[str]) -> dict[str, tuple[bool, list[str]]]:
    """Return by column whether it holds numbers, and its cells; the bounds become one column."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    page: dict[str, tuple[bool, list[str]]] = {}
    for name in frame.columns:
        number = is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name])
        cells = [cell_text(_plain(value), percent=name in percent) for value in frame[name]]
        page[str(name)] = (number, cells)
    if set(_BOUNDS) <= set(page):
        low, high = (page[name][1] for name in _BOUNDS)
        between = [
            f"{a.removesuffix('%') if b.endswith('%') else a} to {b}" if a != "–" or b != "–" else a
            for a, b in zip(low, high, strict=True)
        ]
        page = {
            ("interval" if name == "conf_low" else name): (
                (True, between) if name == "conf_low" else column
            )
            for name, column in page.items()
            if name != "conf_high"
        }
    return page


def _plain(value: Any) -> Any:
    """Return a value JSON can hold: infinities as text, missing as None, dates in ISO form."""
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return value if isinstance(value, str | int | float | bool) else str(value)


def cell_text(value: Any, /, *, percent: bool = False) -> str:
    """Return a value as the reader sees it: an en dash for missing, four significant digits."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if percent:
        return f"{100 * value:.1f}%"
    whole = float(value).is_integer() or abs(value) >= 10_000
    return f"{value:,.0f}" if whole else f"{value:.4g}"
