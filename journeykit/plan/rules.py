"""What a plan promises, and by when its steps are due, as rules: after this, that, by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from journeykit.plan.model import Choice, Step, Together

if TYPE_CHECKING:
    from journeykit.plan.model import Plan

Kind = Literal["promise", "deadline", "due"]
Names = frozenset[str]


class Rule(NamedTuple):
    """One rule of a plan.

    Attributes
    ----------
    rule : str
        Its name, once among the rules of a plan.
    kind : str
    step : str
        The step after which the reaction is promised, or the one that is due.
    triggers : tuple of sets of touchpoints
        The clock starts once there was an event in each set; more than one set where parts go
        together before the step that is due.
    begin : bool
        Whether the beginning of a case starts the clock too.
    reactions : set of touchpoints
    instead : set of touchpoints
        What may lawfully come in the place of the reaction.
    may_be_left_out : bool
    within_days : float
        NaN where each event has a time of its own at which it is due.
    due : str
        Event column of these times, or the empty text.
    """

    rule: str
    kind: Kind
    step: str
    triggers: tuple[Names, ...]
    begin: bool
    reactions: Names
    instead: Names
    may_be_left_out: bool
    within_days: float
    due: str = ""


@dataclass(frozen=True, slots=True)
class _Before:
    """What comes right before a part: an event in each of the sets, or a case beginning."""

    sets: tuple[Names, ...] = ()
    begin: bool = False
    said: tuple[str, ...] = ()

    def or_else(self, other: _Before) -> _Before:
        """Return that either comes."""
        either = frozenset().union(*self.sets, *other.sets)
        said = tuple(dict.fromkeys((*self.said, *other.said)))
        return _Before((either,) if either else (), self.begin or other.begin, said)


class _Place(NamedTuple):
    """Where a part stands: what is before it, what may come in its place, and what after it."""

    before: _Before
    instead: Names
    after: Names
    skippable: bool


def rules_of(plan: Plan, /) -> tuple[Rule, ...]:
    """Return the promises and deadlines of a plan, in the order of its steps.

    The clock of a promise starts with every event at its step. That of a deadline starts with the
    planned step before it: any that may come right before, where several may; all parts, where
    parts go together; the beginning of the case, where it may be the first. What the plan lets come
    in the place of a step that is due (other branches of a choice, what follows a step that may be
    left out) excuses it. Where each event has its own due time, every event that has one is judged
    by it.
    """
    found: list[Rule] = []
    start = _Place(_Before(begin=True, said=("the beginning",)), frozenset(), frozenset(), False)
    _in_order(plan.steps, start, found)
    order = {step.step: place for place, step in enumerate(plan.all_steps)}
    return tuple(sorted(found, key=lambda rule: (order[rule.step], rule.kind)))


def _in_order(parts: tuple[Any, ...], place: _Place, found: list[Rule]) -> _Before:
    before, at_start = place.before, True
    for at, part in enumerate(parts):
        after, ends = _begins(parts[at + 1 :])
        if ends:
            after |= place.after
        # Until something must have come, what may come instead of the whole may come still.
        instead = place.instead if at_start else frozenset()
        skippable = place.skippable and at_start
        before = _walk(part, _Place(before, instead, after, skippable), found)
        at_start = at_start and _nullable(part)
    return before


def _walk(part: Any, place: _Place, found: list[Rule]) -> _Before:
    """Collect the rules of a part, and return what is right before whatever follows it."""
    if part.optional:
        place = place._replace(instead=place.instead | place.after, skippable=True)
    if isinstance(part, Step):
        found.extend(_of_step(part, place))
        ended = _Before((frozenset(part.seen_as),), said=(part.step,))
    elif isinstance(part, Choice):
        ended = _of_choice(part, place, found)
    elif isinstance(part, Together):
        ended = _of_together(part, place, found)
    else:
        ended = _in_order(part.in_order, place, found)
    return ended.or_else(place.before) if part.optional else ended


def _of_choice(part: Choice, place: _Place, found: list[Rule]) -> _Before:
    ended: _Before | None = None
    for at, branch in enumerate(part.choice):
        others = [_begins((other,))[0] for i, other in enumerate(part.choice) if i != at]
        instead = place.instead.union(*others)
        end = _walk(branch, _Place(place.before, instead, place.after, True), found)
        ended = end if ended is None else ended.or_else(end)
    assert ended is not None
    return ended


def _of_together(part: Together, place: _Place, found: list[Rule]) -> _Before:
    ends = [_walk(branch, place, found) for branch in part.together]
    needed = [end for end, branch in zip(ends, part.together, strict=True) if not _nullable(branch)]
    if not needed:
        first, *rest = ends
        for end in rest:
            first = first.or_else(end)
        return first
    sets = tuple(names for end in needed for names in end.sets)
    return _Before(sets, said=tuple(name for end in needed for name in end.said))


def _of_step(step: Step, place: _Place) -> list[Rule]:
    rules = []
    if step.within_days is not None:
        reactions, before = frozenset(step.seen_as), place.before
        rules.append(
            Rule(
                f"{step.step} within {spoken(step.within_days)} of {_either(before)}",
                "deadline", step.step, before.sets, before.begin, reactions,
                place.instead - reactions, place.skippable, step.within_days,
            )
        )  # fmt: skip
    if step.due is not None:
        names = frozenset(step.seen_as)
        rules.append(
            Rule(
                f"{step.step} by its {step.due}", "due", step.step, (names,), False, names,
                frozenset(), False, float("nan"), step.due,
            )
        )  # fmt: skip
    if step.promise is not None:
        promised, days = step.promise.touchpoints, step.promise.within_days
        rules.append(
            Rule(
                f"{' or '.join(promised)} promised within {spoken(days)} of {step.step}", "promise",
                step.step, (frozenset(step.seen_as),), False, frozenset(promised), frozenset(),
                False, days,
            )
        )  # fmt: skip
    return rules


def spoken(days: float, /) -> str:
    """Return a duration as people say it: in days, or in hours or minutes where it is shorter."""
    for size, unit in ((1.0, "d"), (1 / 24, "h"), (1 / 1440, "min")):
        if days >= size:
            return f"{days / size:.3g} {unit}"
    return f"{days * 86400:.3g} s"


def _either(before: _Before) -> str:
    return (" and " if len(before.sets) > 1 else " or ").join(before.said)


def _begins(parts: tuple[Any, ...]) -> tuple[Names, bool]:
    """Return at what parts in order may begin, and whether all of them may be left out."""
    names: Names = frozenset()
    for part in parts:
        if isinstance(part, Step):
            names |= frozenset(part.seen_as)
        elif isinstance(part, Choice | Together):
            inside = part.choice if isinstance(part, Choice) else part.together
            names = names.union(*(_begins((branch,))[0] for branch in inside))
        else:
            names |= _begins(part.in_order)[0]
        if not _nullable(part):
            return names, False
    return names, True


def _nullable(part: Any) -> bool:
    """Say whether nothing of a part need come."""
    if part.optional or isinstance(part, Step):
        return bool(part.optional)
    if isinstance(part, Choice):
        return any(_nullable(branch) for branch in part.choice)
    inside = part.together if isinstance(part, Together) else part.in_order
    return all(_nullable(branch) for branch in inside)
