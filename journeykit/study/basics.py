"""What the files of a study are made of: frozen groups of keys, names, times and numbers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field

from journeykit.checks import did_you_mean


def one_or_many(value: object) -> object:
    """Let a single name stand for a list of one."""
    return [value] if isinstance(value, str) else value


def our_name_to_column(value: object) -> object:
    """Let a list of columns keep their names."""
    return {name: name for name in value} if isinstance(value, list) else value


def moment(value: object) -> object:
    """Read a date (midnight where the study is) or a time (which may carry its own offset)."""
    try:
        text = str(value)
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"must be a date such as 2017-01-31, or a time such as 2017-01-31T12:30; got {value!r}."
        ) from None


def zone(value: object) -> object:
    """Let through the names of time zones."""
    try:
        ZoneInfo(str(value))
    except (KeyError, ValueError, OSError):
        hint = did_you_mean(value, available_timezones())
        raise ValueError(
            f"must be a time zone such as Europe/Berlin; got {value!r}.{hint}"
        ) from None
    return value


def nothing_given(value: object) -> object:
    """Let `paths:` mean what `paths: {}` does."""
    return {} if value is None else value


def is_file_name(name: str, /) -> bool:
    """Tell whether a folder of that name can be made on any system, and is not hidden."""
    return bool(name) and not name.startswith(".") and not set(name) & set('/\\:*?"<>|\0')


def file_name(value: object) -> object:
    """Let through what a folder may be called."""
    if not is_file_name(str(value)):
        raise ValueError(f"names a folder of reports: no slashes or other signs; got {value!r}.")
    return value


def environment_variable(value: object) -> object:
    """Let through the name of an environment variable."""
    if not str(value).startswith("env:"):
        # The value is not repeated: it may hold a password.
        raise ValueError("must be `env:NAME`: addresses with passwords stay out of files.")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(one_or_many), Field(min_length=1)]
Columns = Annotated[dict[str, str], BeforeValidator(our_name_to_column)]
Moment = Annotated[date | datetime, BeforeValidator(moment)]
Given = Annotated[dict[str, str | None], BeforeValidator(nothing_given)]
Days = Annotated[int, Field(ge=1, le=3650)]
