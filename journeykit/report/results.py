"""``results.json``: what a report found, as values a program can read and compare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from journeykit.report.pages.page import Page

#: Digits on which all machines agree; the ones after them differ with the order of additions.
_DIGITS = 10


def results_text(
    page: Page,
    /,
    *,
    report: str,
    study: str,
    status: str,
    parameters: Mapping[str, Any],
) -> str:
    """Return the results of a run as JSON, to the byte the same whenever they are the same.

    Nothing in it depends on when, where or how fast the run was; numbers have 10 significant
    digits; keys are sorted, while findings, guards, tables, figures and rows keep their order.
    Columns of customer ids were taken out of the notebook before: ``left_out`` names them. Where
    the report was tried on made-up worlds, ``trials`` says what came of it.
    """
    data = page.data or {"facts": [], "ledger": [], "fingerprint": ""}
    results = {
        "version": 2,
        "report": report,
        "study": study,
        "parameters": dict(parameters),
        "status": status,
        "title": page.title,
        "fingerprint": data["fingerprint"],
        "facts": dict(data["facts"]),
        "ledger": [
            {"step": step, "reason": reason, "customers": customers, "events": events}
            for step, reason, customers, events in data["ledger"]
        ],
        "findings": [_without_kind(found) for found in page.findings],
        "kpis": [_without_kind(kpi) for kpi in page.kpis],
        "guards": [_only(guard, "name", "status", "found") for guard in page.guards],
        "figures": [_only(figure, "alt", "caption") for figure in page.figures],
        "tables": [_table(table) for table in page.tables],
        **({"trials": page.trials} if page.trials is not None else {}),
    }
    text = json.dumps(_rounded(results), indent=1, ensure_ascii=False, sort_keys=True)
    return f"{text}\n"


def _without_kind(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != "kind"}


def _only(content: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: content[name] for name in names}


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_only(table, "key", "caption", "n", "columns", "rows", "identity"),
        "left_out": table.get("left_out", []),
        "rest": table.get("rest"),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        # Adding zero makes one zero of the two that there are.
        return float(f"{value:.{_DIGITS}g}") + 0.0
    if isinstance(value, Mapping):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value
