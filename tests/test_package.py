"""The public face: every name loads, and importing costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import journeykit as jk

HEAVY = (
    "pandas",
    "seaborn",
    "lifelines",
    "statsmodels",
    "duckdb",
    "matplotlib",
    "scipy",
    "pyarrow",
)


def loaded_after(code: str) -> list[str]:
    """Heavy packages in `sys.modules` of a fresh interpreter that ran `code`."""
    shown = f"{code}\nimport sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    "code",
    [
        "import journeykit",
        "import journeykit as jk; jk.report",
        "import journeykit as jk; jk.simulate",
        "import journeykit as jk; jk.load_study('data/complete-journey')",
        "import journeykit.cli",
        "import journeykit as jk; from journeykit.report.describe import describe; "
        "describe(jk.report.PathsParameters)",
    ],
)
def test_importing_and_checking_are_light(code: str) -> None:
    assert loaded_after(code) == []


def test_every_public_name_loads() -> None:
    for name in jk.__all__:
        assert getattr(jk, name) is not None
    assert dir(jk) == sorted(jk.__all__)
    with pytest.raises(AttributeError, match="module 'journeykit' has no attribute 'journey'"):
        _ = jk.journey


@pytest.mark.parametrize(
    "package", ["attribution", "counts", "paths", "report", "simulate", "survival"]
)
def test_every_name_of_a_subpackage_loads(package: str) -> None:
    module = getattr(jk, package)
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_journeys_is_a_verb_and_a_package_whichever_comes_first() -> None:
    for first in ("import journeykit.journeys", "import journeykit.counts", ""):
        code = (
            f"{first}\nimport journeykit as jk; assert callable(jk.journeys); jk.journeys.Journeys"
        )
        loaded_after(code)
