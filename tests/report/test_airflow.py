"""The example for Airflow, loaded and run by Airflow itself in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import nbformat
import pytest

from journeykit.report import REPORTS
from journeykit.shipped import shipped
from tests.conftest import ROOT
from tests.report.scheduling import FOLDER, GOOD, MONDAYS, PRETENDS, next_times, programs


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow makes of the DAG file, its tasks run on a small study."""
    python = ROOT / ".venv-airflow" / "bin" / "python"
    if not python.exists():
        pytest.skip("Airflow's own environment is missing; `make test-airflow` makes it")
    home = tmp_path_factory.mktemp("airflow")
    (home / "study.yaml").write_text(
        "name: tiny\nevents: {source: e.csv, customer: c, time: t, touchpoint: p}\n"
    )
    rows = (f"c{i},2024-01-0{1 + i % 9},visit\nc{i},2024-01-1{i % 9},buy\n" for i in range(30))
    (home / "e.csv").write_text("c,t,p\n" + "".join(rows))
    (home / "journeykit.env").write_text("SECRET=hush\n")
    shutil.copy(shipped("notebooks", "paths.ipynb"), home)
    programs(home / ".venv" / "bin", journeykit=PRETENDS)
    # The kernel that the file asks for: this interpreter, as `ipykernel install` would write it.
    kernel = home / "jupyter" / "kernels" / "journeykit"
    kernel.mkdir(parents=True)
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": launch, "display_name": "journeykit", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    asked = {
        "lines": ['{"status": "ok"}', '{"status": "alert"}'],
        "codes": list(GOOD),
        "notebook": [{}, {"ordr": 2}, {"order": "9"}],
    }
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "JOURNEYKIT_HOME": str(home),
        "JOURNEYKIT_CACHE": str(home / "cache"),
        "JUPYTER_PATH": str(home / "jupyter"),
    }
    done = subprocess.run(
        [python, Path(__file__).with_name("airflow_probe.py"), FOLDER / "airflow_dag.py"],
        input=json.dumps(asked), cwd=home, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {"home": home, **json.loads(done.stdout.splitlines()[-1])}


def test_airflow_loads_the_dag(airflow: dict[str, Any]) -> None:
    assert airflow["errors"] == {}
    assert airflow["dag"] == "journeykit_weekly_report"
    assert airflow["next"] == {"reports": ["alert"], "alert": [], "notebook": []}
    assert next_times(airflow["cron"], ZoneInfo(airflow["time_zone"])) == MONDAYS
    # No runs for the weeks before it was there, and one at a time.
    assert (airflow["catchup"], airflow["max_active_runs"]) == (False, 1)


def test_airflow_runs_all_reports(airflow: dict[str, Any]) -> None:
    good = {code: ended for code, (ended, _) in zip(GOOD, airflow["reports"], strict=True)}
    assert good == GOOD
    # What `alert` reads is the last line of the command.
    assert [result for ended, result in airflow["reports"] if ended] == ['{"status": "ok"}'] * 2


def test_airflow_turns_red_on_an_alert(airflow: dict[str, Any]) -> None:
    assert airflow["alert"] == [
        [True, None],
        [False, 'AirflowFailException: {"status": "alert"}'],
    ]


def test_airflow_gives_the_notebook_good_parameters(airflow: dict[str, Any]) -> None:
    # As text, since a template made it.
    assert airflow["parameters"]["order"] == "2"
    checked = REPORTS["paths"].of(airflow["parameters"])
    assert checked.plain()["order"] == 2
    assert Path(checked.plain()["study"]) == airflow["home"] / "study.yaml"


def test_airflow_runs_the_notebook_and_it_checks_parameters(airflow: dict[str, Any]) -> None:
    good, misspelt, too_large = airflow["notebook"]
    assert good == [True, str(airflow["home"] / "paths-executed.ipynb")]
    assert misspelt[0] is False
    assert "`ordr` is not known. Did you mean 'order'?" in misspelt[1]
    assert too_large[0] is False
    assert "`order` must be at most 3; got '9'." in too_large[1]
    # The last one failed, and its notebook says so.
    executed = nbformat.read(airflow["home"] / "paths-executed.ipynb", as_version=4)
    assert any(out.output_type == "error" for c in executed.cells for out in c.get("outputs", []))
