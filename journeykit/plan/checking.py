"""What is wrong in a plan as it was written: each mistake with its place and the mend."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from journeykit.checks import did_you_mean
from journeykit.plan.model import Choice, InOrder, Plan, Step, Together
from journeykit.study.models import Part
from journeykit.study.problems import problems

#: Kinds of groups, their models and how many parts each needs.
GROUPS: dict[str, tuple[type[Part], int]] = {
    "in_order": (InOrder, 1),
    "together": (Together, 2),
    "choice": (Choice, 2),
}
#: What the typed model says, in the words of whoever writes the file.
_PLAIN = {
    "input should be a valid tuple": "must be a name or a list of names",
    "tuple should have at least 1 item after validation, not 0": "must name at least one",
    "string should have at least 1 character": "must not be empty",
    "input should be a valid dictionary or instance of promise": "must be a group of keys",
    "input should be a valid dictionary or instance of failed": "must be a group of keys",
}
_SHAPES = (
    "a name, a list of parts in order, or keys with `step`, `in_order`, `together` or `choice`"
)
#: Deeper plans are a mistake, and would exhaust the interpreter.
_DEEPEST = 50


def mistakes(given: dict[str, Any], /) -> list[str]:
    """Return a sentence for everything that is wrong in a plan as it was written.

    Every group is checked with names in the place of its parts, and every part by itself, so that
    each sentence names the keys as they stand in the file.
    """
    steps = given.get("steps")
    if "steps" not in given or isinstance(steps, list):
        found = _of_model(Plan, {**given, "steps": ["a step"]} if steps else given, "")
    else:
        found = _of_model(Plan, {**given, "steps": ["a step"]}, "")
        found.append(f"`steps` must be a list of steps; got {_shown(steps)}.")
    for place, part in enumerate(steps if isinstance(steps, list) else ()):
        found += _of_part(part, f"steps.{place}", 0)
    return found or _of_model(Plan, given, "")


def _of_part(part: object, where: str, depth: int) -> list[str]:
    if depth > _DEEPEST:
        return [f"`{where}` is nested deeper than {_DEEPEST} groups; make it flatter."]
    if isinstance(part, str):
        return [] if part else [f"`{where}` must be {_SHAPES}; got an empty name."]
    if isinstance(part, list):
        part = {"in_order": part}
    if not isinstance(part, dict):
        return [f"`{where}` must be {_SHAPES}; got {_shown(part)}."]
    kinds = [kind for kind in ("step", *GROUPS) if kind in part]
    if len(kinds) != 1:
        return [f"`{where}` must be {_SHAPES}; {_instead(part, kinds)}"]
    if kinds == ["step"]:
        return _of_model(Step, part, where)
    return _of_group(part, kinds[0], where, depth)


def _of_group(part: dict[str, Any], kind: str, where: str, depth: int) -> list[str]:
    model, least = GROUPS[kind]
    inside = part[kind]
    if not isinstance(inside, list):
        return [f"`{where}.{kind}` must be a list of parts; got {_shown(inside)}."]
    found = _of_model(model, {**part, kind: ["one", "two"]}, where)
    if len(inside) < least:
        found.append(f"`{where}.{kind}` must have at least {least} parts; got {len(inside)}.")
    for place, inner in enumerate(inside):
        found += _of_part(inner, f"{where}.{kind}.{place}", depth + 1)
    return found


def _instead(part: dict[str, Any], kinds: list[str]) -> str:
    if kinds:
        return f"it has {' and '.join(f'`{kind}`' for kind in kinds)}: keep one of them."
    if not part:
        return "it has no keys."
    hints = (did_you_mean(key, ("step", *GROUPS)) for key in part)
    hint = next((hint for hint in hints if hint), "")
    return f"it has {', '.join(f'`{key}`' for key in part)}.{hint}"


def _of_model(model: type[Part], given: dict[str, Any], where: str) -> list[str]:
    try:
        model.model_validate(given)
    except ValidationError as error:
        return [_placed(sentence, where) for sentence in problems(error, model=model)]
    return []


def _placed(sentence: str, where: str) -> str:
    """Put the place of a part before the key that a sentence begins with."""
    for theirs, ours in _PLAIN.items():
        sentence = sentence.replace(theirs, ours, 1)
    if not where:
        return sentence
    return f"`{where}.{sentence[1:]}" if sentence.startswith("`") else f"`{where}` {sentence}"


def _shown(value: object) -> str:
    shown = "nothing" if value is None else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
