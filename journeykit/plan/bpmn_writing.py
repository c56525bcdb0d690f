"""Plans as BPMN 2.0 processes: tasks, gateways in matched pairs, subprocesses and loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from journeykit.plan.extension import NAMESPACE, fields, kind_of, ours
from journeykit.plan.markup import add, write_markup
from journeykit.plan.model import Choice, InOrder, Step, Together

if TYPE_CHECKING:
    from journeykit.plan.model import Plan

#: The name of the language, not an address that anything is read from.
BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
ElementTree.register_namespace("bpmn", BPMN)
EXCLUSIVE, PARALLEL = "exclusiveGateway", "parallelGateway"


def write_bpmn(plan: Plan, path: str | Path, /) -> None:
    """Write a plan as a BPMN 2.0 process that `read_bpmn` reads back equal.

    A step is a task. A choice is a pair of exclusive gateways, parts that go together a pair of
    parallel ones; what may be left out has a way past it between exclusive gateways. What may
    repeat has standard loop characteristics; groups that repeat, and parts in order that stand by
    themselves, are subprocesses. What BPMN has no word for (deadlines, promises, owners, channels,
    touchpoints, what is said of the whole) is in `extensionElements`. There is no diagram: tools
    that show one lay it out anew.

    Parameters
    ----------
    plan : Plan
    path : str or Path

    Raises
    ------
    DataError
        When a text has a character that XML cannot hold.
    StudyError
        When the file cannot be written.
    """
    root = Element(_tag("definitions"), {"id": "Definitions_1", "targetNamespace": NAMESPACE})
    process = add(
        root, _tag("process"), id="Process_1", name=plan.name, isExecutable="false",
        processType="None",
    )  # fmt: skip
    extension = add(process, _tag("extensionElements"))
    fields(add(extension, ours("plan")), plan, without=("name",))
    _in_scope(_Scope(process), plan.steps)
    write_markup(root, Path(path))


def _tag(name: str) -> str:
    return f"{{{BPMN}}}{name}"


@dataclass
class _Scope:
    """A process or subprocess that is being written; identifiers are counted over all of them."""

    element: Element
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def node(self, tag: str, /, **attributes: str) -> Element:
        """Write a flow node with an identifier of its own."""
        return add(self.element, _tag(tag), id=f"{tag}_{next(self.numbers)}", **attributes)

    def flow(self, source: Element, target: Element) -> None:
        """Write a flow from one node to another."""
        add(
            self.element, _tag("sequenceFlow"), id=f"flow_{next(self.numbers)}",
            sourceRef=source.attrib["id"], targetRef=target.attrib["id"],
        )  # fmt: skip


def _in_scope(scope: _Scope, parts: tuple[Any, ...]) -> None:
    """Write parts in order between a start and an end."""
    last = _in_order(scope, parts, scope.node("startEvent"))
    scope.flow(last, scope.node("endEvent"))


def _in_order(scope: _Scope, parts: tuple[Any, ...], source: Element) -> Element:
    for part in parts:
        source = _part(scope, part, source, alone=False)
    return source


def _part(scope: _Scope, part: Any, source: Element, *, alone: bool) -> Element:
    """Write a part after `source`, and return its last node.

    Parts in order that are `alone` on their way between two gateways need no subprocess.
    """
    if isinstance(part, Choice) and not part.repeat:
        return _between(scope, EXCLUSIVE, part.choice, source, way_past=part.optional)
    if part.optional:
        # The same part, no longer to be left out: the way past it says so.
        inner = part.model_copy(update={"optional": False})
        return _between(scope, EXCLUSIVE, (inner,), source, way_past=True)
    if isinstance(part, Step):
        return _task(scope, part, source)
    if part.repeat or (isinstance(part, InOrder) and not (alone and len(part.in_order) > 1)):
        return _subprocess(scope, part, source)
    if isinstance(part, Together):
        return _between(scope, PARALLEL, part.together, source, way_past=False)
    return _in_order(scope, part.in_order, source)


def _between(
    scope: _Scope, gateway: str, branches: tuple[Any, ...], source: Element, *, way_past: bool
) -> Element:
    split = scope.node(gateway, gatewayDirection="Diverging")
    scope.flow(source, split)
    ends = [_part(scope, branch, split, alone=True) for branch in branches]
    join = scope.node(gateway, gatewayDirection="Converging")
    for end in [*ends, *([split] if way_past else [])]:
        scope.flow(end, join)
    return join


def _task(scope: _Scope, step: Step, source: Element) -> Element:
    task = scope.node("task", name=step.step)
    scope.flow(source, task)
    said = Element(ours("step"))
    fields(said, step, without=("step", "optional", "repeat"))
    if said.attrib or len(said):
        add(task, _tag("extensionElements")).append(said)
    if step.repeat:
        add(task, _tag("standardLoopCharacteristics"))
    return task


def _subprocess(scope: _Scope, part: Any, source: Element) -> Element:
    made = scope.node("subProcess")
    scope.flow(source, made)
    if not isinstance(part, InOrder):
        # Whether the loop is of the choice itself, or of parts in order of which it is the only.
        add(add(made, _tag("extensionElements")), ours("group"), kind=kind_of(part))
    if part.repeat:
        add(made, _tag("standardLoopCharacteristics"))
    inner = part.in_order if isinstance(part, InOrder) else (_once(part),)
    _in_scope(_Scope(made, scope.numbers), inner)
    return made


def _once(part: Any) -> Any:
    return part.model_copy(update={"repeat": False})
