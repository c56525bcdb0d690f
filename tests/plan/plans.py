"""Random plans for laws: nested groups, odd names, every field now and then."""

from __future__ import annotations

from hypothesis import strategies as st

from journeykit.plan.model import Choice, Failed, InOrder, Plan, Promise, Step, Together

#: Any text that XML can hold: no control characters but tab and newline, no lone surrogates.
TEXT = st.text(
    st.one_of(
        st.characters(min_codepoint=32, max_codepoint=0xFFFD, exclude_categories=("Cs", "Cc")),
        st.sampled_from("\t\n:#'\"<>&]]>-{}[]%@ "),
    ),
    max_size=8,
)
NAMES = st.one_of(st.sampled_from(["no", "007", "12:30", "~", " ", "null", "- a", "é"]), TEXT)
FILLED = st.one_of(st.sampled_from(["no", "007", "12:30", "~", " ", "null"]), TEXT.map("a".__add__))
SEVERAL = st.lists(FILLED, max_size=2).map(tuple)
SOME = st.lists(FILLED, min_size=1, max_size=2).map(tuple)
DAYS = st.floats(0.001, 36500) | st.sampled_from([1.0, 7.0, 1e-5])
MAYBE = st.just("") | NAMES
FLAG = st.booleans()


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Draw a step, half of them only a name."""
    name = draw(FILLED)
    if draw(FLAG):
        return Step(step=name)
    promise = draw(st.none() | DAYS)
    return Step(
        step=name,
        touchpoints=draw(SEVERAL),
        failed_by=draw(SEVERAL),
        optional=draw(FLAG),
        repeat=draw(FLAG),
        within_days=draw(st.none() | DAYS),
        due=draw(st.none() | st.just("due_time")),
        promise=promise
        and Promise(touchpoints=draw(SOME), within_days=promise),
        **{name: draw(MAYBE) for name in (
            "owner", "channel", "proposition", "phase", "initiator", "recipient"
        )},
    )  # fmt: skip


def groups(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Draw a group of parts."""
    many = st.lists(inner, min_size=2, max_size=3).map(tuple)
    flags = {"optional": FLAG, "repeat": FLAG}
    return st.one_of(
        st.builds(InOrder, in_order=st.lists(inner, min_size=1, max_size=3).map(tuple), **flags),
        st.builds(Together, together=many, **flags),
        st.builds(Choice, choice=many, **flags),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan of which each step has a name of its own."""
    nodes = draw(st.lists(st.recursive(steps(), groups, max_leaves=6), min_size=1, max_size=4))
    failed = draw(st.none() | st.builds(Failed, column=NAMES, values=SOME))
    counter = iter(range(1000))
    used: set[str] = set()

    def named(node: object) -> object:
        if isinstance(node, Step):
            name = node.step if node.step not in used else f"{node.step}{next(counter)}"
            while name in used:
                name = f"{name}{next(counter)}"
            used.add(name)
            return node.model_copy(update={"step": name})
        kind = next(k for k in ("in_order", "together", "choice") if hasattr(node, k))
        return node.model_copy(update={kind: tuple(named(part) for part in getattr(node, kind))})

    return Plan(
        name=draw(FILLED),
        title=draw(MAYBE),
        owner=draw(MAYBE),
        proposition=draw(MAYBE),
        steps=tuple(named(node) for node in nodes),
        pause_days=draw(st.none() | DAYS),
        reaches=draw(SEVERAL),
        ends=draw(SEVERAL),
        beside=draw(SEVERAL),
        failed=failed,
    )
