"""The private database of one log, and the only places where SQL text is quoted."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from journeykit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Workspace:
    """An in-memory DuckDB with a folder to spill to; both go when the last log that uses it goes.

    Extensions are never fetched, the time zone is UTC, and nothing is shared
    with other connections, and no variable of the caller is taken for a table.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="journeykit-"))
        self.connection = duckdb.connect(
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "temp_directory": str(self.folder / "spill"),
                "python_enable_replacements": False,
            }
        )
        self.connection.execute("SET TimeZone = 'UTC'")
        self._count = itertools.count()
        weakref.finalize(self, _close, self.connection, self.folder)

    def fresh_name(self, noun: str) -> str:
        """Return a name that nothing in the database has yet."""
        return f"{noun}_{next(self._count)}"

    def fresh_file(self, suffix: str) -> Path:
        """Return the path of a temporary file that goes with the workspace."""
        return self.folder / f"{next(self._count)}{suffix}"


def _close(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    connection.close()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what a reader raises into a DataError that names the source."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError, EOFError) as error:
        raise DataError(f"{what} cannot be read: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """Return the first line of what `error` says."""
    return next((line for line in str(error).splitlines() if line.strip()), repr(error))


def identifier(name: str) -> str:
    """Quote `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | int | float) -> str:
    """Quote `value` as an SQL literal."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def literals(values: list[str]) -> str:
    """Quote `values` as an SQL list."""
    return "[" + ", ".join(map(literal, values)) + "]"
