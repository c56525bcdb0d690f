"""A study to begin with: a folder that runs as it is and waits for one's own data."""

from __future__ import annotations

import json
import re
from pathlib import Path

from journeykit.study.catalogue import STANDARD
from journeykit.study.example import example_tables
from journeykit.study.folders import new_folder, study_name
from journeykit.study.study import FILE

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
    with new_folder(target, last=FILE) as beside:
        for name, text in _files(study_name(target.name)).items():
            (beside / name).write_text(text, encoding="utf-8", newline="\n")
    return target / FILE


def _files(name: str) -> dict[str, str]:
    texts = {file: (_TEMPLATE / file).read_text(encoding="utf-8") for file in _COPIED}
    # Any text in JSON's quotes is that text in YAML.
    quoted = name if re.fullmatch(r"\w[\w.-]*", name) else json.dumps(name, ensure_ascii=False)
    texts["study.yaml"] = texts["study.yaml"].replace(_NAME, f"name: {quoted} ", 1)
    texts["standard-touchpoints.csv"] = STANDARD.read_text(encoding="utf-8")
    return {**texts, **example_tables()}
