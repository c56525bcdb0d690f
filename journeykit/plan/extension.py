"""What other languages have no words for, as elements of our own namespace inside theirs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from journeykit.plan.checking import GROUPS
from journeykit.plan.model import Step
from journeykit.study.models import Part

NAMESPACE = "urn:journeykit:plan:1"
ElementTree.register_namespace("journeykit", NAMESPACE)
#: Fields that hold several texts.
_LISTS = ("touchpoints", "failed_by", "reaches", "ends", "beside", "values")


def ours(name: str, /) -> str:
    """Return a name in our namespace."""
    return f"{{{NAMESPACE}}}{name}"


def fields(element: Element, part: Part, /, *, without: Collection[str] = ()) -> None:
    """Write every field that differs from what it is by default, but those named.

    Texts, numbers and flags become attributes; lists an element each, and so do parts.
    """
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if name in without or name in ("steps", *GROUPS) or value == field.default:
            continue
        if name in _LISTS:
            for one in value:
                ElementTree.SubElement(element, ours(name)).set("name", one)
        elif isinstance(value, Part):
            fields(ElementTree.SubElement(element, ours(name)), value)
        else:
            element.set(name, _text(value))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def given(element: Element, /) -> dict[str, Any]:
    """Return what `fields` wrote, for the typed model to read."""
    found: dict[str, Any] = {
        name: value for name, value in element.attrib.items() if not name.startswith("{")
    }
    for inner in element:
        name = inner.tag.removeprefix(f"{{{NAMESPACE}}}") if isinstance(inner.tag, str) else ""
        if name in _LISTS:
            found.setdefault(name, []).append(inner.get("name", ""))
        elif name in ("promise", "failed"):
            found[name] = given(inner)
    return found


def structure(parent: Element, nodes: tuple[Any, ...], identifiers: dict[str, str], /) -> None:
    """Write how steps are put together; they themselves are referred to by their identifiers."""
    for node in nodes:
        if isinstance(node, Step):
            ElementTree.SubElement(parent, ours("step")).set("ref", identifiers[node.step])
            continue
        kind = kind_of(node)
        group = ElementTree.SubElement(parent, ours(kind))
        fields(group, node)
        structure(group, getattr(node, kind), identifiers)


def kind_of(node: Part, /) -> str:
    """Return which kind of group a part is."""
    return next(kind for kind, (model, _) in GROUPS.items() if isinstance(node, model))


def nodes_of(parent: Element, steps: dict[str, dict[str, Any]], used: list[str], /) -> list[Any]:
    """Read what `structure` wrote; what it refers to is appended to `used`."""
    found: list[Any] = []
    for inner in parent:
        name = inner.tag.removeprefix(f"{{{NAMESPACE}}}") if isinstance(inner.tag, str) else ""
        if name == "step":
            used.append(inner.get("ref", ""))
            found.append(steps.get(used[-1], {}))
        elif name in GROUPS:
            found.append({**given(inner), name: nodes_of(inner, steps, used)})
    return found
