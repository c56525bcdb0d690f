"""Folders: where what can be made again is kept, and new ones that are whole or not there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from journeykit.errors import StudyError
from journeykit.study.basics import is_file_name

#: Environment variable that names another folder than the user's own.
CACHE = "JOURNEYKIT_CACHE"


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``JOURNEYKIT_CACHE``, else the user's own."""
    if CACHE in os.environ:
        return Path(os.environ[CACHE])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(base) / "journeykit"


def study_name(folder: str, /) -> str:
    """Return the name of a folder as that of a study."""
    signs = (sign if sign.isprintable() and is_file_name(f"a{sign}") else "-" for sign in folder)
    return "".join(signs).lstrip(".") or "my-study"


@contextmanager
def new_folder(folder: str | Path, /, *, last: str) -> Iterator[Path]:
    """Have a new or empty folder filled: what is written to the path given appears there at once.

    It is written beside and renamed, so no half one is left behind.

    Parameters
    ----------
    folder : str or Path
    last : str
        The file that moves last into a folder that is there already and empty: it may be where a
        shell stands, or a disk of its own, and stays.

    Raises
    ------
    StudyError
        When the folder holds anything, or cannot be written.
    """
    target = Path(folder).resolve()
    try:
        check_new(target)
        there = target.exists()
        beside = (target if there else target.parent) / f".journeykit-{os.getpid()}"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            yield beside
            if not there:
                beside.rename(target)
                return
            for path in sorted(beside.iterdir(), key=lambda path: (path.name == last, path.name)):
                path.rename(target / path.name)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise StudyError(f"{target}: cannot be written ({error.strerror}).") from error


def check_new(folder: str | Path, /) -> None:
    """Refuse a folder that holds anything; one that is empty, or not there, will do.

    Raises
    ------
    StudyError
    """
    target = Path(folder).resolve()
    if target.exists() and not target.is_dir():
        raise StudyError(f"{target} must be a new or an empty folder; it is a file.")
    held = sorted(path.name for path in target.iterdir()) if target.exists() else []
    if held:
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        raise StudyError(
            f"{target} must be a new or an empty folder; it holds {held[0]!r}{more}. Nothing was "
            "written; give another name."
        )
