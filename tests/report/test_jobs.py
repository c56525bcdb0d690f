"""What is to be made: sweeps, reports of one's own, and jobs that do not suit the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeykit.errors import MappingError, ParameterError, StudyError
from journeykit.report.jobs import job_from, plan, sweep_values, verify
from journeykit.report.registry import report_of
from journeykit.study import Study, load_study

STUDY = """\
name: own
events: {source: e.csv, customer: who, time: at, touchpoint: what}
reports:
  paths: {order: 2}
"""
MODEL = """\
from typing import Annotated, ClassVar
from pydantic import Field
from journeykit.report import Month, Parameters

class LoyaltyParameters(Parameters):
    \"\"\"Who comes back.\"\"\"
    report: ClassVar[str] = "loyalty"
    within_days: Annotated[int, Field(ge=1, le=365, description="Days.")] = 90
    since: Month | None = None
"""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "loyalty.ipynb").write_text("{}")
    (tmp_path / "loyalty.py").write_text(MODEL)
    (tmp_path / "notes.ipynb").write_text("{}")
    rows = [f"c{i},2017-0{1 + i % 3}-01,{'buy' if i % 2 else 'visit'}" for i in range(30)]
    (tmp_path / "e.csv").write_text("\n".join(["who,at,what", *rows, ""]))
    return load_study(tmp_path)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a,b", ["a", "b"]),
        ("a", ["a"]),
        (" a , b ", ["a", "b"]),
        ('income=1,"income=2,000"', ["income=1", "income=2,000"]),
        ("2026-11..2027-02", ["2026-11", "2026-12", "2027-01", "2027-02"]),
        ("2026-03..2026-03", ["2026-03"]),
        # No months, so two texts.
        ("2026-13..2027-01", ["2026-13..2027-01"]),
    ],
)
def test_what_a_sweep_goes_through(text: str, values: list[str]) -> None:
    assert sweep_values(text) == values


@pytest.mark.parametrize("text", ["", "a,,b", "a,a"])
def test_a_sweep_without_different_values_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="`--sweep` needs different values such as"):
        sweep_values(text)


def test_months_that_run_backwards() -> None:
    with pytest.raises(ParameterError, match="goes from an earlier month to a later; got '2026-03"):
        sweep_values("2026-03..2026-01")


def test_sweeps_are_combined_and_each_report_takes_what_it_has(study: Study) -> None:
    jobs = plan(
        study,
        ["paths", "loyalty"],
        {"top": "3"},
        sweep={"month": ["2017-01", "2017-02"], "order": ["1", "3"], "within_days": ["30", "60"]},
    )
    names = ("month", "order", "top")
    assert [
        (job.report, *(getattr(job.parameters, name, None) for name in names)) for job in jobs
    ] == [
        ("paths", "2017-01", 1, 3), ("paths", "2017-01", 3, 3),
        ("paths", "2017-02", 1, 3), ("paths", "2017-02", 3, 3),
        ("loyalty", None, None, None), ("loyalty", None, None, None),
    ]  # fmt: skip
    assert [getattr(job.parameters, "within_days", None) for job in jobs][-2:] == [30, 60]


def test_a_report_without_the_swept_parameter_is_made_once(study: Study) -> None:
    jobs = plan(study, ["paths", "loyalty"], {}, sweep={"month": ["2017-01", "2017-02"]})
    assert [job.report for job in jobs] == ["paths", "paths", "loyalty"]


@pytest.mark.parametrize(
    ("given", "sweep", "message"),
    [
        ({}, {"mnth": ["a"]}, "`mnth` is no parameter of paths. Did you mean 'month'?"),
        ({"order": "1"}, {"order": ["1"]}, "`order` is given and swept at once; keep one."),
        ({}, {"month": ["2017-1"]}, "`month` must be a month such as 2026-03; got '2017-1'."),
        ({}, {"order": ["1", "9"]}, "`order` must be at most 3; got '9'."),
    ],
)
def test_mistakes_in_a_sweep(
    given: dict[str, object], sweep: dict[str, list[str]], message: str, study: Study
) -> None:
    with pytest.raises(ParameterError) as caught:
        plan(study, ["paths"], given, sweep=sweep)
    assert message in str(caught.value)


def test_a_report_of_ones_own_is_found_beside_the_study(study: Study) -> None:
    (job,) = plan(study, ["loyalty"], {"within_days": "30"})
    assert (job.report, job.notebook.name) == ("loyalty", "loyalty.ipynb")
    assert job.parameters.plain()["within_days"] == 30
    assert job_from(job.to_json()).to_json() == job.to_json()
    with pytest.raises(ParameterError, match="`within_days` must be at most 365; got '999'."):
        plan(study, ["loyalty"], {"within_days": "999"})
    with pytest.raises(MappingError) as caught:
        plan(study, ["loyalti"], {})
    assert "Did you mean 'loyalty'?" in str(caught.value)
    # A notebook without a model beside it is no report.
    assert (
        "There are: journey_map, paths, stages, plan_vs_actual, survival, attribution, loyalty."
        in str(caught.value)
    )
    with pytest.raises(MappingError, match="There is no report 'summary'"):
        report_of("summary", study)


def test_notebooks_may_have_a_folder_of_their_own(study: Study) -> None:
    folder = study.path.parent / "notebooks"
    folder.mkdir()
    for name in ("loyalty.ipynb", "loyalty.py"):
        (study.path.parent / name).rename(folder / name)
    assert report_of("loyalty", study).notebook == folder / "loyalty.ipynb"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("import nothing_of_this_name", "cannot be loaded: ModuleNotFoundError"),
        ("x = 1", "must hold one subclass of `journeykit.report.Parameters`"),
        (MODEL.replace('"loyalty"', '"loyal"'), "it holds none."),
        (MODEL + MODEL.replace("Loyalty", "Other"), "it holds 2."),
    ],
)
def test_a_model_that_is_none_is_told(code: str, message: str, study: Study) -> None:
    (study.path.parent / "loyalty.py").write_text(code)
    with pytest.raises(ParameterError, match="loyalty.py: ") as caught:
        report_of("loyalty", study)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "kpis: {paths.succes: {fail_below: 0.1}}",
            "`kpis.paths.succes` is no KPI of its reports. Did you mean 'paths.success'?",
        ),
        ("kpis: {survival.leaving: {fail_above: 0.1}}", "There are: paths.success."),
    ],
)
def test_bands_of_a_kpi_that_no_report_has(line: str, message: str, study: Study) -> None:
    study.path.write_text(f"{STUDY}{line}\n")
    with pytest.raises(StudyError) as caught:
        plan(load_study(study.path), [], {})
    assert message in str(caught.value)


@pytest.fixture
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("_cache")
def test_one_bad_month_of_a_sweep_does_not_stop_the_others(study: Study) -> None:
    jobs = plan(study, ["paths"], {}, sweep={"month": ["2017-01", "2017-07"]})
    refused = [job.refused for job in verify(jobs)]
    assert refused == ["", "`month` is 2017-07, and no event lies in it."]
    with pytest.raises(ParameterError, match="paths: `month` is 2017-07, and no event lies in it"):
        verify(jobs[1:])


@pytest.mark.usefixtures("_cache")
def test_stale_data_are_a_banner_or_a_refusal(study: Study) -> None:
    for then, refuses in (("banner", False), ("refuse", True)):
        study.path.write_text(f"{STUDY}freshness: {{newest_within_days: 7, then: {then}}}\n")
        (job,) = verify(plan(load_study(study.path), [], {}))
        # Said once: as a banner, or as the reason why there is no report.
        assert (len(job.banners), bool(job.refused)) == ((0, True) if refuses else (1, False))
        said = job.refused or job.banners[0]
        assert said.startswith("The newest event is ")
        assert said.endswith(" days old (2017-03-01); the study allows 7.")
