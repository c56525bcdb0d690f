"""The parameters of a world, as people read them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from journeykit.simulate.parts import PARTS


def parameters_text() -> str:
    """Return what each part is, with its law, and below the path and default of each parameter."""
    return "\n\n".join(
        f"{kind.name}\n{'=' * len(kind.name)}\n{inspect.getdoc(kind)}\n\n{_defaults(kind)}"
        for kind in PARTS
    )


def _defaults(kind: Any) -> str:
    rows = list(_leaves(kind.name, kind().model_dump()))
    width = max((len(path) for path, _ in rows), default=0)
    return "\n".join(f"  {path:<{width}}  {value}" for path, value in rows) or "  no parameters"


def _leaves(path: str, content: object) -> Iterator[tuple[str, object]]:
    if isinstance(content, dict) and content:
        for key, inner in content.items():
            yield from _leaves(f"{path}.{key}", inner)
    else:
        yield path, content
