"""Room kept on the disk of a run: when the disk is full, there is still a page that says so."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

from journeykit.errors import ReportError
from journeykit.report.pages.page import Failure, Page

_FILE, _LOG, _NOTEBOOK = ".reserve", "log.txt", "notebook.ipynb"
#: Bytes kept: a page without pictures, manifest, results, and the notebook without outputs.
_SIZE = 256 * 1024
#: A disk with less room than this, in bytes, is called full.
_LITTLE = 10_000_000
#: A full disk, and a user's share of it used up.
_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_Result = TypeVar("_Result")


class Reserve:
    """Room in the folder of a run for the page of its failure.

    A file of real bytes is written when the ``with`` block is entered, and removed when its room is
    needed, or at the end.

    Parameters
    ----------
    folder : Path
        Where the run is built.

    Raises
    ------
    ReportError
        On entering: the disk is full already.
    """

    def __init__(self, folder: Path, /) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        """Take the room."""
        try:
            with (self._folder / _FILE).open("wb") as file:
                # Zeros are compressed by some file systems, and what is not synced comes later.
                file.write(os.urandom(_SIZE))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            words = disk_full(self._folder) if is_full(error) else str(error)
            self.__exit__()
            raise ReportError(words) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Give the room back."""
        (self._folder / _FILE).unlink(missing_ok=True)

    def free(self, *kept: str) -> None:
        """Make room: what the run left in its folder goes, but for the files named `kept`."""
        for path in self._folder.rglob("*"):
            if path.name not in kept and not path.is_dir():
                path.unlink(missing_ok=True)

    def written(self, page: Page, write: Callable[[Page], _Result], /) -> _Result:
        """Write a page and what stands beside it; on a full disk, what there is room for.

        Parameters
        ----------
        page : Page
        write : callable
            Writes all files of a page. When the disk is full it is called again with the page of
            that failure, and once more with no more than its head.

        Returns
        -------
        object
            What `write` returned last.

        Raises
        ------
        ReportError
            There is no room even for the smallest page.
        """
        try:
            return write(page)
        except OSError as error:
            if not is_full(error):
                raise
            failed = _failed(page, disk_full(self._folder))
        head = Page(title=page.title, failure=failed.failure)
        for smaller, kept in (
            (failed, (_LOG, _NOTEBOOK)),
            (head, (_LOG, _NOTEBOOK)),
            (head, (_LOG,)),
        ):
            self.free(*kept)
            try:
                return write(smaller)
            except OSError as error:
                if not is_full(error):
                    raise
        assert failed.failure is not None
        raise ReportError(failed.failure.cause)


def _failed(page: Page, cause: str) -> Page:
    """Return `page` as one that failed, without the files of its tables."""
    before = page.failure or Failure(page.sections[-1].title if page.sections else "", "")
    return replace(page, tables=[], failure=replace(before, cause=cause))


def is_full(error: OSError, /) -> bool:
    """Whether an error says that a disk is full."""
    return error.errno in _NUMBERS


def disk_full(folder: Path, /) -> str:
    """Say that the disk of the reports is full, and what mends it."""
    return _full(folder, "choose another folder with --out")


def full_disk_of(error: str, folder: Path, /) -> str:
    """Say which disk is full, when the message of an error is about one; else nothing.

    `folder` is where the report runs.
    """
    if not any(os.strerror(number) in error for number in _NUMBERS):
        return ""
    if shutil.disk_usage(folder).free < _LITTLE:
        return disk_full(folder)
    temporary = Path(tempfile.gettempdir())
    if shutil.disk_usage(temporary).free < _LITTLE:
        return _full(temporary, "choose another folder for temporary files with TMPDIR")
    return f"A disk that this report writes to is full, not the one it stands on: {error}"


def _full(place: Path, mend: str) -> str:
    free = shutil.disk_usage(place).free / 1e6
    return f"The disk is full ({free:,.1f} MB free); free some space or {mend}."
