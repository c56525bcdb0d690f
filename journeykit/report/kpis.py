"""Figures that are watched from run to run: a value with its interval, its past, and its bands."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from journeykit.errors import ArgumentError
from journeykit.report.contract import Shown

if TYPE_CHECKING:
    from journeykit.counts import PeriodCounts

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
    value, conf_low, conf_high : float or None
        The share and its 95 % Wilson interval; None where no period is complete, or so few did it
        (or did not) that they could be recognised.
    at_most, at_least : float or None
        What is said instead of so small a share, or one so near to all: no more than that.
    n : int
        Customers who counted; 0 where they are too few to be told.
    period : (str, str) or None
        First and last day.
    history : tuple of dict
        ``from to value at_most at_least n std_error`` of every complete period, oldest first;
        `std_error` is that of the difference between the newest value and this one, over customers;
        None where either is told only as a bound.
    """

    kind: ClassVar[str] = "kpi"
    key: str
    label: str
    definition: str
    unit: str = "share"
    value: float | None
    conf_low: float | None
    conf_high: float | None
    at_most: float | None = None
    at_least: float | None = None
    n: int
    period: tuple[str, str] | None
    history: tuple[dict[str, Any], ...]

    def _repr_html_(self) -> str:
        told = said(self.value, at_most=self.at_most, at_least=self.at_least)
        return f"<p>{html.escape(self.label)}: <strong>{html.escape(told)}</strong></p>"


def kpi(
    counts: PeriodCounts,
    /,
    *,
    key: str,
    label: str,
    definition: str,
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
    small_cell : int
        Where fewer did it, or fewer did not, only that is told: they could be recognised. None
        doing it, or all, may be told.
    """
    import numpy as np

    from journeykit.stats import wilson_interval

    for name, text in (("key", key), ("label", label), ("definition", definition)):
        if not text.strip():
            raise ArgumentError(f"`{name}` of a KPI must not be empty.")
    words = {"key": key, "label": label, "definition": definition}
    complete = np.flatnonzero(counts.periods.complete & (counts.n > 0)).tolist()
    if not complete:
        nothing = {"value": None, "conf_low": None, "conf_high": None, "n": 0}
        return Kpi(**words, **nothing, period=None, history=())  # type: ignore[arg-type]
    newest = complete[-1]
    change = counts.std_error_of_change()
    history = tuple(
        {
            **dict(zip(("from", "to"), _days(counts, at), strict=True)),
            **_published(int(counts.n_event[at]), int(counts.n[at]), small_cell),
            "std_error": float(change[newest, at]),
        }
        for at in complete
    )
    for past in history:
        # With the other share it would tell the hidden one.
        if past["value"] is None or history[-1]["value"] is None:
            past["std_error"] = None
    published = {name: history[-1][name] for name in ("value", "at_most", "at_least", "n")}
    bounds = wilson_interval(counts.n_event[newest], counts.n[newest])
    low, high = (None if published["value"] is None else float(bound) for bound in bounds)
    period = _days(counts, newest)
    return Kpi(
        **words,  # type: ignore[arg-type]
        **published,
        conf_low=low,
        conf_high=high,
        period=period,
        history=history,
    )


def _published(n_event: int, n: int, small_cell: int) -> dict[str, Any]:
    """Return a share as it may be told: so few, or all but so few, are told as a bound."""
    told: dict[str, Any] = {"value": n_event / n, "at_most": None, "at_least": None, "n": n}
    if n < small_cell:
        return {**told, "value": None, "n": 0}
    if 0 < n_event < small_cell:
        return {**told, "value": None, "at_most": (small_cell - 1) / n}
    if 0 < n - n_event < small_cell:
        return {**told, "value": None, "at_least": 1 - (small_cell - 1) / n}
    return told


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


def said(
    value: float | None, /, *, at_most: float | None = None, at_least: float | None = None
) -> str:
    """Return a share as the reader sees it: whole percents from 10 to 90, else one digit more.

    >>> said(0.256), said(0.0567), said(None, at_most=0.0043)
    ('26%', '5.7%', 'at most 0.4%')
    """
    for words, bound in (("at most", at_most), ("at least", at_least)):
        if value is None and bound is not None:
            return f"{words} {said(bound)}"
    if value is None:
        return "cannot tell"
    return f"{value:.0%}" if 0.1 <= value <= 0.9 else f"{value:.1%}"


def said_of(kpi: Mapping[str, Any], /) -> str:
    """Return the value of a KPI, or of a period in its history, as the reader sees it."""
    return said(kpi["value"], at_most=kpi.get("at_most"), at_least=kpi.get("at_least"))
