"""The same few events from everything that can hold them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from journeykit.errors import ArgumentError, DataError, JourneyKitError, MappingError
from journeykit.events import EventLog, PostgresQuery, read_events

PARTS = {"customer": "who", "time": "at", "touchpoint": "what"}
CSV = "who,at,what,value\nb,2024-01-02 10:00:00,buy,5\na,2024-01-01 09:30:00,visit,\n"
NINE_THIRTY = 1_704_101_400_000_000
ROWS = [("a", NINE_THIRTY, "visit", None), ("b", NINE_THIRTY + 88_200_000_000, "buy", 5)]
FRAME = pd.DataFrame(
    {
        "who": ["b", "a"],
        "at": pd.to_datetime(["2024-01-02 10:00:00", "2024-01-01 09:30:00"]),
        "what": ["buy", "visit"],
        "value": pd.array([5, None], dtype="Int64"),
    }
)


def read(source: object, **options: object) -> EventLog:
    return read_events(source, columns=["value"], **PARTS, **options)


def rows(log: EventLog) -> list[tuple[object, ...]]:
    table = log.to_arrow()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("e.csv", CSV),
        ("e.txt", CSV.replace(",", ";")),
        ("e.tsv", CSV.replace(",", "\t")),
        ("e.csv", CSV.replace(",", "|")),
        ("e.csv", CSV.replace("\n", "\r\n")),
        ("e.csv", CSV.replace("\n", "\r")),
        ("e.csv", CSV.replace("\n", "\r\n", 2)),
        ("e.csv", CSV + "\n\n"),
        ("e.csv", CSV.replace("who,", "  who ,")),
        ("e.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("e.csv", gzip.compress(CSV.encode(), mtime=0)),
        ("e.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("e.csv", CSV.encode("utf-16")),
        ("e.csv", b"\xfe\xff" + CSV.encode("utf-16-be")),
        ("e.csv.gz", gzip.compress(CSV.encode("utf-16"), mtime=0)),
        ("odd [1]*?'s.csv", CSV),
    ],
)
def test_text_files(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert rows(read(write(tmp_path, name, content))) == ROWS


@pytest.mark.parametrize("name", ["e.jsonl", "e.ndjson", "e.json.gz"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    lines = [
        {"who": "b", "at": "2024-01-02 10:00:00", "what": "buy", "value": 5},
        {"who": "a", "at": "2024-01-01T09:30", "what": "visit", "value": None},
    ]
    text = "\n\n".join(map(json.dumps, lines)).encode()
    path = write(tmp_path, name, gzip.compress(text, mtime=0) if name.endswith("gz") else text)
    assert rows(read(path)) == ROWS


def test_json_keys_of_any_spelling(tmp_path: Path) -> None:
    path = write(tmp_path, "e.jsonl", '{"a/b~c":1,"$.t":"2024-01-01","w\\"x":"visit"}\n')
    log = read_events(path, customer="a/b~c", time="$.t", touchpoint='w"x')
    assert rows(log) == [(1, 1_704_067_200_000_000, "visit")]


def test_json_broken_lines_are_quarantined(tmp_path: Path) -> None:
    good = '{"who":1,"at":"2024-01-01","what":"visit"}'
    path = write(tmp_path, "e.jsonl", f'{good}\n{{"who":2,"at":"20\n24-01-01"}}\n[1]\n{good}\n')
    log = read_events(path, **PARTS)
    assert log.ledger.frame.to_dict("list")["events"] == [3, 2]
    assert log.quarantine["reason"].tolist() == ["broken line"] * 3


def test_json_without_objects(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"e.json holds no JSON object; one per line is expected"):
        read(write(tmp_path, "e.json", "[1,\n2]\n"))
    with pytest.raises(MappingError, match=r"no column 'value'.*'at', 'what', 'who'"):
        read(write(tmp_path, "f.json", '{"who":1,"at":"2024-01-01","what":"visit"}\n'))


def test_cp1252_when_declared(tmp_path: Path) -> None:
    path = write(tmp_path, "e.csv", CSV.replace("visit", "caf\xe9").encode("cp1252"))
    assert rows(read(path, encoding="cp1252"))[0][2] == "caf\xe9"
    message = r"e.csv is not utf-8: byte 0xe9 in line 3 does not fit. .*encoding='cp1252'"
    with pytest.raises(DataError, match=message):
        read(path)
    with pytest.raises(ArgumentError, match="`encoding` must be one that Python knows.*'cp12x'"):
        read(path, encoding="cp12x")


def test_several_files_with_columns_in_another_order(tmp_path: Path) -> None:
    write(tmp_path, "1.csv", "who,at,what,value\nb,2024-01-02 10:00:00,buy,5\n")
    write(tmp_path, "2.csv", "value;what;who;at\n;visit;a;2024-01-01 09:30:00\n")
    assert rows(read(str(tmp_path / "*.csv"))) == ROWS
    assert rows(read([tmp_path / "2.csv", str(tmp_path / "1.csv")])) == ROWS
    with pytest.raises(DataError, match="files of one source must be of one kind"):
        read([tmp_path / "1.csv", write(tmp_path, "3.jsonl", "{}")])


def test_parquet_files(tmp_path: Path) -> None:
    FRAME.iloc[:1].to_parquet(tmp_path / "a[1].parquet")
    FRAME.iloc[1:][["value", "what", "at", "who"]].to_parquet(tmp_path / "b.pq")
    assert rows(read([tmp_path / "a[1].parquet", tmp_path / "b.pq"])) == ROWS


def test_parquet_stays_a_view(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "e.parquet")
    log = read(tmp_path / "e.parquet")
    assert log.connection.sql("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: FRAME,
        lambda: FRAME.set_index("who", drop=False),
        lambda: FRAME.astype({"who": "category", "what": "category"}),
        lambda: pl.from_pandas(FRAME),
        lambda: pl.from_pandas(FRAME).with_columns(pl.col("what").cast(pl.Categorical)),
        lambda: pa.Table.from_pandas(FRAME),
        lambda: pa.Table.from_pandas(FRAME).to_reader(max_chunksize=1),
        lambda: duckdb.connect().from_arrow(pa.Table.from_pandas(FRAME)),
    ],
)
def test_frames(make: object) -> None:
    assert rows(read(make())) == ROWS


def test_the_frame_of_the_caller_is_his_own() -> None:
    frame = FRAME.copy()
    log = read(frame)
    frame.loc[:, "what"] = "changed"
    pd.testing.assert_frame_equal(frame.drop(columns="what"), FRAME.drop(columns="what"))
    assert rows(log) == ROWS


def test_postgres(postgres: str) -> None:
    query = """
        SELECT who, at, what, value FROM (VALUES
            (2::bigint, timestamptz '2024-01-02 12:00:00+02', 'buy', 5.25::numeric),
            (1, '2024-01-01 09:30:00+00', 'visit', NULL), (NULL, NULL, 'x', 1)
        ) AS v (who, at, what, value)"""
    log = read(PostgresQuery(postgres, query))
    assert rows(log) == [(1, *ROWS[0][1:]), (2, *ROWS[1][1:3], 5.25)]
    assert [row.reason for row in log.ledger.removed] == ["no customer"]
    with pytest.raises(DataError, match=r'The PostgreSQL query cannot be read: .*"nowhere"'):
        read(PostgresQuery(postgres, "SELECT * FROM nowhere"))
    with pytest.raises(MappingError, match="The PostgreSQL query has no column 'at'"):
        read(PostgresQuery(postgres, "SELECT 1 AS who, 2 AS what, 3 AS value"))


def test_postgres_never_shows_the_password() -> None:
    query = PostgresQuery("postgresql://me:secret@127.0.0.1:1/db", "SELECT 1")
    assert "secret" not in repr(query)
    with pytest.raises(DataError, match="The PostgreSQL query cannot be read") as caught:
        read(query)
    assert "secret" not in str(caught.value)


def test_postgres_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "adbc_driver_postgresql", None)
    with pytest.raises(ImportError, match=r'pip install "journeykit\[postgres\]"'):
        read(PostgresQuery("postgresql://x", "SELECT 1"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.csv", "", r"e.csv is empty \(0 bytes\)"),
        ("e.csv.gz", gzip.compress(b"", mtime=0), "empty .nothing inside the archive"),
        ("e.csv", "who,at,what,value\n", r"e.csv holds no rows"),
        ("e.dat", CSV, "has no suffix that tells its kind"),
        ("e.csv", bytes(range(256)) * 9, "e.csv holds binary data, not text: byte 0 is 0"),
        ("e.csv", b"PK\x03\x04\x00", "zip archive or an Excel workbook; export it as CSV"),
        ("e.csv", b"PAR1\x00", "is a Parquet file; call it e.parquet"),
        ("e.parquet", CSV, "e.parquet cannot be read: "),
        ("e.csv.gz", gzip.compress(CSV.encode() * 99, mtime=0)[:60], "e.csv.gz cannot be read: "),
        ("e.csv", CSV.replace("a,", '"a,', 1), "opens a quotation mark in line 3 that is never"),
        ("e.csv", CSV.replace(",", "  "), "has one column only.*stand apart by blanks.*read_csv"),
        ("e.csv", '"' + "x" * 200_000, "The header of .*e.csv cannot be read: field larger than"),
        ("e.csv", "who\n1\n", "has one column only, 'who'|no column 'at'"),
        ("e.csv", "who,at,at,what,value\n1,2,3,4,5\n", "has 2 columns called 'at'; rename them"),
    ],
)
def test_files_that_are_no_events(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(JourneyKitError, match=message):
        read(write(tmp_path, name, content))


def test_sources_without_rows(tmp_path: Path) -> None:
    FRAME.iloc[:0].to_parquet(tmp_path / "e.parquet")
    with pytest.raises(DataError, match="e.parquet holds no rows"):
        read(tmp_path / "e.parquet")
    with pytest.raises(DataError, match="The pandas DataFrame holds no rows"):
        read(FRAME.iloc[:0])
    with pytest.raises(DataError, match="e.csv holds no rows, only 2 broken lines"):
        read(write(tmp_path, "e.csv", CSV.splitlines()[0] + "\nx\ny\n"))


def test_parquet_columns_that_hide_the_place_of_a_row(tmp_path: Path) -> None:
    frame = FRAME.assign(who=["b", None], filename="x", file_row_number=7)
    frame.to_parquet(tmp_path / "e.parquet")
    found = read(tmp_path / "e.parquet").quarantine
    assert found["file"].tolist() == [""]
    assert found["row"].isna().tolist() == [True]


def test_wrong_delimiter(tmp_path: Path) -> None:
    path = write(tmp_path, "e.csv", CSV)
    message = "one column only, 'who,at,what,value'.*split at ';'. The delimiter seems to be ','"
    with pytest.raises(DataError, match=message):
        read(path, delimiter=";")
    with pytest.raises(ArgumentError, match="`delimiter` must be one character; got '::'"):
        read(path, delimiter="::")


def test_missing_column(tmp_path: Path) -> None:
    message = r"e.csv has no column 'whos'. Did you mean 'who'\? There are: 'who', 'at', 'what'"
    with pytest.raises(MappingError, match=message):
        read_events(write(tmp_path, "e.csv", CSV), customer="whos", time="at", touchpoint="what")


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file .*nothing.csv"):
        read(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="No file matches .*csv"):
        read(str(tmp_path / "*.csv"))
    with pytest.raises(DataError, match="is a folder; name its files"):
        read(tmp_path)
    with pytest.raises(ArgumentError, match="`source` must name at least one file"):
        read([])
    with pytest.raises(ArgumentError, match="`source` must be a path.*got int"):
        read(3)
    with pytest.raises(ArgumentError, match="`source` must list paths; got int"):
        read([3])
    with pytest.raises(ArgumentError, match="`source` must list paths; got bytes"):
        read([b"e.csv"])


def test_two_rows_broken_over_lines(tmp_path: Path) -> None:
    text = (
        "who,at,what\na,2024-01-01,visit\nb,2024-\n01-02,buy\na,2024-01-03,x,y\nc,2024-01-04,buy\n"
    )
    log = read_events(write(tmp_path, "e.csv", text), **PARTS)
    assert [tuple(row)[1:] for row in log.ledger.removed] == [("broken line", 0, 3)]
    assert log.quarantine[["row", "customer"]].to_numpy().tolist() == [
        [3, "b,2024-"],
        [4, "01-02,buy"],
        [5, "a,2024-01-03,x,y"],
    ]
    assert log.ledger.input_events == 5


def test_row_numbers_count_broken_lines_and_files(tmp_path: Path) -> None:
    one = write(tmp_path, "1.csv", "who,at,what\nx\n,2024-01-01,visit\na,2024-01-01,visit\ny\n,,\n")
    two = write(tmp_path, "2.csv", "what,who,at\nbuy,,2024-01-01\nbuy,a,2024-01-01\n")
    found = read_events([one, two], **PARTS).quarantine
    assert list(zip(found["file"], found["row"], found["reason"], strict=True)) == [
        (str(one), 2, "broken line"),
        (str(one), 3, "no customer"),
        (str(one), 5, "broken line"),
        (str(one), 6, "no customer"),
        (str(two), 2, "no customer"),
    ]


def test_parquet_rows_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    pq.write_table(pa.Table.from_pandas(FRAME.assign(who=["b", None])), path)
    found = read(path).quarantine
    assert found[["file", "row", "touchpoint"]].to_numpy().tolist() == [[str(path), 2, "visit"]]


def test_temporary_files_go_with_the_log(tmp_path: Path) -> None:
    log = read(write(tmp_path, "e.csv", CSV.encode("utf-16")))
    folder = log.workspace.folder
    assert folder.is_dir()
    del log
    __import__("gc").collect()
    assert not folder.exists()
