"""The package as it is installed from an index: notebooks and sample study travel with it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command, in an environment of its own that borrows our dependencies."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    bin_folder = home / ("Scripts" if os.name == "nt" else "bin")
    python = bin_folder / "python"
    installing = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    offline = ["--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*installing, *offline, str(wheel)], check=True, capture_output=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    # Packages of this environment come after the installed wheel; a plain line in a .pth file
    # runs no .pth file of theirs, so an editable journeykit is not found there.
    borrowed = sysconfig.get_path("purelib")
    (Path(done.stdout.strip()) / "borrowed.pth").write_text(f"{borrowed}\n")
    return bin_folder / "journeykit"


def test_what_the_wheel_holds(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "_shipped/notebooks/paths.ipynb",
        "_shipped/notebooks/survival.ipynb",
        "_shipped/notebooks/attribution.ipynb",
        "_shipped/data/complete-journey/study.yaml",
        "_shipped/data/complete-journey/events.parquet",
        "attribution/scoreboard.csv",
        "report/pages/template/report.html.j2",
        "report/pages/template/style.css",
        "report/schedules/crontab",
        "report/schedules/journeykit.service",
        "study/touchpoints.csv",
        "study/template/README.md",
        "study/template/study.yaml",
        "study/template/touchpoints.csv",
    ):
        assert f"journeykit/{name}" in names
    assert not [name for name in names if name.startswith(("tests/", "notebooks/", "data/"))]


def test_run_in_an_empty_folder(command: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**kept, "JOURNEYKIT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [command, "run"], cwd=empty, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first = Path(done.stdout.splitlines()[0])
    assert first.parent.parent == empty / "reports" / "complete-journey" / "summary"
    assert (empty / "reports" / "index.html").is_file()
    pages = list(empty.glob("reports/complete-journey/*/*/report.html"))
    assert sorted(page.parts[-3] for page in pages) == [
        *("attribution", "journey_map", "paths", "plan_vs_actual", "stages", "summary", "survival")
    ]
    assert all('id="in-short"' in page.read_text() for page in pages)
    manifest = next(empty.glob("reports/complete-journey/paths/*/manifest.json")).read_text()
    assert str(ROOT) not in manifest


def test_begin_a_study(command: Path, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**kept, "JOURNEYKIT_CACHE": str(tmp_path / "cache")}
    for arguments in (["init", "shop"], ["check", "shop"]):
        subprocess.run(
            [command, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=True
        )
