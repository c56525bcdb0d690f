"""A table of identities -> the links that count, on the clock of a log."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from journeykit.errors import DataError
from journeykit.events.components import Link
from journeykit.events.identifiers import read_identifier
from journeykit.events.sources import Source, open_source
from journeykit.events.times import TimeOptions, microseconds, read_times
from journeykit.events.workspace import reading

if TYPE_CHECKING:
    from journeykit.events.log import EventLog

_START = datetime(1970, 1, 1, tzinfo=UTC)


class Links(NamedTuple):
    """What a table of identities holds.

    `links` are distinct and sorted; `n_ignored` rows lack an id or the confidence wanted, or
    end before they begin; `first_seen` gives the first time of each anonymous id; `kind` is the
    type of the ids.
    """

    links: list[Link]
    n_ignored: int
    first_seen: dict[Any, int]
    kind: pa.DataType


def read_links(
    log: EventLog,
    identities: object,
    columns: dict[str, str],
    *,
    min_confidence: float,
    options: TimeOptions,
) -> Links:
    """Read the columns ``anonymous known [confidence time valid_from valid_to]``."""
    source = open_source(log.workspace, identities, tuple(dict.fromkeys(columns.values())))
    with reading(source.label):
        ids = [read_identifier(source.column(columns[part])) for part in ("anonymous", "known")]
        is_number = {customer_type(log), *(one.kind for one in ids)} == {"BIGINT"}
        chosen = [one.value if is_number else f"({one.value})::VARCHAR" for one in ids]
        chosen.append(
            f"try_cast({source.column(columns['confidence']).sql} AS DOUBLE)"
            if "confidence" in columns
            else "1.0"
        )
        for part in ("time", "valid_from", "valid_to"):
            name = columns.get(part)
            chosen.append(_instants(log, source, name, options) if name else "NULL")
        rows = log.connection.sql(f"SELECT {', '.join(chosen)} FROM {source.relation}").fetchall()
    links: set[Link] = set()
    first_seen: dict[Any, int] = {}
    n_ignored = len(source.broken)
    for device, person, score, seen, low, high in rows:
        incomplete = device is None or person is None or score is None
        never = low is not None and high is not None and low >= high
        if incomplete or never or not score >= min_confidence:
            n_ignored += 1
            continue
        links.add(Link(device, person, low, high))
        if seen is not None:
            first_seen[device] = min(seen, first_seen.get(device, seen))
    if not links:
        is_number = customer_type(log) == "BIGINT"
    kind = pa.int64() if is_number else pa.string()
    return Links(sorted(links, key=_order), n_ignored, first_seen, kind)


def _order(link: Link) -> tuple[Any, ...]:
    low = -math.inf if link.low is None else link.low
    return link.anonymous, low, link.known, math.inf if link.high is None else link.high


def customer_type(log: EventLog) -> str:
    """Return the DuckDB type of the customers of `log`."""
    return str(log.connection.sql(f"SELECT customer FROM {log.view} LIMIT 0").types[0])


def _instants(log: EventLog, source: Source, name: str, options: TimeOptions) -> str:
    """Return SQL for a time column of the identities, on the clock of the log."""
    times = read_times(source.column(name), options)
    ((n,),) = log.connection.sql(
        f"SELECT count(*) FROM {source.relation} WHERE NOT ({times.missing}) "
        f"AND ({times.parsed}) IS NULL"
    ).fetchall()
    if n:
        raise DataError(f"{source.label} has {n:,} times in {name!r} that cannot be read.")
    value = (
        f"(SELECT {times.value} FROM (SELECT ({times.parsed}) AS parsed, "
        f"({times.absolute}) AS absolute))"
    )
    if times.clock == log.clock:
        return value
    if log.clock == "day":
        raise DataError(
            f"The log has a day clock, but {name!r} of {source.label} holds times; give dates."
        )
    return _midnights(log, source, times.parsed, options)


def _midnights(log: EventLog, source: Source, parsed: str, options: TimeOptions) -> str:
    """Return SQL that turns dates into the instant they begin in the zone."""
    days = log.connection.sql(f"SELECT DISTINCT {parsed} FROM {source.relation}").fetchall()
    table = log.workspace.fresh_name("midnight")
    log.connection.execute(f"CREATE TABLE {table} (day BIGINT PRIMARY KEY, instant BIGINT)")
    wall = {day: _START + timedelta(microseconds=day) for (day,) in days if day is not None}
    rows = [
        (day, microseconds(start.replace(tzinfo=None), options.place))
        for day, start in wall.items()
    ]
    if rows:
        log.connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
    return f"(SELECT instant FROM {table} WHERE day = ({parsed}))"
