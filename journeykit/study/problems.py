"""What a typed model found wrong, said in plain words: key path, what must hold, what came."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from journeykit.checks import did_you_mean

_MUST = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "date_parsing": "must be a date such as 2026-03-31",
    "date_from_datetime_parsing": "must be a date such as 2026-03-31",
    "date_type": "must be a date such as 2026-03-31",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "path_type": "must be a path",
    "dict_type": "must be a group of `key: value` lines",
    "model_type": "must be a group of `key: value` lines",
    "model_attributes_type": "must be a group of `key: value` lines",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be one of {expected}",
}


def problems(error: ValidationError, /, *, model: type[BaseModel]) -> list[str]:
    """Return one sentence for each thing that is wrong, in the order of the fields of `model`."""
    return [_sentence(found, model) for found in error.errors(include_url=False)]


def _sentence(found: Any, model: type[BaseModel]) -> str:
    loc, kind = found["loc"], found["type"]
    key = ".".join(str(part) for part in loc)
    if kind == "extra_forbidden":
        known = _fields(model, loc[:-1])
        listed = ", ".join(known)
        return f"`{key}` is not known.{did_you_mean(loc[-1], known)} Known here: {listed}."
    if kind == "missing":
        return f"`{key}` is required and missing."
    if kind == "value_error":
        # Our own validators write whole sentences; those about several keys have no key path.
        return f"`{key}` {found['ctx']['error']}" if key else str(found["ctx"]["error"])
    context = found.get("ctx", {})
    must = _MUST[kind].format(**context) if kind in _MUST else found["msg"].lower()
    hint = ""
    if kind == "literal_error":
        hint = did_you_mean(found["input"], re.findall(r"'([^']*)'", context["expected"]))
    shown = repr(found["input"])
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return f"`{key}` {must}; got {shown}.{hint}"


def _fields(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """Names (as written by the user) of the fields of the model that sits at `loc`."""
    for part in loc:
        field = model.model_fields.get(str(part))
        inner = _models(field.annotation) if field else []
        if inner:
            model = inner[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(kind: Any) -> list[type[BaseModel]]:
    """Return the models that a type is made of, such as those of a mapping's values."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in get_args(kind) for model in _models(part)]
