"""Plans and journeys for the tests of `journeykit.plan`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from journeykit.journeys import Journeys
from journeykit.plan import Plan
from journeykit.plan.model import Choice, InOrder, Step, Together

MINUTE = 60_000_000
DAY = 1440 * MINUTE
BEGIN = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
STEPS = (
    "site_search", "view_product", "view_testimonial", "checkout", "thank_you_page",
    "email_confirmation",
)  # fmt: skip
PURCHASE = Plan(name="purchase", steps=STEPS, reaches=("thank_you_page",), pause_days=30 / 1440)


def lived(*words: Sequence[str], **changes: Any) -> Journeys:
    """Return journeys without times, one for each word; its letters are touchpoints."""
    names = tuple(sorted({letter for word in words for letter in word}))
    codes = [names.index(letter) for word in words for letter in word]
    return Journeys(
        names=names,
        touchpoint=np.array(codes, dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int64),
    ).replace(**changes)


def timed(*customers: Sequence[tuple[str, float]], watched_days: float = 100.0) -> Journeys:
    """Return customers' journeys of (touchpoint, minutes since the beginning)."""
    made = lived(*[[name for name, _ in events] for events in customers])
    minutes = [at for events in customers for _, at in events]
    end = BEGIN + round(watched_days * DAY)
    return made.replace(
        time=BEGIN + DAY + np.round(np.array(minutes) * MINUTE).astype(np.int64),
        observed_from=np.full(len(customers), BEGIN),
        observed_to=np.full(len(customers), end),
        window=(BEGIN, end),
        customer_id=pa.array([f"c{at}" for at in range(len(customers))]),
    )


def random_plan(draw: random.Random, *, n_steps: int) -> Plan:
    """Return a plan of that many steps a, b, c, ... in random blocks."""
    letters = list("abcdefgh"[:n_steps])
    return Plan(name="any", steps=(_block(draw, letters),))


def _block(draw: random.Random, letters: list[str]) -> dict[str, Any]:
    more = {"optional": draw.random() < 0.25, "repeat": draw.random() < 0.2}
    if len(letters) == 1:
        return {"step": letters[0], **more}
    cut = draw.randint(1, len(letters) - 1)
    parts = [_block(draw, letters[:cut]), _block(draw, letters[cut:])]
    return {draw.choice(["in_order", "together", "choice"]): parts, **more}


def words(plan: Plan, most: int) -> set[str]:
    """Return all words of at most so many steps that the plan allows, straight from its meaning."""
    return _words(InOrder(in_order=plan.steps), most)


def _words(node: Step | InOrder | Together | Choice, most: int) -> set[str]:
    if isinstance(node, Step):
        found = {node.step}
    elif isinstance(node, Choice):
        found = set().union(*(_words(one, most) for one in node.choice))
    else:
        found = {""}
        join = _joined if isinstance(node, InOrder) else _shuffled
        for one in node.in_order if isinstance(node, InOrder) else node.together:
            found = {
                word for a in found for b in _words(one, most) if len(a) + len(b) <= most
                for word in join(a, b)
            }  # fmt: skip
    if node.repeat:
        grown = found
        while grown:
            grown = {a + b for a in grown for b in found if len(a) + len(b) <= most} - found
            found = found | grown
    return found | {""} if node.optional else found


def _joined(a: str, b: str) -> set[str]:
    return {a + b}


def _shuffled(a: str, b: str) -> set[str]:
    found = set()
    for places in itertools.combinations(range(len(a) + len(b)), len(a)):
        first, second = iter(a), iter(b)
        found.add(
            "".join(next(first) if at in places else next(second) for at in range(len(a) + len(b)))
        )
    return found


def moves_apart(a: str, b: str) -> int:
    """Return the least number of letters to take out of either so that they are the same."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        above, row = row, [i]
        for j, other in enumerate(b, start=1):
            row.append(above[j - 1] if letter == other else 1 + min(above[j], row[-1]))
    return row[-1]


def walks(
    seed: int, *, customers: int = 1500, leave: float = 0.15, after: float = 0.15
) -> Journeys:
    """Return timed attempts to go a, b, c, d, with detours x from which customers may leave.

    After each event but the last, customers leave with probability `leave`, after a detour with
    `after`; else they make a detour, one time in four, or the next step.
    """
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(customers):
        events: list[tuple[str, float]] = []
        for attempt in range(int(draw.integers(1, 4))):
            at = attempt * 20 * 1440 + draw.uniform(0, 15 * 1440)
            step, last = 0, "a"
            events.append(("a", at))
            while step < 3 and draw.random() >= (after if last == "x" else leave):
                at += draw.exponential(4) + 0.1
                last = "x" if draw.random() < 0.25 else "abcd"[step + 1]
                step += last != "x"
                events.append((last, at))
        made.append(events)
    return timed(*made)
