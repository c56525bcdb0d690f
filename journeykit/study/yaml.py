"""YAML in which every scalar is text: ``no``, ``007`` and ``12:30`` arrive as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from journeykit.errors import StudyError


class _TextLoader(yaml.BaseLoader):
    """Knows no tags, so nothing is typed and nothing is executed; refuses duplicate keys."""

    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        """Return the text; a key without a value is None."""
        return None if node.value == "" and node.style is None else super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping, naming the lines of a key that is given twice."""
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f"line {line}: a key must be text, not a list or a group.")
            if key.value in seen:
                raise yaml.YAMLError(
                    f"line {line}: `{key.value}` was already given on line {seen[key.value]}; "
                    "keep one of them."
                )
            seen[key.value] = line
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path, /, *, keys: str = "`name:` and `events:`") -> dict[str, Any]:
    """Read a YAML file of one mapping into nested dicts and lists of text.

    `keys` are examples of what belongs into it, for the message when it holds none.

    Raises
    ------
    StudyError
        Unreadable file, not UTF-8, broken YAML or a duplicate key (with its line), no mapping.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: must be saved as UTF-8; byte {error.start} is not.") from error
    try:
        content = yaml.load(text, Loader=_TextLoader)  # noqa: S506 - a BaseLoader builds only text
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise StudyError(f"{path}: {where}{error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: {error}") from error
    except RecursionError as error:
        raise StudyError(f"{path}: nested too deeply.") from error
    if not isinstance(content, dict):
        raise StudyError(f"{path}: must hold keys such as {keys}; it holds none.")
    return content
