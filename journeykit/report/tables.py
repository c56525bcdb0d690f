"""Rows for the page, and all of them for a CSV file beside it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from journeykit.checks import check_known, check_whole
from journeykit.errors import ArgumentError
from journeykit.report.contract import Shown

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

#: Rows of a table that travel with the notebook into its CSV file.
MOST_ROWS = 10_000
#: Rows on the page, most of them folded until the reader asks.
MOST_CELLS = 50
_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


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
        Rows on the page, at most `MOST_CELLS`, as the reader sees them.
    shown : int
        How many of them the reader sees at first.
    n : int
        Rows there are.
    identity : tuple of str
        Columns that say which row is which: by them runs are compared.
    rest : str or None
        What stands in one of them where a row pools the rest.
    """

    kind: ClassVar[str] = "table"
    key: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    labels: tuple[str, ...]
    is_number: tuple[bool, ...]
    cells: tuple[tuple[str, ...], ...]
    shown: int
    n: int
    identity: tuple[str, ...] = ()
    rest: str | None = None

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(label)}</th>" for label in self.labels)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in self.cells[: self.shown]
        )
        return f"<table><caption>{html.escape(self.caption)}</caption><tr>{head}</tr>{body}</table>"


#: Column names of the shared vocabulary in a reader's words.
_LABELS = {
    "customer_id": "Customer", "touchpoint": "Touchpoint", "channel": "Channel", "path": "Path",
    "source": "From", "target": "To", "group": "Group", "time_days": "Day", "n": "Number",
    "n_source": "Out of", "n_event": "Events", "n_censored": "Still open", "n_at_risk": "At risk",
    "estimate": "Estimate", "share": "Share", "cumulative_share": "Share so far", "value": "Value",
    "p_value": "p", "q_value": "q", "interval": "95% interval",
}  # fmt: skip
_BOUNDS = ["conf_low", "conf_high"]
#: How far a share may be from count over total, and still be it: rounded to whole per cent.
_ROUNDING = 0.005 + 1e-9


def table(
    frame: pd.DataFrame,
    /,
    *,
    key: str,
    caption: str,
    labels: Mapping[str, str] | None = None,
    percent: Sequence[str] = ("share", "cumulative_share"),
    shown: int = 10,
    identity: Sequence[str] = (),
    rest: str | None = None,
    counts: Mapping[str, str | None] | None = None,
    within: Sequence[str] = (),
    small_cell: int = 10,
    comments: Sequence[str] = (),
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
        Rows the reader sees at first; up to 100 are on the page.
    identity : sequence of str
        Columns that say which row is which. With them the next run says which rows are new and
        which are gone; without, rows are not compared.
    rest : str, optional
        What stands in a column of `identity` where a row pools the rest, such as all rarer ones.
        What is pooled depends on how many customers there are, so that row is not compared with
        that of another run.
    counts : mapping of str to str or None, optional
        Columns that count customers, and the column of those they are counted among. Counts below
        `small_cell` are hidden, and what would give them away (see `stats.suppress`): other counts,
        every column that is the share of these or of all others, and bounds around it. Where a
        count is of all there are (None), its row is left out.
    within : sequence of str
        Columns that name the groups whose sums readers know, such as all steps from one touchpoint.
    small_cell : int
    comments : sequence of str
        Columns of free text that customers wrote: what could tell who they are (addresses, numbers
        of telephones, cards and accounts, names of accounts) is taken out.
    """
    check_whole("shown", shown, least=1, most=1000)
    if not _KEY.fullmatch(key):
        raise ArgumentError(f"`key` must be lower-case words joined by hyphens; got {key!r}.")
    columns = [str(name) for name in frame.columns]
    check_known("identity", identity, columns, what="columns")
    if rest is not None and not identity:
        raise ArgumentError("`rest` needs `identity`, the columns in which it stands.")
    check_known("comments", comments, columns, what="columns")
    frame = frame.assign(**{name: frame[name].map(_redacted) for name in comments})
    frame, hidden = _published(frame, counts or {}, within, small_cell)
    if hidden:
        caption = (
            f"{caption} {' and '.join(hidden)}: of fewer than {small_cell} customers, or such that "
            "they would tell of so few."
        )
    page = _for_page(frame.head(max(shown, MOST_CELLS)), percent)
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
        shown=shown,
        n=len(frame),
        identity=tuple(identity),
        rest=rest,
    )


def _redacted(value: object) -> object:
    from journeykit.report.privacy.personal import redact_comment

    return redact_comment(value) if isinstance(value, str) else value


def _published(
    frame: pd.DataFrame, counts: Mapping[str, str | None], within: Sequence[str], small_cell: int
) -> tuple[pd.DataFrame, list[str]]:
    """Return the frame without its small cells, and how much is not shown."""
    from journeykit.stats.disclosure import suppress

    n_rows = n_cells = 0
    shares = False
    for name, among in counts.items():
        telling = [] if among is None else _telling(frame, name, among, counts)
        told, n_hidden = suppress(
            frame, n=name, hide=telling, total=among, by=within, small_cell=small_cell
        )
        if among is None:
            n_rows += n_hidden
            # Where a row stood would tell between which others it lies.
            frame = frame[told[name].notna().to_numpy()]
        else:
            n_cells += n_hidden
            frame = told
            shares |= n_hidden > 0 and len(telling) > 0
    rows = f"{n_rows:,} {'row is' if n_rows == 1 else 'rows are'} left out"
    cells = f"{n_cells:,} {'number is' if n_cells == 1 else 'numbers are'} hidden"
    if shares:
        cells += f" with {'its share' if n_cells == 1 else 'their shares'}"
    return frame, [rows] * (n_rows > 0) + [cells] * (n_cells > 0)


def _telling(
    frame: pd.DataFrame, name: str, among: str, counts: Mapping[str, str | None]
) -> list[str]:
    """Return the columns that give a count away: its share, that of all others, bounds around it.

    A column is told by all its rows, not by each: one hidden because it happens to be equal to a
    hidden share would tell what that is.
    """
    import numpy as np
    from pandas.api.types import is_float_dtype

    def values(column: str) -> NDArray[np.float64]:
        return np.asarray(frame[column].to_numpy(dtype=np.float64, na_value=np.nan))

    with np.errstate(divide="ignore", invalid="ignore"):
        share = values(name) / values(among)

    def around(low: str, high: str) -> bool:
        """Tell whether the share of these or of all others lies between two columns in all rows."""
        bounds = values(low), values(high)
        known = np.isfinite([*bounds, share]).all(axis=0)
        return bool(known.any()) and any(
            ((bounds[0] <= told + _ROUNDING) & (told <= bounds[1] + _ROUNDING))[known].all()
            for told in (share, 1 - share)
        )

    telling = [
        str(column)
        for column in frame.columns
        if column not in {*counts, *_BOUNDS}
        and is_float_dtype(frame[column])
        and around(column, column)
    ]
    bounded = set(_BOUNDS) <= set(frame.columns) and around("conf_low", "conf_high")
    return telling + _BOUNDS * bounded


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
