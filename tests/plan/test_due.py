"""Steps that are due at a time of their own, and what ends a case; on real courses too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from journeykit.errors import DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.plan import Plan, deviations, read_plan, rules_kept
from journeykit.study import load_study
from journeykit.survival import churn_rule, churn_start, kaplan_meier, lifetimes
from tests.studies.oulad.derive import KEY, derive, submissions

PLAN = Plan(name="course", steps=[{"step": "essay", "repeat": True, "due": "due"}])
#: One hands in a day early, at the very time, and a day late; the other without a due time.
TWO = Journeys(
    names=("essay", "talk"),
    touchpoint=np.array([0, 0, 1, 0, 0], dtype=np.uint8),
    start=np.array([0, 4, 5]),
    time=np.array([1, 3, 4, 8, 2]) * DAY,
    observed_to=np.array([9, 9]) * DAY,
    columns={
        "due": (np.array([2, 3, 1, 7, 0]) * DAY).astype("datetime64[us]"),
        "mark": np.arange(5.0),
    },
)


def test_due_times_by_hand() -> None:
    columns = {**TWO.columns, "due": TWO.columns["due"].copy()}
    columns["due"][-1] = np.datetime64("NaT")
    kept = rules_kept(TWO.replace(columns=columns), PLAN, small_cell=1).frame.iloc[0]
    assert kept[["rule", "kind"]].tolist() == ["essay by its due", "due"]
    counts = kept[["n_fired", "n_open", "n", "n_honoured", "n_late", "n_never", "n_customers"]]
    assert counts.tolist() == [3, 0, 3, 2, 1, 0, 1]
    assert kept[["median_days", "within_days"]].isna().all()


def test_due_times_that_are_none() -> None:
    other = PLAN.model_copy(
        update={"steps": (PLAN.all_steps[0].model_copy(update={"due": "mark"}),)}
    )
    with pytest.raises(DataError, match="'mark' must hold times .* it holds float64"):
        rules_kept(TWO, other)
    other = PLAN.model_copy(update={"steps": (PLAN.all_steps[0].model_copy(update={"due": "x"}),)})
    with pytest.raises(MappingError, match="`due` names event columns that do not exist: 'x'"):
        rules_kept(TWO, other)


def test_submissions_of_real_courses(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """29.16 % of 169,138 submissions came after their due day: counted in the tables themselves."""
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "cache"))
    derive(shared / "data" / "oulad", tmp_path / "oulad")
    study = load_study(tmp_path / "oulad")
    with pytest.warns(match="share customer and time"):
        journeys = study.journeys()
    kept = rules_kept(journeys, read_plan(study.plan_files()[0])).frame.iloc[0]
    assert (kept["n"], kept["n_late"]) == (169_138, 49_318)
    assert kept["late"] == pytest.approx(0.2916, abs=5e-5)
    assert kept["late_low"] < 0.2916 < kept["late_high"]
    # Who left on day 0 or before is not followed; late registrations enter late: as in R.
    lives = lifetimes(journeys, churn=churn_rule(study.churn), start=churn_start(study.churn))
    assert (len(lives.frame), lives.frame["event"].sum()) == (29_496, 6_974)
    read = kaplan_meier(lives).survival_at([30, 100, 200]).frame
    assert read["estimate"].round(4).tolist() == [0.9310, 0.8577, 0.7813]


def test_assignments_left_out_are_those_that_the_tables_lack(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "cache"))
    tables = shared / "data" / "oulad"
    derive(tables, tmp_path / "oulad")
    study = load_study(tmp_path / "oulad")
    with pytest.warns(match="share customer and time"):
        journeys = study.journeys()
    found = deviations(journeys, read_plan(study.plan_files()[1]))
    told = submissions(tables)
    told = told[told["touchpoint"].str.fullmatch(r"FFF TMA \d")]
    n = told.groupby(KEY).ngroups
    handed_in = told.drop_duplicates([*KEY, "touchpoint"])["touchpoint"].value_counts()
    assert (len(found.cases), found.n_open, found.n_unseen) == (n, 0, 0)
    missing = found.frame[found.frame["type"] == "missing"].set_index("step")["n_event"]
    for step, left_out in missing.items():
        assert left_out == n - handed_in[step]


def test_an_event_that_ends_cases_closes_the_case_before_it() -> None:
    plan = Plan(name="x", steps=["a", "b"], ends=["z"])
    lived = Journeys(
        names=("a", "b", "z"),
        touchpoint=np.array([0, 2, 0, 1, 0, 2, 1], dtype=np.uint8),
        start=np.array([0, 2, 4, 7]),
        time=np.array([1, 2, 1, 2, 1, 2, 3]) * DAY,
        observed_from=np.zeros(3, dtype=np.int64),
        observed_to=np.full(3, 9 * DAY),
        window=(0, 9 * DAY),
    ).replace(observed_from=np.full(3, DAY // 2))
    # The first is over without b; the second never was; in the third b came late, after the end.
    found = deviations(lived, plan, small_cell=1)
    assert (len(found.cases), found.n_open) == (2, 1)
    assert found.frame[["type", "step", "n_event", "n"]].to_numpy().tolist() == [
        ["missing", "b", 1, 2]
    ]
