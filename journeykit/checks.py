"""Argument checks in one message style: what must hold, what came, and the mend."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence

from journeykit.errors import ArgumentError, MappingError


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def check_positive(name: str, value: float) -> None:
    """Require a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ArgumentError(f"`{name}` must be a number greater than 0; got {_shown(value)}.")


def check_whole(name: str, value: int, *, least: int = 0, most: int | None = None) -> None:
    """Require an integer in [`least`, `most`]."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        limit = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ArgumentError(f"`{name}` must be a whole number {limit}; got {_shown(value)}.")


def check_fraction(name: str, value: float) -> None:
    """Require a number strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ArgumentError(f"`{name}` must lie strictly between 0 and 1; got {_shown(value)}.")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Require one of `choices`, suggesting the nearest."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ArgumentError(
            f"`{name}` must be one of {listed}; got {_shown(value)}.{did_you_mean(value, choices)}"
        )


def check_known(name: str, wanted: Iterable[str], known: Sequence[str], *, what: str) -> None:
    """Require every name in `wanted` to be one of the `known` `what`."""
    missing = [item for item in wanted if item not in set(known)]
    if missing:
        shown = ", ".join(repr(item) for item in known[:12]) or "none"
        more = "" if len(known) <= 12 else f" and {len(known) - 12} more"
        raise MappingError(
            f"`{name}` names {what} that do not exist: {', '.join(map(repr, missing))}."
            f"{did_you_mean(missing[0], known)} There are: {shown}{more}."
        )


def check_names(name: str, value: object) -> None:
    """Require a list of names: one text would be taken letter by letter."""
    if isinstance(value, str):
        raise ArgumentError(f"`{name}` must be a list of names; got the text {value!r}.")


def did_you_mean(value: object, choices: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest choice, else the empty string."""
    by_lower = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(str(value).casefold(), by_lower, n=1, cutoff=0.6)
    return f" Did you mean {by_lower[near[0]]!r}?" if near else ""
