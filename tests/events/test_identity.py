"""Stitching: worked by hand, and laws."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError
from journeykit.events import EventLog, LedgerRow, Stitching, read_events, stitch

IDS = {"anonymous": "cookie", "known": "user"}


def events(rows: list[tuple[object, str]], **options: object) -> EventLog:
    frame = pd.DataFrame(rows, columns=["who", "at"]).assign(what="visit")
    return read_events(frame, customer="who", time="at", touchpoint="what", **options)


def links(*rows: tuple[object, ...], names: str = "cookie user") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=names.split())


def customers(result: Stitching) -> list[object]:
    query = f"SELECT customer FROM {result.log.view} ORDER BY time"
    return [value for (value,) in result.log.connection.sql(query).fetchall()]


LOG = [
    ("c1", "2024-01-01"), ("c2", "2024-01-02"), ("c3", "2024-01-03"), ("u2", "2024-01-04"),
    ("c4", "2024-01-05"), ("c1", "2024-01-06"),
]  # fmt: skip


def test_components_are_called_by_their_smallest_known_id() -> None:
    # u2 - c1 - u1 and c2 - u2 are one person; c3 - u9 another; c4 is nobody we know.
    table = links(("c1", "u2"), ("c1", "u1"), ("c2", "u2"), ("c3", "u9"), ("c3", "u9"))
    result = stitch(events(LOG), table, **IDS)
    assert customers(result) == ["u1", "u1", "u9", "u1", "c4", "u1"]
    assert (result.n_ids, result.n_customers, result.largest_component) == (5, 3, 4)
    assert (result.n_links, result.n_ignored) == (4, 0)
    assert result.log.ledger.removed == (LedgerRow("identity", "ids merged into people", 2, 0),)
    assert result.log.ledger.input_customers == 5
    assert result.summary() == (
        "5 ids merged into 3 customers, the largest of 4 ids; 75.0% of 4 devices linked"
    )


def test_what_a_stitched_log_still_knows() -> None:
    log = stitch(events([*LOG, ("c1", None)]), links(("c1", "u1"), ("c2", "u1")), **IDS).log
    audit = log.audit()
    assert audit.removed == {"no time": 1}
    assert log.quarantine["reason"].tolist() == ["no time"]
    frame = audit.frame.set_index("check")
    assert frame.loc["customers", ["n", "detail"]].tolist() == [4, "of 5 customers read"]


def test_the_log_before_stays_as_it_was() -> None:
    log = events(LOG)
    before = log.to_arrow()
    stitch(log, links(("c1", "u1")), **IDS)
    assert log.to_arrow().equals(before)


def test_numbers_stay_numbers_and_meet_text() -> None:
    log = events([(1, "2024-01-01"), (2, "2024-01-02")])
    assert customers(stitch(log, links((2, 100), (3, 100)), **IDS)) == [1, 100]
    assert customers(stitch(log, links(("2", "u1")), **IDS)) == ["1", "u1"]


def test_links_below_the_confidence_are_ignored() -> None:
    table = links(
        ("c1", "u1", 0.9), ("c2", "u1", 0.79), ("c3", "u1", None), (None, "u1", 1), ("c4", None, 1),
        names="cookie user score",
    )  # fmt: skip
    result = stitch(events(LOG), table, **IDS, confidence="score", min_confidence=0.8)
    assert customers(result) == ["u1", "c2", "c3", "u2", "c4", "u1"]
    assert (result.n_links, result.n_ignored) == (1, 4)
    with pytest.raises(ArgumentError, match="`min_confidence` needs `confidence`"):
        stitch(events(LOG), table, **IDS, min_confidence=0.8)


def test_links_hold_within_their_validity_only() -> None:
    table = links(
        ("c1", "u1", None, "2024-01-03"),
        ("c1", "u2", "2024-01-05", None),
        ("c2", "u1", "2024-01-02", "2024-01-03"),
        ("c3", "u1", "2024-01-01", "2024-01-03"),
        ("c9", "u2", None, None),
        ("c9", "u0", None, None),
        names="cookie user since until",
    )
    result = stitch(events(LOG), table, **IDS, valid_from="since", valid_to="until")
    # u2 is u0 for all time; c1 is handed from u1 to u2; c3's link ended when its event happened.
    assert customers(result) == ["u1", "u1", "c3", "u0", "c4", "u0"]
    assert result.n_customers == 4


def test_a_device_handed_on_makes_more_customers_and_the_ledger_still_adds_up() -> None:
    table = links(
        ("c1", "u1", None, "2024-01-03"), ("c1", "u3", "2024-01-03", None),
        names="cookie user since until",
    )  # fmt: skip
    result = stitch(events(LOG), table, **IDS, valid_from="since", valid_to="until")
    assert (result.n_ids, result.n_customers) == (5, 6)
    assert result.log.ledger.input_customers == 5


def test_dated_links_come_before_links_for_all_time() -> None:
    table = links(
        ("c1", "u1", None, None), ("c1", "u2", "2024-01-05", None), names="cookie user since until"
    )
    result = stitch(events(LOG), table, **IDS, valid_from="since", valid_to="until")
    assert [customers(result)[i] for i in (0, 5)] == ["u1", "u2"]


def test_dates_bound_instants_at_midnight_in_the_zone() -> None:
    rows = [("c1", "2024-01-01T22:59:59Z"), ("c1", "2024-01-01T23:00:00Z")]
    table = links(("c1", "u1", "2024-01-02", None), names="cookie user since until")
    options = {"valid_from": "since", "valid_to": "until", "time_zone": "Europe/Berlin"}
    assert customers(stitch(events(rows), table, **IDS, **options)) == ["c1", "u1"]
    with pytest.raises(DataError, match="log has a day clock, but 'since' .* holds times; give"):
        stitch(events(LOG), table.assign(since="2024-01-02 10:00"), **IDS, **options)
    bad = links(("c1", "u1", "2024-01-02"), ("c1", "u1", "?"), names="cookie user since")
    with pytest.raises(DataError, match="has 1 times in 'since' that cannot be read"):
        stitch(events(rows), bad, **IDS, valid_from="since")


def test_overlapping_validity_is_merged_or_refused() -> None:
    names = "cookie user since until"
    same = links(
        ("c1", "u1", "2024-01-01", "2024-01-03"), ("c1", "u1", "2024-01-02", "2024-01-05"),
        ("c1", "u1", "2024-01-09", "2024-01-07"), names=names,
    )  # fmt: skip
    options = {"valid_from": "since", "valid_to": "until"}
    result = stitch(events(LOG), same, **IDS, **options)
    assert (customers(result)[0], len(result.log)) == ("u1", 6)
    other = same.assign(user=["u1", "u2", "u1"])
    with pytest.raises(DataError, match="send 1 anonymous ids to two people at one time: 'c1'"):
        stitch(events(LOG), other, **IDS, **options)


def test_a_link_that_never_held_links_nobody() -> None:
    table = links(
        ("c1", "u1", "2025-01-01", "2026-01-01"),  # a year after the events
        ("c3", "u1", "2024-01-02", "2024-01-03"),  # ends as the event happens
        ("c2", "u2", "2024-01-03", "2024-01-02"),  # ends before it begins
        ("c4", "u2", "2024-01-05", "2024-01-05"),
        names="cookie user since until",
    )
    options = {"valid_from": "since", "valid_to": "until"}
    result = stitch(events(LOG), table, **IDS, **options, largest=2)
    assert (result.n_ids, result.n_customers, result.largest_component) == (5, 5, 1)
    assert (result.n_links, result.n_ignored) == (2, 2)
    # u2 is no device known of: the only links that name it are ignored.
    assert result.frame[["n", "n_linked"]].to_numpy().tolist() == [[5, 0]]
    held = table.assign(since="2024-01-01", until="2024-01-04")
    result = stitch(events(LOG), held, **IDS, **options)
    # c1, c2 and c3 have an event in time, c4 has none: u1 is c1 at first and c3, u2 is c2.
    assert (result.n_customers, result.largest_component) == (4, 3)
    assert result.frame[["n", "n_linked"]].to_numpy().tolist() == [[4, 3]]
    with pytest.raises(DataError, match=r"1 people would have more than .* = 2 ids: 'u1' \(3 ids"):
        stitch(events(LOG), held, **IDS, **options, largest=2)


def test_links_that_never_held_give_no_warning() -> None:
    log, table = devices(30, 40, 20, 200)
    late = table.assign(since=datetime(2025, 1, 1, tzinfo=UTC))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = stitch(log, late, **IDS, outcome=["buy"], time="seen", valid_from="since")
    assert result.frame["n_linked"].tolist() == [0, 0]
    assert (result.p_value, result.n_linked_at_outcome) == (1, 0)


def test_shared_devices_are_refused_with_a_list() -> None:
    table = links(*((f"c{i}", "shop") for i in range(5)), *((f"d{i}", "lib") for i in range(3)))
    message = r"2 people would have more than `largest` = 3 ids: 'shop' \(6 ids\), 'lib' \(4 ids\)"
    with pytest.raises(DataError, match=message):
        stitch(events(LOG), table, **IDS, largest=3)
    assert stitch(events(LOG), table, **IDS, largest=6).largest_component == 6


def test_no_links_at_all(tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_text("cookie,user\n")
    result = stitch(events([(1, "2024-01-01"), (2, "2024-01-02")]), path, **IDS)
    assert (customers(result), result.largest_component) == ([1, 2], 1)
    assert result.frame["share"].tolist() == [0.0]


def test_identities_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_text("cookie;user\nc1;u1\nc2;u1\nbroken\n")
    result = stitch(events(LOG), path, **IDS)
    assert (result.n_customers, result.n_links, result.n_ignored) == (4, 2, 1)
    with pytest.raises(MappingError, match="ids.csv has no column 'usr'. Did you mean 'user'"):
        stitch(events(LOG), path, anonymous="cookie", known="usr")


# --- stitch rate by outcome --------------------------------------------------------------------


def devices(n_buy_linked: int, n_buy: int, n_other_linked: int, n_other: int) -> tuple:
    """Make devices that buy or not, the first so many of each linked an hour after their event."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = [(f"b{i}", start, "buy") for i in range(n_buy)]
    rows += [(f"o{i}", start, "visit") for i in range(n_other)]
    rows += [("known-0", start, "buy")]
    log = read_events(
        pd.DataFrame(rows, columns=["who", "at", "what"]),
        customer="who",
        time="at",
        touchpoint="what",
    )
    linked = [f"b{i}" for i in range(n_buy_linked)] + [f"o{i}" for i in range(n_other_linked)]
    table = [(who, f"known-{i}", start + timedelta(hours=1)) for i, who in enumerate(linked)]
    return log, links(*table, names="cookie user seen")


def test_the_stitch_rate_by_outcome_and_its_warning() -> None:
    log, table = devices(30, 40, 20, 200)
    message = (
        r"75.0% of 40 devices with an outcome are linked to a person, 30 of them within a day of "
        r"the outcome, but 10.0% of 200 without \(p = .*Compare them on devices"
    )
    with pytest.warns(JourneyKitWarning, match=message):
        result = stitch(log, table, **IDS, outcome=["buy"], time="seen")
    frame = result.frame
    assert frame.columns.tolist() == ["outcome", "n", "n_linked", "share", "conf_low", "conf_high"]
    assert frame[["outcome", "n", "n_linked"]].to_numpy().tolist() == [
        ["with", 40, 30], ["without", 200, 20],
    ]  # fmt: skip
    # Wilson (1927), worked by hand.
    assert frame["conf_low"].tolist() == pytest.approx([0.5981, 0.0657], abs=1e-4)
    assert frame["conf_high"].tolist() == pytest.approx([0.8581, 0.1494], abs=1e-4)
    assert result.n_linked_at_outcome == 30


def test_equal_rates_give_no_warning_and_the_p_value_of_the_z_test() -> None:
    log, table = devices(30, 60, 110, 200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = stitch(log, table, **IDS, outcome=["buy"])
    # By hand: z = -.05 / sqrt(.53846 * .46154 * (1/60 + 1/200)) = -.6814
    assert result.p_value == pytest.approx(0.4956, abs=1e-4)
    assert result.n_linked_at_outcome is None
    axes = result.plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "with (n = 60)", "without (n = 200)",
    ]  # fmt: skip
    axes.figure.clear()


def test_outcomes_must_exist() -> None:
    with pytest.raises(
        MappingError, match="`outcome` names touchpoints .* 'by'. Did you mean 'buy'"
    ):
        stitch(*devices(1, 2, 1, 2), **IDS, outcome=["by"])
    with pytest.raises(
        ArgumentError, match="`outcome` must be a list of touchpoints; got the text"
    ):
        stitch(*devices(1, 2, 1, 2), **IDS, outcome="buy")
    with pytest.raises(ArgumentError, match="`largest` must be a whole number at least 2; got 1"):
        stitch(*devices(1, 2, 1, 2), **IDS, largest=1)


# --- laws --------------------------------------------------------------------------------------

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(100, 106)), min_size=1, max_size=12)


def merged(pairs: list[tuple[int, int]]) -> list[set[int]]:
    """Merge overlapping sets until none overlap: slow, and plainly right."""
    parts = [set(pair) for pair in pairs]
    for _ in pairs:
        for part in list(parts):
            touching = [other for other in parts if other & part]
            parts = [other for other in parts if not other & part] + [set().union(*touching)]
    return parts


@given(PAIRS, st.randoms())
@settings(max_examples=25, deadline=None)
def test_components_agree_with_naive_merging_in_any_order(pairs: list, random: object) -> None:
    log = events([(i, "2024-01-01") for i in range(10)])
    parts = merged(pairs)
    name = {i: min(x for x in part if x >= 100) for part in parts for i in part}
    expected = sorted(name.get(i, i) for i in range(10))
    random.shuffle(pairs)
    result = stitch(log, links(*pairs), **IDS)
    assert sorted(customers(result)) == expected
    assert result.n_customers == len(set(expected))
    assert result.largest_component == max(map(len, parts))
