from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys, load, microseconds, save
from journeykit.journeys.durations import DAY
from journeykit.journeys.shape import time_point
from tests.strategies import journeys

if TYPE_CHECKING:
    from pathlib import Path

# ann: mail web web buy | bob: web | cid: web buy web
EVENTS = Journeys(
    names=("buy", "mail", "web"),
    touchpoint=np.array([1, 2, 2, 0, 2, 2, 0, 2], dtype=np.uint8),
    start=np.array([0, 4, 5, 8]),
    time=np.array([0, 1, 2, 5, 3, 0, 4, 9]) * DAY,
    customer_id=pa.array(["ann", "bob", "cid"]),
    observed_from=np.zeros(3, dtype=np.int64),
    observed_to=np.full(3, 10 * DAY),
    attributes=pa.table({"income": ["low", None, "high"]}),
    columns={"value": np.array([0, 1, 2, 50, 0, 0, 70, 0])},
    window=(0, 10 * DAY),
)


def paths(given_journeys: Journeys) -> list[str]:
    names = np.array(given_journeys.names)[given_journeys.touchpoint]
    bounds = zip(given_journeys.start[:-1], given_journeys.start[1:], strict=True)
    return [" ".join(names[a:b]) for a, b in bounds]


def test_repr_says_what_it_holds() -> None:
    assert repr(EVENTS) == (
        "<Journeys: 3 journeys of 3 customers, 8 events at 3 touchpoints "
        "from 1970-01-01 to 1970-01-10 UTC>"
    )


def test_arrays_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        EVENTS.touchpoint[0] = 1
    with pytest.raises(TypeError):
        EVENTS.columns["value"] = np.zeros(8)  # type: ignore[index]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": np.array([0, 4, 5])}, "`start` must rise from 0 to the number of events, 8"),
        ({"start": np.array([0, 5, 4, 8])}, "`start` must rise from 0"),
        ({"time": np.zeros(3, dtype=np.int64)}, "`time` must have 8 entries; got 3"),
        ({"columns": {"cost": np.zeros(2)}}, "`cost` must have 8 entries; got 2"),
        ({"attributes": pa.table({"a": [1]})}, "`attributes` must have 3 rows; got 1"),
        ({"names": ("buy", "web")}, "`touchpoint` must be below the number of names, 2; got 2"),
    ],
)
def test_a_broken_layout_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        EVENTS.replace(**changes)


def test_until_keeps_the_first_hit() -> None:
    cut = EVENTS.until("buy")
    assert paths(cut) == ["mail web web buy", "web", "web buy"]
    assert cut.ledger.removed[-1] == ("until", "after the first buy", 0, 1)


def test_what_until_cuts_off_is_not_taken_for_silence() -> None:
    cut = EVENTS.until("buy")
    # ann and cid reach it on days 5 and 4; bob never does
    assert cut.observed_to.tolist() == [5 * DAY + 1, 10 * DAY, 4 * DAY + 1]
    outcomes = EVENTS.until("mail").outcomes(conversion=["buy"], lookback_days=1)
    assert outcomes.attributes["outcome"].to_pylist()[0] == "open"


@pytest.mark.parametrize("cut", [EVENTS.sessions("3d"), EVENTS.cases(goal=["buy"])])
def test_cut_journeys_keep_their_ends(cut: Journeys) -> None:
    for verb in (
        lambda: cut.until("buy"),
        lambda: cut.only("buy"),
        lambda: cut.between("1970-01-01", "1970-01-05"),
        lambda: cut.sessions("1d"),
        lambda: cut.cases(goal=["buy"]),
        lambda: cut.outcomes(conversion=["buy"], lookback_days=3),
    ):
        with pytest.raises(ArgumentError, match="already cut into pieces whose ends are known"):
            verb()


def test_pauses_are_not_measured_after_merging_repeats() -> None:
    merged = EVENTS.collapse_repeats()
    for collapsed in (merged, merged.take(np.array([0]))):
        with pytest.raises(ArgumentError, match="`collapse_repeats` has forgotten when runs"):
            collapsed.sessions("1d")


def test_a_conversion_is_never_merged_into_a_touch() -> None:
    outcomes = EVENTS.outcomes(conversion=["buy"], lookback_days=4)
    merged = outcomes.relabel({"web": "shop", "buy": "shop"}).collapse_repeats()
    assert paths(merged) == ["mail shop shop", "shop", "shop shop", "shop"]


def test_accounts_as_units() -> None:
    accounts = EVENTS.replace(attributes=pa.table({"account": ["x", "w", "x"]}))
    by_account = accounts.cluster("account")
    assert by_account.customer_id.to_pylist() == ["w", "x"]
    assert by_account.customer_index.tolist() == [0, 1, 1]
    assert paths(by_account) == ["web", "mail web web buy", "web buy web"]
    assert by_account.columns["value"].tolist() == [0, 0, 1, 2, 50, 0, 70, 0]
    with pytest.raises(DataError, match="'income' is empty for 1 of 3 journeys"):
        EVENTS.cluster("income")


def test_only_keeps_some_touchpoints() -> None:
    kept = EVENTS.only("mail", "buy")
    assert paths(kept) == ["mail buy", "buy"]
    assert kept.names == ("buy", "mail")
    assert kept.touchpoint.dtype == np.uint8
    assert kept.ledger.removed[-1] == ("only", "not at mail, buy", 1, 5)


def test_unknown_touchpoint_is_named_with_a_suggestion() -> None:
    with pytest.raises(
        MappingError, match="touchpoints that do not exist: 'Web'. Did you mean 'web'"
    ):
        EVENTS.until("Web")


def test_between_is_half_open_and_shortens_the_watching() -> None:
    cut = EVENTS.between("1970-01-02", date(1970, 1, 6))
    assert paths(cut) == ["web web", "web", "buy"]
    assert cut.window == (DAY, 5 * DAY)
    assert cut.observed_from.tolist() == [DAY] * 3
    assert cut.observed_to.tolist() == [5 * DAY] * 3
    assert cut.ledger.removed[-1].events == 4
    with pytest.raises(ArgumentError, match="`begin` must be before `end`"):
        EVENTS.between("1970-01-06", "1970-01-06")


def test_where_by_attribute_and_by_mask() -> None:
    assert EVENTS.where({"income": "low"}).customer_id.to_pylist() == ["ann"]
    assert EVENTS.where({"income": ["low", "high"]}).n_customers == 2
    assert EVENTS.where({"income": None}).customer_id.to_pylist() == ["bob"]
    kept = EVENTS.where(np.array([False, True, True]))
    assert kept.ledger.removed[-1] == ("where", "mask", 1, 4)
    assert kept.attributes["income"].to_pylist() == [None, "high"]
    with pytest.raises(MappingError, match="attributes that do not exist: 'incom'"):
        EVENTS.where({"incom": "low"})
    with pytest.raises(ArgumentError, match="compares attribute 'income', which holds string"):
        EVENTS.where({"income": [[1]]})
    with pytest.raises(ArgumentError, match="mask of 3 journeys; got an array of bool"):
        EVENTS.where(np.array([True]))


def test_relabel_by_name_then_by_pattern() -> None:
    renamed = EVENTS.relabel({"buy": "order"}, patterns={"(ma|w).*": r"\1-x", ".*": "never"})
    assert renamed.names == ("ma-x", "order", "w-x")
    assert paths(renamed)[2] == "w-x order w-x"
    assert EVENTS.relabel({"mail": "web"}).names == ("buy", "web")
    with pytest.raises(ArgumentError, match="`patterns` must map regular expressions"):
        EVENTS.relabel(patterns={"(": "x"})
    with pytest.raises(MappingError, match="'shop'"):
        EVENTS.relabel({"shop": "x"})


def test_collapse_repeats_adds_values_up() -> None:
    merged = EVENTS.collapse_repeats()
    assert paths(merged) == ["mail web buy", "web", "web buy web"]
    assert merged.columns["value"].tolist() == [0, 3, 50, 0, 0, 70, 0]
    assert merged.time[1] == DAY


def test_sample_draws_the_same_customers_from_any_part() -> None:
    drawn = set(EVENTS.sample(2, seed=1).customer_id.to_pylist())
    part = EVENTS.take(np.array([name in drawn for name in ("ann", "bob", "cid")]))
    assert set(part.sample(2, seed=1).customer_id.to_pylist()) == drawn
    with pytest.raises(ArgumentError, match="`customers` must be a whole number at least 1; got 0"):
        EVENTS.sample(0, seed=1)


def test_everything_comes_back(tmp_path: Path) -> None:
    frame = EVENTS.to_frame()
    assert frame.columns.tolist() == [
        "customer_id", "journey", "event_time", "touchpoint", "value", "income",
    ]  # fmt: skip
    assert frame["touchpoint"].tolist() == " ".join(paths(EVENTS)).split()
    assert frame["event_time"][3] == pd.Timestamp("1970-01-06", tz="UTC")
    EVENTS.to_parquet(tmp_path / "events.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "events.parquet"), frame)
    assert [file.name for file in tmp_path.iterdir()] == ["events.parquet"]
    assert EVENTS.customer("cid")["value"].tolist() == [0, 70, 0]
    with pytest.raises(MappingError, match="There is no customer 'zoe' among 3; ids are string"):
        EVENTS.customer("zoe")


def test_saved_and_loaded_are_the_same(tmp_path: Path) -> None:
    for number, wanted in enumerate(
        (EVENTS, EVENTS.sessions("2d"), EVENTS.replace(time=None), EVENTS.collapse_repeats())
    ):
        save(wanted, tmp_path / str(number))
        again = load(tmp_path / str(number))
        assert again.fingerprint == wanted.replace().fingerprint == again.replace().fingerprint
        pd.testing.assert_frame_equal(again.to_frame(), wanted.to_frame())
        assert again.ledger == wanted.ledger
        assert again.window == wanted.window
        assert again.collapsed == wanted.collapsed
    with pytest.raises(DataError, match="does not hold saved journeys"):
        load(tmp_path)


def test_a_method_that_needs_clocks_says_so() -> None:
    with pytest.raises(NotObservedError, match="`between` needs the time of each event"):
        EVENTS.replace(time=None).between("2026-01-01", "2026-01-02")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("30min", 1800), ("12h", 43200), ("7d", 604800), ("1.5 h", 5400), ("2w", 1209600), ("9s", 9)],
)
def test_durations(text: str, wanted: int) -> None:
    assert microseconds("gap", text) == wanted * 1_000_000


@pytest.mark.parametrize("bad", ["", "7", "-1d", "0d", "7 days", 30, timedelta(0)])
def test_a_bad_duration_is_named(bad: object) -> None:
    with pytest.raises(ArgumentError, match="`gap` must be a duration above 0"):
        microseconds("gap", bad)  # type: ignore[arg-type]


def test_time_points() -> None:
    assert time_point("begin", "1970-01-02T00:00:00+01:00") == 23 * 3600 * 1_000_000
    assert time_point("begin", datetime(1969, 12, 31, 23, 59, 59, 5, tzinfo=UTC)) == -999_995
    for bad in ("yesterday", True):
        with pytest.raises(ArgumentError, match="`begin` must be a date or a time"):
            time_point("begin", bad)


# ------------------------------------------------------------------ laws


@given(journeys(min_customers=2))
def test_fingerprints_of_parts_add_up(whole: Journeys) -> None:
    chosen = np.arange(len(whole)) % 3 == 0
    parts = (whole.take(chosen), whole.take(~chosen))
    added = sum(part.fingerprint_number for part in parts) % 2**128
    assert added == whole.fingerprint_number


@given(journeys(min_customers=1))
def test_one_swapped_pair_changes_the_fingerprint(whole: Journeys) -> None:
    for at in range(whole.n_events - 1):
        touchpoint = whole.touchpoint.copy()
        touchpoint[[at, at + 1]] = touchpoint[[at + 1, at]]
        swapped = whole.replace(touchpoint=touchpoint)
        same = touchpoint[at] == touchpoint[at + 1]
        assert (swapped.fingerprint == whole.fingerprint) == same


def test_the_fingerprint_covers_who_when_and_what() -> None:
    changed = [
        EVENTS.replace(customer_id=pa.array(["ann", "bob", "dan"])),
        EVENTS.replace(time=EVENTS.time + 1),
        EVENTS.replace(observed_to=EVENTS.observed_to + 1),
        EVENTS.replace(attributes=pa.table({"income": ["low", "mid", "high"]})),
        EVENTS.replace(columns={"value": np.array([0, 1, 2, 51, 0, 0, 70, 0])}),
        EVENTS.replace(columns={"worth": EVENTS.columns["value"]}),
        EVENTS.relabel({"buy": "order"}),
        EVENTS.replace(window=(0, 11 * DAY)),
        EVENTS.replace(clock="day"),
        EVENTS.replace(attributes=pa.table({"income": ["low", "", "high"]})),
    ]
    assert len({EVENTS.fingerprint, *(other.fingerprint for other in changed)}) == 11


@given(journeys())
def test_every_verb_conserves_mass(whole: Journeys) -> None:
    verbs = [
        whole.until(whole.names[0]),
        whole.only("web", "shop"),
        whole.between("1970-01-11", "1970-03-01"),
        whole.collapse_repeats(),
        whole.sessions("5d"),
        whole.cases(start=["web"], goal=["shop"], timeout="20d"),
        whole.outcomes(conversion=["shop"], lookback_days=20),
        whole.relabel({"web": "mail"}),
        whole.sample(2, seed=0),
        whole.until("mail").sessions("5d").collapse_repeats().sample(1, seed=3),
    ]
    for changed in verbs:
        assert changed.ledger.events == changed.n_events
        assert changed.ledger.customers == changed.n_customers
        assert changed.ledger.input_events == whole.n_events
        assert changed.ledger.input_customers == whole.n_customers
        assert changed.ledger.frame["events"].sum() == whole.n_events
