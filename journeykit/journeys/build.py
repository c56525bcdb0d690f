"""EventLog -> Journeys: code the identifiers, sort once, hand flat arrays to NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_choice, check_known
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.journeys.customers import join_customers, refuse_reserved
from journeykit.journeys.durations import DAY
from journeykit.journeys.journeys import Journeys
from journeykit.journeys.shape import time_point

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from journeykit.events import EventLog
    from journeykit.journeys.shape import TimeLike

#: Share of tied events above which the order of events is worth a warning.
TIED_SHARE_WARNED = 0.01
_BATCH = 1 << 20


def journeys(
    log: EventLog,
    /,
    *,
    window: tuple[TimeLike, TimeLike] | None = None,
    time_zone: str = "UTC",
    customers: pa.Table | None = None,
    tie_order: Sequence[str] = (),
    by: Literal["customer", "account"] = "customer",
) -> Journeys:
    """Sort the events of a log into one journey a customer.

    The sort key is customer, time, the log's order column or else `tie_order`, touchpoint, then
    every event column, so shuffled input rows give bit-identical journeys.

    Parameters
    ----------
    log : EventLog
    window : (begin, end), optional
        Span of the data, half-open; events outside are taken out, in the ledger. By default from
        the first event through the last.
    time_zone : str
        Zone in which a `window` without one is meant, such as ``Europe/Berlin``; it does not
        matter on a day clock.
    customers : pyarrow.Table, optional
        One row a customer: `customer`, attributes, and optionally `observed_from` and
        `observed_to` (microseconds or timestamps; empty means the window's).
    tie_order : sequence of str, optional
        Touchpoints in the order in which they happen when their times are equal; all others
        follow.
    by : {"customer", "account"}
        Whose journey it is. By account, all events of a business customer's people are one
        journey, and `customers` lists accounts; to keep people's journeys and only compare and
        resample by account, use `Journeys.cluster`.

    Returns
    -------
    Journeys

    Raises
    ------
    DataError
        When no event is left, a declared attribute differs within a customer, has the name of
        one that cutting adds, or a customer stands twice in `customers`.

    Warns
    -----
    JourneyKitWarning
        When more than 1 % of events share their customer and time with an event of another
        touchpoint and nothing declared tells which came first.
    """
    span = None if window is None else _window(window, "UTC" if log.clock == "day" else time_zone)
    check_choice("by", by, ("customer", "account"))
    if by == "account":
        check_known("by", [by], log.attributes, what="attributes")
    with _Coded(log, span, by) as coded:
        ids, names = coded.customer_id, coded.names
        check_known("tie_order", tie_order, names, what="touchpoints")
        sorted_events = _fetch(coded, tie_order)
        attributes = _attributes(coded)
    who, time = sorted_events.customer, sorted_events.time
    first = np.flatnonzero(np.diff(who, prepend=-1))
    start = np.append(first, len(who)).astype(np.int64)
    if sorted_events.tied > TIED_SHARE_WARNED * len(who):
        warnings.warn(
            f"{sorted_events.tied:,} of {len(who):,} events share customer and time with an event "
            "of another touchpoint, and their order was decided by name; declare `order` when "
            "reading, or `tie_order`.",
            JourneyKitWarning,
            stacklevel=2,
        )
    unit = DAY if log.clock == "day" else 1
    span = span or (int(time.min()), int(time.max()) + unit)
    n = len(ids)
    ledger = log.ledger
    if by == "account":
        ledger = ledger.then(
            "account",
            "customers of the same account",
            customers=_distinct(log, by),
            events=ledger.events,
        )
    if ledger.events > len(who):
        ledger = ledger.then("window", "outside the window", customers=n, events=len(who))
    built = Journeys(
        names=tuple(names),
        touchpoint=sorted_events.touchpoint,
        start=start,
        time=time,
        customer_index=np.arange(n, dtype=np.int32 if n < 2**31 else np.int64),
        customer_id=ids,
        observed_from=np.broadcast_to(np.int64(span[0]), n),
        observed_to=np.broadcast_to(np.int64(span[1]), n),
        attributes=attributes,
        columns=sorted_events.columns,
        window=span,
        clock=log.clock,
        ledger=ledger,
    )
    return built if customers is None else join_customers(built, customers, time_zone=time_zone)


def _window(window: tuple[TimeLike, TimeLike], zone: str) -> tuple[int, int]:
    if len(window) != 2:
        raise ArgumentError(f"`window` must be a beginning and an end; got {window!r}.")
    begin, end = (
        time_point(name, value, zone=ZoneInfo(zone))
        for name, value in zip(("window begin", "window end"), window, strict=True)
    )
    if begin >= end:
        raise ArgumentError(
            f"`window` must begin before it ends; got {window[0]!r}, {window[1]!r}."
        )
    return begin, end


def _distinct(log: EventLog, key: str) -> int:
    ((n,),) = log.connection.sql(
        f"SELECT count(DISTINCT {key}) FROM {_quoted(log.view)}"
    ).fetchall()
    return int(n)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Coded:
    """Dense codes of customers and touchpoints, as tables in the log's database while in use."""

    def __init__(self, log: EventLog, span: tuple[int, int] | None, key: str) -> None:
        self.log = log
        self.key = key
        self.inside = "" if span is None else f"WHERE time >= {span[0]} AND time < {span[1]}"
        self.customer_id: pa.Array = pa.array([])
        self.names: list[str] = []

    def query(self, sql: str) -> duckdb.DuckDBPyRelation:
        return self.log.connection.sql(sql)

    def __enter__(self) -> _Coded:
        con, view = self.log.connection, _quoted(self.log.view)
        for table, column in (("jk_ids", self.key), ("jk_names", "touchpoint")):
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {column}, "
                f"(row_number() OVER (ORDER BY {column}) - 1)::INTEGER AS code "
                f"FROM (SELECT DISTINCT {column} FROM {view} {self.inside})"
            )
        ids = self.query(f"SELECT {self.key} FROM jk_ids ORDER BY code").to_arrow_table()
        self.customer_id = ids[self.key].combine_chunks()
        if self.customer_id.null_count:
            raise DataError(
                "Some events have no account; give each customer one, or build by customer."
            )
        names = self.query("SELECT touchpoint FROM jk_names ORDER BY code").fetchall()
        self.names = [name for (name,) in names]
        if not self.names:
            raise DataError(
                "No event is left to build journeys from: "
                f"{self.log.ledger.input_events:,} were read, {self.log.ledger.events:,} are "
                "valid and none of them lies inside the window."
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.log.connection.execute("DROP TABLE IF EXISTS jk_ids; DROP TABLE IF EXISTS jk_names")


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Arrays of all events in their final order; `tied` counts those ordered by name alone."""

    customer: NDArray[np.int32]
    touchpoint: NDArray[np.unsignedinteger]
    time: NDArray[np.int64]
    columns: dict[str, NDArray[np.generic]]
    tied: int


def _fetch(coded: _Coded, tie_order: Sequence[str]) -> _Sorted:
    """Let DuckDB join the codes and sort; fill the arrays batch by batch."""
    log = coded.log
    ranked = {name: rank for rank, name in enumerate(tie_order)}
    ranks = np.array([ranked.get(name, len(ranked)) for name in coded.names])
    key = ["c", "t"]
    fields = ["i.code AS c", "e.time AS t", "n.code AS p"]
    if log.has_order:
        fields.append('e."order" AS o')
        key.append("o")
    elif tie_order:
        case = " ".join(f"WHEN {code} THEN {rank}" for code, rank in enumerate(ranks.tolist()))
        fields.append(f"CASE n.code {case} END AS o")
        key.append("o")
    value_names = [f"v{number}" for number, _ in enumerate(log.columns)]
    fields += [
        f"e.{_quoted(column)} AS {name}"
        for column, name in zip(log.columns, value_names, strict=True)
    ]
    relation = coded.query(
        f"SELECT {', '.join(fields)} FROM {_quoted(log.view)} e "
        f"JOIN jk_ids i USING ({coded.key}) JOIN jk_names n USING (touchpoint) "
        f"{coded.inside} ORDER BY {', '.join([*key, 'p', *value_names])}"
    )
    small = np.min_scalar_type(max(len(coded.names) - 1, 0))
    (n,) = coded.query(f"SELECT count(*) FROM {_quoted(log.view)} {coded.inside}").fetchall()[0]
    customer, touchpoint = np.empty(n, dtype=np.int32), np.empty(n, dtype=small)
    time = np.empty(n, dtype=np.int64)
    values: list[list[pa.Array]] = [[] for _ in log.columns]
    tied, at = 0, 0
    for batch in relation.to_arrow_reader(_BATCH):
        here = slice(at, at + batch.num_rows)
        customer[here], time[here] = batch.column("c"), batch.column("t")
        touchpoint[here] = batch.column("p")
        for chunks, name in zip(values, value_names, strict=True):
            chunks.append(batch.column(name))
        order = batch.column("o") if "o" in key else None
        tied += _tied(customer, time, touchpoint, here, order)
        at = here.stop
    columns = {
        name: _as_numpy(pa.chunked_array(chunks))
        for name, chunks in zip(log.columns, values, strict=True)
    }
    return _Sorted(customer, touchpoint, time, columns, tied)


def _tied(
    customer: NDArray[np.int32],
    time: NDArray[np.int64],
    touchpoint: NDArray[np.unsignedinteger],
    here: slice,
    order: pa.Array | None,
) -> int:
    """Count events whose customer, time and order equal the previous event's at another name.

    With an order column the first event of a batch is compared within its batch only.
    """
    low = here.start + 1 if order is not None else max(here.start, 1)
    now, before = slice(low, here.stop), slice(low - 1, here.stop - 1)
    same = (customer[now] == customer[before]) & (time[now] == time[before])
    same &= touchpoint[now] != touchpoint[before]
    if order is not None:
        equal = pc.equal(order.slice(1), order.slice(0, len(order) - 1)).fill_null(True)
        same &= equal.to_numpy(zero_copy_only=False)
    return int(same.sum())


def _as_numpy(column: pa.ChunkedArray) -> NDArray[Any]:
    """Numbers as int64 or, where any is missing or broken, float64 with NaN; texts as objects."""
    kind = column.type
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        # Adding 0 turns -0.0 into 0.0, which sorts as equal but has other bits.
        column = pc.add(column.cast(pa.float64()), 0.0)
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        column = column.cast(pa.float64() if column.null_count else pa.int64())
    values: NDArray[Any] = column.to_numpy()
    return values


def _attributes(coded: _Coded) -> pa.Table:
    """Fetch what the log declares constant per customer, and hold it to that."""
    log = coded.log
    refuse_reserved(log.attributes)
    names = [name for name in log.attributes if name != coded.key]
    if not names:
        return pa.table({})
    quoted = [_quoted(name) for name in names]
    pairs = ", ".join(f"min(e.{q}) AS a{k}, max(e.{q}) AS b{k}" for k, q in enumerate(quoted))
    table = coded.query(
        f"SELECT {pairs} FROM {_quoted(log.view)} e JOIN jk_ids i USING ({coded.key}) "
        f"{coded.inside} GROUP BY i.code ORDER BY i.code"
    ).to_arrow_table()
    for number, name in enumerate(names):
        differs = pc.sum(pc.not_equal(table[f"a{number}"], table[f"b{number}"])).as_py()
        if differs:
            raise DataError(
                f"Attribute {name!r} is not constant for {differs:,} of {table.num_rows:,} "
                f"{coded.key}s; declare it under `columns`, or give its value as of entry in a "
                "customers table."
            )
    return pa.table({name: table[f"a{k}"] for k, name in enumerate(names)})
