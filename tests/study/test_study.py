from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from journeykit.errors import StudyError
from journeykit.study import load_study

MINIMAL = """\
name: tiny
events: {source: events.csv, customer: who, time: at, touchpoint: what}
"""
FULL = """\
name: tiny
title: A tiny study
time_zone: Europe/Berlin
events:
  source: [a.csv, b.csv]
  customer: [site, who]
  time: at
  touchpoint: what
  columns: [value]
  attributes: segment
customers: {source: c.csv, customer: [site, who], attributes: [income], observed_from: entered}
catalogue: touchpoints.csv
window: {from: 2017-01-01, to: 2018-01-01T12:30}
outcome: {conversions: purchase, value: value, lookback_days: 30}
churn: {rule: inactivity, threshold_days: 60}
reports:
  paths: {order: 2}
"""


def load(folder: Path, text: str):  # type: ignore[no-untyped-def]
    (folder / "study.yaml").write_text(text)
    return load_study(folder)


def test_everything_is_typed(tmp_path: Path) -> None:
    (tmp_path / "touchpoints.csv").write_text("touchpoint,initiator\nmail,firm\nvisit,customer\n")
    study = load(tmp_path, FULL)
    assert study.path == tmp_path / "study.yaml"
    assert study.title == "A tiny study"
    assert study.model.events.source == ("a.csv", "b.csv")
    assert study.model.events.customer == ("site", "who")
    assert study.model.events.columns == {"value": "value"}
    assert study.model.events.attributes == ("segment",)
    assert study.outcome.conversions == ("purchase",)
    assert study.churn.threshold_days == 60
    assert study.window is not None
    assert study.window[0] == date(2017, 1, 1)
    assert study.window_text == "2017-01-01 up to 2018-01-01 12:30:00"
    assert study.reports == {"paths": {"order": "2"}}
    assert study.catalogue.firm_touchpoints() == ("mail",)
    assert repr(study) == f"<Study tiny: {tmp_path / 'study.yaml'}>"


def test_defaults(tmp_path: Path) -> None:
    study = load(tmp_path, MINIMAL)
    assert (study.title, study.model.time_zone, study.window, study.window_text) == (
        "tiny",
        "UTC",
        None,
        "",
    )
    assert len(study.catalogue) == 0
    assert study.catalogue.channel_of("anything") == "anything"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tittle: x", "`tittle` is not known. Did you mean 'title'? Known here: name, title,"),
        (
            "window: {form: 2017-01-01, to: 2018-01-01}",
            "`window.form` is not known. Did you mean 'from'?",
        ),
        ("window: {to: 2018-01-01}", "`window.from` is required and missing."),
        ("window: {from: 2018-01-01, to: 2018-01-01}", "`window` must begin before it ends"),
        (
            "window: {from: 31.01.2017, to: 2018-01-01}",
            "`window.from` must be a date such as 2017-01-31, or a time such as 2017-01-31T12:30; "
            "got '31.01.2017'.",
        ),
        (
            "time_zone: Europe/Belin",
            "`time_zone` must be a time zone such as Europe/Berlin; got 'Europe/Belin'. Did you "
            "mean 'Europe/Berlin'?",
        ),
        ("time_zone: ../etc", "`time_zone` must be a time zone"),
        ("small_cell: ten", "`small_cell` must be a whole number; got 'ten'."),
        ("small_cell: 0", "`small_cell` must be at least 1; got '0'."),
        (
            "churn: {rule: inactivty, threshold_days: 3}",
            "`churn.rule` must be one of 'inactivity', 'touchpoint' or 'contract_end'; got "
            "'inactivty'. Did you mean 'inactivity'?",
        ),
        ("churn: {rule: inactivity}", "`churn` with `rule: inactivity` needs `threshold_days`."),
        ("churn: {rule: touchpoint}", "`churn` with `rule: touchpoint` needs `touchpoint`."),
        ("churn: {rule: contract_end}", "`churn` with `rule: contract_end` needs `attribute`."),
        (
            "churn: {rule: touchpoint, touchpoint: a, start: {touchpoint: b, attribute: c}}",
            "`churn.start` needs `touchpoint` or `attribute`, one of them.",
        ),
        ("churn: soon", "`churn` must be a group of `key: value` lines; got 'soon'."),
        ("outcome: {lookback_days: 30}", "`outcome.conversions` is required and missing."),
        (
            "identities: {source: i.csv, anonymous: a, known: k, min_confidence: 2}",
            "`identities.min_confidence` must be at most 1; got '2'.",
        ),
        ("customers: {source: c.csv}", "`customers.customer` is required and missing."),
    ],
)
def test_mistakes_name_file_key_and_mend(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        load(tmp_path, f"{MINIMAL}{line}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'study.yaml'}:\n")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (
            "{source: e.csv, custmer: c, time: t, touchpoint: p}",
            "`events.custmer` is not known. Did you mean 'customer'?",
        ),
        ("{source: e.csv, time: t, touchpoint: p}", "`events.customer` is required and missing."),
        (
            "{customer: c, time: t, touchpoint: p}",
            "`events` needs either `source` (files) or `query` (a database), and not both.",
        ),
        (
            "{query: SELECT 1, customer: c, time: t, touchpoint: p}",
            "`events` needs `query` and `uri` together",
        ),
        (
            "{source: e.csv, customer: c, time: t, touchpoint: p, time_unit: dya}",
            "`events.time_unit` must be one of 'microsecond'",
        ),
    ],
)
def test_mistakes_in_events(tmp_path: Path, events: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        load(tmp_path, f"name: tiny\nevents: {events}\n")
    assert message in str(caught.value)


def test_an_address_with_a_password_is_refused_and_not_repeated(tmp_path: Path) -> None:
    events = (
        '{query: SELECT 1, uri: "postgresql://me:s3cret@h/d", customer: c, time: t, touchpoint: p}'
    )
    with pytest.raises(StudyError) as caught:
        load(tmp_path, f"name: tiny\nevents: {events}\n")
    assert "`events.uri` must be `env:NAME`" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        load(tmp_path, f"{MINIMAL}tittle: x\nsmall_cell: ten\n")
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "a\\b", "a:b"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StudyError, match="`name` names a folder of reports"):
        load(tmp_path, MINIMAL.replace("tiny", f"'{name}'"))


def test_what_is_not_declared_is_not_guessed(tmp_path: Path) -> None:
    study = load(tmp_path, MINIMAL)
    with pytest.raises(StudyError, match="`outcome` is missing; say which `conversions` count"):
        _ = study.outcome
    with pytest.raises(StudyError, match="`churn` is missing; declare the rule that counts"):
        _ = study.churn


def test_finding_a_study(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(MINIMAL)
    assert load_study(tmp_path) == load_study(tmp_path / "study.yaml")
    assert load_study("complete-journey").name == "complete-journey"
    with pytest.raises(StudyError, match="Did you mean 'complete-journey'"):
        load_study("complete-jurney")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="has no study.yaml"):
        load_study(tmp_path / "empty")


@pytest.mark.parametrize(
    "code",
    [
        "from journeykit.study import load_study; load_study('complete-journey')",
        "from journeykit.study import load_study; from journeykit.report import plan; "
        "plan(load_study('complete-journey'), [], {'order': '2'})",
        "import journeykit.cli",
        "import tempfile; from journeykit.study.scaffold import create_study; "
        "create_study(tempfile.mkdtemp())",
    ],
)
def test_checking_is_light(code: str) -> None:
    heavy = "pandas numpy seaborn lifelines statsmodels duckdb matplotlib pyarrow papermill scipy"
    script = f"{code}\nimport sys\nprint(sorted(set({heavy.split()}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_journeys_by_account_need_one(tmp_path: Path) -> None:
    text = MINIMAL.replace("touchpoint: ", "by: account, touchpoint: ")
    with pytest.raises(StudyError, match="`events` with `by: account` needs `account`"):
        load(tmp_path, text)
