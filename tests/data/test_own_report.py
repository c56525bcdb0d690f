"""The tutorial for a report of one's own: what it says is true, and its numbers are right."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ParameterError
from journeykit.journeys import Journeys
from journeykit.report import make, plan
from journeykit.report.describe import describe
from journeykit.study import Study, load_study
from tests.conftest import ROOT

FOLDER = ROOT / "data" / "own-report"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def loyalty() -> ModuleType:
    """What loyalty.py holds; it is no module of any package."""
    spec = importlib.util.spec_from_file_location("own_loyalty", FOLDER / "loyalty.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # Annotations are text, which pydantic looks up in the module.
        patch.setitem(sys.modules, "own_loyalty", module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def model(loyalty: ModuleType) -> Any:
    return loyalty.LoyaltyParameters


@pytest.fixture(scope="module", autouse=True)
def _cached(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(FOLDER)


@pytest.fixture(scope="module")
def journeys(study: Study) -> Journeys:
    return study.journeys()


@pytest.fixture(scope="module")
def cells() -> list[Any]:
    return list(nbformat.read(FOLDER / "loyalty.ipynb", as_version=4).cells)


# Numbers


def tiny() -> Journeys:
    """Purchases of four customers in January 1997, watched until the end of March.

    a: 1, 1 and 11 January. b: 31 January and 2 March. c: 10 January. d: 1 February, twice.
    """
    days = np.array([0, 0, 10, 30, 60, 9, 31, 31])
    january = 9_862  # days from 1970 to 1997-01-01
    return Journeys(
        names=("purchase",),
        touchpoint=np.zeros(len(days), dtype=np.uint8),
        start=np.array([0, 3, 5, 6, 8]),
        time=(january + days) * DAY,
        customer_id=["a", "b", "c", "d"],
        window=(january * DAY, (january + 90) * DAY),
        clock="day",
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [("a", 10, True), ("b", 30, True), ("c", 81, False)]),
        ({"counts": "same day too"}, [("a", 0, True), ("b", 30, True), ("c", 81, False)]),
        # The last day counts: b came back on 2 March itself, and c is followed up to its end.
        (
            {"seen_until": "1997-03-02", "within_days": 60},
            [("a", 10, True), ("b", 30, True), ("c", 52, False)],
        ),
        (
            {"seen_until": "1997-03-01", "within_days": 30},
            [("a", 10, True), ("b", 30, False), ("c", 51, False)],
        ),
        # b came after the last day looked at.
        (
            {"seen_until": "1997-01-30", "within_days": 20},
            [("a", 10, True), ("c", 21, False)],
        ),
        ({"first_month": "1997-02"}, [("d", 59, False)]),
        ({"first_month": "1997-02", "counts": "same day too"}, [("d", 0, True)]),
    ],
)
def test_second_purchases_worked_by_hand(
    loyalty: ModuleType, given: dict[str, object], expected: list[tuple[str, int, bool]]
) -> None:
    p = loyalty.LoyaltyParameters.of({"study": "x", **given})
    found = loyalty.second_purchases(loyalty.purchases(tiny(), time_zone="UTC"), p)
    assert list(found.columns) == ["customer_id", "days", "returned"]
    assert list(found.itertuples(index=False, name=None)) == expected


def test_months_in_which_somebody_came_first(model: Any, study: Study) -> None:
    assert model.of({"study": "x", "first_month": "1997-02"}).unsuited(study, tiny()) == []
    unsuited = model.of({"study": "x", "first_month": "1997-03"}).unsuited(study, tiny())
    assert unsuited == [
        "`first_month` is 1997-03, when nobody came first. There are: 1997-01 (3), 1997-02 (1)."
    ]


@pytest.fixture(scope="module")
def first_month() -> pd.DataFrame:
    """First and second buying day of those who came in January 1997, from the file itself."""
    bought = pd.read_csv(ROOT / "data" / "cdnow" / "purchases.csv", parse_dates=["date"])
    days = bought[["customer_id", "date"]].drop_duplicates().sort_values(["customer_id", "date"])
    first = days.groupby("customer_id")["date"].nth(0).to_numpy()
    table = pd.DataFrame({"first": first}, index=days["customer_id"].unique())
    later = days[days["customer_id"].duplicated()].drop_duplicates("customer_id")
    table["second"] = later.set_index("customer_id")["date"]
    return table[table["first"] < "1997-02-01"]


@pytest.fixture(scope="module")
def manifest(study: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    (job,) = plan(study, ["loyalty"], {})
    made = make(job, out=tmp_path_factory.mktemp("out"))
    assert (made.status, made.cause) == ("ok", "")
    html = made.page.read_text(encoding="utf-8")
    assert "Undescribed figure" not in html
    assert "Notes from the program" not in html
    assert html.count("<img") == 1
    read: dict[str, Any] = json.loads((made.page.parent / "manifest.json").read_text())
    assert read["tables"] == {"back": 5}
    assert read["failure"] is None
    return read


def test_the_share_of_the_page_is_a_plain_count(
    manifest: dict[str, Any], first_month: pd.DataFrame
) -> None:
    # Everybody was watched for more than 90 days, so nobody is censored before.
    soon = first_month["second"] - first_month["first"] <= pd.Timedelta(days=90)
    assert (int(soon.sum()), len(soon)) == (232, 781)
    (found, quarter) = manifest["findings"]
    assert found["estimate"] == pytest.approx(232 / 781, abs=1e-12)
    assert (found["n"], found["customers"]) == (781, 781)
    assert found["text"].startswith("30% of the customers who first bought in 1997-01")
    # 0.25 * 781 = 195.25: the 196th to come back did so on day 53.
    gaps = (first_month["second"] - first_month["first"]).dt.days.sort_values()
    assert gaps.iloc[195] == 53
    assert quarter["text"] == "A quarter of them had bought again by day 53."


def test_with_customers_lost_from_sight_it_is_what_lifelines_says(
    study: Study, first_month: pd.DataFrame, tmp_path: Path
) -> None:
    from lifelines import KaplanMeierFitter

    end = pd.Timestamp("1997-04-21")
    returned = first_month["second"] < end
    days = (first_month["second"].where(returned, end) - first_month["first"]).dt.days
    fitted = KaplanMeierFitter().fit(days, returned)
    survived = float(fitted.survival_function_at_times(90).iloc[0])
    low, high = fitted.confidence_interval_.loc[:90].iloc[-1]
    # 201 of 781 were lost from sight before 90 days, not yet back, so a plain count differs.
    assert int(((days < 90) & ~returned).sum()) == 201
    assert 1 - survived - (returned & (days <= 90)).mean() > 0.0004

    (job,) = plan(study, ["loyalty"], {"seen_until": "1997-04-20"})
    made = make(job, out=tmp_path)
    read = json.loads((made.page.parent / "manifest.json").read_text())
    found = read["findings"][0]
    assert found["estimate"] == pytest.approx(1 - survived, abs=1e-12)
    assert (found["conf_low"], found["conf_high"]) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    (guard,) = [guard for guard in read["guards"] if guard["name"] == "Followed long enough"]
    assert guard["status"] == "warned"
    assert guard["found"].startswith("201 of 781 customers")


# The notebook


def test_defaults_are_those_of_the_model(model: Any, cells: list[Any]) -> None:
    (cell,) = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    defaults = {
        node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[attr-defined]
        for node in ast.parse(cell.source).body
    }
    assert set(defaults) == set(model.model_fields)
    assert model.of(defaults).plain() == defaults
    assert model.of({"study": defaults["study"]}).plain() == defaults


def test_nothing_of_a_run_is_committed(cells: list[Any]) -> None:
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(code) >= 5
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert any("limits" in cell.metadata.get("tags", []) for cell in cells)


def test_plain_papermill_in_its_folder_is_checked_too(tmp_path: Path) -> None:
    command = (
        "import papermill, sys; papermill.execute_notebook('loyalty.ipynb', sys.argv[1], "
        "parameters={'within_dayz': 30}, progress_bar=False)"
    )
    done = subprocess.run(
        [sys.executable, "-c", command, str(tmp_path / "out.ipynb")],
        capture_output=True, text=True, cwd=FOLDER, env=dict(os.environ), check=False,
    )  # fmt: skip
    assert done.returncode == 1
    said = re.search(r"cd data/own-report && papermill.*\n\.\.\.\n(ParameterError: .*\n.*)", README)
    assert said is not None
    assert said[1] in done.stderr


# What the tutorial says


def test_its_python_is_that_of_the_files(cells: list[Any]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 5
    source = (FOLDER / "loyalty.py").read_text(encoding="utf-8")
    code = [f"{cell.source}\n" for cell in cells if cell.cell_type == "code"]
    for block in blocks:
        assert any(block in whole for whole in (source, *code)), block


def test_its_yaml_is_that_of_the_study() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    assert (FOLDER / "study.yaml").read_text(encoding="utf-8").endswith(block)


def test_the_description_is_the_real_one(model: Any) -> None:
    (said,) = re.findall(r"\$ journeykit describe [^\n]*\n(.*?)```", README, flags=re.DOTALL)
    assert said == f"{describe(model)}\n"


def test_the_findings_are_those_of_the_page(manifest: dict[str, Any]) -> None:
    said = re.findall(r"^> (.*)$", README, flags=re.MULTILINE)
    assert said == [found["text"] for found in manifest["findings"]]


MISTAKES = re.findall(
    r"\$ journeykit (run data/own-report loyalty .*)\n((?:.+\n)+?)(?=\n|```)", README
)


def test_mistakes_are_found_in_the_tutorial() -> None:
    assert len(MISTAKES) == 4


@pytest.mark.parametrize(("command", "said"), MISTAKES)
def test_mistakes_are_answered_as_it_says(command: str, said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from journeykit.cli import main; main()", *shlex.split(command),
         "--out", str(tmp_path / "reports")],
        capture_output=True, text=True, cwd=ROOT, env=dict(os.environ), check=False,
    )  # fmt: skip
    assert done.returncode == 2
    # The study's path is told in full.
    assert done.stderr.replace(f"{ROOT}/", "") == said
    assert not (tmp_path / "reports").exists()


def test_dates_are_checked(model: Any) -> None:
    with pytest.raises(ParameterError, match="`seen_until` .*; got 'soon'"):
        model.of({"study": "x", "seen_until": "soon"})
    with pytest.raises(ParameterError, match="`first_month` must be a month such as"):
        model.of({"study": "x", "first_month": "1997-13"})
