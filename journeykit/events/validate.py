"""Every row under one reason: kept, or the first thing that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from journeykit.errors import DataError
from journeykit.events.ledger import Ledger, LedgerRow
from journeykit.events.log import EventLog, Quarantine
from journeykit.events.workspace import Workspace, identifier, literal

if TYPE_CHECKING:
    from journeykit.events.identifiers import IdReading
    from journeykit.events.mapping import EventMapping
    from journeykit.events.sources import Source
    from journeykit.events.times import Note, TimeReading
    from journeykit.events.touchpoints import TouchpointReading

STEP = "read"
BROKEN = "broken line"
DUPLICATE = "exact duplicate"


class Bounds(NamedTuple):
    """Inclusive limits of the time, and what lies beyond the upper one is called."""

    low: int | None
    high: int
    beyond: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read each column of a source; all of it SQL over ``c0, c1, ...``."""

    customer: IdReading
    times: TimeReading
    touchpoints: TouchpointReading
    extra: dict[str, str]
    bounds: Bounds
    raw_customer: tuple[str, ...]
    raw_time: str
    raw_touchpoint: str
    notes: tuple[Note, ...] = ()

    @property
    def tests(self) -> tuple[tuple[str, str], ...]:
        """Return reason and SQL condition, in the order in which they apply."""
        low, high, beyond = self.bounds
        return (
            ("no customer", "customer IS NULL"),
            ("no time", "no_time"),
            ("unreadable time", "time IS NULL"),
            ("time skipped by a clock change", "time_kind = 'skipped'"),
            ("time repeated by a clock change", "time_kind = 'repeated'"),
            ("no touchpoint", "touchpoint IS NULL"),
            ("before the declared range", "false" if low is None else f"time < {low}"),
            (beyond, f"time > {high}"),
        )

    def labelled(self, relation: str, *more: str) -> str:
        """Return SQL that reads `relation` and adds ``reason``: 0 if kept, else its rank from 1."""
        # Declared names come last: they may be any, also those used in between.
        extra = [f"({value}) AS e{i}" for i, value in enumerate(self.extra.values())]
        names = [f"e{i}" for i in range(len(self.extra))]
        first = ", ".join(
            [
                f"({self.customer.value}) AS customer",
                f"({self.times.missing}) AS no_time",
                f"({self.times.parsed}) AS parsed",
                f"({self.times.absolute}) AS absolute",
                f"({self.touchpoints.value}) AS touchpoint",
                *extra,
                *more,
            ]
        )
        second = f"*, ({self.times.value}) AS time, ({self.times.kind}) AS time_kind"
        cases = " ".join(f"WHEN {test} THEN {i + 1}" for i, (_, test) in enumerate(self.tests))
        last = ", ".join(
            ["customer", "time", "touchpoint", *names, *(part.split(" AS ")[-1] for part in more)]
        )
        return (
            f"SELECT {last}, (CASE {cases} ELSE 0 END)::UTINYINT AS reason "
            f"FROM (SELECT {second} FROM (SELECT {first} FROM {relation}))"
        )


def build_log(
    workspace: Workspace,
    source: Source,
    mapping: EventMapping,
    found: Reading,
    *,
    drop_duplicates: bool,
) -> EventLog:
    """Count every row under its reason and make the view of those that are kept."""
    ledger = _ledger(workspace, source, found)
    if not ledger.events:
        raise _nothing_left(workspace, source, found, ledger)
    extra = [f"e{i} AS {identifier(name)}" for i, name in enumerate(found.extra)]
    columns = ", ".join(["customer", "time", "touchpoint", *extra])
    n_bad = sum(row.events for row in ledger.removed if row.reason != BROKEN)
    kept = f"SELECT {columns} FROM ({found.labelled(source.relation)})"
    kept += " WHERE reason = 0" if n_bad else ""
    view = workspace.fresh_name("events")
    if drop_duplicates:
        workspace.connection.execute(f"CREATE TABLE {view} AS SELECT DISTINCT * FROM ({kept})")
        ((left,),) = workspace.connection.sql(f"SELECT count(*) FROM {view}").fetchall()
        if left < ledger.events:
            ledger = ledger.then(STEP, DUPLICATE, customers=ledger.customers, events=left)
    else:
        workspace.connection.execute(f"CREATE VIEW {view} AS {kept}")
    return EventLog(
        workspace=workspace,
        view=view,
        clock=found.times.clock,
        columns=mapping.columns,
        attributes=mapping.attributes,
        has_order="order" in mapping.extra,
        ledger=ledger,
        notes=(
            *found.times.notes,
            *found.customer.notes,
            *found.touchpoints.notes,
            *found.notes,
        ),
        source=source.label,
        set_aside=_quarantine(source, found, drop_duplicates=drop_duplicates),
    )


def _ledger(workspace: Workspace, source: Source, found: Reading) -> Ledger:
    broken = len(source.broken)
    removed = [LedgerRow(STEP, BROKEN, 0, broken)] if broken else []
    connection = workspace.connection
    ((n, n_named, customers),) = connection.sql(
        "SELECT coalesce(sum(n), 0)::BIGINT, "
        "coalesce(sum(n) FILTER (customer IS NOT NULL), 0)::BIGINT, "
        f"count(customer) FROM (SELECT {found.customer.value} AS customer, count(*) AS n "
        f"FROM {source.relation} GROUP BY 1)"
    ).fetchall()
    low, high, _ = found.bounds
    in_range = (low is None or found.times.low >= low) and found.times.high <= high
    if n and n == n_named and found.times.is_clean and found.touchpoints.is_clean and in_range:
        return Ledger(tuple(removed), customers, n)
    return _count_reasons(workspace, source, found, removed)


def _count_reasons(
    workspace: Workspace, source: Source, found: Reading, removed: list[LedgerRow]
) -> Ledger:
    """Count rows by reason; a customer without a kept row counts under the first reason met."""
    labelled = f"({found.labelled(source.relation)})"
    connection = workspace.connection
    events = dict(connection.sql(f"SELECT reason, count(*) FROM {labelled} GROUP BY 1").fetchall())
    customers = dict(
        connection.sql(
            "SELECT first, count(*) FROM (SELECT CASE WHEN bool_or(reason = 0) THEN 0 "
            f"ELSE min(reason) END AS first FROM {labelled} WHERE customer IS NOT NULL "
            "GROUP BY customer) GROUP BY 1"
        ).fetchall()
    )
    rows = [
        LedgerRow(STEP, reason, customers.get(i + 1, 0), events[i + 1])
        for i, (reason, _) in enumerate(found.tests)
        if i + 1 in events
    ]
    return Ledger((*removed, *rows), customers.get(0, 0), events.get(0, 0))


def _quarantine(source: Source, found: Reading, *, drop_duplicates: bool) -> Quarantine:
    raw = [f"{column}::VARCHAR" for column in found.raw_customer]
    more = (
        f"concat_ws('/', {', '.join(raw)}) AS raw_customer"
        if len(raw) > 1
        else f"{raw[0]} AS raw_customer",
        f"{found.raw_time}::VARCHAR AS raw_time",
        f"{found.raw_touchpoint}::VARCHAR AS raw_touchpoint",
        "file AS source_file",
        "row AS source_row",
    )
    reasons = " ".join(
        f"WHEN {i + 1} THEN {literal(reason)}" for i, (reason, _) in enumerate(found.tests)
    )
    shown = (
        "source_file AS file, source_row AS row, raw_customer AS customer, raw_time AS time, "
        "raw_touchpoint AS touchpoint"
    )
    labelled = f"({found.labelled(source.located, *more)})"
    query = f"SELECT CASE reason {reasons} END AS reason, {shown} FROM {labelled} WHERE reason <> 0"
    if drop_duplicates:
        columns = ", ".join(
            ["customer", "time", "touchpoint", *(f"e{i}" for i in range(len(found.extra)))]
        )
        query += (
            f" UNION ALL SELECT {literal(DUPLICATE)}, {shown} FROM {labelled} WHERE reason = 0 "
            f"QUALIFY row_number() OVER (PARTITION BY {columns} "
            "ORDER BY source_file, source_row) > 1"
        )
    return Quarantine(query, tuple((BROKEN, *line) for line in source.broken))


def _nothing_left(
    workspace: Workspace, source: Source, found: Reading, ledger: Ledger
) -> DataError:
    table = "\n".join(f"  {row.events:>12,}  {row.reason}" for row in ledger.removed)
    times = workspace.connection.sql(
        f"SELECT DISTINCT {found.raw_time}::VARCHAR AS t FROM {source.relation} "
        "WHERE t IS NOT NULL ORDER BY t LIMIT 3"
    ).fetchall()
    shown = ", ".join(repr(value) for (value,) in times) or "none"
    return DataError(
        f"{source.label} holds no row that can be used:\n{table}\nThe first times are {shown}."
    )
