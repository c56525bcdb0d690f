"""CSV, TSV and JSON lines -> one table of text, broken lines kept aside."""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from journeykit.errors import ArgumentError, DataError
from journeykit.events.sources import BrokenLine, Source, label_of, require_columns
from journeykit.events.workspace import Workspace, literal, reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

DELIMITERS = (",", ";", "\t", "|")
_BLOCK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _File(NamedTuple):
    """A file as the user named it, and the UTF-8 copy that is read (itself, if it is one)."""

    path: str
    readable: str


def from_text(
    workspace: Workspace,
    paths: list[str],
    needed: Sequence[str],
    *,
    is_json: bool,
    encoding: str | None,
    delimiter: str | None,
) -> Source:
    """Parse files once into a table of text columns ``c0, c1, ...``."""
    if delimiter is not None and len(delimiter) != 1:
        raise ArgumentError(f"`delimiter` must be one character; got {delimiter!r}.")
    connection, name = workspace.connection, workspace.fresh_name("source")
    kinds = [f"c{i} VARCHAR" for i in range(len(needed))]
    marks = [f"m{i} BOOLEAN" for i in range(len(needed))] if is_json else []
    connection.execute(f"CREATE TABLE {name} ({', '.join(kinds + marks)})")
    files, broken = [], []
    for path in paths:
        file = _File(path, _as_utf8(workspace, path, encoding))
        first = _count(connection, name)
        if is_json:
            lost = _load_json(workspace, file, needed, name)
        else:
            lost = _load_csv(workspace, file, needed, name, delimiter)
        broken += lost
        files.append((path, first, [line.row for line in lost]))
    label = label_of(paths)
    width = len(needed)
    untyped, mixed = _json_kinds(connection, name, width) if is_json else ((True,) * width, ())
    return Source(
        label=label,
        connection=connection,
        names=tuple(needed),
        relation=name,
        located=_located(workspace, name, files, 0 if is_json else 1),
        types=("VARCHAR",) * len(needed),
        untyped=untyped,
        broken=tuple(broken),
        mixed=mixed,
    )


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    return int(connection.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0])


def _located(
    workspace: Workspace,
    name: str,
    files: list[tuple[str, int, list[int]]],
    header: int,
) -> str:
    """Return SQL that numbers each row within its file, broken lines counted in."""
    steps = workspace.fresh_name("step")
    workspace.connection.execute(f"CREATE TABLE {steps} (first BIGINT, file VARCHAR, shift BIGINT)")
    rows: list[tuple[int, str, int]] = []
    for path, first, lost in files:
        rows.append((first, path, header + 1 - first))
        # The k-th lost line (from 0) stands before the good rows that would get its number.
        for k, line in enumerate(sorted(lost)):
            rows.append((first + line - k - header - 1, path, header + 2 + k - first))
    last = {first: (first, path, shift) for first, path, shift in rows}
    workspace.connection.executemany(
        f"INSERT INTO {steps} VALUES (?, ?, ?)", [last[first] for first in sorted(last)]
    )
    return (
        "(SELECT s.* EXCLUDE (number), t.file AS file, s.number + t.shift AS row "
        f"FROM (SELECT *, rowid AS number FROM {name}) s "
        f"ASOF JOIN {steps} t ON s.number >= t.first)"
    )


def _json_kinds(
    connection: duckdb.DuckDBPyConnection, name: str, width: int
) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Say which JSON columns held only numbers, and which held numbers beside text."""
    checks = [f"coalesce(bool_and(m{i}), false)" for i in range(width)]
    checks += [f"coalesce(bool_or(m{i}) AND NOT bool_and(m{i}), false)" for i in range(width)]
    found = connection.sql(f"SELECT {', '.join(checks)} FROM {name}").fetchall()[0]
    return found[:width], found[width:]


# --- bytes -------------------------------------------------------------------------------------


def _open(path: str) -> BinaryIO:
    return gzip.open(path) if _is_packed(path) else Path(path).open("rb")  # type: ignore[return-value]


def _as_utf8(workspace: Workspace, path: str, encoding: str | None) -> str:
    """Return `path` if it holds UTF-8, else the path of a transcoded copy."""
    with reading(path):
        with _open(path) as file:
            head = file.read(_BLOCK)
        found = next((name for mark, name in _MARKS if head.startswith(mark)), None)
        chosen = _codec(encoding) if encoding else found or "utf-8"
        if found in ("utf-16", "utf-32") and chosen != found:
            chosen = found
        if not head:
            raise DataError(f"{path} is empty (nothing inside the archive).")
        _refuse_binary(path, head, chosen)
        if chosen in ("utf-8", "utf-8-sig", "ascii"):
            _transcode(path, "utf-8-sig", None)
            return path
        return _copy(workspace, path, chosen)


def _copy(workspace: Workspace, path: str, encoding: str) -> str:
    r"""Write a UTF-8 copy with ``\\n`` at every line's end."""
    copy = workspace.fresh_file(".utf8")
    with copy.open("w", encoding="utf-8", newline="") as out:
        _transcode(path, encoding, out)
    return str(copy)


def _codec(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise ArgumentError(
            f"`encoding` must be one that Python knows, such as 'utf-8', 'utf-16' or 'cp1252'; "
            f"got {encoding!r}."
        ) from error


def _refuse_binary(path: str, head: bytes, encoding: str) -> None:
    if head.startswith(b"PK\x03\x04"):
        raise DataError(f"{path} is a zip archive or an Excel workbook; export it as CSV.")
    if head.startswith(b"PAR1"):
        raise DataError(f"{path} is a Parquet file; call it {Path(path).stem}.parquet.")
    if b"\x00" in head and not encoding.startswith(("utf-16", "utf-32")):
        raise DataError(
            f"{path} holds binary data, not text: byte {head.index(0)} is 0. If it is UTF-16 "
            "without a byte order mark, say encoding='utf-16-le'."
        )


def _transcode(path: str, encoding: str, out: io.TextIOBase | None) -> None:
    """Decode all of `path` strictly, into `out` if given."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    lines = 0
    with _open(path) as file:
        while True:
            block = file.read(_BLOCK)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line = lines + 1 + error.object[: error.start].count(b"\n")
                raise _undecodable(path, line, error, encoding) from error
            if out is not None:
                out.write(newlines.decode(text, final=not block))
            lines += block.count(b"\n")
            if not block:
                return


def _undecodable(path: str, line: int, error: UnicodeDecodeError, encoding: str) -> DataError:
    byte = error.object[error.start]
    name = "utf-8" if encoding == "utf-8-sig" else encoding
    mend = "Say which it is, for example encoding='cp1252' (Western European Windows)."
    return DataError(f"{path} is not {name}: byte 0x{byte:02x} in line {line} does not fit. {mend}")


# --- CSV ---------------------------------------------------------------------------------------


def _load_csv(
    workspace: Workspace, file: _File, needed: Sequence[str], table: str, delimiter: str | None
) -> list[BrokenLine]:
    header, delimiter = _header(file, needed, delimiter)
    require_columns(needed, header, where=file.path)
    chosen = ", ".join(f"h{header.index(name)}" for name in needed)
    insert = "INSERT INTO {} SELECT {} FROM {}".format
    readable = file.readable
    while True:
        rejects = workspace.fresh_name("reject")
        scan = _csv_scan(readable, len(header), delimiter, rejects)
        try:
            with reading(file.path):
                workspace.connection.execute(insert(table, chosen, scan))
            return _broken(workspace, file, rejects)
        except DataError as error:
            # Mixed line ends are the one thing DuckDB's strict reader stops at.
            if readable != file.readable or "invalid state" not in str(error):
                raise
            readable = _copy(workspace, file.readable, "utf-8-sig")


def _csv_scan(path: str, width: int, delimiter: str, rejects: str) -> str:
    columns = ", ".join(f"'h{i}': 'VARCHAR'" for i in range(width))
    packed = "gzip" if _is_packed(path) else "none"
    return (
        f"read_csv({literal(glob.escape(path))}, header = true, auto_detect = false, "
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', columns = {{{columns}}}, "
        f"compression = '{packed}', store_rejects = true, rejects_limit = 0, "
        f"rejects_table = '{rejects}', rejects_scan = '{rejects}_scan')"
    )


def _is_packed(path: str) -> bool:
    with Path(path).open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _header(file: _File, needed: Sequence[str], delimiter: str | None) -> tuple[list[str], str]:
    """Return the column names, under the delimiter that finds the most of those needed."""
    found = {}
    for mark in [delimiter] if delimiter else DELIMITERS:
        with _open(file.readable) as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            try:
                names = next(csv.reader(text, delimiter=mark), [])
            except csv.Error as error:
                raise DataError(f"The header of {file.path} cannot be read: {error}.") from error
        found[mark] = [name.strip() for name in names]
    best = max(found, key=lambda mark: (len(set(needed) & set(found[mark])), len(found[mark])))
    if len(found[best]) == 1 and not set(needed) & set(found[best]):
        _refuse_one_column(file.path, found[best], delimiter)
    return found[best], best


def _refuse_one_column(path: str, header: list[str], delimiter: str | None) -> None:
    line = header[0] if header else ""
    others = [mark for mark in DELIMITERS if mark in line and mark != delimiter]
    if others:
        mend = f"The delimiter seems to be {others[0]!r}."
    elif len(line.split()) > 1:
        mend = (
            "The fields seem to stand apart by blanks: read it with "
            r"pandas.read_csv(path, sep=r'\s+') and pass the frame."
        )
    else:
        mend = "Say which with delimiter=."
    tried = repr(delimiter) if delimiter else "any of , ; tab |"
    raise DataError(
        f"{path} has one column only, {line[:80]!r}, when its lines are split at {tried}. {mend}"
    )


def _broken(workspace: Workspace, file: _File, rejects: str) -> list[BrokenLine]:
    rows = workspace.connection.sql(
        f"SELECT line, any_value(error_type), any_value(csv_line) FROM {rejects} "
        "GROUP BY line ORDER BY line"
    ).fetchall()
    for line, kind, text in rows:
        open_quote = "\n" in (text or "") and text.count('"') % 2 == 1
        if open_quote or str(kind) == "LINE SIZE OVER MAXIMUM":
            raise DataError(
                f"{file.path} opens a quotation mark in line {line} that is never closed: "
                "everything after it would be one field. Close it, or remove the mark."
            )
    for name in (rejects, f"{rejects}_scan"):
        workspace.connection.execute(f"DROP TABLE {name}")
    return [BrokenLine(file.path, int(line), text or "") for line, _, text in rows]


# --- JSON lines --------------------------------------------------------------------------------


def _load_json(
    workspace: Workspace, file: _File, needed: Sequence[str], table: str
) -> list[BrokenLine]:
    connection = workspace.connection
    packed = "gzip" if _is_packed(file.readable) else "uncompressed"
    lines = workspace.fresh_name("line")
    with reading(file.path):
        connection.execute(
            f"CREATE TABLE {lines} AS SELECT json FROM read_ndjson_objects("
            f"{literal(glob.escape(file.readable))}, ignore_errors = true, "
            f"compression = '{packed}')"
        )
    is_row = "coalesce(json_type(json) = 'OBJECT', false)"
    _require_keys(workspace, file, needed, lines)
    values = [f"json ->> {_pointer(name)}" for name in needed]
    numeric = [
        f"CASE json_type(json, {_pointer(name)}) WHEN 'VARCHAR' THEN false "
        "WHEN 'NULL' THEN NULL ELSE true END"
        for name in needed
    ]
    connection.execute(
        f"INSERT INTO {table} SELECT {', '.join([*values, *numeric])} FROM {lines} "
        f"WHERE {is_row} ORDER BY rowid"
    )
    lost = connection.sql(
        f"SELECT rowid + 1, coalesce(json::VARCHAR, '') FROM {lines} WHERE NOT {is_row} "
        "ORDER BY rowid"
    ).fetchall()
    connection.execute(f"DROP TABLE {lines}")
    return [BrokenLine(file.path, int(row), text) for row, text in lost]


def _pointer(name: str) -> str:
    """Return the JSON pointer of a top-level key."""
    return literal("/" + name.replace("~", "~0").replace("/", "~1"))


def _require_keys(workspace: Workspace, file: _File, needed: Sequence[str], lines: str) -> None:
    keys = workspace.connection.sql(
        f"SELECT DISTINCT unnest(json_keys(json)) FROM {lines} WHERE json_type(json) = 'OBJECT'"
    ).fetchall()
    present = sorted(key for (key,) in keys)
    if not present:
        raise DataError(f"{file.path} holds no JSON object; one per line is expected.")
    require_columns(needed, present, where=file.path)
