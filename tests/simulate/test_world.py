"""A world: the same on any blocks and processes, its customers those of a larger one."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import journeykit as jk
from journeykit.errors import ArgumentError, MappingError
from journeykit.simulate.part import with_settings
from journeykit.simulate.tables import TABLES
from journeykit.simulate.world import World, chosen_parts, world

#: Parts that this file rests on: whatever else joins the world is tested by itself.
PARTS = ["channels", "orders", "identity"]


@pytest.fixture(scope="module")
def small() -> World:
    return world(customers=300, seed=5, parts=PARTS)


def told(found: World, what: str = "tables") -> dict[str, list[dict[str, object]]]:
    return {name: table.to_pylist() for name, table in getattr(found, what).items()}


def test_blocks_change_nothing(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("journeykit.simulate.world.BLOCK", 37)
    cut = world(customers=300, seed=5, parts=PARTS)
    assert told(cut) == told(small)
    assert told(cut, "hidden") == told(small, "hidden")
    assert cut.lengths.tolist() == small.lengths.tolist()
    assert cut.journeys().fingerprint == small.journeys().fingerprint
    mine, theirs = (flat(json.loads(found.truth_json())) for found in (small, cut))
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        # Sums over blocks round in another order.
        same = value if isinstance(value, str | None) else pytest.approx(value, rel=1e-9)
        assert theirs[name] == same, name


def flat(content: object, path: str = "") -> dict[str, object]:
    """Return the leaves of nested content by path."""
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    else:
        return {path: content}
    return {
        key: leaf for name, inner in items for key, leaf in flat(inner, f"{path}.{name}").items()
    }


def test_processes_change_nothing() -> None:
    """30,000 customers are two blocks."""
    one, two = (
        world(customers=30_000, seed=2, parts=["channels"], days=60, processes=n) for n in (1, 2)
    )
    assert len(one.lengths) == 30_000
    for name, table in one.tables.items():
        assert table.equals(two.tables[name]), name
    assert one.truth_json() == two.truth_json()


def test_the_first_customers_of_a_larger_world_are_the_same(small: World) -> None:
    larger = world(customers=420, seed=5, parts=PARTS)
    ids = set(small.tables["customers"]["customer_id"].to_pylist())
    devices = set(small.hidden["devices"]["device_id"].to_pylist())
    for name in ("events", "customers", "assignments", "exposures", "orders"):
        rows = larger.tables[name].to_pylist()
        first = [row for row in rows if row["customer_id"] in ids | devices]
        assert first == small.tables[name].to_pylist(), name
        assert len(rows) > len(first)


def test_a_seed_is_another_world(small: World) -> None:
    other = world(customers=300, seed=6, parts=PARTS)
    x, y = (w.hidden["customers"]["intent"].to_numpy() for w in (small, other))
    assert abs(np.corrcoef(x, y)[0, 1]) < 4 / 300**0.5


def test_null_changes_what_it_names_and_nothing_else(small: World) -> None:
    null = small.null("population.app_user")
    before, after = told(small), told(null)
    assert not any(row["app_user"] for row in after["customers"])
    for rows in (before["customers"], after["customers"]):
        for row in rows:
            del row["app_user"]
    assert after["customers"] == before["customers"]
    app = {"sms_sent", "app_session"}
    events = [row for row in before["events"] if row["touchpoint"] not in app]
    without = [row for row in after["events"] if row["touchpoint"] not in app]
    assert len(without) == len(after["events"]) < len(before["events"])
    # Events on devices of which app users had made no other use are as they were, too.
    assert without == events
    assert null.settings == {"population.app_user": 0}


def test_a_changed_world_is_the_one_made_with_the_setting(small: World) -> None:
    setting = {"calendar.season": 0.0, "channels.touchpoints.email_promo.touches_a_day": 0.02}
    made = world(customers=300, seed=5, parts=PARTS, settings=setting)
    assert told(small.changed(setting)) == told(made)
    assert small.changed(setting).truth_json() == made.truth_json()
    assert told(made)["events"] != told(small)["events"]


def test_tables_have_their_schemas_and_lie_in_the_window(small: World) -> None:
    for name, table in small.tables.items():
        assert table.schema == TABLES[name], name
    time = np.array(small.events["event_time"].cast(pa.int64()))
    begin = np.datetime64("2024-01-01", "us").astype(np.int64)
    assert begin <= time.min()
    assert time.max() < begin + 731 * 86_400 * 1_000_000
    journeys = small.journeys()
    assert (np.diff(journeys.time)[np.repeat(np.arange(300), small.lengths)[:-1]
            == np.repeat(np.arange(300), small.lengths)[1:]] >= 0).all()  # fmt: skip
    assert repr(small) == f"<World: 300 customers, {small.events.num_rows:,} events, seed 5>"


def test_nobody_is_met_outside_their_own_time() -> None:
    settings = {"population.dropout_a_year": 1.0}
    found = world(customers=400, seed=1, parts=PARTS, settings=settings).journeys()
    who = np.repeat(np.arange(400), found.length)
    assert (found.time >= found.observed_from[who]).all()
    assert (found.time < found.observed_to[who]).all()
    assert (found.observed_to < found.window[1]).mean() > 0.3


def test_the_journeys_are_those_that_are_read_from_the_events(small: World) -> None:
    """Under true ids, with the customers' attributes and spans: one fingerprint."""
    # Who leaves no event is in no log of events.
    mine = small.journeys()
    mine = mine.take(mine.length > 0)
    number = np.repeat(np.arange(300), small.lengths)
    ids = small.tables["customers"]["customer_id"].cast(pa.string()).combine_chunks()
    events = pa.table(
        {
            "who": ids.take(pa.array(number)),
            "time": small.events["event_time"],
            "touchpoint": small.events["touchpoint"].cast(pa.string()),
            "session": small.events["session_id"].fill_null(-1),
        }
    ).take(pa.array(np.random.default_rng(1).permutation(len(number))))
    log = jk.read_events(
        events, customer="who", time="time", touchpoint="touchpoint", columns=["session"]
    )
    assert len(mine) < 300
    customers = mine.attributes
    for name in ("observed_from", "observed_to"):
        customers = customers.append_column(name, pa.array(getattr(mine, name)))
    read = jk.journeys(
        log,
        window=("2024-01-01", "2026-01-01"),
        customers=customers.append_column("customer", mine.customer_id),
    )
    assert len(read) == len(mine)
    assert read.names == mine.names
    assert read.touchpoint.tolist() == mine.touchpoint.tolist()
    assert read.time.tolist() == mine.time.tolist()
    assert read.fingerprint == mine.fingerprint


def test_parts_are_chosen_by_name() -> None:
    assert [part.name for part in chosen_parts(["channels"])] == [
        "population", "calendar", "channels",
    ]  # fmt: skip
    assert world(customers=1, parts=[], days=30).events.num_rows == 0
    chosen = with_settings(chosen_parts([]), {"population.regions": 3})
    assert chosen[0].regions == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"customers": 0}, "`customers` must be a whole number at least 1; got 0."),
        ({"days": 29}, "`days` must be a whole number from 30 to 3000; got 29."),
        ({"days": 3001}, "`days` must be a whole number from 30 to 3000; got 3001."),
        ({"processes": 0}, "`processes` must be a whole number at least 1; got 0."),
    ],
)
def test_sizes_are_checked(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        world(**wrong)
    assert str(caught.value) == message


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(MappingError) as caught:
        world(customers=1, parts=["channel"])
    assert str(caught.value).startswith(
        "`parts` names parts of the world that do not exist: 'channel'. Did you mean 'channels'? "
        "There are: 'population', 'calendar', "
    )


def test_a_long_world_stays_sorted_to_its_end() -> None:
    """3,000 days: the last seconds fit the sort key."""
    found = world(customers=50, seed=1, parts=["channels"], days=3000)
    journeys = found.journeys()
    gaps = np.diff(journeys.time)
    gaps[journeys.start[1:-1] - 1] = 0
    assert gaps.min() >= 0
    assert journeys.time.max() - journeys.window[0] > 2990 * 86_400 * 10**6


def test_a_short_world_has_customers_who_enter_on_its_first_day() -> None:
    found = world(customers=400, seed=1, parts=[], days=60)
    entry = found.tables["customers"]["entry_time"].cast(pa.int64()).to_numpy()
    first = found.journeys().window[0]
    assert (entry == first).mean() == pytest.approx(0.75, abs=4 * (0.75 * 0.25 / 400) ** 0.5)
    assert (entry <= first).all()


def test_the_verb_is_callable_whichever_is_imported_first() -> None:
    import journeykit.simulate.world as module

    assert module is jk.simulate.world
    assert jk.simulate.world(customers=2, parts=[], days=30).customers == 2
