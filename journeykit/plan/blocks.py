"""A graph of tasks and gateways, put together block by block to parts in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from journeykit.errors import DataError

Kind = Literal["parts", "exclusive", "parallel"]


@dataclass(eq=False)
class Node:
    """A node of the graph: parts in order, or a gateway.

    Attributes
    ----------
    said : str
        What to call it in a message.
    kind : {"parts", "exclusive", "parallel"}
    parts : list
        As they are written in a plan; empty for events and gateways.
    before, after : list of Node
        In the order in which flows are written; one that two flows join is there twice.
    """

    said: str
    kind: Kind = "parts"
    parts: list[Any] = field(default_factory=list)
    before: list[Node] = field(default_factory=list)
    after: list[Node] = field(default_factory=list)


def connect(source: Node, target: Node, /) -> None:
    """Let a flow lead from one node to another."""
    source.after.append(target)
    target.before.append(source)


def reduced(nodes: list[Node], where: str, /) -> list[Any]:
    """Return the parts in order that a block-structured graph amounts to.

    Nodes that follow one another are joined; a splitting gateway and the joining one of its kind in
    which all its ways end become one node, and so does a loop: a joining exclusive gateway, what
    follows it, and a splitting one from which a way leads back. This is repeated until one node is
    left.

    Raises
    ------
    DataError
        When the graph is not block-structured; the message names the first gateway that has no
        counterpart, or a node that several flows enter or leave.
    """
    for node in nodes:
        _refuse_hidden_gateway(node, where)
    left = dict.fromkeys(nodes)
    changed = True
    while changed and len(left) > 1:
        changed = False
        for node in list(left):
            # What was swallowed since the list was made is gone.
            for gone in _swallowed(node) if node in left else ():
                del left[gone]
                changed = True
    if len(left) > 1:
        stuck = next((node for node in left if node.kind != "parts"), next(iter(left)))
        raise DataError(
            f"{where}: {stuck.said} has no counterpart: what a gateway splits must be joined by "
            "one of its kind, whole, before anything else. Only block-structured processes are "
            "plans."
        )
    last = next(iter(left))
    if last.after:
        raise DataError(f"{where}: {last.said} leads back to itself.")
    return last.parts


def _refuse_hidden_gateway(node: Node, where: str) -> None:
    for flows, verb in ((node.before, "enter"), (node.after, "leave")):
        if node.kind == "parts" and len(flows) > 1:
            raise DataError(
                f"{where}: {len(flows)} flows {verb} {node.said}; put a gateway there that says "
                "whether one of them counts or all."
            )
    if len(node.before) > 1 and len(node.after) > 1:
        raise DataError(
            f"{where}: {node.said} joins and splits at once; make it two gateways, one after the "
            "other."
        )


def _swallowed(node: Node) -> list[Node]:
    """Put a node and what follows it together where they are a block; return what is gone."""
    if node.kind != "parts" and len(node.before) <= 1 and len(node.after) <= 1:
        node.kind = "parts"
    if node.kind == "parts":
        return _sequence(node)
    if len(node.after) > 1:
        return _block(node)
    return _loop(node) if node.kind == "exclusive" else []


def _sequence(node: Node) -> list[Node]:
    gone: list[Node] = []
    while len(node.after) == 1:
        following = node.after[0]
        if following.kind != "parts" or following is node or len(following.before) != 1:
            break
        node.parts += following.parts
        _take_over(node, following)
        gone.append(following)
    return gone


def _take_over(node: Node, last: Node) -> None:
    """Let a node lead where the last of those that it swallowed did."""
    node.after = last.after
    for target in dict.fromkeys(node.after):
        target.before = [node if source is last else source for source in target.before]


def _block(split: Node) -> list[Node]:
    """Make one node of a split, its ways and their join."""
    ways = [None if way.kind == split.kind else way for way in split.after]
    ends = [
        end if way is None else (way.after[0] if _simple(way) else None)
        for way, end in zip(ways, split.after, strict=True)
    ]
    join = ends[0]
    if join is None or any(end is not join for end in ends) or join.kind != split.kind:
        return []
    if len(join.before) != len(ends) or join is split:
        return []
    branches = [[] if way is None else way.parts for way in ways]
    split.parts = _one_of(branches) if split.kind == "exclusive" else _all_of(branches)
    split.kind = "parts"
    _take_over(split, join)
    return [way for way in ways if way is not None] + [join]


def _simple(node: Node) -> bool:
    return node.kind == "parts" and len(node.before) == len(node.after) == 1


def _one_of(branches: list[list[Any]]) -> list[Any]:
    filled = [branch for branch in branches if branch]
    if not filled:
        return []
    way_past = len(filled) < len(branches)
    made = as_one(filled[0]) if len(filled) == 1 else {"choice": [as_one(way) for way in filled]}
    return [{**made, "optional": "true"}] if way_past else [made]


def _all_of(branches: list[list[Any]]) -> list[Any]:
    filled = [branch for branch in branches if branch]
    if len(filled) < 2:
        return filled[0] if filled else []
    return [{"together": [as_one(way) for way in filled]}]


def _loop(join: Node) -> list[Node]:
    """Make one node of a joining gateway, a splitting one, and the way back.

    What lies before the split comes once or more; what lies on the way back comes as often as it
    likes, or not at all. Both at once is no plan.
    """
    first = join.after[0] if join.after else join
    split = first.after[0] if _simple(first) else first
    if split.kind != "exclusive" or split is join or len(split.after) != 2 or len(join.before) != 2:
        return []
    body = [] if first is split else [first]
    back = [way for way in split.after if way is join or (_simple(way) and way.after[0] is join)]
    if len(back) != 1 or len(split.before) != 1:
        return []
    on_the_way_back = [] if back[0] is join else back
    before, after = (
        (body[0].parts if body else []),
        (on_the_way_back[0].parts if on_the_way_back else []),
    )
    if bool(before) == bool(after):
        return []
    more = {"repeat": "true"} if before else {"repeat": "true", "optional": "true"}
    join.parts, join.kind = [{**as_one(before or after), **more}], "parts"
    join.before = [source for source in join.before if source not in (split, *on_the_way_back)]
    split.after = [way for way in split.after if way is not back[0]]
    _take_over(join, split)
    return [*body, *on_the_way_back, split]


def as_one(parts: list[Any], /) -> dict[str, Any]:
    """Return parts in order as one part."""
    return dict(parts[0]) if len(parts) == 1 else {"in_order": parts}
