from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import DataError, MappingError
from journeykit.plan import Plan, align
from tests.plan.worlds import lived, moves_apart, random_plan, words

# Least costs of pm4py 2.7.23.11, conformance_diagnostics_alignments on the Petri nets of process
# trees, cost // 10,000; 40 random words of the letters a to f and x for each.
TREES = {
    # ->( 'a', 'b', 'c', 'd' )
    "order": (
        ["a", "b", "c", "d"],
        "cfcxf:7 ffeaxdx:7 fa:4 ac:2 xbde:4 e:5 af:4 dc:4 xx:6 bxxa:6 ee:6 bbax:6 b:3 bbxbccb:7 "
        "ffbbf:7 c:3 bbca:4 cxe:5 aeffc:5 xcd:3 cbddfb:6 f:5 xda:5 xdcde:5 adafbeb:7 x:5 xd:4 "
        "ece:5 fxxcx:7 ada:3 ce:4 cbccf:5 acfcc:5 xa:4 bffcdb:4 aaeeda:6",
    ),
    # ->( 'a', +( 'b', 'c' ), X( 'd', tau ), *( 'e', tau ) )
    "blocks": (
        [
            "a",
            {"together": ["b", "c"]},
            {"step": "d", "optional": True},
            {"step": "e", "repeat": True},
        ],
        "fe:4 xcd:4 dbafax:8 cxbb:4 ebfxda:7 dc:4 ax:4 cbde:1 beddffc:7 ccdd:5 ad:3 ebfdxcb:7 d:4 "
        "exe:4 ecaxxxc:7 efaxcc:6 ffcxd:6 xff:7 cfb:3 xadex:4 cfc:5 cxef:4 xcccfc:8 xdcxbx:6 "
        "fdccebe:5 bx:4 xdc:5 afffdb:6 xeefd:6 eex:4 fcfabbe:5 efbb:6 fbffadb:7 ab:2 c:3 db:4 "
        "addcd:4 eaebbf:6 acd:2 xdx:6",
    ),
    # ->( X( ->( 'a', 'b' ), 'c' ), +( 'd', ->( 'e', 'f' ) ) )
    "choice": (
        [{"choice": [["a", "b"], "c"]}, {"together": ["d", ["e", "f"]]}],
        "f:3 ecaeeca:7 eec:5 ccxbd:5 xefe:4 dbb:5 dedbb:5 acxfa:5 acee:4 bcfed:3 dbdc:5 fddx:4 "
        "ee:4 fcd:3 dac:5 dcb:5 aafe:5 bcax:6 xd:4 d:3 ecbdx:5 b:4 cxbf:4 cde:1 efxe:4 aaxbcc:7 "
        "fcecf:3 adccf:4 xebaac:8 dfafe:5 ad:3 xdeefff:5 dxxddd:8 xfbcdx:6 acxafxd:5 cfxdc:3 bd:3 "
        "edcebd:4 exaaf:5 cx:4",
    ),
    # ->( 'a', *( ->( 'b', X( 'c', tau ) ), tau ), 'd' )
    "again": (
        ["a", {"in_order": ["b", {"step": "c", "optional": True}], "repeat": True}, "d"],
        "x:4 f:4 c:3 dadfda:5 b:2 fxafb:4 fdb:4 eb:3 xbae:5 ae:3 faca:4 eafde:4 ad:1 eddcfc:7 "
        "cbeffe:7 eee:6 ca:3 bcxxc:5 bxbxc:4 fdbb:4 afcaef:6 a:2 aeedbdd:4 caxe:5 e:4 daxbdf:3 "
        "bfaafdx:6 bf:3 dcxbc:5 efc:5 ddbfxcf:7 xfd:4 ceaeebf:6 da:3",
    ),
}


def _costs(cases: list[str], plan: Plan) -> list[int]:
    """Return the least cost of each word; those that touch no step of the plan are no cases."""
    costs = []
    for word in cases:
        try:
            costs.append(int(align(lived(word), plan).frame["cost"].iloc[0]))
        except DataError:
            costs.append(-1)
    return costs


@pytest.mark.parametrize("name", TREES)
def test_costs_agree_with_pm4py(name: str) -> None:
    steps, told = TREES[name]
    pairs = [pair.split(":") for pair in told.split()]
    cases = [word for word, _ in pairs]
    theirs = np.array([int(cost) for _, cost in pairs])
    ours = np.array(_costs(cases, Plan(name=name, steps=steps)))
    assert (ours >= 0).sum() >= 30
    assert ours[ours >= 0].tolist() == theirs[ours >= 0].tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.text("abcdx", min_size=1, max_size=3), min_size=1))
def test_costs_are_those_of_brute_force(seed: int, cases: list[str]) -> None:
    plan = random_plan(random.Random(seed), n_steps=1 + seed % 4)
    allowed = words(plan, 8)
    kept = [word for word in cases if set(word) & {step.step for step in plan.all_steps}]
    if not kept:
        return
    frame = align(lived(*kept), plan).frame
    assert frame["n"].sum() == len(kept)
    for row in frame.itertuples():
        word = row.path.replace("(other)", "x").replace(" > ", "")
        assert row.cost == min(moves_apart(word, way) for way in allowed), (plan, word)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.text("abcdx", min_size=1, max_size=6))
def test_an_alignment_reads_the_case_and_a_way_through_the_plan(seed: int, word: str) -> None:
    plan = random_plan(random.Random(seed), n_steps=4)
    if not set(word) & set("abcd"):
        return
    row = align(lived(word), plan).frame.iloc[0]
    moves = row["alignment"].replace("(other)", "x").split()
    assert "".join(move.strip("+") for move in moves if not move.startswith("-")) == word
    way = "".join(move.strip("-") for move in moves if not move.startswith("+"))
    assert way in words(plan, len(way))
    assert row["cost"] == sum(move[0] in "+-" for move in moves)


def test_ties_are_decided_as_documented() -> None:
    in_order = Plan(name="order", steps=["a", "b", "c", "d"])
    # The event alone comes before the step alone: b came too early, not c and b too late.
    assert align(lived("acbd"), in_order).frame["alignment"].tolist() == ["a +c b -c d"]
    # A step that has an event in the case is left out rather than one that has none.
    either = Plan(name="either", steps=[{"choice": ["a", "b"]}, "c"])
    assert align(lived("cb"), either).frame["alignment"].tolist() == ["+c b -c"]
    both = Plan(name="both", steps=[{"choice": ["a", "b"]}, "c", "d"])
    assert align(lived("cdb"), both).frame["alignment"].tolist() == ["-b c d +b"]


def test_ways_are_counted_with_their_customers() -> None:
    twice = lived("ab", "ab", "ba", "ab").replace(customer_index=np.array([0, 0, 1, 2]))
    frame = align(twice, Plan(name="p", steps=["a", "b"])).frame
    assert frame[["path", "n", "n_customers", "cost"]].to_numpy().tolist() == [
        ["a > b", 3, 2, 0],
        ["b > a", 1, 1, 2],
    ]
    assert "2 distinct ways of 4 cases; 3 as planned" in repr(
        align(twice, Plan(name="p", steps=["a", "b"]))
    )


def test_a_step_may_be_seen_at_several_touchpoints() -> None:
    plan = Plan(name="p", steps=[{"step": "look", "touchpoints": ["web", "app"]}, "buy"])
    made = lived(["web", "buy"], ["app", "buy"], ["buy"])
    frame = align(made, plan).frame
    assert frame["path"].tolist() == ["app/web > buy", "buy"]
    assert frame["cost"].tolist() == [0, 1]
    assert frame["n"].tolist() == [2, 1]


def test_events_that_failed_are_no_steps() -> None:
    plan = Plan(name="p", steps=["a", "b"], failed={"column": "status", "values": "no"})
    made = lived("aab", "ab").replace(
        columns={"status": np.array(["no", "ok", "ok", "ok", "no"], dtype=object)}
    )
    frame = align(made, plan).frame
    assert frame[["path", "cost", "alignment"]].to_numpy().tolist() == [
        ["a (failed) > a > b", 1, "+a (failed) a b"],
        ["a > b (failed)", 2, "a +b (failed) -b"],
    ]


@pytest.mark.parametrize(
    ("column", "value"),
    [(np.array([1, 0]), "1"), (np.array([1.0, 0.5]), "1"), (np.array([True, False]), "True")],
)
def test_failures_may_be_numbers(
    column: np.ndarray[tuple[int], np.dtype[np.generic]], value: str
) -> None:
    plan = Plan(name="p", steps=["a", "b"], failed={"column": "status", "values": value})
    frame = align(lived("ab").replace(columns={"status": column}), plan).frame
    assert frame["path"].tolist() == ["a (failed) > b"]


def test_a_column_of_failures_must_exist() -> None:
    plan = Plan(name="p", steps=["a", "b"], failed={"column": "status", "values": "no"})
    with pytest.raises(MappingError, match="`failed` names event columns that do not exist: 'sta"):
        align(lived("ab"), plan)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("abcdefghijx", min_size=1, max_size=30), min_size=1, max_size=20))
def test_distinct_ways_are_distinct(cases: list[str]) -> None:
    kept = [word for word in cases if set(word) - {"x"}]
    if not kept:
        return
    plan = Plan(name="p", steps=[{"choice": list("abcdefghij"), "repeat": True}])
    frame = align(lived(*kept), plan).frame
    assert len(frame) == len(set(kept))
    assert frame["n"].sum() == len(kept)
    foreign = dict(zip(frame["path"], frame["cost"], strict=True))
    for word in kept:
        path = " > ".join("(other)" if letter == "x" else letter for letter in word)
        assert foreign[path] == word.count("x")
