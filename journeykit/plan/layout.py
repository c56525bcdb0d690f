"""How a plan is laid out to be drawn: which steps belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journeykit.plan.model import Choice, InOrder, Plan, Step, Together

if TYPE_CHECKING:
    from journeykit.draw.lanes import Block


def blocks_of(plan: Plan, /) -> list[Block]:
    """Return the outermost blocks of a plan that are not plain order, by position of their steps.

    Examples
    --------
    >>> plan = Plan(name="visit", steps=["look", {"together": ["ask", "compare"]}, "buy"])
    >>> blocks_of(plan)
    [Block(first=1, last=2, word='any order')]
    """
    found: list[Block] = []
    _collect(plan.steps, 0, found)
    return found


def _collect(
    nodes: tuple[Step | InOrder | Together | Choice, ...], begin: int, found: list[Block]
) -> int:
    from journeykit.draw.lanes import Block

    at = begin
    for node in nodes:
        length = len(Plan(name="-", steps=(node,)).all_steps)
        repeats = ", repeated" if node.repeat else ""
        if isinstance(node, Together):
            found.append(Block(at, at + length - 1, f"any order{repeats}"))
        elif isinstance(node, Choice):
            found.append(Block(at, at + length - 1, f"one of{repeats}"))
        elif isinstance(node, InOrder) and (node.repeat or node.optional):
            word = "may come" if node.optional else "comes"
            found.append(Block(at, at + length - 1, f"{word}{' again' if node.repeat else ''}"))
        elif isinstance(node, InOrder):
            _collect(node.in_order, at, found)
        at += length
    return at
