"""Pages from templates of our own: one file, no request to anywhere, no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from journeykit.report.page import Page

_TEMPLATES = Path(__file__).parent / "template"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(
    template: str,
    /,
    values: dict[str, Any],
    *,
    style: Sequence[str] = ("style.css",),
    script: Sequence[str] = (),
) -> str:
    """Fill a template; every value is escaped unless it is Markup already.

    `style` and `script` name files of the template folder. The page gets each kind as one text and
    its hash: the browser applies what the policy names by hash and nothing else, and, unlike a
    nonce, the same report gives the same bytes.
    """
    fixed: dict[str, str] = {}
    for kind, names in (("style", style), ("script", script)):
        text = "".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in names)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        fixed[kind] = Markup(text)  # noqa: S704 - our own files
        fixed[f"{kind}_hash"] = f"sha256-{digest}"
    return _environment().get_template(template).render({**fixed, **values})


def report_html(page: Page, /, *, manifest: dict[str, Any], has_latest: bool) -> str:
    """Return the page of a report.

    `page` holds HTML made by ``outputs`` (escaped or filtered there); all else is escaped here.
    """
    sections = [
        {
            "title": section.title,
            "body": Markup("\n".join(section.body)),  # noqa: S704 - made safe by `outputs`
            "limits": section.limits,
            "state": section.state,
        }
        for section in page.sections
    ]
    return render(
        "report.html.j2",
        {
            "title": page.title or manifest["report"],
            "study_title": manifest["study_title"],
            "about": manifest["about"],
            "question": Markup(page.question),  # noqa: S704 - made safe by `outputs`
            "sections": sections,
            "findings": page.findings,
            "guards": page.guards,
            "tables": page.tables,
            "data": page.data,
            "failure": page.failure,
            "has_latest": has_latest,
            "provenance": _provenance(manifest),
        },
    )


def _provenance(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    packages = manifest["packages"]
    parameters = [
        f"{name} = {value}"
        for name, value in manifest["parameters"].items()
        if value is not None and name != "study"
    ]
    return [
        ("Study", manifest["study"]),
        ("Report", manifest["report"]),
        ("Parameters", ", ".join(parameters) or "none"),
        ("Data fingerprint", manifest["fingerprint"] or "not known"),
        ("Made", f"{manifest['finished']} (UTC), in {manifest['duration_seconds']:.1f} s"),
        ("Software", ", ".join(f"{name} {version}" for name, version in packages.items())),
        ("Run", manifest["run"]),
    ]
