"""Every form of time, worked by hand; clock changes against zoneinfo itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError
from journeykit.events import EventLog, read_events
from journeykit.events.clock import wall_pieces

#: 2024-03-05 06:07:08 UTC
MOMENT = 1_709_618_828_000_000
MIDNIGHT = 1_709_596_800_000_000
HOUR = 3_600_000_000
DAY = 24 * HOUR


def read(times: object, **options: object) -> EventLog:
    times = times if isinstance(times, pa.Array) else pa.array(times)
    who = pa.array(range(len(times)), pa.int64())
    table = pa.table({"who": who, "at": times, "what": ["x"] * len(times)})
    return read_events(table, customer="who", time="at", touchpoint="what", **options)


def stored(log: EventLog) -> list[int]:
    return log.to_arrow()["time"].to_pylist()


def reasons(log: EventLog) -> dict[str, int]:
    return {row.reason: row.events for row in log.ledger.removed}


@pytest.mark.parametrize(
    "times",
    [
        pa.array([MOMENT], pa.timestamp("us")),
        pa.array([MOMENT // 1000], pa.timestamp("ms")),
        pa.array([MOMENT // 1_000_000], pa.timestamp("s")),
        pa.array([MOMENT * 1000], pa.timestamp("ns")),
        pa.array([MOMENT], pa.timestamp("us", "Asia/Tokyo")),
        ["2024-03-05T06:07:08Z"],
        ["2024-03-05 06:07:08"],
        [" 2024-03-05T06:07:08.000000 "],
        ["2024/03/05 06:07:08"],
        ["2024-03-05 06:07:08 UTC"],
        ["2024-03-05 06:07:08z"],
        ["2024-03-05T08:07:08+02:00"],
        ["2024-03-05 08:07:08+0200"],
        ["2024-03-05 01:07:08 -05"],
        [MOMENT // 1_000_000],
        [MOMENT / 1_000_000],
        [str(MOMENT // 1_000_000)],
        [MOMENT // 1000],
        [str(MOMENT)],
        [MOMENT],
    ],
)
def test_one_moment_in_every_form(times: object) -> None:
    log = read(times)
    assert stored(log) == [MOMENT]
    assert log.clock == "instant"


@pytest.mark.parametrize(
    "times",
    [
        [date(2024, 3, 5)],
        ["2024-03-05"],
        ["2024-3-5"],
        ["2024/03/05"],
        ["20240305"],
        [20240305],
        [20240305.0],
    ],
)
@pytest.mark.parametrize("time_zone", ["UTC", "Pacific/Auckland", "America/New_York"])
def test_dates_are_a_day_clock_and_never_shifted(times: object, time_zone: str) -> None:
    log = read(times, time_zone=time_zone)
    assert stored(log) == [MIDNIGHT]
    assert log.clock == "day"


def test_naive_times_take_the_zone() -> None:
    assert stored(read(["2024-03-05 06:07:08"], time_zone="America/New_York")) == [
        MOMENT + 5 * HOUR
    ]
    naive = pa.array([MOMENT], pa.timestamp("us"))
    assert stored(read(naive, time_zone="America/New_York")) == [MOMENT + 5 * HOUR]


def test_offsets_mixed_with_naive_times_and_dates_are_reported() -> None:
    log = read(["2024-03-05", "2024-03-05 06:07:08", "2024-03-05T06:07:08Z"], time_zone="Etc/GMT+1")
    assert stored(log) == [MIDNIGHT + HOUR, MOMENT + HOUR, MOMENT]
    assert [(note.check, note.n) for note in log.notes] == [
        ("dates without a clock", 1),
        ("offsets mixed", 1),
    ]


def test_times_before_there_were_clocks() -> None:
    frame = read(["0079-08-24 13:00:00", "1582-10-15 12:00:00"], time_zone="Europe/Rome").to_frame()
    # Local mean time, 49 min 56 s before Greenwich.
    assert frame["time"].astype(str).tolist() == [
        "0079-08-24 12:10:04+00:00", "1582-10-15 11:10:04+00:00",
    ]  # fmt: skip


def test_python_times_of_several_kinds_keep_clock_and_offset() -> None:
    naive = datetime(2024, 3, 5, 6, 7, 8)  # noqa: DTZ001
    ahead = datetime(2024, 3, 5, 8, 7, 8, tzinfo=timezone(timedelta(hours=2)))
    for times in (
        [naive, ahead],
        [ahead, naive],
        [naive, date(2024, 3, 5)],
        [date(2024, 3, 5), ahead],
    ):
        frame = pd.DataFrame({"who": "a", "what": "x", "at": pd.Series(times, dtype=object)})
        log = read_events(
            frame, customer="who", time="at", touchpoint="what", time_zone="Etc/GMT+1"
        )
        expected = [
            MIDNIGHT + HOUR if type(time) is date else MOMENT + HOUR if time is naive else MOMENT
            for time in times
        ]
        assert stored(log) == sorted(expected)


def test_guessed_units_are_reported() -> None:
    (note,) = read([MOMENT // 1000]).notes
    assert note == ("unit of the times guessed", 1, "milliseconds since 1970, from the range")


@pytest.mark.parametrize("times", [[0, MOMENT], [MOMENT, MOMENT // 1000], [1], [4_200_000_000]])
def test_ambiguous_units_are_asked_for(times: list[int]) -> None:
    with pytest.raises(DataError, match="'at' holds numbers from .* Say what they are with"):
        read(times)
    options = {"time_unit": "microsecond", "latest": "2300-01-01"}
    assert stored(read(times, **options)) == times


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        ("second", 1_000_000),
        ("minute", 60_000_000),
        ("hour", HOUR),
        ("day", DAY),
        ("week", 7 * DAY),
    ],
)
def test_relative_times(unit: str, size: int) -> None:
    log = read([-2.5, 0.0, 1.25], time_unit=unit, origin="2024-03-05T06:07:08")
    assert stored(log) == [MOMENT - 5 * size // 2, MOMENT, MOMENT + 5 * size // 4]
    assert log.clock == "instant"


def test_whole_days_from_a_date_are_a_day_clock() -> None:
    log = read(["-3", "0", "2"], time_unit="day", origin="2024-03-05", time_zone="Asia/Tokyo")
    assert stored(log) == [MIDNIGHT - 3 * DAY, MIDNIGHT, MIDNIGHT + 2 * DAY]
    assert log.clock == "day"
    assert stored(read([1], time_unit="week", origin=date(2024, 3, 5))) == [MIDNIGHT + 7 * DAY]


def test_fractions_of_days_count_elapsed_time_from_the_origin_in_the_zone() -> None:
    log = read([0.5], time_unit="day", origin="2024-03-05", time_zone="Asia/Tokyo")
    assert stored(log) == [MIDNIGHT - 9 * HOUR + 12 * HOUR]
    assert log.clock == "instant"


def test_times_that_cannot_be_read() -> None:
    times = ["2024-03-05 06:07:08", "yesterday", "2024-02-30", "2024-03-05 25:00", None, "  ",
             "infinity", "2024-03-05 10:00 Europe/Berlin", "05/03/2024", "1e400"]  # fmt: skip
    assert reasons(read(times)) == {"no time": 2, "unreadable time": 7}
    numbers = [1.7e9, float("nan"), None, 1e300]
    assert reasons(read(numbers, time_unit="second")) == {"no time": 2, "unreadable time": 1}
    endless = pa.array([MOMENT, 2**63 - 1], pa.timestamp("us"))
    assert reasons(read(endless)) == {"unreadable time": 1}


def test_numbers_among_dates_are_unreadable() -> None:
    log = read(["2024-03-05 06:07:08", "2024-03-05 06:07:09", str(MOMENT)])
    assert reasons(log) == {"unreadable time": 1}


def test_skipped_and_repeated_times_are_quarantined() -> None:
    times = ["2024-03-31 01:59:59", "2024-03-31 02:00:00", "2024-03-31 02:59:59.999999",
             "2024-03-31 03:00:00", "2024-10-27 01:59:59", "2024-10-27 02:00:00",
             "2024-10-27 02:59:59", "2024-10-27 03:00:00", "2024-10-27T02:30:00+02:00"]  # fmt: skip
    log = read(times, time_zone="Europe/Berlin")
    assert reasons(log) == {
        "time skipped by a clock change": 2,
        "time repeated by a clock change": 2,
    }
    assert log.to_arrow()["customer"].to_pylist() == [0, 3, 4, 7, 8]
    utc = ["2024-03-31T00:59:59Z", "2024-03-31T01:00:00Z", "2024-10-26T23:59:59Z",
           "2024-10-27T02:00:00Z", "2024-10-27T00:30:00Z"]  # fmt: skip
    assert stored(log) == stored(read(utc))


def test_a_declared_rule_reads_skipped_and_repeated_times() -> None:
    times = ["2024-03-31 02:30:00", "2024-10-27 02:30:00"]
    before = read(times, time_zone="Europe/Berlin", clock_change="before")
    after = read(times, time_zone="Europe/Berlin", clock_change="after")
    assert stored(before) == stored(read(["2024-03-31T01:30:00Z", "2024-10-27T00:30:00Z"]))
    assert stored(after) == stored(read(["2024-03-31T00:30:00Z", "2024-10-27T01:30:00Z"]))


ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Africa/Monrovia",
    "UTC",
]


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.lists(st.integers(0, 2_524_608_000), min_size=1, max_size=30))
def test_pieces_agree_with_a_round_trip(zone: str, seconds: list[int]) -> None:
    place = ZoneInfo(zone)
    for second in seconds:
        wall = datetime(1970, 1, 1) + timedelta(seconds=second)  # noqa: DTZ001
        micro = second * 1_000_000
        piece = [
            p for p in wall_pieces(place, micro, micro) if p.start is None or p.start <= micro
        ][-1]
        early, late = (wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
        returns = early.astimezone(place).replace(tzinfo=None) == wall
        expected = "skipped" if not returns else "plain" if early == late else "repeated"
        assert piece.kind == expected
        for offset, moment in ((piece.before, early), (piece.after, late)):
            assert wall.replace(tzinfo=UTC) - timedelta(microseconds=offset) == moment


def test_every_hour_of_thirty_years_survives_the_round_trip() -> None:
    hours = pd.date_range("1995-01-01", "2025-01-01", freq="h", tz="UTC")
    local = hours.tz_convert("America/New_York")
    ambiguous = local.tz_localize(None).duplicated(keep=False)
    log = read(pa.array(local.tz_localize(None)), time_zone="America/New_York")
    assert reasons(log) == {"time repeated by a clock change": int(ambiguous.sum())}
    assert stored(log) == (hours[~ambiguous].as_unit("us").asi8).tolist()


def test_the_declared_range_includes_both_ends() -> None:
    times = ["2024-03-04 23:59:59", "2024-03-05 00:00:00", "2024-03-05 06:07:08",
             "2024-03-05 23:59:59.999999", "2024-03-06"]  # fmt: skip
    log = read(times, earliest="2024-03-05", latest=date(2024, 3, 5))
    assert reasons(log) == {"before the declared range": 1, "after the declared range": 1}
    exact = read(times, earliest="2024-03-05T00:00:01", latest=datetime(2024, 3, 5, 12, tzinfo=UTC))
    assert reasons(exact) == {"before the declared range": 2, "after the declared range": 2}


def test_the_declared_range_on_a_day_clock() -> None:
    days = ["2024-03-04", "2024-03-05", "2024-03-06"]
    log = read(days, earliest="2024-03-05", latest="2024-03-05", time_zone="Pacific/Auckland")
    assert stored(log) == [MIDNIGHT]


def test_the_future_is_quarantined_unless_declared() -> None:
    today = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    days = [today, today + timedelta(days=1)]
    log = read(days, time_zone="Pacific/Kiritimati")
    assert reasons(log) == {"in the future": 1}
    assert reasons(read(days, latest=days[1])) == {}
    soon = datetime.now(UTC) + timedelta(minutes=5)
    assert reasons(read([soon, soon - timedelta(minutes=10)])) == {"in the future": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"time_zone": "Europe/Berlim"},
            r"`time_zone` must be .* got 'Europe/Berlim'. Did you mean",
        ),
        ({"time_unit": "days"}, "`time_unit` must be one of .*; got 'days'. Did you mean 'day'"),
        ({"time_unit": "day"}, "`time_unit` 'day' needs `origin`, the date of time 0"),
        ({"origin": "2024-01-01"}, "`origin` needs `time_unit`"),
        ({"origin": "soon", "time_unit": "day"}, "`origin` must be a date or time.*got 'soon'"),
        ({"earliest": 3}, "`earliest` must be a date or time such as '2024-01-31'; got 3"),
        ({"earliest": "2024-02-01", "latest": "2024-01-01"}, "`earliest` must not be after"),
        (
            {"clock_change": "guess"},
            "`clock_change` must be one of 'quarantine', 'before', 'after'",
        ),
        ({"time_unit": "second"}, "`time_unit` is for times written as numbers; column 'at' holds"),
    ],
)
def test_arguments(options: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        read(pa.array([MOMENT], pa.timestamp("us")), **options)


def test_a_column_that_is_no_time() -> None:
    with pytest.raises(DataError, match="'at' holds BOOLEAN, which is not a time"):
        read([True])
