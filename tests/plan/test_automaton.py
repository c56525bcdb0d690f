from __future__ import annotations

import random

import pytest

from journeykit.errors import ArgumentError
from journeykit.plan import Plan
from journeykit.plan.automaton import Automaton, automaton
from tests.plan.worlds import random_plan, words


def _accepted(made: Automaton, most: int) -> set[str]:
    found, reached = set(), {(0, "")}
    edges = list(zip(made.source.tolist(), made.step.tolist(), made.target.tolist(), strict=True))
    for _ in range(most + 1):
        found |= {word for state, word in reached if made.final[state]}
        reached = {
            (b, word + made.steps[step]) for state, word in reached for a, step, b in edges
            if a == state
        }  # fmt: skip
    return found


@pytest.mark.parametrize("seed", range(60))
def test_ways_are_those_the_plan_means(seed: int) -> None:
    plan = random_plan(random.Random(seed), n_steps=1 + seed % 4)
    made = automaton(plan)
    meant = words(plan, 5)
    assert _accepted(made, 5) == meant
    assert made.shortest == min(map(len, meant))


def test_states_of_what_comes_together_are_sets() -> None:
    made = automaton(Plan(name="all", steps=[{"together": list("abcd")}]))
    assert len(made.final) == 16
    assert made.final.sum() == 1


def test_too_many_states_name_the_block() -> None:
    steps = [f"s{at}" for at in range(15)]
    with pytest.raises(
        ArgumentError,
        match=r"What comes together \(s0, s1.*s14\) has more than 20,000 states; got at least",
    ):
        automaton(Plan(name="all", steps=["begin", {"together": steps}]))


def test_blocks_in_order_may_be_too_many_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("journeykit.plan.automaton.MOST_STATES", 20)
    half = [{"together": [f"{part}{at}" for at in range(4)]} for part in "abc"]
    with pytest.raises(ArgumentError, match="The plan has more than 20 states"):
        automaton(Plan(name="all", steps=half))
    with pytest.raises(ArgumentError, match="The block that begins with 'a0' has more"):
        automaton(Plan(name="all", steps=[{"in_order": half, "optional": True}]))
    with pytest.raises(ArgumentError, match=r"has more than 20 states; got at least 2"):
        automaton(Plan(name="all", steps=[{"choice": [half[0], list("uvwxyz12")]}]))
