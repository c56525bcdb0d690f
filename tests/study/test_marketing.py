"""What channels cost and who was held out, as a study declares them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journeykit.errors import DataError, MappingError, StudyError
from journeykit.report.inputs import inputs_of
from journeykit.report.jobs import plan
from journeykit.study import Study, load_study

STUDY = """\
name: tiny
events: {source: events.csv, customer: who, time: at, touchpoint: what}
window: {from: 2026-01-02, to: 2026-01-04}
"""
SPEND = "spend: {source: spend.csv, channel: medium, cost: paid, day: on}\n"
TESTED = (
    "experiments: {source: tests.csv, customer: [shop, who], channel: test, held_out: no ads}\n"
)


def study(folder: Path, more: str = "", **tables: str) -> Study:
    (folder / "events.csv").write_text("who,at,what\n1,2026-01-02,visit\n")
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    (folder / "study.yaml").write_text(STUDY + more)
    return load_study(folder)


def test_costs_are_those_of_the_days_of_the_window(tmp_path: Path) -> None:
    table = (
        "medium,on,paid\n"
        "mail,2026-01-01,100\nmail,2026-01-02,1.5\nmail,2026-01-03,2\nmail,2026-01-04,100\n"
        "007,2026-01-03,0\n"
    )
    found = study(tmp_path, SPEND, spend=table).spend()
    assert found.to_dict("list") == {"channel": ["007", "mail"], "cost": [0.0, 3.5]}
    whole = study(tmp_path, SPEND.replace(", day: on", ""), spend=table).spend()
    assert whole.set_index("channel")["cost"].to_dict() == {"007": 0.0, "mail": 203.5}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("medium,on,paid\nmail,2026-01-02,-1\n", "at least 0; 1 of 1 rows are not, such as -1"),
        ("medium,on,paid\nmail,2026-01-02,free\n", "such as 'free'"),
        ("medium,on,paid\nmail,soon,1\n", "must be dates such as 2026-01-31; column 'on'"),
        ("medium,on,paid\n,2026-01-02,1\n", "column 'medium' is empty in 1 rows"),
    ],
)
def test_costs_that_cannot_be_used(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        study(tmp_path, SPEND, spend=table).spend()


def test_costs_of_a_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"columns of spend\.csv that do not exist: 'paid'"):
        study(tmp_path, SPEND, spend="medium,on,cost\nmail,2026-01-02,1\n").spend()
    with pytest.raises(StudyError, match="`spend` is missing"):
        study(tmp_path).spend()


def test_who_was_held_out(tmp_path: Path) -> None:
    table = (
        "shop,who,test,arm\n"
        "a,01,mail,no ads\na,01,sms,ads\nb,01,mail,more ads\nb,01,mail,more ads\n"
    )
    found = study(tmp_path, TESTED, tests=table).assignments()
    assert found.to_dict("list") == {
        "customer_id": ["a/01", "a/01", "b/01"],
        "channel": ["mail", "sms", "mail"],
        "held_out": [True, False, False],
    }


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("shop,who,test,arm\na,1,mail,no ads\na,1,mail,ads\n", "one arm in a channel; 1 customers"),
        ("shop,who,test,arm\na,1,mail,ads\n", "nobody is in that arm; column 'arm' says ads"),
        ("shop,who,test,arm\na,,mail,no ads\n", "column 'who' is empty in 1 rows"),
    ],
)
def test_arms_that_cannot_be_used(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        study(tmp_path, TESTED, tests=table).assignments()
    with pytest.raises(StudyError, match="`experiments` is missing"):
        study(tmp_path).assignments()


def test_the_demo_has_both() -> None:
    demo = load_study("demo")
    truth = json.loads((demo.path.parent / "truth.json").read_text())["truth"]
    costs = demo.spend().set_index("channel")["cost"]
    assert costs.to_dict() == truth["spend"]["cost"]
    arms = demo.assignments().groupby("channel")["held_out"].agg(["sum", "size"])
    assert arms.loc["email_promo"].tolist() == [502, 4_800]


def test_a_report_is_made_again_when_costs_change(tmp_path: Path) -> None:
    made = study(tmp_path, SPEND, spend="medium,on,paid\nmail,2026-01-02,1\n")
    before = inputs_of(plan(made, ["paths"], {})[0])
    (tmp_path / "spend.csv").write_text("medium,on,paid\nmail,2026-01-02,2\n")
    after = inputs_of(plan(made, ["paths"], {})[0])
    assert before["data"] == after["data"]
    assert before["study"] != after["study"]
