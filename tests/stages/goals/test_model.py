"""What a file of journeys may say, and what is said of each mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

import journeykit as jk
from journeykit.errors import StudyError
from journeykit.stages import read_portfolio

GOOD = """
buy:
  start: view
  goal: [order, store sale]
  timeout_days: 14
ask:
  start: "help > !call* > help"
  goal: answer
  abandon: call
  within_days: 7
  horizon_days: 3.5
  steps: [chat]
  cost: value
  column: ticket
  owner: service
  title: Get an answer
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "journeys.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_is_read(tmp_path: Path) -> None:
    found = read_portfolio(written(tmp_path, GOOD)).journeys
    buy, ask = found["buy"], found["ask"]
    assert list(found) == ["buy", "ask"]
    assert buy.start == ("view",)
    assert buy.goal == ("order", "store sale")
    assert ask.start == "help > !call* > help"
    assert ask.starts == ()
    assert ask.named == {"answer", "call", "chat"}
    assert (ask.within_days, ask.horizon_days, ask.timeout_days) == (7, 3.5, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("buy: {goal: x, timeout_days: 1}", "`buy.start` is required and missing."),
        ("buy: {start: x, goal: [], timeout_days: 1}", "`buy.goal`"),
        (
            "buy: {start: x, goal: y}",
            "`buy` needs `timeout_days` (days of silence), `within_days` (days since the start) or "
            "both: without, nobody can say that a journey has failed.",
        ),
        (
            "buy: {start: x, goal: y, timeout_days: soon}",
            "`buy.timeout_days` must be a number; got 'soon'.",
        ),
        (
            "buy: {start: x, goal: y, timeout_days: 0}",
            "`buy.timeout_days` must be greater than 0; got '0'.",
        ),
        (
            "buy: {start: x, goal: y, time_out_days: 3}",
            "`buy.time_out_days` is not known. Did you mean 'timeout_days'?",
        ),
        (
            "buy: {start: x, goal: [y, x], timeout_days: 3}",
            "`buy` names 'x' under `start` and under `goal`; it can be only one.",
        ),
        (
            "buy: {start: x, goal: y, abandon: y, timeout_days: 3}",
            "`buy` names 'y' under `goal` and under `abandon`",
        ),
        (
            "buy: {start: x, goal: y, within_days: 3, horizon_days: 4}",
            "`buy` needs `horizon_days` of at most `within_days`, 3; got 4.",
        ),
        ("buy: 3", "`buy` must be a name with a group of keys such as `start:`"),
        ("buy:", "`buy` must be a name with a group of keys"),
        ("[buy]", "must hold keys such as `buy:`, each with `start:`"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        read_portfolio(written(tmp_path, text))
    assert said in str(caught.value)
    assert "journeys.yaml" in str(caught.value)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        read_portfolio(written(tmp_path, "a: {start: x, within_days: 1}\nb: {goal: x}"))
    assert str(caught.value).count("is required and missing") == 2


def test_the_demo_file_fits_its_world() -> None:
    folder = jk.load_study("demo").path.parent
    found = read_portfolio(folder / "journeys.yaml")
    assert list(found.journeys) == ["buy", "inform", "help_oneself", "recover"]
