"""What the index shows of a run, read from a manifest of which nothing is taken on trust."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from journeykit.report.kpis import period_words
from journeykit.report.kpis import said as share_in_words
from journeykit.report.manifest import GOOD
from journeykit.report.parameters import EVERYBODY
from journeykit.report.publishing.publish import comparable_of, is_run_id, read_manifest

#: Each status a run can have, with the icon that stands beside the word.
STATUSES = {"ok": "✓", "alert": "!", "partial": "◐", "failed": "✕"}
#: Likewise for a figure held against the bands of its study.
BANDS = {
    "ok": ("✓", "within bounds"),
    "warn": ("!", "warning"),
    "fail": ("✕", "alert"),
    "": ("", ""),
}
_LONGEST = 400
#: Larger numbers are mistakes, and as shares would be written with all their digits.
_LARGEST = 1e18
#: Signs that cannot be written, are not seen, or turn the text after them around.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


@dataclass(frozen=True, slots=True)
class Figure:
    """A KPI of one run; `value` is None where it cannot be told."""

    key: str
    label: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    n: float | None
    period: str
    band: str
    said: str
    history: tuple[float, ...] = ()

    @property
    def shown(self) -> str:
        """The value with its unit."""
        return in_words(self.value, self.unit)

    @property
    def basis(self) -> list[str]:
        """The interval and number of cases, and the period, as far as they are known."""
        parts = []
        if self.low is not None and self.high is not None:
            parts.append(f"{in_words(self.low, self.unit)} to {in_words(self.high, self.unit)}")
        if self.n is not None:
            parts.append(f"n\u00a0=\u00a0{in_words(self.n, 'number')}")
        return [line for line in (", ".join(parts), self.period) if line]

    @property
    def verdict(self) -> tuple[str, str]:
        """Icon and word for where the value lies in the bands of its study."""
        return BANDS[self.band]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that can be read. `study`, `report` and `name` are its folders, not its own claims."""

    study: str
    report: str
    name: str
    href: str
    status: str
    title: str
    study_title: str
    when: str
    segment: str
    comparable: str
    cause: str
    told: str
    own: bool
    about: tuple[str, ...] = ()
    findings: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether the page can be relied on."""
        return self.status in GOOD

    @property
    def icon(self) -> str:
        """Sign beside the status word."""
        return STATUSES[self.status]

    @property
    def age(self) -> tuple[bool, str]:
        """Sorts by time; folders that are not named by us come before all others."""
        return is_run_id(self.name), self.name


def read_run(folder: Path, out: Path, /) -> Run | None:
    """Read a run below `out`; None when its manifest is missing, damaged or of another kind."""
    manifest = read_manifest(folder)
    status = (manifest or {}).get("status")
    if manifest is None or not isinstance(status, str) or status not in STATUSES:
        return None
    study, report, name = folder.relative_to(out).parts
    parameters = manifest.get("parameters")
    failure = manifest.get("failure")
    said = map(text, _list(manifest.get("told")))
    figures = (_figure(kpi) for kpi in _dicts(manifest.get("kpis")))
    return Run(
        study=text(study),
        report=text(report),
        name=text(name),
        href=quote(os.fsencode(f"{study}/{report}/{name}/report.html")),
        status=status,
        title=text(manifest.get("title")) or text(report),
        study_title=text(manifest.get("study_title")) or text(study),
        when=_when(manifest.get("finished")),
        segment=text(parameters.get("segment")) if isinstance(parameters, dict) else "",
        comparable=comparable_of(manifest),
        cause=text(failure.get("cause")) if isinstance(failure, dict) else "",
        own=manifest.get("own") is not False,
        told=", ".join(told for told in said if told and told != EVERYBODY),
        about=tuple(filter(None, map(text, _list(manifest.get("about"))))),
        findings=tuple(
            (text(found.get("text")), text(found.get("verdict")))
            for found in _dicts(manifest.get("findings"))
            if text(found.get("text"))
        ),
        notes=tuple(_notes(manifest)),
        figures={figure.key: figure for figure in figures if figure is not None},
    )


def text(value: object, /) -> str:
    """Return a value as one line of text that can be shown; "" for what is no text or number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    line = _UNFIT.sub("\ufffd", " ".join(str(value).split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def in_words(value: float | None, unit: str, /) -> str:
    """Return a number with its unit: shares as on the pages, others with three digits or more.

    >>> in_words(0.06, "share"), in_words(12345.6, "number"), in_words(30.0, "days")
    ('6.0%', '12,346', '30 days')
    """
    if value is None or unit == "share":
        return share_in_words(value)
    # Adding zero makes one zero of the two that there are.
    value += 0.0
    if 100 <= abs(value) < 1e15 or (abs(value) < 100 and value.is_integer()):
        number = f"{value:,.0f}"
    else:
        number = f"{value:#.3g}".rstrip(".")
    return f"{number} days" if unit == "days" else number


def _figure(kpi: dict[str, Any]) -> Figure | None:
    key = text(kpi.get("key"))
    if not key:
        return None
    value, low, high, n = (_number(kpi.get(it)) for it in ("value", "conf_low", "conf_high", "n"))
    band = kpi.get("status")
    past = (period.get("value") for period in _dicts(kpi.get("history")))
    return Figure(
        key=key,
        label=text(kpi.get("label")) or key,
        unit=text(kpi.get("unit")),
        value=value,
        low=low,
        high=high,
        n=n,
        period=_period(kpi.get("period")),
        band=band if isinstance(band, str) and band in BANDS else "",
        said=text(kpi.get("said")),
        history=tuple(past for past in map(_number, past) if past is not None),
    )


def _period(value: object) -> str:
    ends = [text(end) for end in _list(value)]
    return text(period_words(ends)) if len(ends) == 2 and all(ends) else ""


def _notes(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what readers must know first: a level, ``warn`` or ``fail``, and a sentence."""
    for banner in _dicts(manifest.get("banners")):
        if said := text(banner.get("text")):
            yield ("fail" if banner.get("level") == "fail" else "warn"), said
    if missing := ", ".join(filter(None, map(text, _list(manifest.get("degraded"))))):
        yield "warn", f"A part could not be made: {missing}."


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) <= _LARGEST else None


def _when(value: object) -> str:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is None:
            return "time not known"
        utc = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return "time not known"
    return f"{utc:%Y-%m-%d %H:%M}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
