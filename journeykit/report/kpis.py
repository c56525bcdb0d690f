"""Figures that are watched from run to run: a value with its interval, its past, and its bands."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from journeykit.checks import check_choice
from journeykit.errors import ArgumentError
from journeykit.report.contract import Shown

if TYPE_CHECKING:
    from journeykit.counts import PeriodCounts

Better = Literal["higher", "lower", ""]
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi(Shown):
    """A share of customers in the newest complete calendar period, and in those before it.

    Attributes
    ----------
    key : str
        Name under which the study sets its bands and runs are compared.
    label, definition : str
        What the reader sees, and of whom it is a share.
    unit : {"share"}
    better : {"higher", "lower", ""}
        Which way is good, where one is.
    value, conf_low, conf_high : float or None
        The share and its 95 % Wilson interval; None where no period is complete.
    n : int
        Customers who counted.
    period : (str, str) or None
        First and last day.
    history : tuple of dict
        ``from to value n`` of every complete period, oldest first.
    replicates : tuple of float
        The value on bootstrap samples of the customers; those of another period or run with the
        same seed hold the same customers, so differences between them have a standard error.
    """

    kind: ClassVar[str] = "kpi"
    key: str
    label: str
    definition: str
    unit: str = "share"
    better: Better = ""
    value: float | None
    conf_low: float | None
    conf_high: float | None
    n: int
    period: tuple[str, str] | None
    history: tuple[dict[str, Any], ...]
    replicates: tuple[float, ...]

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.label)}: <strong>{html.escape(said(self.value))}</strong></p>"


def kpi(
    counts: PeriodCounts,
    /,
    *,
    key: str,
    label: str,
    definition: str,
    better: Better = "",
    small_cell: int = 10,
) -> Kpi:
    """Return the share of customers of the newest complete period as a figure that is watched.

    Parameters
    ----------
    counts : PeriodCounts
        Of `counts.period_counts`, or another method that counts customers by period.
    key : str
        Lower-case words joined by hyphens; bands in the study name it.
    label : str
        A few words for the page.
    definition : str
        Of whom it is a share, one sentence.
    better : {"higher", "lower", ""}
    small_cell : int
        Periods in which so few did it, or so few did not, are not shown: they could be recognised.
        None doing it, or all, is no such period.
    """
    import numpy as np

    from journeykit.stats import wilson_interval

    check_choice("better", better, ("higher", "lower", ""))
    for name, text in (("key", key), ("label", label), ("definition", definition)):
        if not text.strip():
            raise ArgumentError(f"`{name}` of a KPI must not be empty.")
    few = [(some > 0) & (some < small_cell) for some in (counts.n_event, counts.n - counts.n_event)]
    complete = counts.periods.complete & (counts.n > 0)
    newest = np.flatnonzero(complete)[-1:]
    known = np.flatnonzero(complete & ~few[0] & ~few[1])
    history = tuple(
        {
            **dict(zip(("from", "to"), _days(counts, at), strict=True)),
            "value": counts.n_event[at] / counts.n[at],
            "n": int(counts.n[at]),
        }
        for at in known.tolist()
    )
    # An older period never stands in for the newest.
    if not len(newest) or newest[0] not in known:
        return Kpi(
            key=key, label=label, definition=definition, better=better, value=None, conf_low=None,
            conf_high=None, n=int(counts.n[newest].sum()),
            period=_days(counts, int(newest[0])) if len(newest) else None, history=history,
            replicates=(),
        )  # fmt: skip
    at = int(newest[0])
    low, high = wilson_interval(counts.n_event[at], counts.n[at])
    events, customers = counts.replicates[:, :, at]
    drawn = np.divide(events, customers, out=np.zeros(len(events)), where=customers > 0)
    return Kpi(
        key=key,
        label=label,
        definition=definition,
        better=better,
        value=float(counts.n_event[at] / counts.n[at]),
        conf_low=float(low),
        conf_high=float(high),
        n=int(counts.n[at]),
        period=_days(counts, at),
        history=history,
        replicates=tuple(float(f"{value:.6g}") for value in drawn),
    )


def _days(counts: PeriodCounts, at: int) -> tuple[str, str]:
    first = counts.periods.first
    return first[at].isoformat(), (first[at + 1] - _ONE_DAY).isoformat()


def period_words(period: Sequence[str], /) -> str:
    """Return a calendar month as such, and any other span by its two ends.

    >>> period_words(["2026-02-01", "2026-02-28"])
    'February 2026'
    """
    try:
        first, last = (date.fromisoformat(day) for day in period)
        month = first.day == 1 and last + _ONE_DAY == (first + 31 * _ONE_DAY).replace(day=1)
    except (ValueError, OverflowError):
        # A report of a user's own may call its periods what it likes.
        return " to ".join(period)
    if month:
        return f"{first:%B %Y}"
    return f"{first}" if first == last else f"{first} to {last}"


def said(value: float | None, /) -> str:
    """Return a share as the reader sees it: whole percents from 10 to 90, else one digit more."""
    if value is None:
        return "cannot tell"
    return f"{value:.0%}" if 0.1 <= value <= 0.9 else f"{value:.1%}"
