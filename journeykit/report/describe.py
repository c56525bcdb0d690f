"""The parameters of a report in words, read from the JSON Schema of their model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journeykit.report.parameters import Parameters

_HEAD = ("Parameter", "Type", "Allowed", "Default", "What it does")
_TYPES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "group",
}
#: What JSON Schema calls text of a certain form.
_FORMATS = {
    "path": "path",
    "date": "date",
    "month": "month",
    "date-time": "date and time",
    "duration": "duration",
    "secret": "env:NAME",
}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def describe(model: type[Parameters], /) -> str:
    """Return a table of the parameters: type, range or choices, default, help; one line each."""
    schema = model.model_json_schema()
    rows = [_HEAD, *(_row(name, field, schema) for name, field in schema["properties"].items())]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    title = schema.get("description", "").partition("\n")[0]
    return "\n".join([f"{model.report}: {title}", "", *lines])


def _row(name: str, field: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = [
        _resolved(kind, schema)
        for kind in field.get("anyOf", [field])
        if kind.get("type") != "null"
    ]
    return (
        name,
        " or ".join(dict.fromkeys(_type(kind) for kind in kinds)),
        "; ".join(filter(None, (_allowed(kind) for kind in kinds))),
        _default(field) if "default" in field else "(required)",
        field.get("description", "").replace("\n", " "),
    )


def _resolved(kind: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference into the definitions, as enumerations have one."""
    name = kind.get("$ref", "").rpartition("/")[2]
    return schema["$defs"][name] if name else kind


def _type(kind: Mapping[str, Any]) -> str:
    if "enum" in kind or "const" in kind:
        return "choice"
    if "format" in kind:
        return _FORMATS.get(kind["format"], str(kind["format"]))
    return _TYPES.get(kind.get("type", ""), "text")


def _allowed(kind: Mapping[str, Any]) -> str:
    choices = kind.get("enum", [kind["const"]] if "const" in kind else [])
    if choices:
        return ", ".join(str(choice) for choice in choices)
    if "minimum" in kind and "maximum" in kind:
        return f"{kind['minimum']:g} to {kind['maximum']:g}"
    return ", ".join(f"{words} {kind[name]:g}" for name, words in _BOUNDS.items() if name in kind)


def _default(field: Mapping[str, Any]) -> str:
    default = field["default"]
    if isinstance(default, bool):
        return "true" if default else "false"
    return "(none)" if default is None else str(default)
