from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.plan import Plan, deviation_outcomes
from journeykit.plan.cases import cases_of
from journeykit.plan.reaching import _shown
from tests.plan.worlds import lived, timed, walks

PLAN = Plan(name="p", steps=["a", "b", "c", "d"], pause_days=1, beside="mail")
GIVEN: dict[str, Any] = {"outcome": ["d"], "horizon_days": 1}


def _at(word: str, plan: Plan = PLAN) -> list[str]:
    made = lived(word)
    cases = cases_of(made, plan.model_copy(update={"pause_days": None}))
    kind, label, done = _shown(cases, plan)
    names = [step.step for step in plan.all_steps] + list(made.names)
    return [
        f"{names[at]}{n}" if not k else f"{'+~!'[k - 1]}{names[at]}{n}"
        for k, at, n in zip(kind, label, done, strict=True)
    ]


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("abcd", ["a1", "b2", "c3", "d4"]),
        ("axbd", ["a1", "+x1", "b2", "~d3"]),
        ("abbc", ["a1", "b2", "!b2", "c3"]),
        ("abcb", ["a1", "b2", "c3", "~b4"]),
        ("acbd", ["a1", "~c2", "b3", "~d4"]),
    ],
)
def test_what_shows_at_the_moment(word: str, shown: list[str]) -> None:
    assert _at(word) == shown
    # It does not depend on what comes later.
    for cut in range(1, len(word)):
        assert _at(word[:cut]) == shown[:cut]


def test_declared_failures_show_at_once() -> None:
    plan = Plan(name="p", steps=["a", {"step": "b", "failed_by": "x"}, "c"])
    assert _at("axbc", plan) == ["a1", "!b1", "b2", "c3"]


def test_a_comparison_by_hand() -> None:
    # Two after x (one buys), four that did a or b without it (all in one stratum: a, one step).
    quick = [("a", 0), ("b", 9), ("c", 10), ("d", 11)]
    made = timed(
        quick, quick, quick, [("a", 0)],
        [("a", 0), ("x", 0.5), ("b", 9), ("c", 10), ("d", 11)],
        [("a", 0), ("x", 0.5)],
    )  # fmt: skip
    row = deviation_outcomes(made, PLAN, small_cell=1, **GIVEN).frame.iloc[0]
    assert row[["type", "step"]].tolist() == ["extra", "x"]
    # At a: 4 of 6 reach it, of whom the two exposed later are compared before.
    assert row[["n_exposed", "n_event", "n_compared"]].tolist() == [2, 1, 6]
    assert row[["risk", "risk_compared"]].tolist() == pytest.approx([1 / 2, 4 / 6])
    assert row["risk_difference"] == pytest.approx(1 / 2 - 4 / 6)


def test_harmless_detours_harm_in_few_worlds() -> None:
    p = np.array(
        [deviation_outcomes(walks(seed, customers=250), PLAN, **GIVEN).frame["p_value"].iloc[0]
         for seed in range(20)]
    )  # fmt: skip
    assert (p < 0.05).sum() <= 4


def test_detours_that_harm_are_found() -> None:
    found = deviation_outcomes(walks(1, customers=800, after=0.5), PLAN, **GIVEN)
    row = found.frame.iloc[0]
    assert row["verdict"] == "fewer"
    assert row["difference_high"] < 0
    assert "1 with less of the goal within 1 days" in found.summary()
    ax = found.plot()
    plt.close(ax.figure)
    assert len(ax.get_yticks()) == 1


def test_only_moments_whose_horizon_was_watched_count() -> None:
    made = timed(*[[("a", 0), ("x", 1), ("b", 2)]] * 12, watched_days=1.5)
    with pytest.raises(DataError, match="No moment before the goal was watched for 1 days after"):
        deviation_outcomes(
            made.replace(names=("a", "b", "x", "d")[:3]), PLAN, outcome=["b"], horizon_days=1
        )
    short = deviation_outcomes(made, PLAN, outcome=["b"], horizon_days=0.49, small_cell=1)
    assert short.n_unwatched == 0


def test_nobody_departs() -> None:
    with pytest.raises(DataError, match="No case of plan 'p' departs from it before the goal"):
        deviation_outcomes(timed([("a", 0), ("d", 9)]), PLAN, **GIVEN)


def test_only_cases_that_set_out_on_it() -> None:
    made = timed(*[[("a", 0), ("x", 1), ("b", 2), ("d", 3)]] * 12, *[[("x", 0), ("b", 2)]] * 12)
    every = deviation_outcomes(made, PLAN, small_cell=1, **GIVEN)
    some = deviation_outcomes(made, PLAN, small_cell=1, begins_with=["a"], **GIVEN)
    assert (every.n_cases, some.n_cases) == (24, 12)


def test_attributes_may_be_held_equal() -> None:
    made = walks(2, customers=300)
    kinds = pa.table({"kind": ["new", "old"] * 150})
    found = deviation_outcomes(made.replace(attributes=kinds), PLAN, held_equal=["kind"], **GIVEN)
    plain = deviation_outcomes(made, PLAN, **GIVEN)
    assert found.frame["n_alone"].iloc[0] >= plain.frame["n_alone"].iloc[0]
    with pytest.raises(MappingError, match="`held_equal` names attributes that do not exist"):
        deviation_outcomes(made, PLAN, held_equal=["kind"], **GIVEN)


def test_arguments_are_checked() -> None:
    made = walks(2, customers=30)
    beside = PLAN.model_copy(update={"beside": ("x",)})
    with pytest.raises(ArgumentError, match="`outcome` must not be beside the plan; 'x' is."):
        deviation_outcomes(made, beside, outcome=["x"], horizon_days=1)
    with pytest.raises(ArgumentError, match="`outcome` must be a list of names"):
        deviation_outcomes(made, PLAN, outcome="d", horizon_days=1)
    with pytest.raises(MappingError, match="`begins_with` names touchpoints that do not exist"):
        deviation_outcomes(made, PLAN, begins_with=["q"], **GIVEN)
    with pytest.raises(NotObservedError):
        deviation_outcomes(lived("axd"), PLAN, **GIVEN)
