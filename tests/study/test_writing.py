"""A study written from journeys is read back as the same journeys."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from journeykit.errors import DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.report.jobs import plan
from journeykit.study import Study, load_study
from journeykit.study.writing import write_study

DAY = 86_400_000_000


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", ["complete-journey", "cdnow", "own-report"])
def test_shipped_studies_come_back_the_same(name: str, tmp_path: Path) -> None:
    study = load_study(name)
    journeys = study.journeys()
    written = write_study(study, journeys, tmp_path / "w")
    assert written.journeys().fingerprint == journeys.fingerprint
    assert written.window == study.window
    assert (written.model.outcome, written.model.churn) == (study.model.outcome, study.model.churn)
    assert written.catalogue == study.catalogue
    assert [job.parameters.told() for job in plan(written, [], {})] == [
        job.parameters.told() for job in plan(study, [], {})
    ]


STUDY = """\
name: made
time_zone: Europe/Berlin
events: {source: e.csv, customer: c, time: t, touchpoint: p}
freshness: {newest_within_days: 1, then: refuse}
volume: {per: day}
outcome: {conversions: [buy], lookback_days: 7}
kpis: {paths.success: {fail_below: 0.00001}}
reports:
  paths: {segment: , order: "2"}
"""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "study.yaml").write_text(STUDY)
    return load_study(tmp_path)


def tied(clock: str) -> Journeys:
    """Three customers with ties that no name would put in this order, one of the future."""
    begin = 4_000_000_000_000_000 // DAY * DAY
    unit = DAY if clock == "day" else 1_000_003
    time = begin + unit * np.array([3, 3, 3, 5, 1, 1, 9])
    return Journeys(
        names=("buy", "cart", "visit"),
        touchpoint=np.array([2, 0, 1, 2, 1, 0, 0], dtype=np.uint8),
        start=np.array([0, 4, 6, 7]),
        time=time,
        customer_id=pa.array(["007", "no", "ü/b"]),
        observed_from=begin + unit * np.array([0, 1, 2]),
        observed_to=begin + unit * np.array([20, 8, 20]),
        attributes=pa.table(
            {
                "since": pa.array([date(2020, 1, 1), None, date(2021, 1, 1)]),
                "second": pa.array([1, None, 3], type=pa.timestamp("us")),
                "plan": ["a", "b", None],
                "old": [True, False, None],
                "empty": pa.nulls(3),
            }
        ),
        columns={
            "value": np.array([1, 2, 3, 4, 5, 6, -7]),
            "weight": np.array([0.1, np.nan, 2, 3, 4, 5, 6]),
            "note": np.array(["x", None, "y", "", "z", "z", "ü"], dtype=object),
        },
        window=(begin, begin + unit * 20),
        clock=clock,
    )


@pytest.mark.parametrize("clock", ["instant", "day"])
def test_ties_types_and_spans_come_back_the_same(clock: str, study: Study, tmp_path: Path) -> None:
    journeys = tied(clock)
    written = write_study(study, journeys, tmp_path / "w")
    back = written.journeys()
    assert back.fingerprint == journeys.fingerprint
    assert back.touchpoint.tolist() == journeys.touchpoint.tolist()
    assert (back.window, back.clock) == (journeys.window, clock)
    # Made-up data are neither stale nor few.
    assert (written.model.freshness, written.model.volume) == (None, None)
    assert written.model.kpis == study.model.kpis
    assert written.reports == {"paths": {"segment": None, "order": "2"}}


def test_times_of_a_csv_file_come_back_the_same(study: Study, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("c,t,p\na,2020-01-01,buy\nb,2020-01-02,buy\n")
    (tmp_path / "c.csv").write_text("c,until\na,2020-05-01 10:00:00\nb,\n")
    customers = "customers: {source: c.csv, customer: c, attributes: [until]}\n"
    (tmp_path / "study.yaml").write_text(STUDY + customers)
    read = load_study(tmp_path)
    written = write_study(read, read.journeys(), tmp_path / "w")
    assert written.journeys().fingerprint == read.journeys().fingerprint


def test_reports_of_ones_own_are_found_with_what_they_import(tmp_path: Path, study: Study) -> None:
    own = tmp_path / "notebooks"
    (own / "parts").mkdir(parents=True)
    for name in ("mine.ipynb", "mine.py", "parts/__init__.py"):
        (own / name).write_text("x")
    write_study(study, tied("day"), tmp_path / "w")
    assert {path.name for path in (tmp_path / "w" / "notebooks").rglob("*") if path.is_file()} == {
        "mine.ipynb", "mine.py", "__init__.py",
    }  # fmt: skip


def test_what_cannot_be_written_is_said(study: Study, tmp_path: Path) -> None:
    whole = tied("instant")
    cut = whole.replace(
        start=np.array([0, 1, 4, 6]), customer_index=np.array([0, 0, 1]), time=None,
        touchpoint=whole.touchpoint[:6], columns={}, customer_id=pa.array(["a", "b"]),
    )  # fmt: skip
    with pytest.raises(NotObservedError, match="`write_study` needs the time of each event"):
        write_study(study, cut, tmp_path / "w")
    with pytest.raises(DataError, match="must be one journey a customer .* 3 of 2 customers"):
        write_study(study, cut.replace(time=whole.time[:6]), tmp_path / "w")
    with pytest.raises(DataError, match="must have an event to be written as a study; got none"):
        write_study(study, whole.take(np.zeros(3, dtype=bool)), tmp_path / "w")
