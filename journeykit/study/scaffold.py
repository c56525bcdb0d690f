"""A study to begin with: a folder that runs as it is and waits for one's own data."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from journeykit.errors import StudyError
from journeykit.study.catalogue import STANDARD
from journeykit.study.example import example_tables
from journeykit.study.models import is_file_name

_TEMPLATE = Path(__file__).with_name("template")
_COPIED = ("README.md", "study.yaml", "touchpoints.csv")
#: The line of the template that a study's own name takes the place of.
_NAME = "name: my-study "


def create_study(folder: str | Path, /) -> Path:
    """Write a study that runs as it is into a new or empty folder, and return its ``study.yaml``.

    Beside it lie a made-up example of 60 customers, its touchpoints, the standard touchpoints and
    what to do next. The study is called like the folder; signs that its name may not have become
    dashes. All is written beside and then renamed, the study last: no half one is left behind.

    Raises
    ------
    StudyError
        When the folder holds anything, or cannot be written.
    """
    target = Path(folder).resolve()
    try:
        _check_empty(target)
        _write(target, _files(_study_name(target.name)))
    except OSError as error:
        raise StudyError(f"{target}: cannot be written ({error.strerror}).") from error
    return target / "study.yaml"


def _check_empty(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise StudyError(f"{target} must be a new or an empty folder; it is a file.")
    held = sorted(path.name for path in target.iterdir()) if target.exists() else []
    if held:
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        raise StudyError(
            f"{target} must be a new or an empty folder; it holds {held[0]!r}{more}. Nothing was "
            "written; give another name."
        )


def _study_name(name: str) -> str:
    """Return the name of a folder as that of a study."""
    signs = (sign if sign.isprintable() and is_file_name(f"a{sign}") else "-" for sign in name)
    return "".join(signs).lstrip(".") or "my-study"


def _files(name: str) -> dict[str, str]:
    texts = {file: (_TEMPLATE / file).read_text(encoding="utf-8") for file in _COPIED}
    # Any text in JSON's quotes is that text in YAML.
    quoted = name if re.fullmatch(r"\w[\w.-]*", name) else json.dumps(name, ensure_ascii=False)
    texts["study.yaml"] = texts["study.yaml"].replace(_NAME, f"name: {quoted} ", 1)
    texts["standard-touchpoints.csv"] = STANDARD.read_text(encoding="utf-8")
    return {**texts, **example_tables()}


def _write(target: Path, files: dict[str, str]) -> None:
    # An empty folder may be where a shell stands, or a disk of its own: it stays, and is filled.
    there = target.exists()
    beside = (target if there else target.parent) / f".journeykit-init-{os.getpid()}"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        for name, text in files.items():
            (beside / name).write_text(text, encoding="utf-8", newline="\n")
        if not there:
            beside.rename(target)
            return
        for name in sorted(files, key="study.yaml".__eq__):
            (beside / name).rename(target / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
