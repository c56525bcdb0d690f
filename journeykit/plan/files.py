"""Plans as YAML files: read with every mistake named, written short, and read back equal."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from journeykit.errors import DataError, StudyError
from journeykit.plan.checking import mistakes
from journeykit.plan.model import Plan, Step
from journeykit.study.models import Part
from journeykit.study.yaml import read_yaml

_LINE = 100


def read_plan(path: str | Path, /) -> Plan:
    r"""Read a planned journey from a YAML file.

    `name` and `steps` are required. A step is its name, or keys with `step`; parts one after the
    other are a list, or `in_order`; parts that all come, in any order, are `together`; parts of
    which one comes are a `choice`. See `Plan` and `Step` for the other keys.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    StudyError
        Every mistake in the file, with its key path, what came and the mend.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "order.yaml"
    >>> _ = path.write_text(
    ...     "name: order\n"
    ...     "steps: [visit, {choice: [call, chat]}, {step: pay, within_days: 3}]\n"
    ... )
    >>> plan = read_plan(path)
    >>> [step.step for step in plan.all_steps], plan.all_steps[-1].within_days
    (['visit', 'call', 'chat', 'pay'], 3.0)
    """
    file = Path(path)
    return plan_of(read_yaml(file, keys="`name:` and `steps:`"), file)


def plan_of(given: dict[str, Any], path: Path, /) -> Plan:
    """Return the plan that was written in a file, or all that is wrong in it."""
    wrong = mistakes(given)
    if wrong:
        lines = "\n  ".join(wrong)
        raise StudyError(f"{path}:\n  {lines}")
    try:
        return Plan.model_validate(given)
    except (ValidationError, RecursionError) as error:  # pragma: no cover (all was checked above)
        raise StudyError(f"{path}: {error}") from error


def write_plan(plan: Plan, path: str | Path, /) -> None:
    """Write a planned journey to a YAML file that `read_plan` reads back equal.

    What is not given is left out; a step of which only the name is given is its name, and parts in
    order of which nothing else is said are a list. The file is written beside and then renamed, so
    nobody ever sees half of it.

    Parameters
    ----------
    plan : Plan
    path : str or Path

    Raises
    ------
    StudyError
        When the file cannot be written.
    """
    text = yaml.dump(
        content(plan), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=_LINE
    )
    write_beside(Path(path), text.encode("utf-8"))


def content(plan: Plan, /) -> dict[str, Any]:
    """Return what a file says of a plan, as short as it can be said."""
    short = _given(plan)
    # The steps last: what is said of the whole is found at the top.
    return {name: short[name] for name in short if name != "steps"} | {"steps": short["steps"]}


class _Dumper(yaml.SafeDumper):
    """Writes no anchors: equal parts are written out."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (of all data)
        """Say that nothing is ever referred to."""
        return True


def _given(part: Part) -> dict[str, Any]:
    """Return the fields that differ from what they are by default."""
    defaults = {name: field.default for name, field in type(part).model_fields.items()}
    return {name: _short(value) for name, value in vars(part).items() if value != defaults[name]}


def _short(value: object) -> object:
    if isinstance(value, Step):
        given = _given(value)
        return value.step if list(given) == ["step"] else given
    if isinstance(value, Part):
        given = _given(value)
        return given["in_order"] if list(given) == ["in_order"] else given
    if isinstance(value, tuple):
        return _short_list(value)
    return number_text(value) if isinstance(value, float) else value


def _short_list(values: tuple[object, ...]) -> object:
    """Write a single name without brackets; parts are always a list."""
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return [_short(value) for value in values]


def number_text(value: float, /) -> Any:
    """Return a whole number as one, and others so that they are read back equal."""
    return int(value) if value == int(value) else value


def write_beside(path: Path, data: bytes, /) -> None:
    """Write a file beside its place and rename it, so that nobody sees half of it."""
    beside = None
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # Made for its owner alone; a plan is read like any other file of the folder.
        mask = os.umask(0)
        os.umask(mask)
        Path(beside).chmod(0o666 & ~mask)
        Path(beside).replace(path)
    except OSError as error:
        if beside is not None:
            Path(beside).unlink(missing_ok=True)
        raise StudyError(f"{path}: cannot be written ({error.strerror}).") from error


def need_readable(path: Path, /) -> bytes:
    """Return the bytes of a file, or say why it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
