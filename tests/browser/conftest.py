"""A real browser without a network, and pages to open in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journeykit import report
from journeykit.report.pages.export import report_html
from tests.report.conftest import code, markdown, shown
from tests.report.pages.examples import (
    MANIFEST,
    PAYLOADS,
    data,
    error,
    finding,
    guard,
    handed,
    hostile_cells,
    hostile_manifest,
    kpi,
    page_of,
    table,
)

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not shutil.which(CHROMIUM):
        why = f"there is no {CHROMIUM}; install Debian's package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


class Visit:
    """A page opened at a width, with all it did."""

    def __init__(
        self,
        browser: Any,
        path: Path,
        *,
        width: int = 1280,
        scheme: str = "light",
        **options: Any,
    ) -> None:
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, offline=True, **options
        )
        self.page = context.new_page()
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("dialog", lambda dialog: self.messages.append(f"dialog {dialog.message}"))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_load_state("networkidle")

    @property
    def asked(self) -> list[str]:
        """What was asked of the disk or the network."""
        return [url for url in self.requests if not url.startswith("data:")]


def _written(folder: Path, cells: list[Any], manifest: dict[str, Any]) -> Path:
    run = folder / "tiny" / "paths" / "run"
    run.mkdir(parents=True)
    path = run / "report.html"
    path.write_text(report_html(page_of(*cells), manifest=manifest, last_good=""), encoding="utf-8")
    return path


WIDE = [f"column {i}" for i in range(14)]
KPIS = [
    ("Still there after 90 days", "ok", "within the bounds of the study"),
    ("Bought twice", "warn", "below 30%, where the study warns"),
    ("Left without a purchase", "fail", "above 2%, where the study draws the line of failure"),
]


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything on it: long words, wide and long tables, pictures, a missing part."""
    import matplotlib as mpl
    import pandas as pd
    from matplotlib import pyplot as plt

    mpl.use("agg")
    _, ax = plt.subplots()
    ax.plot([1, 2])
    figure = report.figure(ax, alt="A line from 1 to 2", caption="It rises.")
    frame = pd.DataFrame([[f"a long value {i}" * 3 for i in range(12)]])
    long = [[f"customer kind {i}", f"{(7 * i) % 30},000"] for i in range(30)]
    verdicts = ["clear", "leaning", "cannot tell", "met", "missed", "counted"]
    cells = [
        markdown(f"# A question with averyveryverylongword{'x' * 60}\n\nWhy?"),
        code("order = 1", tags=("parameters",)),
        code("x", data(Customers="2,469", Window="2017", **{"long" * 30: "word" * 60})),
        markdown("## Pictures\n\n[Outside](https://example.org/page)"),
        code("x", shown(figure._repr_mimebundle_()), *(kpi(label) for label, _, _ in KPIS)),
        code("x", *(finding(f"It is {v}.", verdict=v, todo="Do it.") for v in verdicts)),
        markdown("## Tables\n\n| a | b |\n|---|---|\n" + f"| {'long ' * 40} | {'y' * 80} |"),
        code("x", table([[f"a long value {i}" * 2 for i in range(14)]] * 3, labels=WIDE,
                        numbers=[False] * 14, key="wide", caption="A wide table.")),
        code("x", table(long, key="long", shown=10, caption="A long table.")),
        code("x", shown({"text/html": frame.to_html()}), shown({"text/plain": "z" * 300})),
        markdown("## Extra", "optional"),
        code("y" * 200, error("DataError", "There are no costs.")),
        code("x", guard("Ties", "warned", "many"), guard("Days", "passed", "none missing")),
        markdown("## How sure\n\nThe interval of a journey.", "limits"),
    ]  # fmt: skip
    manifest = {
        **MANIFEST,
        "kpis": [
            {"label": label, "value": 0.5, "conf_low": 0.4, "conf_high": 0.6, "unit": "share",
             "n": 1000, "status": status, "said": said, "definition": "Of all."}
            for label, status, said in KPIS
        ],
        "banners": [{"level": "warn", "text": "Old."}, {"level": "fail", "text": "Too old."}],
        "changes": [{"kind": "kpi", "text": "It fell."}],
        "previous": "20260102T030405Z-abcdef",
    }  # fmt: skip
    return _written(tmp_path_factory.mktemp("out"), cells, manifest)


@pytest.fixture(scope="session")
def hostile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every payload in every place, and tables of them for the script to move."""
    rows = [[payload, f"{i}"] for i, payload in enumerate(PAYLOADS)]
    cells = [cell for payload in PAYLOADS for cell in hostile_cells(payload)]
    cells += [
        markdown("## The table"),
        code("x", table(rows, labels=[PAYLOADS[0], PAYLOADS[2]], shown=3, key="</script>")),
        code("x", handed("term", name="last", meaning="word")),
    ]
    everywhere = [hostile_manifest(payload) for payload in PAYLOADS]
    manifest = {
        **everywhere[0],
        **{
            name: [entry for made in everywhere for entry in made[name]]
            for name in ("kpis", "changes", "banners", "about")
        },
        **{
            name: {key: value for made in everywhere for key, value in made[name].items()}
            for name in ("parameters", "packages")
        },
    }
    return _written(tmp_path_factory.mktemp("hostile"), cells, manifest)
