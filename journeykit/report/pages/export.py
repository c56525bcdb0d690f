"""Pages from templates of our own: one file, no request to anywhere, no script but ours."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from journeykit.report.kpis import period_words, said_of
from journeykit.report.pages.glossary import VERDICTS, used_terms
from journeykit.report.pages.outputs import is_code
from journeykit.report.pages.page import Page

_TEMPLATES = Path(__file__).parent / "template"
#: Styles that a page shares with some others.
_SHARED = {"report": ("headline",), "summary": ("headline",)}
#: Findings in sight; more than five are not "in short".
_MOST_FINDINGS = 5
#: Icon and word of a state: no reader has to tell colours apart.
_SIGNS = {
    "ok": ("✓", "Fine"),
    "warn": ("!", "Watch"),
    "fail": ("✕", "Alert"),
}
#: Packages that readers are told; the manifest has all.
_TOLD = ("journeykit", "python", "duckdb", "lifelines", "numpy", "pandas", "scipy", "statsmodels")
_RUN = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)\d\dZ(-|$)")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, /, values: dict[str, Any], *, styles: Sequence[str] = ()) -> str:
    """Fill a template; every value is escaped unless it is Markup already.

    A page has one style, put together from the shared ones, that of its own name and `styles` of
    what it has besides, and at most one script, that of its own name. The browser applies and runs
    what its policy names by hash: nothing else can be slipped in, and, unlike a nonce, the same
    report gives the same bytes.
    """
    stem = template.partition(".")[0]
    style = "".join(
        _asset(f"{name}.css") for name in ("style", *_SHARED.get(stem, ()), stem, *styles)
    )
    script = _asset(f"{stem}.js")
    fixed = {
        "style": Markup(style),  # noqa: S704 - our own file
        "style_hash": _hash(style),
        "script": Markup(script),  # noqa: S704 - our own file
        "script_hash": _hash(script),
    }
    return _environment().get_template(template).render({**fixed, **values})


@cache
def _asset(name: str) -> str:
    path = _TEMPLATES / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def report_html(page: Page, /, *, manifest: dict[str, Any], last_good: str) -> str:
    """Return the page of a report.

    `page` holds HTML made by ``outputs`` (escaped or filtered there); all else is escaped here.
    `last_good` is the address of the last good page of its kind, or "". A `manifest` without
    ``run`` belongs to a page that stands alone, with no files beside it.
    """
    kpis = manifest.get("kpis", page.kpis)
    lede, rest = _parted(page.question)
    periods = {_period(kpi) for kpi in kpis} - {""}
    return render(
        "report.html.j2",
        {
            "title": page.title or manifest["report"],
            "study_title": manifest.get("study_title", ""),
            "about": manifest.get("about", []),
            "lede": Markup(lede),  # noqa: S704 - made safe by `outputs`
            "question": Markup(rest),  # noqa: S704 - made safe by `outputs`
            "setup": Markup("\n".join(page.setup)),  # noqa: S704 - made safe by `outputs`
            "banners": [_banner(banner) for banner in manifest.get("banners", [])],
            "kpis": [figure_words(kpi, with_period=len(periods) > 1) for kpi in kpis],
            "period": periods.pop() if len(periods) == 1 else "",
            "findings": [finding_words(found) for found in page.findings[:_MOST_FINDINGS]],
            "more_findings": [finding_words(found) for found in page.findings[_MOST_FINDINGS:]],
            "changes": _changes(manifest),
            "sections": [
                {
                    "title": section.title,
                    "anchor": section.anchor,
                    "body": Markup("\n".join(section.body)),  # noqa: S704 - made safe by `outputs`
                    "limits": section.limits,
                    "state": section.state,
                    "cause": section.cause,
                }
                for section in page.sections
            ],
            "guards": page.guards,
            "tables": page.tables,
            "data": page.data,
            "words": _words(page, kpis),
            "failure": page.failure,
            "last_good": last_good,
            "in_folder": bool(manifest.get("run")),
            "provenance": _provenance(manifest),
        },
        styles=("map",) if page.maps else (),
    )


def _parted(question: str) -> tuple[str, str]:
    """Return the first paragraph, to open the page with, and the rest."""
    first, end, rest = question.partition("</p>")
    return (first + end, rest) if first.startswith("<p>") else ("", question)


def _banner(banner: Mapping[str, Any]) -> dict[str, str]:
    level = "fail" if banner.get("level") == "fail" else "warn"
    icon, word = _SIGNS[level]
    return {"level": level, "icon": icon, "word": word, "text": str(banner.get("text", ""))}


def figure_words(kpi: Mapping[str, Any], *, with_period: bool = True) -> dict[str, str]:
    """Return a KPI as the reader sees it, with a word and an icon for its status."""
    unit = str(kpi.get("unit", "number"))
    low, high, n = kpi.get("conf_low"), kpi.get("conf_high"), kpi.get("n")
    status = str(kpi.get("status", ""))
    icon, word = _SIGNS.get(status, ("", ""))
    basis = [
        f"95% interval {_amount(low, unit)} to {_amount(high, unit)}"
        if low is not None and high is not None
        else "",
        f"n\u00a0=\u00a0{n:,}" if n is not None else "",
        _period(kpi) if with_period else "",
    ]
    return {
        "label": str(kpi["label"]),
        "value": said_of(kpi) if unit == "share" else _amount(kpi["value"], unit),
        "basis": ", ".join(part for part in basis if part),
        "status": status if icon else "",
        "icon": icon,
        "word": word,
        "said": str(kpi.get("said", "")),
    }


def _period(kpi: Mapping[str, Any]) -> str:
    period = kpi.get("period")
    return period_words(period) if period else ""


def _amount(value: float | None, unit: str = "number") -> str:
    """Return a number as the reader sees it: shares in whole percents, near 0 and 1 finer."""
    if value is None:
        return "cannot tell"
    if unit == "share":
        return f"{value:.0%}" if 0.1 <= value <= 0.9 else f"{value:.1%}"
    whole = float(value).is_integer() or abs(value) >= 10_000
    text = f"{value:,.0f}" if whole else f"{value:.3g}"
    return f"{text} {'day' if text == '1' else 'days'}" if unit == "days" else text


def finding_words(found: Mapping[str, Any]) -> dict[str, str]:
    """Return a finding as the reader sees it: the look of its verdict, and what it rests on."""
    verdict = str(found.get("verdict", ""))
    return {
        "text": str(found["text"]),
        "basis": str(found.get("basis", "")) or _numbers(found),
        "todo": str(found.get("todo", "")),
        "verdict": verdict,
        "look": verdict.replace(" ", "-") if verdict in VERDICTS else "",
        "anchor": str(found.get("anchor", "")),
        "section": str(found.get("section", "")),
    }


def _numbers(found: Mapping[str, Any]) -> str:
    """Return the number of a finding, with what it rests on, where the notebook says no more."""
    estimate, low, high, n = (
        found.get(name) for name in ("estimate", "conf_low", "conf_high", "n")
    )
    interval = low is not None and high is not None
    parts = [
        _amount(estimate) if estimate is not None else "",
        f"95% interval {_amount(low)} to {_amount(high)}" if interval else "",
        f"n\u00a0=\u00a0{n:,}" if n is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def _changes(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    changes, previous = manifest.get("changes"), str(manifest.get("previous") or "")
    if changes is None or not (changes or previous):
        return None
    when = _RUN.match(previous)
    since = "{}-{}-{} {}:{} UTC".format(*when.groups()[:5]) if when else previous
    return {"since": since, "texts": [str(change.get("text", "")) for change in changes]}


def _words(page: Page, kpis: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the glossary: words that stand on the page, and those the notebook explains."""
    bodies = [part for section in page.sections for part in section.body if not is_code(part)]
    markup = " ".join((page.question, *bodies))
    told = [
        str(found.get(name, ""))
        for found in (*page.findings, *page.guards)
        for name in ("text", "basis", "todo", "found")
    ]
    text = " ".join((html.unescape(re.sub(r"<[^>]*>", " ", markup)), *told))
    verdicts = {str(found.get("verdict", "")) for found in page.findings}
    meanings = {
        **used_terms(text),
        **{name: meaning for name, meaning in VERDICTS.items() if name in verdicts},
        **{str(kpi["label"]): str(kpi["definition"]) for kpi in kpis if kpi.get("definition")},
        **{str(term["name"]): str(term["meaning"]) for term in page.terms},
    }
    # The notebook's own words go before ours.
    own = {name.casefold(): (name, meaning) for name, meaning in meanings.items()}
    return [own[name] for name in sorted(own)]


def _provenance(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    packages = manifest.get("packages", {})
    parameters = [
        f"{name} = {value}"
        for name, value in manifest.get("parameters", {}).items()
        if value is not None and name != "study"
    ]
    made, seconds = manifest.get("finished", ""), manifest.get("duration_seconds", 0.0)
    in_folder = bool(manifest.get("run"))
    facts = [
        ("Study", manifest.get("study", "")),
        ("Report", manifest["report"]),
        ("Parameters", ", ".join(parameters) or ("none" if in_folder else "")),
        ("Data fingerprint", manifest.get("fingerprint") or "not known"),
        ("Made", f"{made} (UTC), in {seconds:.1f} s" if made else ""),
        ("Software", ", ".join(f"{name} {packages[name]}" for name in _TOLD if name in packages)),
        ("Run", manifest.get("run", "")),
    ]
    return [(name, str(fact)) for name, fact in facts if fact]
