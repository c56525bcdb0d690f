"""The notebooks that ship: clean, in step with their models, and good on real data."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import papermill
import pyarrow as pa
import pytest

from journeykit.report import REPORTS, make, plan
from journeykit.report.privacy.cleaning import Identifiers, scan
from journeykit.report.privacy.protection import GUARD
from journeykit.shipped import shipped
from journeykit.study import load_study


@pytest.fixture(params=list(REPORTS))
def report(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cells_of(report: str):  # type: ignore[no-untyped-def]
    return nbformat.read(shipped("notebooks", f"{report}.ipynb"), as_version=4).cells


def test_nothing_of_a_run_is_committed(report: str) -> None:
    content = json.loads(shipped("notebooks", f"{report}.ipynb").read_text())
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    assert set(content["metadata"]) == {"kernelspec", "language_info"}


def test_defaults_are_those_of_the_model(report: str) -> None:
    (cell,) = [c for c in cells_of(report) if "parameters" in c.metadata.get("tags", [])]
    defaults = {
        node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[attr-defined]
        for node in ast.parse(cell.source).body
    }
    model = REPORTS[report]
    assert next(iter(defaults)) == "study"
    assert set(defaults) == set(model.model_fields)
    assert model.of(defaults).plain() == defaults


def test_every_parameter_is_read(report: str) -> None:
    code = "\n".join(cell.source for cell in cells_of(report) if cell.cell_type == "code")
    # Methods of the parameters read these.
    inside = {"segment", "month", "outcome", "steps", "window", "windows", "covariates", "plan"}
    read = set(re.findall(r"\bp\.(\w+)", code)) | inside
    assert set(REPORTS[report].model_fields) <= read


def test_it_begins_with_a_question_and_ends_with_its_limits(report: str) -> None:
    cells = cells_of(report)
    assert cells[0].source.startswith("# ")
    assert "?" in cells[0].source
    (limits,) = [cell for cell in cells if "limits" in cell.metadata.get("tags", [])]
    assert limits.source.startswith("## How sure, and what this does not show")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", autouse=True)
def _cached(cache: Path):  # type: ignore[no-untyped-def]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEYKIT_CACHE", str(cache))
        yield


def test_it_runs_on_the_sample(report: str, tmp_path: Path) -> None:
    (job,) = plan(load_study("complete-journey"), [report], {})
    made = make(job, out=tmp_path)
    assert made.cause == ""
    manifest = json.loads((made.page.parent / "manifest.json").read_text())
    assert len(manifest["findings"]) >= 2
    assert manifest["fingerprint"]
    assert list(manifest["tables"])
    html = made.page.read_text()
    assert "Undescribed figure" not in html
    assert "Notes from the program" not in html
    assert 'class="note warn"' not in html
    assert html.count("<img") == html.count(' alt="')
    assert all(len(alt) >= 40 for alt in re.findall(r' alt="([^"]*)"', html))
    # What the model promises to the study, the notebook hands over; findings can be compared.
    assert tuple(kpi["key"] for kpi in manifest["kpis"]) == REPORTS[report].kpis
    assert all(kpi["value"] is not None and len(kpi["history"]) >= 9 for kpi in manifest["kpis"])
    assert all(found["key"] and found["verdict"] for found in manifest["findings"])
    assert manifest["rows"]["customers"] > 1500


def test_nobody_can_be_recognised(report: str, tmp_path: Path) -> None:
    """With ids that can be told from words: no file of a run holds one, nor an e-mail address."""
    ids = [f"hh-{number:05}x" for number in range(400)]
    rng = np.random.default_rng(3)
    # Each event in a second of its own: none are simultaneous.
    seconds = rng.integers(0, 364, 8000) * 86_400 + np.arange(8000)
    times = pd.Timestamp("2017-01-01") + pd.to_timedelta(seconds, unit="s")
    events = pd.DataFrame(
        {
            "household_id": rng.choice(ids, 8000),
            "event_time": times.astype(str),
            "touchpoint": rng.choice(["mailing A", "visit", "campaign redemption"], 8000),
        }
    )
    events.to_csv(tmp_path / "events.csv", index=False)
    (tmp_path / "catalogue.csv").write_text(
        "touchpoint,channel,phase,initiator\nmailing A,mail,before,firm\n"
        "visit,store,during,customer\ncampaign redemption,store,after,customer\n"
    )
    (tmp_path / "plan.yaml").write_text(
        "name: redeem\nsteps: [{step: mailing A, repeat: true}, campaign redemption]\n"
        "pause_days: 30\nbeside: visit\n"
    )
    (tmp_path / "study.yaml").write_text(
        "name: private\n"
        "events: {source: events.csv, customer: household_id, time: event_time, "
        "touchpoint: touchpoint}\n"
        "catalogue: catalogue.csv\n"
        "window: {from: 2017-01-01, to: 2018-01-01}\n"
        "outcome: {conversions: campaign redemption}\n"
        "churn: {rule: inactivity, threshold_days: 30}\n"
        "stages: {rungs: {guest: {touchpoints: visit}, "
        "buyer: {touchpoints: campaign redemption, holds: true}}}\n"
        "plans: plan.yaml\n"
    )
    (job,) = plan(load_study(tmp_path), [report], {})
    made = make(job, out=tmp_path / "out")
    assert made.status == "ok", made.cause
    identifiers = Identifiers(pa.array(ids))
    assert identifiers.n_sought == 400
    for path in made.page.parent.rglob("*"):
        if path.is_file():
            assert scan(path.read_text(encoding="utf-8"), identifiers) == [], path.name
    (guard,) = [g for g in json.loads((made.page.parent / "manifest.json").read_text())["guards"]
                if g["name"] == GUARD]  # fmt: skip
    assert (guard["status"], guard["found"]) == (
        "passed",
        "Looked for e-mail addresses and 400 of 400 customer ids; none is on the page.",
    )


def test_two_runs_give_the_same_page_and_results(
    report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = plan(load_study("complete-journey"), [report], {})
    pages, results = [], []
    for seed in "12":
        # Kernels whose sets and hashes are ordered differently.
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        page = make(job, out=tmp_path / seed).page
        manifest = json.loads((page.parent / "manifest.json").read_text())
        html = page.read_text().replace(manifest["run"], "RUN")
        html = html.replace(f"in {manifest['duration_seconds']:.1f} s", "in SECONDS")
        html = html.replace(manifest["finished"], "TIME")
        pages.append(html.replace(f"made {manifest['finished'][:10]}", "made DAY"))
        results.append((page.parent / "results.json").read_bytes())
    assert pages[0] == pages[1]
    assert results[0] == results[1]
    read = json.loads(results[0])
    assert (read["status"], read["fingerprint"]) == ("ok", manifest["fingerprint"])
    assert {table["key"]: table["n"] for table in read["tables"]} == manifest["tables"]
    assert len(read["figures"]) == html.count("<figure>")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"ordr": 2}, "Did you mean 'order'"), ({"order": 9}, "`order` must be at most 3; got 9.")],
)
def test_plain_papermill_is_checked_too(
    parameters: dict[str, object], message: str, tmp_path: Path
) -> None:
    command = (
        "import papermill, sys, json; papermill.execute_notebook("
        "sys.argv[1], sys.argv[2], parameters=json.loads(sys.argv[3]), progress_bar=False)"
    )
    arguments = [str(shipped("notebooks", "paths.ipynb")), "out.ipynb", json.dumps(parameters)]
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ), check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert papermill.PapermillExecutionError.__name__ in done.stderr
    assert message in done.stderr


def made_of_contracts(folder: Path, start: str) -> dict[str, Any]:
    """Make the survival report of contracts of 300 customers who all browse on; return results."""
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(300) % 60, unit="D")
    frame = pd.DataFrame({"who": [f"c{n}" for n in range(300)], "contract_start": days})
    ended = frame["contract_start"] + pd.to_timedelta(20 + np.arange(300) % 90, unit="D")
    frame["contract_end"] = ended.where(np.arange(300) % 3 > 0)
    events = pd.concat(
        frame[["who"]].assign(at=frame["contract_start"] + pd.Timedelta(days=day), what=what)
        for day, what in ((0, "signed_up"), (5, "visit"), (150, "visit"))
    )
    events.to_csv(folder / "events.csv", index=False)
    frame.to_csv(folder / "customers.csv", index=False)
    (folder / "study.yaml").write_text(
        "name: contracts\n"
        "events: {source: events.csv, customer: who, time: at, touchpoint: what}\n"
        "customers: {source: customers.csv, customer: who, "
        "attributes: [contract_start, contract_end]}\n"
        "window: {from: 2024-01-01, to: 2024-12-31}\n"
        f"churn: {{rule: contract_end, attribute: contract_end{start}}}\n"
    )
    (job,) = plan(load_study(folder), ["survival"], {})
    made = make(job, out=folder / "out")
    assert made.status == "ok", made.cause
    results: dict[str, Any] = json.loads((made.page.parent / "results.json").read_text())
    assert "came back" not in json.dumps(results)
    return results


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (", start: {attribute: contract_start}", "their contract start"),
        (", start: {touchpoint: signed_up}", "their first “signed up”"),
        ("", "they were first seen"),
    ],
)
def test_the_end_of_a_contract_says_nothing_of_coming_back(
    start: str, words: str, tmp_path: Path
) -> None:
    results = made_of_contracts(tmp_path, start)
    (there,) = [found for found in results["findings"] if found["key"] == "still-there"]
    assert f" days after {words}." in there["text"]
    assert there["basis"].endswith("customers followed, 200 of them left.")
    assert there["todo"] == ""
    assert "Leaving is for good" not in [guard["name"] for guard in results["guards"]]
    assert results["facts"]["Clock"] == f"counts days after {words}"
    (figure, *_) = results["figures"]
    assert f"by days after {words}" in figure["alt"]
    assert ("first seen" in json.dumps(results)) == (not start)


def test_findings_rest_on_the_signal_that_they_claim(report: str, tmp_path: Path) -> None:
    (job,) = plan(load_study("complete-journey"), [report], {})
    made = make(job, out=tmp_path)
    results = json.loads((made.page.parent / "results.json").read_text())
    rests = {found["key"]: found["rests_on"] for found in results["findings"]}
    expected = {
        "paths": {
            "most-frequent-step": "",
            "ways": "",
            "funnel": "",
            "precedes": "exposure",
            "differ": "",
        },
        "survival": {"still-there": "", "groups": "attributes"},
        "stages": {"where": "", "slowest": "", "moments": "exposure", "drivers": "exposure"},
        "journey_map": {"where": "", "seen": "", "pain": "exposure", "channels": ""},
        "plan_vs_actual": {"conforming": "", "departures": "", "cost": "exposure", "promises": ""},
        "attribution": {"leader": "exposure", "successes": "", "sensitivity": ""},
    }
    assert rests == expected[report]
    rest = {table["key"]: table["rest"] for table in results["tables"]}
    assert rest["journeys" if report == "paths" else next(iter(rest))] == (
        "rarer ways together" if report == "paths" else None
    )
