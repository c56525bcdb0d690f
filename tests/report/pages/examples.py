"""Pages made by hand: what notebooks hand over, a manifest, and text that wants to do harm."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import nbformat

from journeykit.report.contract import CONTRACT_MIME
from journeykit.report.pages.page import Page, read_page
from tests.report.conftest import code, markdown, notebook, shown

v4 = nbformat.v4
MANIFEST: dict[str, Any] = {
    "report": "paths", "study": "tiny", "study_title": "Tiny", "about": ["2017"], "run": "r1",
    "parameters": {"study": "x", "order": 1, "segment": None}, "packages": {"python": "3.11"},
    "fingerprint": "", "finished": "2026-01-01T00:00:00+00:00", "duration_seconds": 1.0,
}  # fmt: skip
PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
        "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
).decode()
PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></p><style><img src=x onerror=alert(1)></style>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "![x](javascript:alert(1))",
    "<base href='https://evil.example/'>",
    "<meta http-equiv='refresh' content='0;url=https://evil.example'>",
    "<form action='https://evil.example'><input name=x></form>",
    "<style>body{display:none}</style>",
    "</style><script>alert(1)</script>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<details open ontoggle=alert(1)>",
    "<div style='position:fixed;inset:0'>x</div>",
    "\"><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% for x in y %}",
    "<!--<img src=x onerror=alert(1)>-->",
    "<template><script>alert(1)</script></template>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
]  # fmt: skip


def handed(kind: str, **content: Any) -> Any:
    """Make an output by which a notebook hands something over."""
    return shown({"text/plain": "", CONTRACT_MIME: {"kind": kind, **content}})


def finding(text: str, **more: Any) -> Any:
    return handed("finding", text=text, **{"basis": "", **more})


def guard(name: str, status: str, found: str) -> Any:
    return handed("guard", name=name, status=status, found=found)


def kpi(label: str, value: float | None = 0.5, **more: Any) -> Any:
    told = {
        "key": "k", "definition": "", "unit": "share", "conf_low": 0.4,
        "conf_high": 0.6, "n": 1000, "period": None, "history": [],
    }  # fmt: skip
    return handed("kpi", label=label, value=value, **{**told, **more})


def table(
    cells: Sequence[Sequence[str]],
    *,
    labels: Sequence[str] = ("Name", "Number"),
    numbers: Sequence[bool] = (False, True),
    **more: Any,
) -> Any:
    """Make a table whose file has the rows of the page."""
    rows = [list(row) for row in cells]
    usual = {"key": "k", "caption": "C.", "n": len(cells), "shown": len(cells), "rows": rows}
    return handed(
        "table", columns=list(labels), labels=list(labels), is_number=list(numbers), cells=rows,
        **{**usual, **more},
    )  # fmt: skip


def data(**facts: str) -> Any:
    ledger = [["window", "outside the window", 1, 2], ["kept", "", 2469, 162290]]
    return handed("data", facts=list(facts.items()), ledger=ledger, fingerprint="ab12")


def error(name: str = "X", message: str = "bad", *traceback: str) -> Any:
    return v4.new_output("error", ename=name, evalue=message, traceback=list(traceback))


def page_of(*cells: Any, stopped: str = "", at: int = 0, files: bool = True) -> Page:
    return read_page(notebook(*cells), stopped=stopped, at=at, files=files)


def hostile_cells(payload: str) -> list[Any]:
    """Put a text wherever a notebook can put one."""
    return [
        markdown(f"# {payload}\n\n{payload}\n\n## {payload}\n\n- {payload}\n\n```\n{payload}\n```"),
        code(f"x = '''{payload}'''", tags=("parameters",)),
        code(f'study = "{payload}"', tags=("injected-parameters",)),
        code("x", finding(payload, basis=payload, todo=payload, verdict=payload, key=payload)),
        code("x", guard(payload, "warned", payload), guard(payload, payload, payload)),
        code("x", kpi(payload, definition=payload, period=[payload, payload], unit=payload)),
        code("x", handed("term", name=payload, meaning=payload)),
        code("x", table([[payload, payload]], labels=[payload, payload], caption=payload,
                        key=payload, n=9)),
        code("x", handed("figure", alt=payload, caption=payload)),
        code("x", handed(payload), data(**{payload: payload})),
        code("x", shown({"text/html": payload}), shown({"text/plain": payload})),
        code("x", shown({"text/html": f"<table><tr><td>{payload}</td></tr></table>"})),
        code("x", shown({"text/markdown": payload}), shown({"image/png": PIXEL}, alt=payload)),
        code("x", v4.new_output("stream", name="stdout", text=payload)),
        markdown(f"## {payload}", "optional"),
        code("x", error("X", payload, payload)),
        markdown(f"## {payload}", "limits"),
    ]  # fmt: skip


def hostile_manifest(payload: str) -> dict[str, Any]:
    """Put a text wherever a manifest can hold one."""
    return {
        **MANIFEST, "report": payload, "study": payload, "study_title": payload,
        "about": [payload], "parameters": {payload: payload}, "packages": {payload: payload},
        "fingerprint": payload, "finished": payload, "run": payload, "previous": payload,
        "banners": [{"level": payload, "text": payload}],
        "changes": [{"kind": payload, "text": payload}],
        "kpis": [{"label": payload, "value": 0.1, "definition": payload, "status": payload,
                  "said": payload, "period": [payload, payload], "n": 1}],
    }  # fmt: skip
