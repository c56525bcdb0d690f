"""A time column in any usual form -> SQL that gives microseconds since 1970 in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

from journeykit.checks import check_choice
from journeykit.errors import ArgumentError, DataError
from journeykit.events.clock import DAY, SECOND, ClockChange, by_piece, wall_pieces, zone

if TYPE_CHECKING:
    from journeykit.events.sources import Column

TimeUnit = Literal["microsecond", "millisecond", "second", "minute", "hour", "day", "week"]
UNITS: dict[str, int] = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": SECOND,
    "minute": 60 * SECOND,
    "hour": 3_600 * SECOND,
    "day": DAY,
    "week": 7 * DAY,
}
WHOLE_NUMBERS = frozenset(
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")
) | {"INTEGER", "UINTEGER"}
NUMBERS = WHOLE_NUMBERS | {"FLOAT", "DOUBLE"}
#: Epoch times are guessed to lie in these years, in microseconds.
_GUESS = (946_684_800 * SECOND, 4_102_444_800 * SECOND)
BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
_NUMBER = r"'[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?'"
_DATE = r"'[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}'"
_STAMP = r"'([0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2})[ T][0-9]{1,2}:[0-9.:]+"
_OFFSET = r"( ?[zZ]| ?UTC| ?GMT| ?[+-][0-9]{2}(:?[0-9]{2})?)"


class Note(NamedTuple):
    """Something about the data that a reader should know; `n` counts the rows concerned."""

    check: str
    n: int
    detail: str


@dataclass(frozen=True, slots=True)
class TimeOptions:
    """How `read_events` was told to read times; checked by `time_options`."""

    place: ZoneInfo
    unit: str | None
    origin: datetime | None
    clock_change: ClockChange


@dataclass(frozen=True, slots=True)
class TimeReading:
    """SQL over the raw column.

    Attributes
    ----------
    missing : str
        Whether there is no time at all.
    parsed : str
        Microseconds: of the instant where `absolute`, else of the wall clock; NULL if unreadable.
    absolute : str
        Whether `parsed` is an instant already.
    value, kind : str
        SQL over columns called ``parsed`` and ``absolute``: microseconds UTC, and ``plain``,
        ``skipped`` or ``repeated``.
    clock : {"instant", "day"}
    is_clean : bool
        No row is missing, unreadable, skipped or repeated.
    low, high : int
        Least and greatest `value`.
    notes : tuple of Note
    """

    missing: str
    parsed: str
    absolute: str
    value: str
    kind: str
    clock: Literal["instant", "day"]
    is_clean: bool
    low: int
    high: int
    notes: tuple[Note, ...] = ()


class _Form(NamedTuple):
    """How one column writes its times."""

    missing: str
    parsed: str
    absolute: str
    clock: Literal["instant", "day"]
    notes: tuple[Note, ...] = ()


def time_options(
    *,
    time_zone: str,
    time_unit: str | None,
    origin: str | date | None,
    clock_change: ClockChange,
) -> TimeOptions:
    """Check the arguments of `read_events` that say how to read times."""
    check_choice("clock_change", clock_change, ("quarantine", "before", "after"))
    if time_unit is not None:
        check_choice("time_unit", time_unit, tuple(UNITS))
    start = None if origin is None else moment("origin", origin)
    if start is not None and time_unit is None:
        raise ArgumentError("`origin` needs `time_unit`, the unit of the numbers counted from it.")
    if time_unit in ("minute", "hour", "day", "week") and start is None:
        raise ArgumentError(f"`time_unit` {time_unit!r} needs `origin`, the date of time 0.")
    return TimeOptions(zone(time_zone), time_unit, start, clock_change)


def moment(name: str, value: str | date) -> datetime:
    """Read a date or time given as an argument; naive ones stay naive."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, clock_time())
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"`{name}` must be a date or time such as '2024-01-31'; got {value!r}."
        ) from error


def microseconds(value: datetime, place: ZoneInfo) -> int:
    """Return the instant of `value` (in `place` if naive) in microseconds since 1970."""
    aware = value if value.tzinfo else value.replace(tzinfo=place)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def wall_microseconds(value: datetime) -> int:
    """Return what the clock on the wall shows, in microseconds since 1970."""
    return microseconds(value.replace(tzinfo=UTC), ZoneInfo("UTC"))


def read_times(column: Column, options: TimeOptions) -> TimeReading:
    """Find out how `column` writes its times."""
    form = _form(column, options)
    naive = form.clock == "instant" and form.absolute != "true"
    low, high = _span(column, form) if naive else (0, 0)
    pieces = wall_pieces(options.place, low, high)
    value, kinds = "parsed", "'plain'"
    if naive and (len(pieces) > 1 or pieces[0].after):
        early = options.clock_change == "before"
        offsets = [str(piece.before if early else piece.after) for piece in pieces]
        offset = by_piece("parsed", pieces, offsets)
        value = f"parsed - CASE WHEN absolute THEN 0 ELSE {offset} END"
        if options.clock_change == "quarantine":
            named = by_piece("parsed", pieces, [f"'{piece.kind}'" for piece in pieces])
            kinds = f"CASE WHEN absolute THEN 'plain' ELSE {named} END"
    is_clean, low, high = _cleanness(column, form, value, kinds)
    return TimeReading(
        form.missing, form.parsed, form.absolute, value, kinds, form.clock, is_clean, low, high,
        form.notes,
    )  # fmt: skip


def _span(column: Column, form: _Form) -> tuple[int, int]:
    """Return the least and greatest wall time."""
    where = "" if form.absolute == "false" else f"WHERE NOT ({form.absolute})"
    low, high = column.ask(
        f"SELECT min(p), max(p) FROM (SELECT {form.parsed} AS p FROM {column.relation} {where})"
    )
    return (0, 0) if low is None else (int(low), int(high))


def _cleanness(column: Column, form: _Form, value: str, kinds: str) -> tuple[bool, int, int]:
    """Return whether every row has a plain time, and the least and greatest."""
    n, n_read, low, high, n_odd = column.ask(
        f"SELECT count(*), count({value}), min({value}), max({value}), "
        f"count(*) FILTER ({kinds} <> 'plain') FROM "
        f"(SELECT {form.parsed} AS parsed, {form.absolute} AS absolute FROM {column.relation})",
    )
    return n == n_read and not n_odd, int(low or 0), int(high or 0)


def _form(column: Column, options: TimeOptions) -> _Form:
    kind, value = column.kind, column.sql
    if kind == "VARCHAR" or kind.startswith("ENUM"):
        return _text_form(column, options)
    if kind.startswith("DECIMAL") or kind in NUMBERS:
        floats = kind in {"DOUBLE", "FLOAT"}
        number = f"CASE WHEN NOT isnan({value}) THEN {value}::DOUBLE END" if floats else value
        return _number_form(column, number, f"({number}) IS NULL", options)
    if kind != "DATE" and not kind.startswith("TIMESTAMP"):
        raise DataError(
            f"Column {column.name!r} holds {kind}, which is not a time journeykit can read."
        )
    if options.unit is not None:
        raise ArgumentError(
            f"`time_unit` is for times written as numbers; column {column.name!r} holds {kind}."
        )
    is_absolute = "TZ" in kind or "TIME ZONE" in kind
    cast = f"{value}::{'TIMESTAMPTZ' if is_absolute else 'TIMESTAMP'}"
    parsed = f"CASE WHEN isfinite({cast}) THEN epoch_us({cast}) END"
    absolute = "true" if is_absolute else "false"
    return _Form(f"{value} IS NULL", parsed, absolute, "day" if kind == "DATE" else "instant")


def _text_form(column: Column, options: TimeOptions) -> _Form:
    """Decide by what most rows are; those written otherwise are unreadable."""
    text = f"nullif(trim({column.sql}::VARCHAR, {BLANKS}), '')"
    missing = f"{text} IS NULL"
    n_number, n_date, n_stamp, n_absolute = column.ask(
        f"SELECT count(*) FILTER (regexp_full_match(t, {_NUMBER})), "
        f"count(*) FILTER (regexp_full_match(t, {_DATE})), "
        f"count(*) FILTER (regexp_full_match(t, {_STAMP}.*')), "
        f"count(*) FILTER (regexp_full_match(t, {_STAMP}{_OFFSET}')) "
        f"FROM (SELECT {text} AS t FROM {column.relation})",
    )
    if options.unit is not None or n_number > n_date + n_stamp:
        number = (
            f"CASE WHEN regexp_full_match({text}, {_NUMBER}) THEN try_cast({text} AS DOUBLE) END"
        )
        return _number_form(column, number, missing, options)
    absolute = f"regexp_full_match({text}, {_STAMP}{_OFFSET}')" if n_absolute else "false"
    # DuckDB wants a capital Z or an offset that follows at once; a zone name it would resolve
    # silently, so only the patterns above reach the cast.
    plain = f"regexp_replace({text}, ' ?([zZ]|UTC|GMT)$', 'Z')"
    plain = f"regexp_replace({plain}, ' ([+-][0-9:]+)$', '\\1')"
    is_time = (
        f"regexp_full_match({text}, {_DATE}) OR regexp_full_match({text}, {_STAMP}{_OFFSET}?')"
    )
    parsed = f"CASE WHEN {is_time} THEN epoch_us(try_cast({plain} AS TIMESTAMPTZ)) END"
    if column.is_stored:
        parsed, absolute = _stored(column, parsed, absolute)
    if not n_stamp:
        return _Form(missing, parsed, "false", "day")
    notes = []
    if n_date:
        notes.append(Note("dates without a clock", n_date, f"read as midnight in {options.place}"))
    if n_absolute and n_absolute < n_stamp:
        detail = f"times without an offset beside {n_absolute:,} with one, read in {options.place}"
        notes.append(Note("offsets mixed", n_stamp - n_absolute, detail))
    return _Form(missing, parsed, absolute, "instant", tuple(notes))


def _stored(column: Column, parsed: str, absolute: str) -> tuple[str, str]:
    """Parse once and keep the result beside the text: parsing costs more than all the rest."""
    names = f"{column.sql}_parsed", f"{column.sql}_absolute"
    for name, kind in zip(names, ("BIGINT", "BOOLEAN"), strict=True):
        column.connection.execute(
            f"ALTER TABLE {column.relation} ADD COLUMN IF NOT EXISTS {name} {kind}"
        )
    column.connection.execute(
        f"UPDATE {column.relation} SET {names[0]} = {parsed}, {names[1]} = {absolute}"
    )
    return names[0], "false" if absolute == "false" else names[1]


def _number_form(column: Column, number: str, missing: str, options: TimeOptions) -> _Form:
    digits = f"try_cast({number} AS BIGINT)::VARCHAR"
    n, low, high, n_fraction, n_compact = column.ask(
        f"SELECT count(x), min(x), max(x), count(*) FILTER (x <> round(x)), "
        f"count(*) FILTER (x BETWEEN 19000101 AND 21001231 AND "
        f"try_strptime(digits, '%Y%m%d') IS NOT NULL) FROM "
        f"(SELECT {number} AS x, {digits} AS digits FROM {column.relation})",
    )
    if options.unit is not None:
        return _counted_form(number, missing, options, whole=not n_fraction)
    if n and n == n_compact and not n_fraction:
        parsed = f"epoch_us(try_strptime({digits}, '%Y%m%d'))"
        note = Note("dates without dashes", n, "numbers such as 20240131 read as dates")
        return _Form(missing, parsed, "false", "day", (note,))
    if not n:
        return _Form(missing, "NULL::BIGINT", "false", "day")
    fits = [
        unit for unit in ("second", "millisecond", "microsecond")
        if _GUESS[0] <= low * UNITS[unit] and high * UNITS[unit] < _GUESS[1]
    ]  # fmt: skip
    if len(fits) != 1:
        raise DataError(
            f"Column {column.name!r} holds numbers from {low} to {high}, which are not all "
            "seconds, milliseconds or microseconds since 1970 between the years 2000 and 2100. "
            "Say what they are with `time_unit`, and `origin` if they do not count from 1970."
        )
    note = Note("unit of the times guessed", n, f"{fits[0]}s since 1970, from the range")
    return _Form(missing, _scaled(number, UNITS[fits[0]], 0), "true", "instant", (note,))


def _counted_form(number: str, missing: str, options: TimeOptions, *, whole: bool) -> _Form:
    """Read times counted in `options.unit` from the origin, or from 1970."""
    size = UNITS[options.unit or "second"]
    at_midnight = options.origin is not None and options.origin.time() == clock_time()
    if whole and size >= DAY and at_midnight and options.origin is not None:
        start = wall_microseconds(options.origin)
        return _Form(missing, _scaled(number, size, start), "false", "day")
    start = 0 if options.origin is None else microseconds(options.origin, options.place)
    return _Form(missing, _scaled(number, size, start), "true", "instant")


def _scaled(number: str, size: int, start: int) -> str:
    """Return microseconds; what does not fit 64 bits is unreadable (NULL)."""
    return f"try_cast(round(({number}) * {size}::DOUBLE) + {start}::DOUBLE AS BIGINT)"
