from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field

from journeykit.errors import MappingError, ParameterError, StudyError
from journeykit.report import REPORTS, Parameters, PathsParameters, SurvivalParameters, plan
from journeykit.report.registry import report_of
from journeykit.study import load_study


def test_text_is_typed() -> None:
    p = PathsParameters.of({"study": "here", "order": "2", "segment": "income=75-99K"})
    assert (p.study, p.order, p.top, p.segment) == (Path("here"), 2, 10, "income=75-99K")
    assert p.plain() == {
        "study": "here", "segment": "income=75-99K", "month": None, "outcome": None, "anchor": None,
        "steps": None, "window": None, "group": None, "order": 2, "top": 10,
    }  # fmt: skip


def test_empty_text_means_not_given() -> None:
    assert SurvivalParameters.of({"study": "x", "group": "", "horizon_days": ""}).group is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"ordr": "2"},
            "`ordr` is not known. Did you mean 'order'? Known here: study, segment, month, "
            "outcome, anchor, steps, window, group, order, top.",
        ),
        ({"order": "two"}, "`order` must be a whole number; got 'two'."),
        ({"order": "1.5"}, "`order` must be a whole number; got '1.5'."),
        ({"order": "4"}, "`order` must be at most 3; got '4'."),
        ({"order": 0}, "`order` must be at least 1; got 0."),
        ({"order": None}, "`order` must be a whole number; got None."),
        ({"top": "51"}, "`top` must be at most 50; got '51'."),
        ({"segment": "income"}, "`segment` must look like `attribute=value`; got 'income'."),
        ({"segment": "=x"}, "`segment` must look like `attribute=value`; got '=x'."),
        ({"order": "x" * 200}, "got 'xxx"),
    ],
)
def test_mistakes(given: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        PathsParameters.of({"study": "x", **given})
    assert str(caught.value).startswith("Parameters of the report `paths`:\n  `")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 250


def test_study_is_required() -> None:
    with pytest.raises(ParameterError, match="`study` is required and missing"):
        PathsParameters.of({})


def test_a_notebook_is_checked_by_its_variables() -> None:
    lab = {"study": "x", "order": 2, "In": ["", "order = 2"], "pd": object(), "ordr": 3}
    assert PathsParameters.from_notebook(lab).order == 2


def test_what_papermill_injects_must_be_known() -> None:
    injected = {"study": "x", "order": 1, "ordr": 2, "In": ["", "# Parameters\nordr = 2\n"]}
    with pytest.raises(ParameterError, match="`ordr` is not known. Did you mean 'order'"):
        PathsParameters.from_notebook(injected)


def test_ones_own_notebook_subclasses_one_model() -> None:
    class Mine(Parameters):
        report: ClassVar[str] = "mine"
        speed: Annotated[Literal["slow", "fast"], Field(description="How.")] = "slow"
        strict: bool = False

    assert Mine.of({"study": "x", "strict": "true"}).strict is True
    with pytest.raises(
        ParameterError,
        match="`speed` must be one of 'slow' or 'fast'; got 'fats'. Did you mean 'fast'",
    ):
        Mine.of({"study": "x", "speed": "fats"})
    with pytest.raises(ParameterError, match="`strict` must be true or false; got 'maybe'"):
        Mine.of({"study": "x", "strict": "maybe"})


def test_unknown_report() -> None:
    assert list(REPORTS) == [
        "journey_map",
        "paths",
        "stages",
        "plan_vs_actual",
        "survival",
        "attribution",
    ]
    with pytest.raises(MappingError, match="no report 'path'. Did you mean 'paths'"):
        report_of("path")


@pytest.fixture
def study_with(tmp_path: Path):  # type: ignore[no-untyped-def]
    def make(reports: str):  # type: ignore[no-untyped-def]
        (tmp_path / "study.yaml").write_text(
            "name: t\nevents: {source: e, customer: c, time: t, touchpoint: p}\n"
            f"reports: {reports}\n"
        )
        return load_study(tmp_path)

    return make


def planned(jobs: tuple[object, ...]) -> Mapping[str, Mapping[str, object]]:
    return {job.report: job.parameters.plain() for job in jobs}  # type: ignore[attr-defined]


def test_the_study_lists_reports_and_parameters(study_with) -> None:  # type: ignore[no-untyped-def]
    study = study_with("{survival: {group: income}, paths: }")
    jobs = planned(plan(study, [], {}))
    assert list(jobs) == ["survival", "paths"]
    assert jobs["survival"]["group"] == "income"
    assert jobs["survival"]["study"] == str(study.path)


def test_the_command_line_wins_where_a_report_has_the_parameter(study_with) -> None:  # type: ignore[no-untyped-def]
    study = study_with("{survival: {segment: a=1}, paths: {order: 2}}")
    jobs = planned(plan(study, [], {"order": "3", "segment": "b=2"}))
    assert (jobs["survival"]["segment"], jobs["paths"]["segment"]) == ("b=2", "b=2")
    assert jobs["paths"]["order"] == 3
    assert list(planned(plan(study, ["attribution"], {}))) == ["attribution"]


def test_all_reports_that_ship_by_default(study_with) -> None:  # type: ignore[no-untyped-def]
    assert list(planned(plan(study_with("{}"), [], {}))) == ["paths", "survival", "attribution"]


def test_mistakes_in_the_plan(study_with) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(
        ParameterError, match="`ordr` is no parameter of paths. Did you mean 'order'"
    ):
        plan(study_with("{paths: {}}"), [], {"ordr": "2"})
    with pytest.raises(ParameterError, match="`study` is no parameter of paths"):
        plan(study_with("{paths: {}}"), [], {"study": "other"})
    with pytest.raises(MappingError, match="no report 'pats'. Did you mean 'paths'"):
        plan(study_with("{paths: {}}"), ["pats"], {})


def test_mistakes_in_the_study_name_its_file(study_with) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(
        StudyError, match="study.yaml, `reports`: Parameters .*\n.*`ordr` is not known"
    ):
        plan(study_with("{paths: {ordr: 2}}"), [], {})
    with pytest.raises(StudyError, match="study.yaml, `reports`: There is no report 'pats'"):
        plan(study_with("{pats: {}}"), ["survival"], {})


def test_readers_are_told_what_is_not_the_default() -> None:
    made = PathsParameters.of({"study": "x", "order": "2", "segment": "age=35-44"})
    assert made.told() == ["age=35-44", "order 2"]
    assert PathsParameters.of({"study": "x"}).told() == ["all customers"]


def month_of(
    tmp_path: Path, month: str, *, time_zone: str = "UTC", day_clock: bool = False
) -> list[str]:
    """Days and hours of the events that a report about a month is made of."""
    times = ["2026-01-31 23:30", "2026-02-01 00:30", "2026-02-28 23:30", "2026-03-01 00:30"]
    rows = [time[:10] if day_clock else time for time in times]
    (tmp_path / "e.csv").write_text("c,t,p\n" + "".join(f"a,{time},x\n" for time in rows))
    (tmp_path / "study.yaml").write_text(
        f"name: s\ntime_zone: {time_zone}\n"
        "events: {source: e.csv, customer: c, time: t, touchpoint: p}\n"
    )
    study = load_study(tmp_path)
    parameters = PathsParameters.of({"study": study.path, "month": month})
    assert parameters.unsuited(study, study.journeys()) == []
    journeys = parameters.choose(study)
    return [str(time)[:13] for time in journeys.time.astype("datetime64[us]")]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["2026-02-01T00", "2026-02-28T23"]),
        # Written in Tokyo's time; February there is from 15:00 UTC to 15:00 UTC.
        ({"time_zone": "Asia/Tokyo"}, ["2026-01-31T15", "2026-02-28T14"]),
        ({"time_zone": "Asia/Tokyo", "day_clock": True}, ["2026-02-01T00", "2026-02-28T00"]),
    ],
)
def test_a_month_is_that_of_the_study(
    options: dict[str, Any], found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "cache"))
    assert month_of(tmp_path, "2026-02", **options) == found


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-2", "26-02", "2026-02-01", "02/2026", "0000-01"]
)
def test_what_is_no_month(month: str) -> None:
    with pytest.raises(ParameterError, match="`month` must be a month such as 2026-03; got"):
        PathsParameters.of({"study": "x", "month": month})


def test_covariates_and_windows_are_lists_in_text() -> None:
    given = SurvivalParameters.of({"study": "x", "covariates": "plan, age", "windows": "3,10"})
    assert given.modelled() == ("plan", "age")
    assert given.windows_days() == (3, 10)


def test_the_group_is_modelled_where_no_covariate_is_named() -> None:
    assert SurvivalParameters.of({"study": "x", "group": "plan"}).modelled() == ("plan",)
    assert SurvivalParameters.of({"study": "x", "group": "p", "covariates": "q"}).modelled() == (
        "q",
    )
    assert SurvivalParameters.of({"study": "x"}).modelled() == ()


@pytest.mark.parametrize("windows", ["", "3, 7", "7, 7", "14, 7", "0, 7", "1.5", "week", "-3, 7"])
def test_windows_must_grow(windows: str) -> None:
    with pytest.raises(ParameterError, match="`windows`"):
        SurvivalParameters.of({"study": "x", "windows": windows})


def test_a_silence_is_refused_where_leaving_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("c,t,p\na,2026-01-01,x\na,2026-01-02,gone\n")
    (tmp_path / "study.yaml").write_text(
        "name: s\nevents: {source: e.csv, customer: c, time: t, touchpoint: p}\n"
        "churn: {rule: touchpoint, touchpoint: gone}\n"
    )
    study = load_study(tmp_path)
    given = SurvivalParameters.of({"study": study.path, "threshold_days": "30"})
    assert given.unsuited(study, study.journeys()) == [
        "`threshold_days` is a silence that counts as leaving, but the study's rule is "
        "'touchpoint'; leave it out."
    ]
