"""What a part of the world is: parameters, what it draws, and the truth it declares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from journeykit.checks import did_you_mean
from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from journeykit.simulate.past import Columns, Drawn, Past


class Truth(BaseModel):
    """What a part knows to be true of the world; each field says which estimand it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(BaseModel):
    """One cause of events. Its fields are its parameters; zero means that an effect is not there.

    A part sees what the parts before it have drawn, and adds to it; it changes nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]

    def draw(self, past: Past, /) -> Drawn:
        """Draw the part for a block of customers."""
        raise NotImplementedError

    def closing(self, sums: Mapping[str, Any], /, *, days: int, seed: int) -> Mapping[str, Columns]:  # noqa: ARG002
        """Return rows of tables that are not about single customers, from the sums of all blocks.

        Column names are those of the table; times are days.
        """
        return {}

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> Truth | None:  # noqa: ARG002
        """Return what is true, from the parameters and the sums of all blocks."""
        return None


def with_settings(parts: Sequence[Part], settings: Mapping[str, object], /) -> tuple[Part, ...]:
    """Return the parts with some parameters changed.

    Parameters
    ----------
    parts : sequence of Part
    settings : mapping of str to object
        ``part.parameter``, or deeper: ``orders.effect.email_promo``. Values may be texts; that of a
        whole group is JSON then.

    Raises
    ------
    ArgumentError
        Unknown parameter, or a value that does not suit it.
    """
    changed = {part.name: part for part in parts}
    for path, given in settings.items():
        name, *keys = path.split(".")
        value = _read(given)
        if name not in changed or not keys:
            known = [f"{part.name}.{field}" for part in parts for field in type(part).model_fields]
            hint = did_you_mean(path, known)
            listed = "" if hint else f" There are: {', '.join(known)}."
            raise ArgumentError(f"The world has no parameter {path!r}.{hint}{listed}")
        part = changed[name]
        content = _replaced(part.model_dump(), keys, value, path)
        try:
            changed[name] = type(part).model_validate(content)
        except ValidationError as error:
            said = "; ".join(found["msg"] for found in error.errors())
            raise ArgumentError(f"The parameter {path!r} cannot be {value!r}: {said}.") from error
    return tuple(changed.values())


def overriding(old: Mapping[str, object], new: Mapping[str, object], /) -> dict[str, object]:
    """Return settings with the new ones last: a group set later overrides what is in it."""
    return {**{path: value for path, value in old.items() if path not in new}, **new}


def _read(value: object) -> object:
    """Read a group of parameters that comes as text, ``{"email_promo": 0.1}``."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _replaced(content: dict[str, Any], keys: Sequence[str], value: object, path: str) -> Any:
    key, *deeper = keys
    if not isinstance(content, dict) or key not in content:
        known = list(content) if isinstance(content, dict) else []
        raise ArgumentError(
            f"The world has no parameter {path!r}.{did_you_mean(key, known)} "
            f"In {path.rpartition(key)[0].rstrip('.')!r} there are: "
            f"{', '.join(map(str, known)) or 'none'}."
        )
    new = _replaced(content[key], deeper, value, path) if deeper else value
    if isinstance(content[key], dict) and not isinstance(new, dict):
        inside = next(iter(content[key]), "name")
        raise ArgumentError(
            f"The parameter {path!r} is a group and cannot be {value!r}: set one of it, such as "
            f"{path}.{inside}, or give all as JSON."
        )
    return {**content, key: new}


def zero(parts: Sequence[Part], path: str, /) -> object:
    """Return what a parameter must be for its effect not to be there: 0, also in each of a group.

    Raises
    ------
    ArgumentError
        Unknown parameter, or one that is no number.
    """
    content: Any = {part.name: part.model_dump() for part in parts}
    for key in path.split("."):
        if not isinstance(content, dict) or key not in content:
            raise ArgumentError(
                f"The world has no parameter {path!r}.{did_you_mean(key, list(content))}"
                if isinstance(content, dict)
                else f"The world has no parameter {path!r}."
            )
        content = content[key]
    return _zeros(content, path)


def _zeros(content: Any, path: str) -> Any:
    if isinstance(content, dict):
        return {key: _zeros(inner, path) for key, inner in content.items()}
    if isinstance(content, bool) or not isinstance(content, int | float):
        raise ArgumentError(f"The parameter {path!r} is no number, so it cannot be zero.")
    return 0
