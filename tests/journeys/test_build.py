from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import journeykit as jk
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError
from journeykit.journeys.durations import DAY, SECOND

EVENTS = pd.DataFrame(
    {
        "who": ["b", "a", "a", "c", "a", "b"],
        "when": pd.to_datetime(
            [
                "2026-01-03",
                "2026-01-05",
                "2026-01-01",
                "2026-01-02",
                "2026-01-04",
                "2026-02-01",
            ]
        ),
        "what": ["web", "buy", "mail", "web", "web", "mail"],
        "value": [None, 250, None, None, None, None],
        "segment": ["new", "old", "old", "new", "old", "new"],
        "seq": [1, 2, 3, 4, 5, 6],
    }
)


def read(frame: pd.DataFrame, **more: object) -> jk.EventLog:
    return jk.read_events(frame, customer="who", time="when", touchpoint="what", **more)


def test_sorted_coded_and_complete() -> None:
    journeys = jk.journeys(read(EVENTS, columns=["value"], attributes=["segment"]))
    assert journeys.names == ("buy", "mail", "web")
    assert journeys.touchpoint.dtype == np.uint8
    assert journeys.customer_id.to_pylist() == ["a", "b", "c"]
    assert journeys.start.tolist() == [0, 3, 5, 6]
    assert journeys.touchpoint.tolist() == [1, 2, 0, 2, 1, 2]
    assert journeys.columns["value"][2] == 250
    assert np.isnan(journeys.columns["value"][[0, 1, 3, 4, 5]]).all()
    assert journeys.attributes["segment"].to_pylist() == ["old", "new", "new"]
    first = pd.Timestamp("2026-01-01", tz="UTC")
    assert journeys.time[0] == first.value // 1000
    assert journeys.window == (first.value // 1000, pd.Timestamp("2026-02-01").value // 1000 + 1)
    assert journeys.observed_from.strides == (0,)


def test_window_takes_out_and_accounts() -> None:
    journeys = jk.journeys(read(EVENTS), window=("2026-01-02", "2026-02-01"))
    assert journeys.n_events == 4
    assert journeys.ledger.removed[-1] == ("window", "outside the window", 0, 2)
    assert journeys.ledger.input_events == 6
    shifted = jk.journeys(
        read(EVENTS), window=("2026-01-02", "2026-02-01"), time_zone="America/New_York"
    )
    # midnight in New York is 05:00 UTC, so the second of January at 00:00 UTC is out, too
    assert shifted.window[0] - journeys.window[0] == 5 * 3600 * SECOND
    assert (shifted.n_events, shifted.n_customers) == (4, 2)
    with pytest.raises(ArgumentError, match="`window` must begin before it ends"):
        jk.journeys(read(EVENTS), window=("2026-02-01", "2026-01-02"))
    with pytest.raises(ArgumentError, match="`window` must be a beginning and an end"):
        jk.journeys(read(EVENTS), window=("2026-02-01",))
    with pytest.raises(DataError, match="No event is left to build journeys from: 6 were read"):
        jk.journeys(read(EVENTS), window=("2027-01-01", "2027-02-01"))


def test_an_attribute_that_changes_is_refused() -> None:
    frame = EVENTS.assign(segment=["new", "old", "new", "new", "old", "old"])
    with pytest.raises(DataError, match="'segment' is not constant for 2 of 3 customers"):
        jk.journeys(read(frame, attributes=["segment"]))


def test_an_order_column_or_a_tie_order_decides_ties() -> None:
    tied = EVENTS.assign(when=pd.Timestamp("2026-01-01"))
    with pytest.warns(JourneyKitWarning, match="3 of 6 events share customer and time"):
        by_name = jk.journeys(read(tied))
    assert by_name.touchpoint.tolist() == [0, 1, 2, 1, 2, 2]
    ordered = jk.journeys(read(tied, order="seq"))
    assert ordered.touchpoint.tolist() == [0, 1, 2, 2, 1, 2]
    assert ordered.columns == {}
    declared = jk.journeys(read(tied), tie_order=["web", "mail"])
    assert declared.touchpoint.tolist() == [2, 1, 0, 2, 1, 2]
    with pytest.raises(
        MappingError, match="`tie_order` names touchpoints that do not exist: 'sms'"
    ):
        jk.journeys(read(EVENTS), tie_order=["sms"])


@given(seed=st.integers(0, 10_000))
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_shuffled_rows_give_bit_identical_journeys(seed: int) -> None:
    rng = np.random.default_rng(1)
    n = 400
    frame = pd.DataFrame(
        {
            "who": rng.integers(0, 40, n),
            "when": pd.Timestamp("2026-01-01")
            + pd.to_timedelta(rng.integers(0, 60, n), unit="min"),
            "what": rng.choice(["a", "b", "c"], n),
            "value": rng.choice([1.5, 2.5, np.nan], n),
            "note": rng.choice(["x", "y"], n),
        }
    )
    shuffled = frame.sample(frac=1, random_state=seed)
    with pytest.warns(JourneyKitWarning):
        one = jk.journeys(read(frame, columns=["value", "note"]))
    with pytest.warns(JourneyKitWarning):
        other = jk.journeys(read(shuffled, columns=["value", "note"]))
    assert one.fingerprint == other.fingerprint
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())


def test_customers_table_gives_attributes_and_spans() -> None:
    begin = pd.Timestamp("2026-01-01").value // 1000
    customers = pa.table(
        {
            "customer": ["c", "a", "zoe"],
            "income": ["low", "high", "mid"],
            "observed_from": pa.array([begin + DAY, None, 0], pa.int64()),
            "observed_to": pa.array([None, begin + 4 * DAY, 0]).cast(pa.timestamp("us")),
        }
    )
    journeys = jk.journeys(read(EVENTS), window=("2026-01-01", "2026-03-01"), customers=customers)
    assert journeys.attributes["income"].to_pylist() == ["high", None, "low"]
    window = journeys.window
    assert journeys.observed_from.tolist() == [window[0], window[0], begin + DAY]
    assert journeys.observed_to.tolist() == [begin + 4 * DAY, window[1], window[1]]
    # a's purchase of the fifth lies outside the span, and stays
    assert journeys.n_events == len(EVENTS)
    spans = customers.set_column(2, "observed_from", pa.array([begin + 4 * DAY] * 3))
    with pytest.raises(DataError, match="`observed_from` is not before `observed_to` for 1 of 3"):
        jk.journeys(read(EVENTS), window=("2026-01-01", "2026-03-01"), customers=spans)


def test_spans_without_a_zone_are_in_the_zone_given() -> None:
    left = pa.array([pd.Timestamp("2026-01-02 12:00")]).cast(pa.timestamp("us"))
    journeys = jk.journeys(
        read(EVENTS),
        customers=pa.table({"customer": ["a"], "observed_to": left}),
        time_zone="America/New_York",
    )
    assert journeys.observed_to[0] == pd.Timestamp("2026-01-02 17:00").value // 1000


def test_journeys_of_accounts() -> None:
    frame = EVENTS.assign(firm=["x", "y", "y", "x", "y", "x"])
    log = read(frame, account="firm")
    journeys = jk.journeys(log, by="account")
    assert journeys.customer_id.to_pylist() == ["x", "y"]
    assert journeys.length.tolist() == [3, 3]
    assert journeys.ledger.removed == (("account", "customers of the same account", 1, 0),)
    assert jk.journeys(log).attributes["account"].to_pylist() == ["y", "x", "x"]
    with pytest.raises(MappingError, match="`by` names attributes that do not exist: 'account'"):
        jk.journeys(read(EVENTS), by="account")
    with pytest.raises(ArgumentError, match="`by` must be one of 'customer', 'account'"):
        jk.journeys(log, by="firm")


def test_names_that_cutting_adds_are_reserved() -> None:
    with pytest.raises(DataError, match="Attribute 'ended' has the name of one that `sessions`"):
        jk.journeys(read(EVENTS.rename(columns={"segment": "ended"}), attributes=["ended"]))


def test_minus_zero_is_zero() -> None:
    frame = pd.DataFrame(
        {"who": 1, "when": pd.Timestamp("2026-01-01"), "what": "web", "value": [0.0, -0.0, 1.0]}
    )
    prints = {
        jk.journeys(read(frame.iloc[order], columns=["value"])).fingerprint
        for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0])
    }
    assert len(prints) == 1


def test_a_customer_may_stand_once_in_the_customers_table() -> None:
    twice = pa.table({"customer": ["a", "a"], "income": ["low", "high"]})
    with pytest.raises(DataError, match="The customers table has 1 rows too many"):
        jk.journeys(read(EVENTS), customers=twice)
    same = pa.table({"customer": ["7", "007"]})
    with pytest.raises(DataError, match="The customers table has 1 rows too many"):
        jk.journeys(read(EVENTS.assign(who=7)), customers=same)
    clash = pa.table({"customer": ["a"], "segment": ["x"]})
    with pytest.raises(
        DataError, match="'segment' stands in the events and in the customers table"
    ):
        jk.journeys(read(EVENTS, attributes=["segment"]), customers=clash)
    with pytest.raises(
        MappingError, match="`customers` names columns that do not exist: 'customer'"
    ):
        jk.journeys(read(EVENTS), customers=pa.table({"id": ["a"]}))


def test_whole_number_ids_meet_text_ids() -> None:
    frame = EVENTS.assign(who=[2, 1, 1, 3, 1, 2])
    journeys = jk.journeys(
        read(frame), customers=pa.table({"customer": ["1", "x"], "income": ["high", "low"]})
    )
    assert journeys.customer_id.to_pylist() == ["1", "2", "3"]
    assert journeys.attributes["income"].to_pylist() == ["high", None, None]


def test_many_touchpoints_and_hostile_names() -> None:
    names = [f"t{number}" for number in range(300)] + ["<script>", "a'b", 'a"b', "x; DROP TABLE y"]
    frame = pd.DataFrame(
        {"who": range(304), "when": pd.Timestamp("2026-01-01"), "what": names, 'ev"il; --': 1}
    )
    journeys = jk.journeys(read(frame, columns=['ev"il; --']))
    assert journeys.touchpoint.dtype == np.uint16
    assert journeys.names == tuple(sorted(names))
    assert journeys.columns['ev"il; --'].sum() == 304


def test_memory_is_what_is_promised(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    # identifiers are written by SQL: pandas would take longer than the build
    duckdb.sql(
        "SELECT 'customer ' || (i % 20000) AS who, TIMESTAMP '2026-01-01' + INTERVAL 1 SECOND * "
        "(hash(i) % 1000000)::INT AS \"when\", 'touch ' || (hash(i * 7) % 25) AS what "
        "FROM range(200000) r(i)"
    ).write_parquet(str(path))
    journeys = jk.journeys(jk.read_events(path, customer="who", time="when", touchpoint="what"))
    n, customers = journeys.n_events, journeys.n_customers
    assert (n, customers) == (200_000, 20_000)
    assert journeys.nbytes - journeys.customer_id.nbytes <= 14 * n + 16 * customers + 8
