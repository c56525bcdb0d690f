"""A plan as an automaton: which steps may come next, after all that has been done so far."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.errors import ArgumentError
from journeykit.plan.model import Choice, InOrder, Plan, Step, Together

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

#: States a plan may have: twelve steps in any order have 2^12 = 4,096.
MOST_STATES = 20_000

Edge = tuple[int, int, int]


class _Part(NamedTuple):
    """What a block allows: it begins in state 0; `edges` are (state, step, next state)."""

    n: int
    edges: tuple[Edge, ...]
    final: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Automaton:
    """All ways that a plan allows, from state 0 to a final state; every move is a step.

    Attributes
    ----------
    steps : tuple of str
        Names, in the order in which the plan has them.
    source, step, target : arrays of int32, shape (n_edges,)
        In state `source` step number `step` may come and leads to `target`; sorted by source, step
        and target. States are numbered by their distance from the beginning.
    final : array of bool, shape (n_states,)
        Where the plan may end.
    shortest : int
        Steps of the shortest way through.
    """

    steps: tuple[str, ...]
    source: NDArray[np.int32]
    step: NDArray[np.int32]
    target: NDArray[np.int32]
    final: NDArray[np.bool_]
    shortest: int


def automaton(plan: Plan, /) -> Automaton:
    """Lay out all ways that a plan allows.

    Of steps that come together, every set that may have been done so far is a state: k single
    steps have 2^k.

    Raises
    ------
    ArgumentError
        When there are more than 20,000 states; the message names the block.

    Examples
    --------
    >>> plan = Plan(name="visit", steps=["look", {"step": "ask", "optional": True}, "buy"])
    >>> made = automaton(plan)
    >>> list(zip(made.source.tolist(), made.step.tolist(), made.target.tolist()))
    [(0, 0, 1), (1, 1, 2), (1, 2, 3), (2, 2, 3)]
    """
    names = tuple(step.step for step in plan.all_steps)
    part = _in_order([_part(node, names) for node in plan.steps], "The plan")
    distance = _distances(part)
    order = np.array(sorted(distance, key=lambda state: (distance[state], state)))
    number = {int(state): at for at, state in enumerate(order)}
    edges = sorted((number[a], step, number[b]) for a, step, b in part.edges if a in number)
    final = np.array([int(state) in part.final for state in order])
    source, step, target = (np.array(column, dtype=np.int32) for column in zip(*edges, strict=True))
    return Automaton(
        steps=names,
        source=source,
        step=step,
        target=target,
        final=final,
        shortest=min(distance[int(order[at])] for at in np.flatnonzero(final)),
    )


def _part(node: Step | InOrder | Together | Choice, names: tuple[str, ...]) -> _Part:
    if isinstance(node, Step):
        part = _Part(2, ((0, names.index(node.step), 1),), frozenset([1]))
        return _again(part, optional=node.optional, repeat=node.repeat)
    called = f"The block that begins with {_first(node)!r}"
    if isinstance(node, InOrder):
        part = _in_order([_part(one, names) for one in node.in_order], called)
    elif isinstance(node, Choice):
        part = _choice([_part(one, names) for one in node.choice], called)
    else:
        part = _together([_part(one, names) for one in node.together], node)
    return _again(part, optional=node.optional, repeat=node.repeat)


def _again(part: _Part, *, optional: bool, repeat: bool) -> _Part:
    """Let a part be left out, or come again when it has ended."""
    # Nothing ever leads to the beginning of a part, so that it may be left out only as a whole.
    edges, final = part.edges, part.final
    if repeat:
        begins = [(step, b) for a, step, b in edges if a == 0]
        more = {(end, step, b) for end in final for step, b in begins}
        edges = tuple(sorted(more | set(edges)))
    return _Part(part.n, edges, final | {0} if optional else final)


def _in_order(parts: list[_Part], called: str) -> _Part:
    """Put parts one after the other: where one may end, the next may begin."""
    whole = parts[0]
    for part in parts[1:]:
        _check_size(whole.n + part.n, called)
        moved = [(a + whole.n, step, b + whole.n) for a, step, b in part.edges]
        begins = [(step, b) for a, step, b in moved if a == whole.n]
        joined = [(end, step, b) for end in whole.final for step, b in begins]
        final = {state + whole.n for state in part.final}
        if 0 in part.final:
            final = (final - {whole.n}) | whole.final
        whole = _reachable(
            _Part(whole.n + part.n, (*whole.edges, *joined, *moved), frozenset(final))
        )
    return whole


def _choice(parts: list[_Part], called: str) -> _Part:
    """Begin any one of the parts."""
    n, edges, final = 1, [], set()
    for part in parts:
        _check_size(n + part.n, called)
        moved = [(a + n, step, b + n) for a, step, b in part.edges]
        edges += [(0, step, b) for a, step, b in moved if a == n] + moved
        final |= {state + n for state in part.final} | ({0} if 0 in part.final else set())
        n += part.n
    return _reachable(_Part(n, tuple(edges), frozenset(final)))


def _together(parts: list[_Part], node: Together) -> _Part:
    """Interleave the parts: a state is one state of each."""
    whole = parts[0]
    for part in parts[1:]:
        n = whole.n * part.n
        names = ", ".join(step.step for step in Plan(name="-", steps=(node,)).all_steps)
        _check_size(n, f"What comes together ({names})")
        left = [
            (a * part.n + other, step, b * part.n + other)
            for a, step, b in whole.edges
            for other in range(part.n)
        ]
        right = [
            (other * part.n + a, step, other * part.n + b)
            for a, step, b in part.edges
            for other in range(whole.n)
        ]
        final = {a * part.n + b for a in whole.final for b in part.final}
        whole = _reachable(_Part(n, (*left, *right), frozenset(final)))
    return whole


def _reachable(part: _Part) -> _Part:
    """Leave out the states to which nothing leads, and edges that stand there twice."""
    kept = sorted(_distances(part))
    number = {state: at for at, state in enumerate(kept)}
    edges = {(number[a], step, number[b]) for a, step, b in part.edges if a in number}
    final = frozenset(number[state] for state in part.final if state in number)
    return _Part(len(kept), tuple(sorted(edges)), final)


def _distances(part: _Part) -> dict[int, int]:
    """Return the least number of steps to every state that can be reached."""
    following: dict[int, list[int]] = {}
    for a, _, b in part.edges:
        following.setdefault(a, []).append(b)
    distance, waiting = {0: 0}, deque([0])
    while waiting:
        state = waiting.popleft()
        for b in following.get(state, ()):
            if b not in distance:
                distance[b] = distance[state] + 1
                waiting.append(b)
    return distance


def _check_size(n: int, called: str) -> None:
    if n > MOST_STATES:
        raise ArgumentError(
            f"{called} has more than {MOST_STATES:,} states; got at least {n:,}. Put some of its "
            "parts in order, or into plans of their own."
        )


def _first(node: Step | InOrder | Together | Choice) -> str:
    """Name the first step of a block."""
    found: Iterable[Step] = Plan(name="-", steps=(node,)).all_steps
    return next(iter(found)).step
