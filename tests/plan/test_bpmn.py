from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from journeykit.errors import DataError, MappingError
from journeykit.plan import Plan, read_bpmn, write_bpmn
from journeykit.plan.model import Choice, InOrder, Step, Together
from tests.plan.plans import plans

HEAD = '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="x">'


def process(*parts: str, **more: str) -> str:
    """Return a process: ``task a``, ``a>b`` and the like."""
    written = []
    for number, part in enumerate(parts):
        if ">" in part:
            ends = part.split(">")
            written += [
                f'<sequenceFlow id="f{number}.{i}" sourceRef="{a}" targetRef="{b}"/>'
                for i, (a, b) in enumerate(pairwise(ends))
            ]
        else:
            kind, name = part.split()
            written.append(f'<{kind} id="{name}" name="{more.get(name, name)}"/>')
    return f'{HEAD}<process id="p" name="x">{"".join(written)}</process></definitions>'


ENDS = ("startEvent s", "endEvent e")


def read(tmp_path: Path, text: str, **options: str) -> Plan:
    path = tmp_path / "plan.bpmn"
    path.write_text(text, encoding="utf-8")
    return read_bpmn(path, **options)


@given(plan=plans())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_written_is_read_back_equal(tmp_path: Path, plan: Plan) -> None:
    write_bpmn(plan, tmp_path / "plan.bpmn")
    assert read_bpmn(tmp_path / "plan.bpmn") == plan


OPTIONAL = {"optional": True}
REPEAT = {"repeat": True}


@pytest.mark.parametrize(
    "steps",
    [
        (InOrder(in_order=["a"]),),
        (InOrder(in_order=["a", "b"]), "c"),
        (InOrder(in_order=["a"], **OPTIONAL),),
        (InOrder(in_order=["a", "b"], **OPTIONAL, **REPEAT),),
        (Choice(choice=["a", "b"], **OPTIONAL),),
        (Choice(choice=["a", "b"], **REPEAT),),
        (InOrder(in_order=[Choice(choice=["a", "b"])], **REPEAT),),
        (Choice(choice=[["a"], ["b", "c"], Step(step="d", **OPTIONAL)], **OPTIONAL, **REPEAT),),
        (Together(together=["a", Choice(choice=["b", "c"])], **OPTIONAL),),
        (Together(together=["a", Together(together=["b", "c"])], **REPEAT),),
        (Choice(choice=[Choice(choice=["a", "b"]), "c"]), Choice(choice=["d", "f"])),
        (Choice(choice=[Choice(choice=["a", "b"], **OPTIONAL), "c"]),),
        (Step(step="a", **OPTIONAL, **REPEAT),),
    ],
)
def test_kinds_of_groups_stay_apart(tmp_path: Path, steps: tuple[object, ...]) -> None:
    plan = Plan(name="x", steps=steps)
    write_bpmn(plan, tmp_path / "plan.bpmn")
    assert read_bpmn(tmp_path / "plan.bpmn") == plan


X, P = "exclusiveGateway", "parallelGateway"


@pytest.mark.parametrize(
    ("parts", "steps"),
    [
        (("userTask a", "sendTask b", "s>a>b>e"), ["a", "b"]),
        ((f"{X} g", f"{X} h", "task a", "task b", "s>g>a>h>e", "g>b>h"), [{"choice": ["a", "b"]}]),
        ((f"{P} g", f"{P} h", "task a", "task b", "s>g>a>h>e", "g>b>h"),
         [{"together": ["a", "b"]}]),
        ((f"{X} g", f"{X} h", "task a", "s>g>a>h>e", "g>h"), [{"step": "a", "optional": True}]),
        # A way back before the split: once or more. On the way back: as often as one likes.
        ((f"{X} g", f"{X} h", "task a", "s>g>a>h>e", "h>g"), [{"step": "a", "repeat": True}]),
        ((f"{X} g", f"{X} h", "task a", "s>g>h>e", "h>a>g"),
         [{"step": "a", "repeat": True, "optional": True}]),
        # Two ends, each of a way of its own.
        ((f"{X} g", "endEvent e2", "task a", "task b", "task c", "s>g>a>e", "g>b>c>e2"),
         [{"choice": ["a", ["b", "c"]]}]),
        ((f"{X} g", "task a", "task b", "s>g>a>e", "g>b>e"), [{"choice": ["a", "b"]}]),
        # A gateway that neither splits nor joins; no events at all.
        ((f"{X} g", "task a", "s>g>a>e"), ["a"]),
    ],
)  # fmt: skip
def test_processes_of_others(tmp_path: Path, parts: tuple[str, ...], steps: list[object]) -> None:
    assert read(tmp_path, process(*ENDS, *parts)) == Plan(name="x", steps=steps)


def test_names_that_come_again_get_their_identifiers(tmp_path: Path) -> None:
    text = process(
        *ENDS, "task a", "task b", "task c", "s>a>b>c>e", a="Look &#10; up", b="", c="Look up"
    )
    first, second, third = read(tmp_path, text).steps
    assert (first.step, first.touchpoints) == ("Look up (a)", ("Look up",))
    assert (second.step, second.touchpoints) == ("b", ())
    assert third.seen_as == ("Look up",)


def test_subprocesses_and_loops_of_others(tmp_path: Path) -> None:
    inner = (
        '<subProcess id="u"><standardLoopCharacteristics/><startEvent id="us"/><task id="a"/>'
        '<task id="b"><standardLoopCharacteristics testBefore="true"/></task><endEvent id="ue"/>'
        '<sequenceFlow id="1" sourceRef="us" targetRef="a"/>'
        '<sequenceFlow id="2" sourceRef="a" targetRef="b"/>'
        '<sequenceFlow id="3" sourceRef="b" targetRef="ue"/></subProcess>'
    )
    text = process(*ENDS, "s>u>e").replace("</process>", f"{inner}</process>")
    more = {"step": "b", "repeat": True, "optional": True}
    assert read(tmp_path, text).steps == (InOrder(in_order=["a", more], repeat=True),)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((f"{X} g", f"{P} h", "task a", "task b", "s>g>a>h>e", "g>b>h"),
         "<exclusiveGateway> 'g' (g) has no counterpart"),
        # The second way leaves the block of the first.
        ((f"{X} g", f"{X} h", f"{X} i", f"{X} j", "task a", "task b", "task c", "task d",
          "s>g>a>h>c>j>e", "g>b>i>d>j", "h>i"), "has no counterpart"),
        (("task a", "task b", "task c", "s>a>b>e", "a>c>e"), "2 flows leave <task> 'a' (a)"),
        ((f"{X} g", "task a", "task b", "task c", "s>g>a>c>e", "g>b>c"),
         "2 flows enter <task> 'c'"),
        ((f"{X} g", f"{X} h", f"{X} i", "task a", "task b", "task c", "task d",
          "s>g>a>h>c>i>e", "g>b>h>d>i"), "<exclusiveGateway> 'h' (h) joins and splits at once"),
        (("inclusiveGateway g", "s>g>e", "task a"), "<inclusiveGateway> 'g' (g) is nothing"),
        (("intermediateCatchEvent g", "s>g>e", "task a"), "<intermediateCatchEvent> 'g' (g) is"),
        (("task a", "task b", "s>a>e"), "needs one beginning, and an end; it begins with: <start"),
        (("task a", "s>a>z"), "refers to 'z', which is not there"),
        (("task a", "task a", "s>a>e"), "<task> 'a' (a) needs an `id` of its own"),
        (("s>e",), "has no <process> with a task"),
        (("task a", "task b", "a>b>a"), "begins with"),
        ((f"{X} g", f"{X} h", "task a", "task b", "s>g>a>h>e", "h>b>g"), "has no counterpart"),
    ],
)  # fmt: skip
def test_what_is_not_block_structured_is_named(
    tmp_path: Path, parts: tuple[str, ...], said: str
) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, process(*ENDS, *parts))
    assert said in str(error.value)
    assert str(tmp_path / "plan.bpmn") in str(error.value)


def test_what_is_no_bpmn_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be BPMN; its outermost element is <CJML>"):
        read(tmp_path, "<CJML/>")
    with pytest.raises(DataError, match="has a document type"):
        read(tmp_path, f"<!DOCTYPE definitions>{process(*ENDS, 'task a', 's>a>e')}")
    several = process(*ENDS, "task a", "s>a>e").replace(
        '"a"/>', '"a"><multiInstanceLoopCharacteristics/></task>', 1
    )
    with pytest.raises(DataError, match=r"<task> 'a' \(a\) has several instances"):
        read(tmp_path, several)
    deep = "<subProcess>" * 60 + "</subProcess>" * 60
    with pytest.raises(DataError, match="nested deeper than 50"):
        read(tmp_path, process("task a").replace("</process>", f"{deep}</process>"))


def test_of_several_processes_one_is_named(tmp_path: Path) -> None:
    one = process(*ENDS, "task a", "s>a>e")
    inner = one[one.index("<process") : one.index("</definitions>")]
    second = inner.replace('id="p" name="x"', 'id="q" name="y"')
    both = one.replace("</definitions>", f"{second}</definitions>")
    assert read(tmp_path, both, process="y").name == read(tmp_path, both, process="q").name == "y"
    with pytest.raises(DataError, match="has 2 processes; name one of them .*: 'x', 'y'"):
        read(tmp_path, both)
    with pytest.raises(MappingError, match="has no process 'z'"):
        read(tmp_path, both, process="z")


def test_large_files_are_read_and_deep_ones_refused(tmp_path: Path) -> None:
    tasks = [f"task t{i}" for i in range(1500)]
    path = ">".join(["s", *(f"t{i}" for i in range(1500)), "e"])
    assert len(read(tmp_path, process(*ENDS, *tasks, path)).steps) == 1500
    gateways = [f"{X} {side}{i}" for i in range(300) for side in "gh"]
    into, out = [f"g{i}" for i in range(300)], [f"h{i}" for i in reversed(range(300))]
    way = ["s", *into, "a", *out, "e"]
    past = [f"g{i}>x{i}>h{i}" for i in range(300)]
    other = [f"task x{i}" for i in range(300)]
    with pytest.raises(DataError, match="nested (too deeply|deeper than 50)"):
        read(tmp_path, process(*ENDS, "task a", *gateways, *other, ">".join(way), *past))
