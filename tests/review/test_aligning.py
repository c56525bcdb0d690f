"""Goals and objectives: planted orphans, goals nobody serves, and tactics without research."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from journeykit.errors import DataError
from journeykit.review import Strategy, goals_served, read_strategy
from journeykit.shipped import shipped

SAID = {
    "goals": {
        "safe": {"evidence": "survey", "stages": ["looking"]},
        "cheap": {"evidence": "qualitative"},
        "quick": {},
    },
    "objectives": {
        "grow": {"serves": ["safe", "cheap"], "metric": "visits", "target": "2"},
        "shine": {},
        "keep": {"serves": "safe", "metric": "stays", "target": 1, "due": "2026-01-01",
                 "accountable": "Ann"},
    },
    "tactics": {
        "write": {"serves": ["grow", "keep"], "evidence": "experiment"},
        "shout": {"serves": "grow"},
        "hope": {"serves": "shine", "evidence": "log"},
        "idle": {"evidence": "survey"},
    },
}  # fmt: skip


def test_worked_by_hand() -> None:
    found = goals_served(Strategy.model_validate(SAID))
    served = found.frame.set_index(["goal", "objective"])
    assert len(served) == 9
    assert served.index[served["serves"]].tolist() == [
        ("safe", "grow"), ("safe", "keep"), ("cheap", "grow"),
    ]  # fmt: skip
    assert served.loc[("cheap", "grow"), "evidence"] == "qualitative"
    assert served.loc[("quick", "grow"), "evidence"] == ""
    assert served.loc[("safe", "grow"), ["n_tactics", "n_researched"]].tolist() == [2, 1]
    assert found.orphans == ("shine",)
    assert found.unserved == ("quick",)
    assert found.assumed == ("quick",)
    assert found.without_research == ("shout",)
    assert found.goals["n_objectives"].tolist() == [2, 1, 0]
    objectives = found.objectives.set_index("objective")
    assert objectives["n_goals"].tolist() == [2, 0, 1]
    assert objectives["evidence"].tolist() == ["survey", "", "survey"]
    assert objectives["n_tactics"].tolist() == [2, 1, 1]
    assert objectives["missing"].tolist() == [
        "due, accountable", "metric, target, due, accountable", "",
    ]  # fmt: skip
    tactics = found.tactics.set_index("tactic")
    assert tactics["without"].to_dict() == {
        "write": "",
        "shout": "research",
        "hope": "goal",
        "idle": "objective, goal",
    }
    assert tactics["n_goals"].tolist() == [2, 2, 0, 0]
    assert found.summary() == (
        "3 goals of customers, 3 objectives; objectives that serve no goal: shine; goals that no "
        "objective serves: quick; goals only assumed: quick; tactics without research: shout"
    )
    assert found.check().status == "warned"


def test_where_all_is_served_the_check_passes() -> None:
    said = Strategy.model_validate(
        {"goals": {"safe": {"evidence": "log"}}, "objectives": {"grow": {"serves": "safe"}}}
    )
    found = goals_served(said)
    assert (found.orphans, found.unserved, found.without_research) == ((), (), ())
    assert found.check().status == "passed"
    assert "tactics" not in found.summary()


def test_the_demo_has_an_orphan_and_a_goal_that_nobody_serves() -> None:
    found = goals_served(read_strategy(shipped("data", "demo", "strategy.yaml")))
    assert found.orphans == ("more app sessions",)
    assert found.unserved == ("leave without a fight",)
    assert found.without_research == ("follow-up calls", "messages that open the app")


def test_goals_without_objectives_and_the_other_way() -> None:
    alone = goals_served(Strategy.model_validate({"goals": {"safe": {}}}))
    assert (len(alone.frame), alone.unserved) == (0, ("safe",))
    other = goals_served(Strategy.model_validate({"objectives": {"grow": {}}}))
    assert (len(other.frame), other.orphans) == (0, ("grow",))
    for found in (alone, other):
        plt.close(found.plot().figure)  # type: ignore[arg-type]


def test_the_picture_fills_what_is_served_and_names_what_is_not() -> None:
    ax = goals_served(Strategy.model_validate(SAID)).plot()
    assert [text.get_text() for text in ax.texts] == ["survey", "survey", "qualitative"]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "safe", "cheap", "quick\n(not served)",
    ]  # fmt: skip
    assert ax.get_xticklabels()[1].get_text() == "shine\n(serves no goal)"
    plt.close(ax.figure)  # type: ignore[arg-type]


def test_signs_are_text(tmp_path: Path) -> None:
    path = tmp_path / "strategy.yaml"
    text = "goals: {'<b>$x$</b>': {}}\nobjectives: {'save $5 a $day of all that is there': {}}\n"
    path.write_text(text, encoding="utf-8")
    found = goals_served(read_strategy(path))
    assert "<b>" not in found._repr_html_()
    ax = found.plot()
    assert "\\$" in ax.get_xticklabels()[0].get_text()
    ax.figure.canvas.draw()
    plt.close(ax.figure)  # type: ignore[arg-type]


def test_an_empty_strategy_has_nothing_to_compare() -> None:
    with pytest.raises(DataError, match="neither `goals` nor `objectives`"):
        goals_served(Strategy())
