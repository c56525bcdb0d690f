"""Anything that holds rows -> one relation in a workspace, columns named by position."""

from __future__ import annotations

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa

from journeykit.checks import did_you_mean
from journeykit.errors import ArgumentError, DataError, MappingError, MissingExtraError
from journeykit.events.workspace import Workspace, first_line, identifier, literals, reading

if TYPE_CHECKING:
    import duckdb

_LABEL = "The PostgreSQL query"
_KINDS = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".tab": "csv",
    ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "json", ".ndjson": "json", ".json": "json",
}  # fmt: skip
#: What pandas calls object columns that Arrow converts without loss.
_ONE_KIND = {"string", "integer", "floating", "mixed-integer-float", "boolean", "decimal", "empty"}


@dataclass(frozen=True, slots=True)
class PostgresQuery:
    """Rows of a PostgreSQL query; needs ``pip install "journeykit[postgres]"``.

    Attributes
    ----------
    uri : str
        ``postgresql://user@host:port/database``. Never shown, as it may hold a password.
    query : str
        One SELECT. It is sent as it is: never build it from text you do not trust.
    """

    uri: str = field(repr=False)
    query: str


class BrokenLine(NamedTuple):
    """A line that is not a row. `row` counts from 1, the header of a CSV file included."""

    file: str
    row: int
    text: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column to look at.

    Attributes
    ----------
    connection : duckdb connection
    relation, sql : str
        SQL of the rows and of the value.
    kind : str
        DuckDB type.
    name : str
        What the source calls it.
    untyped : bool
        Text whose type is still to be found out, as in CSV.
    mixed : bool
        Held numbers beside text before all were made text.
    is_stored : bool
        `relation` is a table of our own, so that what was parsed can be kept beside it.
    """

    connection: duckdb.DuckDBPyConnection
    relation: str
    sql: str
    kind: str
    name: str
    untyped: bool = False
    mixed: bool = False
    is_stored: bool = True

    def ask(self, query: str) -> Any:
        """Return the one row that `query` gives."""
        return self.connection.sql(query).fetchall()[0]


@dataclass(frozen=True, slots=True)
class Source:
    """Rows ready to be looked at.

    Attributes
    ----------
    label : str
        What messages call it.
    connection : duckdb connection
    names : tuple of str
        The needed columns, each once.
    relation : str
        SQL that gives the needed columns as ``c0, c1, ...``.
    located : str
        SQL that gives them together with ``file`` and ``row``.
    types : tuple of str
        DuckDB type of each column.
    untyped, mixed : tuple of bool
        As in `Column`; empty where no column is.
    broken : tuple of BrokenLine
    is_stored : bool
        `relation` is a table, not a view over files.
    """

    label: str
    connection: duckdb.DuckDBPyConnection
    names: tuple[str, ...]
    relation: str
    located: str
    types: tuple[str, ...]
    untyped: tuple[bool, ...] = ()
    mixed: tuple[bool, ...] = ()
    broken: tuple[BrokenLine, ...] = ()
    is_stored: bool = True

    def column(self, name: str) -> Column:
        """Return the column that the source calls `name`."""
        i = self.names.index(name)
        return Column(
            connection=self.connection,
            relation=self.relation,
            sql=f"c{i}",
            kind=self.types[i],
            name=name,
            untyped=bool(self.untyped) and self.untyped[i],
            mixed=bool(self.mixed) and self.mixed[i],
            is_stored=self.is_stored,
        )


def open_source(
    workspace: Workspace,
    source: object,
    needed: Sequence[str],
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Source:
    """Open `source` and make its `needed` columns readable in `workspace`."""
    if isinstance(source, PostgresQuery):
        return _from_postgres(workspace, source, needed)
    if hasattr(source, "__arrow_c_stream__"):
        return _from_frame(workspace, source, needed)
    paths = _paths(source)
    kinds = {_kind(path) for path in paths}
    if len(kinds) > 1:
        raise DataError(f"The files of one source must be of one kind; got {sorted(kinds)}.")
    if kinds == {"parquet"}:
        return _from_parquet(workspace, paths, needed)
    from journeykit.events.text import from_text

    return from_text(
        workspace, paths, needed, is_json=kinds == {"json"}, encoding=encoding, delimiter=delimiter
    )


def require_columns(needed: Sequence[str], present: Sequence[str], *, where: str) -> None:
    """Require each needed column to be there exactly once."""
    count = Counter(present)
    for name in needed:
        if count[name] > 1:
            raise DataError(f"{where} has {count[name]} columns called {name!r}; rename them.")
        if not count[name]:
            shown = ", ".join(map(repr, present[:20])) or "none"
            more = f" and {len(present) - 20} more" if len(present) > 20 else ""
            raise MappingError(
                f"{where} has no column {name!r}.{did_you_mean(name, present)} "
                f"There are: {shown}{more}."
            )


def _paths(source: object) -> list[str]:
    """Return the files that a path, a glob or a list of these stands for."""
    if isinstance(source, str | os.PathLike):
        given = [source]
    elif isinstance(source, Sequence):
        given = list(source)
    else:
        raise ArgumentError(
            "`source` must be a path, a list of paths, a frame (anything with "
            f"`__arrow_c_stream__`) or a PostgresQuery; got {type(source).__name__}."
        )
    if not given:
        raise ArgumentError("`source` must name at least one file; got an empty list.")
    return [path for item in given for path in _expand(item)]


def _expand(item: object) -> list[str]:
    if not isinstance(item, str | os.PathLike):
        raise ArgumentError(f"`source` must list paths; got {type(item).__name__} in the list.")
    path = os.fsdecode(item)
    if Path(path).is_dir():
        raise DataError(f"{path} is a folder; name its files, as in {path}/*.parquet.")
    if Path(path).exists():
        return [path]
    hits = glob.glob(path, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    found = sorted(hit for hit in hits if Path(hit).is_file())
    if not found:
        what = "No file matches" if glob.has_magic(path) else "There is no file"
        raise DataError(f"{what} {path} (looked from {Path.cwd()}).")
    return found


def _kind(path: str) -> str:
    if not Path(path).stat().st_size:
        raise DataError(f"{path} is empty (0 bytes).")
    name = path.lower().removesuffix(".gz")
    kind = _KINDS.get(Path(name).suffix)
    if kind is None:
        raise DataError(
            f"{path} has no suffix that tells its kind; known are {', '.join(_KINDS)}, "
            "each but Parquet also with .gz."
        )
    return kind


def _from_parquet(workspace: Workspace, paths: list[str], needed: Sequence[str]) -> Source:
    """Leave the rows where they are: the relation scans the files."""
    escaped = literals([glob.escape(path) for path in paths])
    scan = f"read_parquet({escaped}, union_by_name = {str(len(paths) > 1).lower()})"
    label = label_of(paths)
    with reading(label):
        described = workspace.connection.sql(f"SELECT * FROM {scan} LIMIT 0")
        names, types = described.columns, [str(kind) for kind in described.types]
    require_columns(needed, names, where=label)
    chosen = ", ".join(f"{identifier(name)} AS c{i}" for i, name in enumerate(needed))
    name = workspace.fresh_name("source")
    with reading(label):
        workspace.connection.execute(f"CREATE VIEW {name} AS SELECT {chosen} FROM {scan}")
    return Source(
        label=label,
        connection=workspace.connection,
        names=tuple(needed),
        relation=name,
        located=f"(SELECT {chosen}, {_place(names)} FROM {scan})",
        types=tuple(types[names.index(column)] for column in needed),
        is_stored=False,
    )


def _place(names: Sequence[str]) -> str:
    """Return SQL for file and row, unknown where a column of the file hides DuckDB's own."""
    taken = {name.casefold() for name in names}
    file = "''" if "filename" in taken else "filename"
    row = "NULL::BIGINT" if "file_row_number" in taken else "file_row_number + 1"
    return f"{file} AS file, {row} AS row"


def _from_frame(workspace: Workspace, frame: Any, needed: Sequence[str]) -> Source:
    """Copy the needed columns of a frame or stream; what the caller holds stays as it is."""
    label = f"The {type(frame).__module__.split('.')[0]} {type(frame).__name__}"
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        require_columns(
            needed, [name for name in frame.columns if isinstance(name, str)], where=label
        )
        arrays = [_pandas_array(frame[name]) for name in needed]
        table = pa.table([array for array, _ in arrays], names=list(needed))
        loaded = _load_columns(workspace, table.to_reader(), needed, label)
        return replace(loaded, mixed=tuple(was_mixed for _, was_mixed in arrays))
    with reading(label):
        reader = pa.RecordBatchReader.from_stream(frame)
    return _load_columns(workspace, reader, needed, label)


def _pandas_array(series: Any) -> tuple[pa.Array, bool]:
    """Convert one column without its index; values of several kinds become text."""
    if series.dtype != object or not _has_kinds(series):
        try:
            return pa.array(series, from_pandas=True), False
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            pass
    as_text = series.map(str, na_action="ignore")
    return pa.array(as_text, pa.string(), from_pandas=True), True


def _has_kinds(series: Any) -> bool:
    """Say whether objects differ in kind: Arrow would cut times to dates, or drop offsets."""
    from pandas.api.types import infer_dtype

    if infer_dtype(series, skipna=True) in _ONE_KIND:
        return False
    kinds = {(type(value), getattr(value, "tzinfo", None) is None) for value in series.dropna()}
    return len(kinds) > 1


def _from_postgres(workspace: Workspace, source: PostgresQuery, needed: Sequence[str]) -> Source:
    with _batches(source) as batches:
        return _load_columns(workspace, batches, needed, _LABEL)


def fetch(source: PostgresQuery, /) -> pa.Table:
    """Return the rows of a query that has few of them.

    Raises
    ------
    DataError
        When the database does not answer; the message never holds its address.
    """
    with _batches(source) as batches:
        return batches.read_all()


@contextmanager
def _batches(source: PostgresQuery) -> Iterator[pa.RecordBatchReader]:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise MissingExtraError(
            'Reading PostgreSQL needs an extra: pip install "journeykit[postgres]".'
        ) from error
    try:
        with dbapi.connect(source.uri) as connection, connection.cursor() as cursor:
            cursor.execute(source.query)
            yield cursor.fetch_record_batch()
    except dbapi.Error as error:
        # The driver's own error may quote the address, password included: it is not chained.
        cause = first_line(error)
        for secret in (source.uri, urlsplit(source.uri).password or source.uri):
            cause = cause.replace(secret, "...")
        raise DataError(f"{_LABEL} cannot be read: {cause}") from None


def _load_columns(
    workspace: Workspace, reader: pa.RecordBatchReader, needed: Sequence[str], label: str
) -> Source:
    """Stream the needed columns of `reader` into a table, batch by batch."""
    require_columns(needed, reader.schema.names, where=label)
    fields = [reader.schema.field(name) for name in needed]
    schema = pa.schema([(f"c{i}", _storage(field)) for i, field in enumerate(fields)])
    batches = (
        pa.RecordBatch.from_arrays(
            [batch.column(name).cast(_storage(batch.schema.field(name))) for name in needed],
            schema=schema,
        )
        for batch in reader
    )
    return _load(workspace, pa.RecordBatchReader.from_batches(schema, batches), needed, label)


def _storage(field: pa.Field) -> pa.DataType:
    """Return the plain type of a column.

    PostgreSQL's ``numeric`` arrives as opaque text, a column of nothing but nulls as no type.
    """
    kind = field.type
    if isinstance(kind, pa.OpaqueType):
        return pa.float64() if kind.type_name == "numeric" else kind.storage_type
    return pa.string() if pa.types.is_null(kind) else kind


def _load(
    workspace: Workspace, reader: pa.RecordBatchReader, needed: Sequence[str], label: str
) -> Source:
    name = workspace.fresh_name("source")
    stream = workspace.fresh_name("stream")
    with reading(label):
        workspace.connection.register(stream, reader)
        workspace.connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {stream}")
        workspace.connection.unregister(stream)
        types = workspace.connection.sql(f"SELECT * FROM {name} LIMIT 0").types
    located = f"(SELECT *, '' AS file, rowid + 1 AS row FROM {name})"
    return Source(
        label=label,
        connection=workspace.connection,
        names=tuple(needed),
        relation=name,
        located=located,
        types=tuple(str(kind) for kind in types),
    )


def label_of(paths: list[str]) -> str:
    """Return what messages call these files."""
    return paths[0] if len(paths) == 1 else f"{paths[0]} (and {len(paths) - 1} more files)"
