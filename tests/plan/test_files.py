from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from journeykit.errors import StudyError
from journeykit.plan import Plan, read_plan, write_plan
from journeykit.plan.model import Step
from tests.plan.plans import plans

FIXTURE = {"suppress_health_check": [HealthCheck.function_scoped_fixture]}


def read(tmp_path: Path, text: str) -> Plan:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return read_plan(path)


def wrong(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(StudyError) as error:
        read(tmp_path, text)
    file, *lines = str(error.value).split("\n  ")
    assert file == f"{tmp_path / 'plan.yaml'}:"
    return lines


@given(plan=plans())
@settings(max_examples=60, deadline=None, **FIXTURE)
def test_what_is_written_is_read_back_equal(tmp_path: Path, plan: Plan) -> None:
    write_plan(plan, tmp_path / "plan.yaml")
    assert read_plan(tmp_path / "plan.yaml") == plan
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


def test_short_forms_are_kept(tmp_path: Path) -> None:
    given = {
        "name": "order",
        "pause_days": "30",
        "reaches": "pay",
        "steps": [
            "visit",
            ["look", "compare"],
            {"choice": ["call", {"step": "chat", "touchpoints": "web_chat"}], "optional": "true"},
            {"step": "pay", "within_days": "2.5"},
        ],
    }
    plan = read(tmp_path, yaml.safe_dump(given))
    write_plan(plan, tmp_path / "again.yaml")
    again = yaml.load((tmp_path / "again.yaml").read_text(), yaml.BaseLoader)
    assert again == given


def test_texts_that_look_like_numbers_or_words_stay_texts(tmp_path: Path) -> None:
    plan = Plan(name="no", steps=("007", "12:30", "null", "~"), owner=" ")
    write_plan(plan, tmp_path / "plan.yaml")
    assert read_plan(tmp_path / "plan.yaml") == plan


def test_every_mistake_has_its_place(tmp_path: Path) -> None:
    text = """
name: x
ownr: me
steps:
  - {stp: a}
  - {step: b, within_days: soon, touchpoints: {c: d}}
  - {choice: [e]}
  -
  - {step: f, together: [g, h]}
  - [i, {step: j, promise: {touchpoints: [], within_days: 0}}]
  - {in_order: k}
  - {together: [l, {step: m, optinal: true}], repeat: often}
"""
    lines = wrong(tmp_path, text)
    assert [line.split("`")[1] for line in lines] == [
        "ownr", "steps.0", "steps.1.touchpoints", "steps.1.within_days", "steps.2.choice",
        "steps.3", "steps.4", "steps.5.in_order.1.promise.touchpoints",
        "steps.5.in_order.1.promise.within_days", "steps.6.in_order", "steps.7.repeat",
        "steps.7.together.1.optinal",
    ]  # fmt: skip
    assert lines[1].endswith("`choice`; it has `stp`. Did you mean 'step'?")
    assert lines[2] == ("`steps.1.touchpoints` must be a name or a list of names; got {'c': 'd'}.")
    assert lines[3] == "`steps.1.within_days` must be a number; got 'soon'."
    assert lines[4] == "`steps.2.choice` must have at least 2 parts; got 1."
    assert lines[5].endswith("got nothing.")
    assert lines[6].endswith("it has `step` and `together`: keep one of them.")
    assert lines[8].endswith("must be greater than 0; got '0'.")
    assert "Did you mean 'optional'?" in lines[11]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x", "`steps` is required and missing."),
        ("name: x\nsteps: a", "`steps` must be a list of steps; got 'a'."),
        ("name: x\nsteps: []", "`steps` must name at least one; got []."),
        ("steps: [a]", "`name` is required and missing."),
        ("name: ''\nsteps: [a]", "`name` must not be empty; got ''."),
        ("name: x\nsteps: [{}]", "it has no keys."),
        ("name: x\nsteps: [['']]", "got an empty name."),
        ("name: x\nsteps: [a, [a]]", "needs a name of its own for each step; twice: a."),
        ("name: x\nsteps: [a]\nfailed: b", "`failed` must be a group of `key: value` lines"),
        (f"name: x\nsteps: [{'[' * 60}a{']' * 60}]", "is nested deeper than 50 groups"),
    ],
)
def test_each_mistake_says_its_mend(tmp_path: Path, text: str, said: str) -> None:
    assert said in "\n".join(wrong(tmp_path, text))


def test_a_file_that_is_not_there_or_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"nowhere\.yaml: cannot be read"):
        read_plan(tmp_path / "nowhere.yaml")
    with pytest.raises(StudyError, match=r"plan\.yaml: cannot be written"):
        write_plan(Plan(name="x", steps=(Step(step="a"),)), tmp_path / "no" / "plan.yaml")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "plan.yaml"
    target.mkdir()
    with pytest.raises(StudyError, match="cannot be written"):
        write_plan(Plan(name="x", steps=("a",)), target)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]
