"""`read_events`: from any source to an `EventLog`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING

from journeykit.checks import check_choice
from journeykit.errors import ArgumentError, DataError
from journeykit.events.clock import DAY, ClockChange
from journeykit.events.extras import read_extra
from journeykit.events.identifiers import joined, read_identifier
from journeykit.events.mapping import EventMapping, event_mapping
from journeykit.events.sources import Source, open_source
from journeykit.events.times import (
    TimeOptions,
    TimeReading,
    TimeUnit,
    microseconds,
    moment,
    read_times,
    time_options,
    wall_microseconds,
)
from journeykit.events.touchpoints import read_touchpoints
from journeykit.events.validate import Bounds, Reading, build_log
from journeykit.events.workspace import Workspace, reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from journeykit.events.log import EventLog


def read_events(
    source: object,
    /,
    *,
    customer: str | Sequence[str],
    time: str,
    touchpoint: str,
    columns: Mapping[str, str] | Sequence[str] = (),
    attributes: Sequence[str] = (),
    account: str | None = None,
    order: str | None = None,
    time_zone: str = "UTC",
    time_unit: TimeUnit | None = None,
    origin: str | date | None = None,
    clock_change: ClockChange = "quarantine",
    earliest: str | date | None = None,
    latest: str | date | None = None,
    duplicates: str = "keep",
    encoding: str | None = None,
    delimiter: str | None = None,
) -> EventLog:
    """Read events, one row each, and set aside with a reason what cannot be used.

    Nothing is dropped silently: every row is kept or quarantined under the first reason that
    applies, in this order: broken line, no customer, no time, unreadable time, time skipped or
    repeated by a clock change, no touchpoint, before `earliest`, after `latest` or in the future,
    exact duplicate (only with ``duplicates="drop"``).

    Parquet stays where it is: the log is a view over the files, which must outlive it unchanged.
    Text files, frames and queries are copied once into a private database that may spill to disk.

    Parameters
    ----------
    source : path, list of paths, glob, frame or PostgresQuery
        CSV, TSV, JSON lines (each also gzipped) or Parquet files; anything with
        ``__arrow_c_stream__`` (pandas, whose index is ignored, polars, pyarrow, a DuckDB
        relation); or a query.
    customer : str or sequence of str
        Column of the customer. Several are joined by ``/`` (with ``/`` and a backslash inside a
        part escaped by a backslash); a customer who lacks a part is missing. Integers stay
        integers, and so do CSV columns of nothing but integers without leading zeros.
    time : str
        Column of the time: a native timestamp or date; ISO text with or without an offset; dates
        (also 20240131), which make a day clock: midnight UTC of that date, never shifted; or
        numbers. Numbers are seconds, milliseconds or microseconds since 1970 if all lie between
        the years 2000 and 2100 in exactly one of them (reported in the audit), else `time_unit`
        must say.
    touchpoint : str
        Column of the touchpoint. Blanks around it are trimmed, its case is kept.
    columns : mapping or sequence of str
        Columns of each event: name in the log to source column, or names.
    attributes : sequence of str
        Columns that are constant per customer.
    account : str, optional
        Column of the business account, kept as the attribute ``account``.
    order : str, optional
        Column that orders events of one customer at the same time.
    time_zone : str
        IANA zone of times without an offset.
    time_unit : {"microsecond", "millisecond", "second", "minute", "hour", "day", "week"}, optional
        Unit of numeric times; fractions and negative ones are allowed. Whole days or weeks from
        a date make a day clock.
    origin : str or date, optional
        Time 0 of numeric times, in `time_zone` if it carries no offset; by default 1970, for
        seconds and finer only.
    clock_change : {"quarantine", "before", "after"}
        What to do with times that a clock change skips or repeats: set them aside, or read them
        with the offset in force before or after the change.
    earliest, latest : str or date, optional
        Events outside [`earliest`, `latest`] are quarantined. A `latest` without a clock means
        that whole day. By default there is no earliest, and latest is now.
    duplicates : {"keep", "drop"}
        Whether rows equal in all mapped columns are kept (the audit counts them) or all but one
        are quarantined.
    encoding : str, optional
        Encoding of text files; by default UTF-8, or what their byte order mark says.
    delimiter : str, optional
        Delimiter of CSV; by default the one of ``, ; tab |`` whose header has the mapped columns.

    Returns
    -------
    EventLog

    Raises
    ------
    ArgumentError
        An argument is out of range or contradicts another.
    MappingError
        A mapped column does not exist.
    DataError
        The source is missing, empty, not what its name says, or cannot be used: damaged
        identifiers, numbers that are not clearly times, no row left.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"who": ["a", "a", None], "day": ["2024-01-01"] * 3, "what": "visit"})
    >>> log = read_events(frame, customer="who", time="day", touchpoint="what")
    >>> log
    <EventLog: 2 events of 1 customer, 1 touchpoint, day clock; 1 row quarantined>
    """
    check_choice("duplicates", duplicates, ("keep", "drop"))
    mapping = event_mapping(
        customer=customer,
        time=time,
        touchpoint=touchpoint,
        columns=columns,
        attributes=attributes,
        account=account,
        order=order,
    )
    options = time_options(
        time_zone=time_zone, time_unit=time_unit, origin=origin, clock_change=clock_change
    )
    _check_range(earliest, latest, options)
    workspace = Workspace()
    opened = open_source(workspace, source, mapping.needed, encoding=encoding, delimiter=delimiter)
    with reading(opened.label):
        _require_rows(opened)
        found = _look(opened, mapping, options, earliest, latest)
        return build_log(workspace, opened, mapping, found, drop_duplicates=duplicates == "drop")


def _require_rows(source: Source) -> None:
    ((n,),) = source.connection.sql(f"SELECT count(*) FROM {source.relation}").fetchall()
    if not n and source.broken:
        raise DataError(f"{source.label} holds no rows, only {len(source.broken):,} broken lines.")
    if not n:
        raise DataError(f"{source.label} holds no rows.")


def _look(
    source: Source,
    mapping: EventMapping,
    options: TimeOptions,
    earliest: str | date | None,
    latest: str | date | None,
) -> Reading:
    """Look at each column alone, reading no more of the source than that column."""
    times = read_times(source.column(mapping.time), options)
    extra, notes = {}, []
    for name, column in mapping.extra.items():
        extra[name], said = read_extra(source.column(column))
        notes += said
    return Reading(
        customer=joined([read_identifier(source.column(name)) for name in mapping.customer]),
        times=times,
        touchpoints=read_touchpoints(source.column(mapping.touchpoint)),
        extra=extra,
        bounds=_bounds(times, options, earliest, latest),
        raw_customer=tuple(source.column(name).sql for name in mapping.customer),
        raw_time=source.column(mapping.time).sql,
        raw_touchpoint=source.column(mapping.touchpoint).sql,
        notes=tuple(notes),
    )


def _check_range(
    earliest: str | date | None, latest: str | date | None, options: TimeOptions
) -> None:
    if earliest is None or latest is None:
        return
    first, last = moment("earliest", earliest), moment("latest", latest)
    if microseconds(first, options.place) > microseconds(last, options.place):
        raise ArgumentError(f"`earliest` must not be after `latest`; got {first} and {last}.")


def _bounds(
    times: TimeReading,
    options: TimeOptions,
    earliest: str | date | None,
    latest: str | date | None,
) -> Bounds:
    """Put the declared range into the log's own microseconds, both ends included."""

    def inside(value: datetime) -> int:
        if times.clock == "instant":
            return microseconds(value, options.place)
        return wall_microseconds(value.replace(tzinfo=None)) // DAY * DAY

    low = None if earliest is None else inside(moment("earliest", earliest))
    if latest is None:
        return Bounds(low, inside(datetime.now(options.place)), "in the future")
    last = moment("latest", latest)
    whole_day = last.time() == clock_time() and not isinstance(latest, datetime)
    if whole_day and times.clock == "instant" and ":" not in str(latest):
        return Bounds(low, inside(last + timedelta(days=1)) - 1, "after the declared range")
    return Bounds(low, inside(last), "after the declared range")
