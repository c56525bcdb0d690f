"""What a run is made from, as hashes: equal hashes, equal results."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from functools import cache
from importlib.metadata import requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeykit.errors import DataError, StudyError
from journeykit.study.hashes import file_hashes

if TYPE_CHECKING:
    from journeykit.report.jobs import Job
    from journeykit.study import Study

_PACKAGE = Path(__file__).parents[1]


def inputs_of(job: Job, /) -> dict[str, Any]:
    """Return the hash of each thing that can change a number or a word of a report.

    ``data`` is empty where nothing tells whether it changed: a database whose study declares no
    `version_query`, or data that cannot be reached. ``all`` is the hash of the rest together, and
    empty where `data` is.
    """
    study = job.study
    texts = [
        study.path,
        *([study.path.parent / study.model.catalogue] if study.model.catalogue else []),
        *_companions(study),
    ]
    inputs: dict[str, Any] = {
        "study": digest(file_hashes(texts)),
        "data": _data(study),
        "parameters": digest(described(job)),
        "notebook": digest(file_hashes([job.notebook, *_beside(job.notebook.parent)])),
        "code": _code(),
        "packages": digest(packages()),
        "python": f"{platform.python_version()} {platform.machine()}",
        "trial": digest(job.trial.to_json()) if job.trial else "",
    }
    return {**inputs, "all": digest(inputs) if inputs["data"] else ""}


def _beside(folder: Path) -> list[Path]:
    """Return the modules and packages that a notebook in `folder` may import from there."""
    found = sorted(folder.glob("*.py"))
    for package in sorted(path.parent for path in folder.glob("*/__init__.py")):
        found += _beside(package)
    return found


def _data(study: Study) -> str:
    from journeykit.study.cache import data_version

    try:
        return data_version(study)
    except (DataError, StudyError, OSError):
        # Whoever reads the data says what is wrong with them.
        return ""


def _companions(study: Study) -> list[Path]:
    from journeykit.study.companions import sources

    try:
        return list(sources(study))
    except StudyError:
        # Whoever reads them says what is missing.
        return []


def described(job: Job, /) -> dict[str, Any]:
    """Return the parameters without the place of the study, which differs between machines."""
    return {name: value for name, value in job.parameters.plain().items() if name != "study"}


def comparable(job: Job, /) -> str:
    """Return a hash that runs share which may be compared: all but the time they are about."""
    periods = job.parameters.periods
    kept = {name: value for name, value in described(job).items() if name not in periods}
    return digest([job.study.name, job.report, kept])


def digest(value: object, /) -> str:
    """Return 16 hexadecimal digits that change with any part of a value JSON can hold."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@cache
def packages() -> dict[str, str]:
    """Return the versions of journeykit and of all it directly depends on."""
    names = (
        re.match(r"[\w.-]+", line)
        for line in requires("journeykit") or ()
        if "extra ==" not in line
    )
    found = sorted({name[0] for name in names if name} | {"journeykit"})
    return {name: version(name) for name in found}


@cache
def _code() -> str:
    files = sorted(
        path for path in _PACKAGE.rglob("*") if path.suffix in (".py", ".j2", ".css", ".js")
    )
    names = [path.relative_to(_PACKAGE).as_posix() for path in files]
    return digest([names, file_hashes(files)])
