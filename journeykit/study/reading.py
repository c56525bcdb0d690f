"""From a study to its data: files found, events read, the customers table typed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from journeykit.checks import check_known
from journeykit.errors import DataError, StudyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from journeykit.events import EventLog
    from journeykit.events.sources import PostgresQuery
    from journeykit.study.study import Study


def files(study: Study, key: str, names: Sequence[str], /) -> list[Path]:
    """Return the files that `names` stand for, relative to the study's own; globs are sorted.

    Raises
    ------
    StudyError
        When one of them matches nothing; the message names the `key` in the study.
    """
    folder, found = study.path.parent, list[Path]()
    for name in names:
        exact = folder / name
        base = Path(exact.anchor) if Path(name).is_absolute() else folder
        hits = [exact] if exact.exists() else sorted(base.glob(str(exact.relative_to(base))))
        if not hits:
            raise StudyError(f"{study.path}: `{key}` names {name!r}, and there is no file {exact}.")
        found += hits
    return found


def read(study: Study, /) -> EventLog:
    """Read and validate the events as the study maps them."""
    from journeykit.events import read_events, stitch

    events, identities = study.model.events, study.model.identities
    log = read_events(
        _source(study),
        customer=events.customer,
        time=events.time,
        touchpoint=events.touchpoint,
        columns=events.columns,
        attributes=events.attributes,
        account=events.account,
        order=events.order,
        time_zone=study.model.time_zone,
        time_unit=events.time_unit,
        origin=events.origin,
        clock_change=events.clock_change,
        earliest=events.earliest,
        latest=events.latest,
        duplicates=events.duplicates,
        encoding=events.encoding,
        delimiter=events.delimiter,
    )
    if identities is None:
        return log
    outcome = study.model.outcome
    return stitch(
        log,
        [str(path) for path in files(study, "identities.source", identities.source)],
        anonymous=identities.anonymous,
        known=identities.known,
        time=identities.time,
        confidence=identities.confidence,
        min_confidence=identities.min_confidence,
        valid_from=identities.valid_from,
        valid_to=identities.valid_to,
        largest=identities.largest,
        outcome=outcome.conversions if outcome else (),
        time_zone=study.model.time_zone,
    ).log


def _source(study: Study) -> list[str] | PostgresQuery:
    events = study.model.events
    if events.source is not None:
        return [str(path) for path in files(study, "events.source", events.source)]
    from journeykit.events.sources import PostgresQuery

    return PostgresQuery(_address(study), str(events.query))


def _address(study: Study) -> str:
    variable = str(study.model.events.uri).removeprefix("env:")
    if variable not in os.environ:
        raise StudyError(
            f"{study.path}: `events.uri` is `env:{variable}`, and the environment has no variable "
            f"{variable}."
        )
    return os.environ[variable]


def database_version(study: Study, /) -> list[str]:
    """Return what the `version_query` of a study answers: its rows as text."""
    from journeykit.events.sources import PostgresQuery, fetch

    query = PostgresQuery(_address(study), str(study.model.events.version_query))
    return [str(row) for row in fetch(query).to_pylist()]


def read_customers(study: Study, /, *, clock: str) -> pa.Table | None:
    """Read the customers table into `customer`, attributes, `observed_from` and `observed_to`.

    Watching spans become microseconds UTC, or days of the day `clock`; empty ones stay empty.
    """
    import pyarrow as pa

    customers = study.model.customers
    if customers is None:
        return None
    spans = {
        name: column
        for name, column in (
            ("observed_from", customers.observed_from),
            ("observed_to", customers.observed_to),
        )
        if column is not None
    }
    parts = []
    for path in files(study, "customers.source", customers.source):
        table = read_table(path, text=customers.customer)
        wanted = [*customers.customer, *customers.attributes, *spans.values()]
        check_known("customers", wanted, table.column_names, what=f"columns of {path.name}")
        parts.append(table.select(list(dict.fromkeys(wanted))))
    whole = pa.concat_tables(parts, promote_options="permissive")
    columns = {"customer": whole_key(whole, customers.customer)}
    columns |= {name: _one_unit(whole[name]) for name in customers.attributes}
    columns |= {
        name: _microseconds(study, name, whole[column], clock) for name, column in spans.items()
    }
    return pa.table(columns)


def _one_unit(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times in microseconds: seconds in CSV and milliseconds in Parquet are the same."""
    import pyarrow as pa

    is_time = pa.types.is_timestamp(column.type)
    return column.cast(pa.timestamp("us", column.type.tz)) if is_time else column


def read_table(path: Path, *, text: Sequence[str]) -> pa.Table:
    """Read a small table; identifiers in CSV stay text, so that ``007`` is not 7."""
    import pyarrow as pa
    from pyarrow import csv, json, parquet

    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    try:
        if kind in ("csv", "tsv"):
            return csv.read_csv(
                path,
                parse_options=csv.ParseOptions(delimiter="," if kind == "csv" else "\t"),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(text, pa.string()), strings_can_be_null=True
                ),
            )
        if kind in ("parquet", "pq"):
            return parquet.read_table(path)
        if kind in ("json", "jsonl", "ndjson"):
            return json.read_json(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from error
    raise DataError(f"{path} must end in .csv, .tsv, .parquet or .jsonl, which tells its kind.")


def whole_key(table: pa.Table, names: Sequence[str]) -> pa.ChunkedArray:
    """Join several columns of a customer as ``read_events`` does."""
    import pyarrow as pa
    from pyarrow import compute as pc

    if len(names) == 1:
        return table[names[0]]
    parts = []
    for name in names:
        escaped = pc.replace_substring(table[name].cast(pa.string()), "\\", "\\\\")
        parts.append(pc.replace_substring(escaped, "/", "\\/"))
    return pc.binary_join_element_wise(*parts, "/")


def _microseconds(study: Study, name: str, column: pa.ChunkedArray, clock: str) -> pa.ChunkedArray:
    """Read when watching began or ended, by the same rules as the times of events."""
    import pyarrow as pa
    from pyarrow import compute as pc

    events, kind = study.model.events, column.type
    zone = "UTC" if clock == "day" else study.model.time_zone
    if pa.types.is_null(kind):
        return column.cast(pa.int64())
    if (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and events.time_unit:
        from journeykit.events.times import UNITS, microseconds, moment

        origin = moment("origin", events.origin or "1970-01-01")
        elapsed = pc.round(pc.multiply(column.cast(pa.float64()), float(UNITS[events.time_unit])))
        return pc.add(elapsed.cast(pa.int64()), microseconds(origin, ZoneInfo(zone)))
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp("us", kind.tz)).cast(pa.int64())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        naive = column.cast(pa.timestamp("us"))
        # An hour that a clock change repeats or skips is nothing to quarantine a customer for.
        return pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest").cast(
            pa.int64()
        )
    raise DataError(
        f"{study.path}: `customers.{name}` must be dates or times such as 2017-01-31, or numbers "
        f"counted like the events' times; the column is {kind}."
    )
