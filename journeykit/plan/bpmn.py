"""Block-structured BPMN 2.0 processes, read as plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeykit.checks import did_you_mean
from journeykit.errors import DataError, MappingError
from journeykit.plan.blocks import Node, as_one, connect, reduced
from journeykit.plan.bpmn_writing import EXCLUSIVE, PARALLEL
from journeykit.plan.checking import mistakes
from journeykit.plan.extension import given, ours
from journeykit.plan.markup import child, children, doubled, local, not_too_deep, read_markup
from journeykit.plan.model import Plan

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from journeykit.plan.blocks import Kind

_TASKS = (
    "task", "userTask", "serviceTask", "sendTask", "receiveTask", "manualTask", "scriptTask",
    "businessRuleTask", "callActivity",
)  # fmt: skip
#: What is no part of a plan itself. Whichever way leads to an end event ends there.
_EMPTY: dict[str, Kind] = {
    EXCLUSIVE: "exclusive",
    PARALLEL: "parallel",
    "startEvent": "parts",
    "endEvent": "exclusive",
}
#: Parts of a process that say nothing of its order are passed over; these would.
_OF_THE_FLOW = ("Event", "Gateway", "Task", "Process", "Activity", "task")
_DEEPEST = 50


def read_bpmn(path: str | Path, /, *, process: str | None = None) -> Plan:
    """Read a block-structured BPMN 2.0 process as a plan.

    A file that `write_bpmn` wrote gives an equal plan. Of any other, tasks of every kind are steps
    called by their names (their identifiers, where they have none) and seen at touchpoints of the
    same name; where a name comes again, the identifier is put behind it. Exclusive gateways that
    split and join are a choice, or a step that may be left out where one way is empty; parallel
    ones are parts that go together; subprocesses are parts in order. Standard loop characteristics
    and ways that lead back between exclusive gateways are repeats. Several end events count as
    joined by an exclusive gateway.

    Conditions, lanes, pools, messages, data, notes and diagrams are not read. Refused, with the
    element's name, are gateways without counterpart, tasks that several flows enter or leave,
    inclusive, complex and event-based gateways, events between start and end, instances in
    parallel, and whatever else would change the order of steps.

    Parameters
    ----------
    path : str or Path
    process : str, optional
        Name or identifier of the process, where the file holds several.

    Raises
    ------
    DataError
        When the file is not well-formed XML or has a document type; when it is no BPMN or has no
        process; when several are there and none is named; or when the process is not
        block-structured.
    MappingError
        When there is no process of that name.

    References
    ----------
    Object Management Group (2011), Business Process Model and Notation, version 2.0, sections 10
    and 13.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "order.bpmn"
    >>> plan = Plan(name="order", steps=["visit", {"choice": ["call", ["chat", "mail"]]}, "pay"])
    >>> from journeykit.plan import write_bpmn
    >>> write_bpmn(plan, path)
    >>> read_bpmn(path) == plan
    True
    """
    file = Path(path)
    with not_too_deep(file):
        return _read(file, process)


def _read(file: Path, process: str | None) -> Plan:
    root = read_markup(file)
    if local(root) != "definitions":
        raise DataError(f"{file}: must be BPMN; its outermost element is <{local(root)}>.")
    chosen = _chosen(file, root, process)
    extension = _extension(chosen, "plan")
    steps = reduced(_graph(file, chosen, 0, exact=extension is not None), str(file))
    name = chosen.get("name", "") if extension is not None else _one_line(chosen.get("name", ""))
    content: dict[str, Any] = {
        "name": name or chosen.get("id") or file.stem,
        **({} if extension is None else given(extension)),
        "steps": steps if extension is not None else _told_apart(steps),
    }
    if not steps:
        raise DataError(f"{file}: its process has no task.")
    wrong = mistakes(_bare(content))
    if wrong:
        raise DataError("\n  ".join([f"{file}: is no plan:", *wrong]))
    return Plan.model_validate(_bare(content))


def _chosen(file: Path, root: Element, process: str | None) -> Element:
    there = [
        one
        for one in children(root, "process")
        if any(local(node) in _TASKS for node in one.iter())
    ]
    names = [_one_line(one.get("name", "")) or one.get("id", "") for one in there]
    if not there:
        raise DataError(f"{file}: has no <process> with a task.")
    if process is not None:
        for one, name in zip(there, names, strict=True):
            if process in (name, one.get("id")):
                return one
        raise MappingError(
            f"{file}: has no process {process!r}.{did_you_mean(process, names)} There are: "
            f"{', '.join(map(repr, names))}."
        )
    if len(there) > 1:
        raise DataError(
            f"{file}: has {len(there)} processes; name one of them with `process`: "
            f"{', '.join(map(repr, names))}."
        )
    return there[0]


def _graph(file: Path, scope: Element, depth: int, *, exact: bool) -> list[Node]:
    """Return the nodes of a process or subprocess, connected."""
    if depth > _DEEPEST:
        raise DataError(f"{file}: its subprocesses are nested deeper than {_DEEPEST}.")
    nodes: dict[str, Node] = {}
    for element in scope:
        node = _node(file, element, depth, exact=exact)
        if node is None:
            continue
        identifier = element.get("id", "")
        if not identifier or identifier in nodes:
            raise DataError(f"{file}: {node.said} needs an `id` of its own.")
        nodes[identifier] = node
    for flow in children(scope, "sequenceFlow"):
        ends = [flow.get("sourceRef", ""), flow.get("targetRef", "")]
        for end in ends:
            if end not in nodes:
                raise DataError(
                    f"{file}: flow {flow.get('id', '')!r} refers to {end!r}, which is not there."
                )
        connect(nodes[ends[0]], nodes[ends[1]])
    return _with_one_end(file, scope, list(nodes.values()))


def _with_one_end(file: Path, scope: Element, nodes: list[Node]) -> list[Node]:
    """Let several ends be joined by an exclusive gateway; there must be one beginning."""
    begins = [node for node in nodes if not node.before]
    ends = [node for node in nodes if not node.after]
    called = f"<{local(scope)}> {scope.get('id', '')!r}"
    if not nodes:
        return [Node(called)]
    if len(begins) != 1 or not ends:
        said = ", ".join(node.said for node in begins) or "none"
        raise DataError(
            f"{file}: {called} needs one beginning, and an end; it begins with: {said}."
        )
    if len(ends) > 1:
        join = Node("the end", "exclusive")
        for end in ends:
            connect(end, join)
        nodes.append(join)
    return nodes


def _node(file: Path, element: Element, depth: int, *, exact: bool) -> Node | None:
    kind = local(element)
    said = f"<{kind}> {_called(element)}"
    if kind in _TASKS:
        return Node(said, parts=[_looped(file, element, _task(element, exact=exact))])
    if kind == "subProcess" and element.get("triggeredByEvent", "false") != "true":
        parts = reduced(_graph(file, element, depth + 1, exact=exact), str(file))
        if not parts:
            return Node(said)
        group = _extension(element, "group")
        made = {"in_order": parts} if group is None else as_one(parts)
        return Node(said, parts=[_looped(file, element, made)])
    if kind in _EMPTY:
        return Node(said, _EMPTY[kind])
    if kind.endswith(_OF_THE_FLOW):
        raise DataError(f"{file}: {said} is nothing that a plan can say.")
    return None


def _called(element: Element) -> str:
    name = _one_line(element.get("name", ""))
    return f"{name!r} ({element.get('id', '')})" if name else repr(element.get("id", ""))


def _one_line(text: str) -> str:
    """Return a text without the line breaks that editors put into labels."""
    return " ".join(text.split())


def _task(element: Element, *, exact: bool) -> dict[str, Any]:
    name = element.get("name", "")
    identifier = element.get("id", "")
    step: dict[str, Any] = {"step": name if exact else _one_line(name) or identifier}
    if not exact:
        step[_ID] = identifier
    extension = _extension(element, "step")
    return step if extension is None else step | given(extension)


#: The identifier of a step, until it is known whether its name comes again.
_ID = "(id)"


def _looped(file: Path, element: Element, part: dict[str, Any]) -> dict[str, Any]:
    if child(element, "multiInstanceLoopCharacteristics") is not None:
        raise DataError(
            f"{file}: <{local(element)}> {_called(element)} has several instances; a plan knows "
            "repeats, <standardLoopCharacteristics>, only."
        )
    loop = child(element, "standardLoopCharacteristics")
    if loop is None:
        return part
    part = {**part, "repeat": "true"}
    return {**part, "optional": "true"} if loop.get("testBefore") == "true" else part


def _extension(element: Element, name: str) -> Element | None:
    inside = child(element, "extensionElements")
    return None if inside is None else inside.find(ours(name))


def _told_apart(parts: list[Any]) -> list[Any]:
    """Put identifiers behind names that come again."""
    steps = list(_steps(parts))
    again = doubled(step["step"] for step in steps)
    for step in steps:
        if step["step"] in again:
            step.setdefault("touchpoints", [step["step"]])
            step["step"] = f"{step['step']} ({step[_ID]})"
    return parts


def _steps(parts: list[Any]) -> Any:
    for part in parts:
        if "step" in part:
            yield part
        for kind in ("in_order", "together", "choice"):
            yield from _steps(part.get(kind, []))


def _bare(content: dict[str, Any]) -> dict[str, Any]:
    for step in _steps(content["steps"]):
        step.pop(_ID, None)
    return content
