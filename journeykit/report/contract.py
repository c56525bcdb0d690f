"""What a notebook hands to its report: findings, figures, tables, guards and the data behind them.

Each is a value a cell shows, as its last line or through ``display``. In JupyterLab it reads well as
it is; in the executed notebook it carries a media type of its own by which the exporter finds it.
"""

from __future__ import annotations

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

    from journeykit.journeys import Journeys

#: Output type of everything below; its key `kind` says which.
CONTRACT_MIME = "application/vnd.journeykit.report+json"
#: Rows of a table that travel with the notebook into its CSV file.
MOST_ROWS = 10_000
#: Beyond this a drawing weighs more than the same picture in pixels.
_MOST_SVG_BYTES = 150_000
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
    labels : tuple of str
        The same in the reader's words.
    formats : tuple of str
        One of ``text number percent`` for each column.
    rows : tuple of tuple
        At most `MOST_ROWS` of them; missing is None.
    shown : int
        Rows on the page.
    n : int
        Rows there are.
    """

    kind: ClassVar[str] = "table"
    key: str
    caption: str
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    formats: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    shown: int
    n: int

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(label)}</th>" for label in self.labels)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in self.cells()
        )
        caption = html.escape(self.caption)
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"

    def cells(self) -> list[list[str]]:
        """Return the rows on the page as the reader sees them."""
        return [
            [cell_text(value, how) for value, how in zip(row, self.formats, strict=True)]
            for row in self.rows[: self.shown]
        ]


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
    with mpl.rc_context({"svg.hashsalt": "journeykit", "svg.fonttype": "path"}):
        written = io.StringIO()
        drawing.savefig(written, format="svg", bbox_inches="tight", metadata={"Date": None})
    svg, png = written.getvalue(), ""
    if len(svg) > _MOST_SVG_BYTES:
        svg, png = "", _png(drawing)
    # Left open, the notebook would show it a second time, without its words.
    plt.close(drawing)
    return Figure(alt=alt, caption=caption, svg=svg, png=png)


def _png(drawing: Any) -> str:
    import base64

    pixels = io.BytesIO()
    drawing.savefig(pixels, format="png", dpi=144, bbox_inches="tight", metadata={"Software": None})
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
    "estimate": "Estimate", "conf_low": "Low", "conf_high": "High", "share": "Share",
    "cumulative_share": "Share so far", "value": "Value", "p_value": "p", "q_value": "q",
}  # fmt: skip


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
    columns = tuple(str(name) for name in frame.columns)
    words = {**_LABELS, **(labels or {})}
    return Table(
        key=key,
        caption=caption,
        columns=columns,
        labels=tuple(words.get(name, name.replace("_", " ").capitalize()) for name in columns),
        formats=tuple(_format(frame.iloc[:, i], name in percent) for i, name in enumerate(columns)),
        rows=tuple(
            tuple(_plain(value) for value in row)
            for row in frame.head(MOST_ROWS).itertuples(index=False, name=None)
        ),
        shown=shown,
        n=len(frame),
    )


def _format(column: pd.Series[Any], percent: bool) -> str:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    number = is_numeric_dtype(column) and not is_bool_dtype(column)
    return ("percent" if percent else "number") if number else "text"


def _plain(value: Any) -> Any:
    """A value JSON can hold: infinities as text, missing as None, dates in ISO form."""
    import pandas as pd

    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return None
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return value if isinstance(value, str | int | float | bool) else str(value)


def cell_text(value: Any, how: str) -> str:
    """Return a value as the reader sees it: an en dash for missing, four significant digits."""
    if value is None:
        return "–"
    if how == "text" or not isinstance(value, int | float):
        return str(value)
    if how == "percent":
        return f"{100 * value:.1f} %"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
