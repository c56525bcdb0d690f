"""Validation: every row under one reason, nothing lost, nothing mended in silence."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.events import EventLog, LedgerRow, read_events

DAY = 86_400_000_000


def read(rows: list[tuple[object, ...]], **options: object) -> EventLog:
    frame = pd.DataFrame(rows, columns=["who", "at", "what", *"pqr"[: len(rows[0]) - 3]])
    return read_events(frame, customer="who", time="at", touchpoint="what", **options)


def notes(log: EventLog) -> dict[str, int]:
    return {note.check: note.n for note in log.notes}


def csv(folder: Path, ids: list[str], **options: object) -> EventLog:
    path = folder / "e.csv"
    path.write_text("who,at,what\n" + "".join(f"{x},2024-01-01,visit\n" for x in ids))
    return read_events(path, customer="who", time="at", touchpoint="what", **options)


def customers(log: EventLog) -> list[object]:
    return log.to_arrow()["customer"].to_pylist()


# --- reasons and the ledger --------------------------------------------------------------------

EVERY_REASON = [
    ("a", "2024-01-01", "visit"),
    ("a", "2024-01-01", "visit"),
    (None, "never", None),
    (" ", "2024-01-01", "visit"),
    ("b", None, None),
    ("b", "never", None),
    ("c", "never", "visit"),
    ("c", "2024-01-01", "  "),
    ("d", "2024-01-01", None),
    ("e", "2019-12-31", "visit"),
    ("e", "2024-01-01", "visit"),
    ("f", "2024-02-01", "visit"),
]


def test_each_row_counts_once_under_its_first_reason() -> None:
    log = read(EVERY_REASON, earliest="2020-01-01", latest="2024-01-31", duplicates="drop")
    assert log.ledger.removed == (
        LedgerRow("read", "no customer", 0, 2),
        LedgerRow("read", "no time", 1, 1),
        LedgerRow("read", "unreadable time", 1, 2),
        LedgerRow("read", "no touchpoint", 1, 2),
        LedgerRow("read", "before the declared range", 0, 1),
        LedgerRow("read", "after the declared range", 1, 1),
        LedgerRow("read", "exact duplicate", 0, 1),
    )
    assert log.ledger.frame[["customers", "events"]].sum().tolist() == [6, 12]
    assert customers(log) == ["a", "e"]
    assert len(log) == 2


def test_the_quarantine_shows_rows_as_they_were_read() -> None:
    log = read(EVERY_REASON, earliest="2020-01-01", latest="2024-01-31", duplicates="drop")
    found = log.quarantine
    assert found.columns.tolist() == ["reason", "file", "row", "customer", "time", "touchpoint"]
    assert found["row"].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10, 12]
    assert found["reason"].value_counts().to_dict() == {
        row.reason: row.events for row in log.ledger.removed
    }
    assert found.iloc[2].tolist() == ["no customer", "", 4, " ", "2024-01-01", "visit"]


@given(st.permutations(EVERY_REASON), st.sampled_from(["keep", "drop"]))
@settings(max_examples=15, deadline=None)
def test_shuffling_the_rows_changes_nothing(rows: list[tuple[str, str, str]], drop: str) -> None:
    options = {"earliest": "2020-01-01", "latest": "2024-01-31", "duplicates": drop}
    log, other = read(EVERY_REASON, **options), read(rows, **options)
    assert other.ledger == log.ledger
    assert other.to_arrow().equals(log.to_arrow())


IDS = st.sampled_from([None, " ", "a", "b ", "b", "c"])
TIMES = st.sampled_from([None, "2024-01-01", "2024-01-02", "1999-01-01", "?", "2999-01-01"])
NAMES = st.sampled_from([None, "", "visit", " buy"])


@given(st.lists(st.tuples(IDS, TIMES, NAMES), max_size=12))
@settings(max_examples=30, deadline=None)
def test_the_ledger_sums_to_what_was_read(rows: list[tuple[object, ...]]) -> None:
    rows = [*rows, ("z", "2024-01-01", "visit")]
    log = read(rows, earliest="2000-01-01")
    ids = {row[0].strip() for row in rows if row[0] and row[0].strip()}
    frame = log.ledger.frame
    assert frame["events"].sum() == len(rows)
    assert frame["customers"].sum() == len(ids)
    assert len(log.quarantine) == len(rows) - len(log)
    assert len(set(customers(log))) == log.ledger.customers


def test_nothing_left() -> None:
    message = r"no row that can be used:\n +2  unreadable time\nThe first times are '1.1.', '2.1.'"
    with pytest.raises(DataError, match=message):
        read([("a", "1.1.", "visit"), ("b", "2.1.", "visit")])
    with pytest.raises(DataError, match="Touchpoint column 'what' is empty in all 2 rows"):
        read([("a", "2024-01-01", None), ("b", "2024-01-01", " ")])


def test_duplicates_are_kept_and_reported_or_dropped() -> None:
    rows = [("a", "2024-01-01", "visit", 1)] * 3 + [("a", "2024-01-01", "visit", 2)]
    audit = read(rows, columns=["p"]).audit().frame.set_index("check")
    assert audit.loc["duplicates", ["n", "share"]].tolist() == [2, 0.5]
    assert audit.loc["ties", ["n", "share"]].tolist() == [4, 1.0]
    log = read(rows, columns=["p"], duplicates="drop")
    assert (len(log), log.ledger.customers) == (2, 1)
    assert log.quarantine["row"].tolist() == [2, 3]
    with pytest.raises(ArgumentError, match="`duplicates` must be one of 'keep', 'drop'"):
        read(rows, duplicates="some")


# --- identifiers -------------------------------------------------------------------------------


def test_integers_stay_integers(tmp_path: Path) -> None:
    assert customers(csv(tmp_path, ["17", " 4", "-3"])) == [-3, 4, 17]
    assert customers(csv(tmp_path, ["017", "4"])) == ["017", "4"]
    for kind in ("int8", "uint16", "int32", "uint64", "Int64"):
        frame = pd.DataFrame({"who": pd.array([3, 1], kind), "at": "2024-01-01", "what": "x"})
        log = read_events(frame, customer="who", time="at", touchpoint="what")
        assert log.to_arrow().schema.field("customer").type == pa.int64()


def test_text_that_was_declared_text_stays_text() -> None:
    assert customers(read([("17", "2024-01-01", "x")])) == ["17"]


def test_integers_beyond_64_bits_become_text() -> None:
    frame = pd.DataFrame(
        {"who": np.array([2**64 - 1, 1], dtype=np.uint64), "at": "2024-01-01", "what": "x"}
    )
    log = read_events(frame, customer="who", time="at", touchpoint="what")
    assert customers(log) == ["1", str(2**64 - 1)]


def test_floats_that_are_integers_are_noted(tmp_path: Path) -> None:
    log = read([(17.0, "2024-01-01", "x"), (None, "2024-01-01", "x"), (4.0, "2024-01-01", "x")])
    assert customers(log) == [4, 17]
    assert notes(log) == {"identifiers that were floats": 2}
    log = csv(tmp_path, ["17.0", "4", "", "17.00"])
    assert customers(log) == [4, 17, 17]
    assert notes(log) == {"identifiers that were floats": 2}


def test_floats_that_are_no_identifiers() -> None:
    with pytest.raises(DataError, match="Identifiers in 'who' must not have fractions; 1 rows"):
        read([(1.5, "2024-01-01", "x"), (2.0, "2024-01-01", "x")])
    with pytest.raises(DataError, match=r"'who' are floats beyond 2\^53 in 1 rows"):
        read([(2.0**60, "2024-01-01", "x"), (2.0, "2024-01-01", "x")])


@pytest.mark.parametrize("damaged", ["9.44E+18", "9,44E+18", "9e+11", "9.44e+18"])
def test_identifiers_damaged_by_spreadsheets(tmp_path: Path, damaged: str) -> None:
    message = rf"'who' were damaged by a spreadsheet in 2 rows, such as '{damaged}'".replace(
        "+", r"\+"
    )
    quoted = f'"{damaged}"'
    with pytest.raises(DataError, match=message):
        csv(tmp_path, [quoted, "a", quoted])


def test_hexadecimal_identifiers_are_not_damaged(tmp_path: Path) -> None:
    assert customers(csv(tmp_path, ["9e11", "1234e567"])) == ["1234e567", "9e11"]


def test_mixed_identifiers_are_kept_as_text_and_noted(tmp_path: Path) -> None:
    log = read([(17, "2024-01-01", "x"), ("b", "2024-01-01", "x"), (None, "2024-01-01", "x")])
    assert customers(log) == ["17", "b"]
    assert notes(log) == {"identifiers of mixed type": 2}
    assert notes(csv(tmp_path, ["17", "b"])) == {"identifiers of mixed type": 2}
    path = tmp_path / "e.jsonl"
    path.write_text('{"w":1,"t":"2024-01-01","x":"a"}\n{"w":"1","t":"2024-01-01","x":"a"}\n')
    log = read_events(path, customer="w", time="t", touchpoint="x")
    assert (customers(log), notes(log)) == (["1", "1"], {"identifiers of mixed type": 2})


def test_blanks_around_are_trimmed_and_noted() -> None:
    log = read(
        [(" a", "2024-01-01", "visit "), ("a\t", "2024-01-01", "visit"), ("a", "2024-01-01", "x")]
    )
    assert log.to_arrow()["customer"].to_pylist() == ["a"] * 3
    assert notes(log) == {"blanks around identifiers": 2, "blanks around touchpoints": 1}


def test_identifiers_that_look_missing_are_noted() -> None:
    assert notes(read([("NULL", "2024-01-01", "x"), ("nan", "2024-01-01", "x")])) == {
        "identifiers that look missing": 2
    }


def test_several_customer_columns_are_joined_without_collisions() -> None:
    rows = [("a/b", "2024-01-01", "x", "c"), ("a", "2024-01-01", "x", "b/c"),
            ("a\\", "2024-01-01", "x", "b"), (None, "2024-01-01", "x", "b")]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["one", "at", "what", "two"])
    log = read_events(frame, customer=["one", "two"], time="at", touchpoint="what")
    assert customers(log) == ["a/b\\/c", "a\\/b/c", "a\\\\/b"]
    assert log.ledger.removed == (LedgerRow("read", "no customer", 0, 1),)


# --- touchpoints and other columns -------------------------------------------------------------


def test_case_twins_are_reported_and_kept() -> None:
    log = read([("a", "2024-01-01", name) for name in ("Email", "email", "email", "EMAIL", "Web")])
    (note,) = log.notes
    assert note.n == 4
    assert note.detail == "kept apart: 'EMAIL' / 'Email' / 'email'"
    assert set(log.to_arrow()["touchpoint"].to_pylist()) == {"Email", "email", "EMAIL", "Web"}


def test_columns_of_text_files_find_their_type(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(
        "who,at,what,i,f,z,t,d,e\n1,2024-01-01,x,5,1.5,007,a,-3,\n1,2024-01-02,x,,-2,010, b ,4e3,\n"
    )
    log = read_events(path, customer="who", time="at", touchpoint="what", columns=[*"ifztde"])
    frame = log.to_arrow().to_pydict()
    assert [frame[name] for name in "ifztde"] == [
        [5, None], [1.5, -2.0], ["007", "010"], ["a", "b"], [-3.0, 4000.0], [None, None],
    ]  # fmt: skip


def test_numbers_with_a_few_exceptions_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("who,at,what,v\n" + "1,2024-01-01,x,5\n" * 19 + "1,2024-01-01,x,n/a\n")
    log = read_events(path, customer="who", time="at", touchpoint="what", columns=["v"])
    assert notes(log) == {"numbers with exceptions": 1}


def test_columns_in_their_order_under_their_names() -> None:
    rows = [("a", "2024-01-01", "x", 1, "seg", "firm"), ("a", "2024-01-01", "x", 2, "seg", "firm")]
    log = read(rows, columns={"we\"ird, 'name'": "p"}, attributes=["q"], account="r", order="p")
    assert log.to_arrow().column_names == [
        "customer", "time", "touchpoint", "order", "we\"ird, 'name'", "q", "account",
    ]  # fmt: skip
    assert (log.columns, log.attributes, log.has_order) == (
        ("we\"ird, 'name'",), ("q", "account"), True,
    )  # fmt: skip
    audit = log.audit().frame.set_index("check")
    assert audit.loc["ties", "n"] == 0


def test_declared_names_may_be_those_used_inside() -> None:
    names = ["reason", "parsed", "absolute", "no_time", "time_kind", "c0", "e1", "file", "row"]
    frame = pd.DataFrame({"who": ["a", None], "at": "2024-01-01", "what": "x"})
    frame = frame.assign(**{name: i for i, name in enumerate(names)})
    options = {"customer": "who", "time": "at", "touchpoint": "what", "columns": names}
    for log in (read_events(frame, **options), read_events(frame, **options, duplicates="drop")):
        assert log.to_frame()[names].to_numpy().tolist() == [list(range(len(names)))]
        assert log.quarantine["reason"].tolist() == ["no customer"]


def test_decimals_and_categories() -> None:
    frame = pa.table(
        {
            "who": pa.array([1, 2], pa.decimal128(20, 0)),
            "at": ["2024-01-01"] * 2,
            "what": ["x"] * 2,
            "v": pa.array([Decimal("1.25"), Decimal(2)], pa.decimal128(9, 2)),
            "c": pa.array(["m", "f"]).dictionary_encode(),
        }
    )
    log = read_events(frame, customer="who", time="at", touchpoint="what", columns=["v", "c"])
    assert log.to_arrow().drop(["time", "touchpoint"]).to_pydict() == {
        "customer": [1, 2], "v": [1.25, 2.0], "c": ["m", "f"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"customer": []}, ArgumentError, "`customer` must name at least one column"),
        ({"columns": "p"}, ArgumentError, "`columns` must be a list of names; got the text 'p'"),
        ({"attributes": "p"}, ArgumentError, "`attributes` must be a list of names"),
        ({"columns": {"Time": "p"}}, ArgumentError, "name 'Time' twice, or as one of customer"),
        ({"columns": ["p"], "attributes": ["p"]}, ArgumentError, "name 'p' twice"),
        ({"columns": [3]}, ArgumentError, "Column names must be text that is not empty; got 3"),
        ({"order": "n"}, MappingError, "The pandas DataFrame has no column 'n'"),
        ({"attributes": ["segmnt", "p"]}, MappingError, "no column 'segmnt'. There are: 'who'"),
    ],
)
def test_bad_mappings(options: dict[str, object], error: type[Exception], message: str) -> None:
    frame = pd.DataFrame([("a", "2024-01-01", "x", 1)], columns=["who", "at", "what", "p"])
    with pytest.raises(error, match=message):
        read_events(frame, **({"customer": "who", "time": "at", "touchpoint": "what"} | options))


# --- the log -----------------------------------------------------------------------------------


def test_log_at_a_glance() -> None:
    log = read(EVERY_REASON[:5])
    assert repr(log) == (
        "<EventLog: 2 events of 1 customer, 1 touchpoint, day clock; 3 rows quarantined>"
    )
    frame = log.to_frame()
    assert frame["time"].tolist() == [pd.Timestamp("2024-01-01")] * 2
    assert read([("a", "2024-01-01T00:00Z", "x")]).to_frame()["time"].dt.tz is not None


def test_audit() -> None:
    rows = [
        (" a", "2024-01-01", "Visit", "m"),
        ("a", "2024-01-03", "visit", "f"),
        ("b", None, "visit", "f"),
    ]
    audit = read(rows, attributes=["p"]).audit()
    frame = audit.frame.set_index("check")
    assert frame["n"].to_dict() == {
        "rows read": 3, "events kept": 2, "customers": 1, "touchpoints": 2, "time span": 2,
        "duplicates": 0, "ties": 0, "set aside: no time": 1, "blanks around identifiers": 1,
        "touchpoints that differ by case only": 3, "attribute that varies": 1,
    }  # fmt: skip
    assert frame.loc["time span", "detail"] == "2024-01-01 to 2024-01-03, day clock"
    assert frame.loc["customers", "detail"] == "of 2 customers read"
    assert audit.summary() == "2 of 3 rows are kept, 1 (33.33%) set aside"
    axes = audit.plot()
    assert [bar.get_width() for bar in axes.patches] == [1]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no time"]
    axes.figure.clear()


def test_two_logs_do_not_share_anything() -> None:
    one, two = read([("a", "2024-01-01", "x")]), read([("b", "2024-01-01", "x")])
    assert (customers(one), customers(two)) == (["a"], ["b"])
    assert one.connection is not two.connection


# --- real data ---------------------------------------------------------------------------------


def test_oulad(shared: Path) -> None:
    log = read_events(
        shared / "data/oulad/oulad_events_derived.csv.gz",
        customer=["code_module", "code_presentation", "id_student"],
        time="day",
        touchpoint="event",
        columns=["score", "due_day"],
        time_unit="day",
        origin="2013-01-01",
    )
    assert (len(log), log.clock) == (216_532, "day")
    assert log.ledger.input_events == 216_532
    ((first, customer),) = log.connection.sql(
        f"SELECT time, customer FROM {log.view} WHERE customer LIKE 'DDD/2013J/3733' LIMIT 1"
    ).fetchall()
    # Registered on day -68 of a course that starts on 1 January 2013.
    assert (first, customer) == ((15_706 - 68) * DAY, "DDD/2013J/3733")


def test_online_retail(shared: Path) -> None:
    path = shared / "data/online_retail/online_retail_sample.csv.gz"
    frame = pd.read_csv(path, dtype=str)
    options = {
        "customer": "CustomerID",
        "time": "InvoiceDate",
        "touchpoint": "StockCode",
        "columns": ["InvoiceNo", "Quantity", "UnitPrice"],
        "time_zone": "Europe/London",
    }
    log = read_events(path, **options)
    assert (len(log), log.ledger.customers) == (32_397, 392)
    mapped = frame[["CustomerID", "InvoiceDate", "StockCode", "InvoiceNo", "Quantity", "UnitPrice"]]
    copies = int(mapped.duplicated().sum())
    assert log.audit().frame.set_index("check").loc["duplicates", "n"] == copies
    dropped = read_events(path, **options, duplicates="drop")
    assert dropped.ledger.removed == (LedgerRow("read", "exact duplicate", 0, copies),)
    frame.loc[::10, "CustomerID"] = None
    log = read_events(frame, **options)
    assert log.ledger.removed[0][1::2] == ("no customer", 3_240)


def test_cdnow_cannot_be_split_by_blanks(shared: Path) -> None:
    path = shared / "data/cdnow/CDNOW_master.txt.gz"
    options = {"customer": "customer_id", "time": "date", "touchpoint": "what"}
    with pytest.raises(DataError, match=r"one column only.*pandas.read_csv\(path, sep="):
        read_events(path, **options)
    frame = pd.read_csv(path, sep=r"\s+", dtype={"customer_id": str}).assign(what="purchase")
    log = read_events(frame, **options)
    assert (len(log), log.ledger.customers, log.clock) == (69_659, 23_570, "day")
