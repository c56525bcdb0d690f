from __future__ import annotations

from journeykit.draw.lanes import Block
from journeykit.plan import Plan
from journeykit.plan.layout import blocks_of


def test_blocks_by_position() -> None:
    plan = Plan(
        name="p",
        steps=[
            "a",
            {"choice": ["b", ["c", "d"]], "repeat": True},
            ["e", {"together": ["f", "g"]}],
            {"in_order": ["h", "i"], "optional": True},
            {"in_order": ["j", "k"], "repeat": True},
        ],
    )
    assert blocks_of(plan) == [
        Block(1, 3, "one of, repeated"),
        Block(5, 6, "any order"),
        Block(7, 8, "may come"),
        Block(9, 10, "comes again"),
    ]
