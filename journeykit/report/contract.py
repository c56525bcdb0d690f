"""What a notebook hands to its report: findings, figures, tables, guards and the data behind them.

Each is a value a cell shows, as its last line or through ``display``. In JupyterLab it reads well
as it is; the executed notebook carries it under a media type of its own, for the exporter.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from journeykit.checks import check_choice
from journeykit.errors import ArgumentError, GuardError
from journeykit.results import STATUSES, Status

if TYPE_CHECKING:
    from journeykit.journeys import Journeys

#: Output type of everything below; its key `kind` says which.
CONTRACT_MIME = "application/vnd.journeykit.report+json"
#: Fewer customers are not told of by number.
_FEWEST = 10
#: The signal without which a finding could only be called clear by chance; empty for none of them.
Signal = Literal["exposure", "attributes", ""]
SIGNALS: tuple[Signal, ...] = ("exposure", "attributes", "")
#: What can be said of a finding: beyond doubt, probably, not; of a target; or merely counted.
Verdict = Literal["clear", "leaning", "cannot tell", "met", "missed", "counted"]
VERDICTS: tuple[Verdict, ...] = (
    "clear", "leaning", "cannot tell", "met", "missed", "counted",
)  # fmt: skip


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
    """A headline: one sentence a reader takes away, and the numbers it rests on.

    Attributes
    ----------
    key : str
        Name under which runs are compared: lower-case words joined by hyphens.
    text, basis, todo : str
        The sentence; how many and how sure; what to do about it, or the empty text.
    verdict : Verdict or ""
    estimate, conf_low, conf_high : float or None
        The number of the sentence and its interval.
    n : int or None
        Observations behind the number.
    customers : int or None
        Customers whom the finding concerns: its consequence, by which summaries rank.
    rests_on : {"exposure", "attributes", ""}
        Signal that must be there for the claim to be anything but chance; for trials, not shown.
    """

    kind: ClassVar[str] = "finding"
    text: str
    key: str = ""
    basis: str = ""
    verdict: Verdict | Literal[""] = ""
    estimate: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    n: int | None = None
    customers: int | None = None
    todo: str = ""
    rests_on: Signal = ""

    def _repr_html_(self) -> str:
        verdict = f" ({html.escape(self.verdict)})" if self.verdict else ""
        notes = "".join(
            f"<br><small>{html.escape(note)}</small>" for note in (self.basis, self.todo) if note
        )
        return f"<p><strong>{html.escape(self.text)}</strong>{verdict}{notes}</p>"


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
class Data(Shown):
    """What the report rests on: facts, and the population ledger from all rows to those used."""

    kind: ClassVar[str] = "data"
    facts: tuple[tuple[str, str], ...]
    ledger: tuple[tuple[str, str, int, int], ...]
    fingerprint: str
    n_customers: int = 0
    n_events: int = 0
    span: tuple[str, str] | None = None

    def _repr_html_(self) -> str:
        facts = (f"<li>{html.escape(name)}: {html.escape(fact)}</li>" for name, fact in self.facts)
        return f"<ul>{''.join(facts)}</ul>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term(Shown):
    """A word for the glossary at the end of the page."""

    kind: ClassVar[str] = "term"
    name: str
    meaning: str

    def _repr_html_(self) -> str:
        return f"<p><strong>{html.escape(self.name)}</strong>: {html.escape(self.meaning)}</p>"


def finding(
    text: str,
    /,
    *,
    key: str = "",
    basis: str = "",
    verdict: Verdict | Literal[""] = "",
    estimate: float | None = None,
    conf_low: float | None = None,
    conf_high: float | None = None,
    n: int | None = None,
    customers: int | None = None,
    todo: str = "",
    rests_on: Signal = "",
) -> Finding:
    """Return a headline finding; the report lifts it to its top.

    Parameters
    ----------
    text : str
        One sentence.
    key : str
        Name under which the same finding of another run is known; without one it is not compared.
    basis : str
        The numbers behind it: how many, which interval.
    verdict : Verdict, optional
        "clear" where the interval decides, "leaning" where it nearly does, "cannot tell" where it
        does not, "met" or "missed" of a target, "counted" where all were counted.
    estimate, conf_low, conf_high : float, optional
    n : int, optional
        Observations behind the estimate.
    customers : int, optional
        Customers whom it concerns; summaries put more of them first. From 1 to 9 are told as 10:
        so few could be recognised.
    todo : str
        What to do about it, one sentence.
    rests_on : {"exposure", "attributes", ""}
        Which signal must be there for the claim to be anything but chance: what customers met, or
        what kind of customer they are. ``journeykit run --null`` makes it vanish, and counts how
        often the finding is called clear then. By default neither: it only describes.
    """
    check_choice("rests_on", rests_on, SIGNALS)
    if not text.strip():
        raise ArgumentError("`text` of a finding must not be empty.")
    if verdict:
        check_choice("verdict", verdict, VERDICTS)
    return Finding(
        text=text,
        key=key,
        basis=basis,
        verdict=verdict,
        estimate=_number(estimate),
        conf_low=_number(conf_low),
        conf_high=_number(conf_high),
        n=None if n is None else int(n),
        customers=None if customers is None else _many(int(customers)),
        todo=todo,
        rests_on=rests_on,
    )


def _number(value: float | None) -> float | None:
    """Return a number JSON can hold; what is not known is None."""
    return float(value) if value is not None and math.isfinite(value) else None


def _many(customers: int) -> int:
    return max(customers, _FEWEST) if customers else 0


def people(n: int, /, *, small_cell: int = _FEWEST) -> str:
    """Return a number of customers as it may be told: so few are "fewer than 10".

    >>> people(1234), people(3), people(0)
    ('1,234', 'fewer than 10', '0')
    """
    return f"fewer than {small_cell}" if 0 < n < small_cell else f"{n:,}"


def term(name: str, meaning: str, /) -> Term:
    """Return a word and its meaning for the glossary of the page."""
    if not name.strip() or not meaning.strip():
        raise ArgumentError("A term needs a `name` and a `meaning`.")
    return Term(name=name, meaning=meaning)


def guard(name: str, /, *, status: Status, found: str) -> Guard:
    """Return what a check of data or method found; the report lists it beside the data.

    Raises
    ------
    GuardError
        When the status is "failed": the report is not made, and its page says why.
    """
    check_choice("status", status, STATUSES)
    if status == "failed":
        raise GuardError(f"The check “{name}” failed: {found}.")
    return Guard(name=name, status=status, found=found)


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
        n_customers=journeys.n_customers,
        n_events=journeys.n_events,
        span=_span(journeys),
    )


def _span(journeys: Journeys) -> tuple[str, str] | None:
    """Return the days (UTC) of the first and the newest event."""
    if journeys.time is None or not journeys.n_events:
        return None
    ends = (int(moment) for moment in (journeys.time.min(), journeys.time.max()))
    first, last = (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=end)).date().isoformat()
        for end in ends
    )
    return first, last
