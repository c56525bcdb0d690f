from __future__ import annotations

from journeykit.plan import Plan
from journeykit.plan.rules import rules_of, spoken


def rules(*steps: object) -> dict[str, object]:
    plan = Plan(name="x", steps=steps)
    return {rule.step: rule for rule in rules_of(plan)}


def due(name: str) -> dict[str, object]:
    return {"step": name, "within_days": 3}


def test_a_deadline_runs_from_the_step_before() -> None:
    rule = rules("a", due("b"))["b"]
    assert rule.triggers == (frozenset("a"),)
    assert (rule.begin, rule.instead, rule.may_be_left_out) == (False, frozenset(), False)
    assert rule.rule == "b within 3 d of a"


def test_the_first_runs_from_the_beginning() -> None:
    rule = rules(due("a"), "b")["a"]
    assert (rule.triggers, rule.begin, rule.rule) == ((), True, "a within 3 d of the beginning")


def test_after_what_may_be_left_out_either_starts_the_clock() -> None:
    rule = rules("a", {"step": "b", "optional": True}, due("c"))["c"]
    assert rule.triggers == (frozenset("ab"),)
    first = rules({"step": "b", "optional": True}, due("c"))["c"]
    assert (first.triggers, first.begin) == ((frozenset("b"),), True)


def test_a_choice_before_is_either_and_parts_together_are_all() -> None:
    assert rules({"choice": ["a", ["b", "c"]]}, due("d"))["d"].triggers == (frozenset("ac"),)
    both = rules({"together": ["a", ["b", "c"]]}, due("d"))["d"]
    assert both.triggers == (frozenset("a"), frozenset("c"))
    assert both.rule == "d within 3 d of a and c"
    one = rules({"together": ["a", {"step": "b", "optional": True}]}, due("d"))["d"]
    assert one.triggers == (frozenset("a"),)
    none = [{"step": name, "optional": True} for name in "bc"]
    assert rules("a", {"together": none}, due("d"))["d"].triggers == (frozenset("abc"),)


def test_what_may_come_instead_excuses() -> None:
    chosen = rules("a", {"choice": [due("b"), ["c", "d"], {"step": "e", "optional": True}]}, "f")
    assert chosen["b"].instead == frozenset("ce")
    assert chosen["b"].may_be_left_out
    skipped = rules("a", {**due("b"), "optional": True}, {"step": "c", "optional": True}, "d", "e")
    assert skipped["b"].instead == frozenset("cd")
    group = rules("a", {"in_order": [due("b"), due("c")], "optional": True}, "d")
    assert (group["b"].instead, group["c"].instead) == (frozenset("d"), frozenset())
    assert (group["b"].may_be_left_out, group["c"].may_be_left_out) == (True, False)
    assert rules("a", {**due("b"), "optional": True})["b"].may_be_left_out


def test_what_is_after_a_group_comes_instead_of_its_last_step() -> None:
    inside = rules({"in_order": ["a", {**due("b"), "optional": True}]}, "c")
    assert inside["b"].instead == frozenset("c")


def test_promises_and_deadlines_come_in_the_order_of_the_steps() -> None:
    promise = {"touchpoints": ["y", "z"], "within_days": 0.5}
    plan = Plan(name="x", steps=["a", {**due("b"), "touchpoints": "web", "promise": promise}])
    deadline, promised = rules_of(plan)
    assert deadline.reactions == frozenset({"web"})
    assert (promised.triggers, promised.reactions) == ((frozenset({"web"}),), frozenset("yz"))
    assert promised.rule == "y or z promised within 12 h of b"


def test_short_deadlines_are_said_in_hours_and_minutes() -> None:
    said = [spoken(days) for days in (400, 1, 0.5, 0.0208, 0.0035, 0.0001)]
    assert said == ["400 d", "1 d", "12 h", "30 min", "5.04 min", "8.64 s"]
