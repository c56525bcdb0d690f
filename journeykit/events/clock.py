"""Where a zone's clocks change: exact pieces of wall time with their offset from UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from journeykit.checks import did_you_mean
from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

ClockChange = Literal["quarantine", "before", "after"]
SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: No zone changed its clocks before the first year; after the last, they are not followed.
_FIRST = int((datetime(1800, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_LAST = int((datetime(2200, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_STEP = 6 * 3600


class Piece(NamedTuple):
    """A stretch of wall time from `start` (microseconds, None: since ever) to the next piece.

    `before` and `after` are the offsets from UTC in microseconds that the two sides of a clock
    change would give; they differ only where `kind` is "skipped" or "repeated".
    """

    start: int | None
    before: int
    after: int
    kind: Literal["plain", "skipped", "repeated"]


def zone(name: str) -> ZoneInfo:
    """Return the zone called `name`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError) as error:
        raise ArgumentError(
            "`time_zone` must be a zone of the IANA database such as 'Europe/Berlin'; "
            f"got {name!r}.{did_you_mean(name, available_timezones())}"
        ) from error


def wall_pieces(place: ZoneInfo, low: int, high: int) -> list[Piece]:
    """Cut wall time from `low` to `high` (microseconds) where the clocks of `place` change.

    A change at the instant t from offset a to b skips the wall times [t + a, t + b) if the clock
    goes forward, and repeats [t + b, t + a) if it goes back.
    """
    # A wall time is at most a day away from the instant it means.
    first = min(max(low // SECOND - 86_400, _FIRST), _LAST)
    last = min(max(high // SECOND + 86_400, _FIRST), _LAST)
    offset = _offset(place, first) * SECOND
    pieces = [Piece(None, offset, offset, "plain")]
    for second, a, b in _changes(place, first, last):
        before, after, instant = a * SECOND, b * SECOND, second * SECOND
        kind: Literal["skipped", "repeated"] = "skipped" if b > a else "repeated"
        pieces.append(Piece(instant + min(before, after), before, after, kind))
        pieces.append(Piece(instant + max(before, after), after, after, "plain"))
    return pieces


def _changes(place: ZoneInfo, first: int, last: int) -> list[tuple[int, int, int]]:
    """Find each change in [`first`, `last`]: its second and the offsets around it."""
    grid = [*range(first, last, _STEP), last]
    offsets = [_offset(place, second) for second in grid]
    steps = zip(pairwise(grid), pairwise(offsets), strict=True)
    return [(_change(place, *ends), a, b) for ends, (a, b) in steps if a != b]


def _change(place: ZoneInfo, low: int, high: int) -> int:
    """Halve the stretch until one second is left: the first with the new offset."""
    new = _offset(place, high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(place, middle) == new else (middle, high)
    return high


def _offset(place: ZoneInfo, second: int) -> int:
    shift = (_EPOCH + timedelta(seconds=second)).astimezone(place).utcoffset()
    return int(shift.total_seconds()) if shift else 0


def by_piece(wall: str, pieces: Sequence[Piece], values: Sequence[str]) -> str:
    """Return SQL that gives the value of the piece `wall` falls in, by halving."""
    if len(pieces) == 1:
        return values[0]
    middle = len(pieces) // 2
    left = by_piece(wall, pieces[:middle], values[:middle])
    right = by_piece(wall, pieces[middle:], values[middle:])
    return f"CASE WHEN {wall} < {pieces[middle].start} THEN {left} ELSE {right} END"
