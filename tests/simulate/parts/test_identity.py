"""Under which ids events are seen, and that linking them finds the persons."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import journeykit as jk
from journeykit.simulate.parts.identity import LOGINS, Identity
from journeykit.simulate.parts.population import Population
from journeykit.simulate.past import SECONDS, Past
from journeykit.simulate.touchpoints import touchpoints
from journeykit.simulate.world import World, world

PARTS = ["orders", "purchases", "browsing", "identity"]
CODES = {row.touchpoint: code for code, row in enumerate(touchpoints())}


@pytest.fixture(scope="module")
def seen() -> World:
    return world(customers=400, seed=4, parts=PARTS)


def owners(found: World) -> np.ndarray:
    """Whose each event is, by number."""
    return np.repeat(np.arange(found.customers), found.lengths)


def texts(column: pa.ChunkedArray) -> list[str]:
    return column.cast(pa.string()).to_pylist()


def test_a_device_is_named_after_its_owner_and_the_rest_are_known(seen: World) -> None:
    ids, who = texts(seen.events["customer_id"]), owners(seen)
    for name, number in zip(ids, who, strict=True):
        assert name.startswith((f"C{number:07}", f"D{number:07}-"))
    table = seen.hidden["devices"].to_pylist()
    assert {row["device_id"] for row in table} == {name for name in ids if name[0] == "D"}
    assert all(row["device_id"][1:8] == row["customer_id"][1:] for row in table)


def test_up_to_the_first_login_and_only_on_the_web(seen: World) -> None:
    rows = {row.touchpoint: row for row in touchpoints()}
    link = {row["anonymous"]: row for row in seen.tables["identities"].to_pylist()}
    unlinked = 0
    for event in seen.events.to_pylist():
        name = event["customer_id"]
        if name[0] != "D":
            continue
        row = rows[event["touchpoint"]]
        assert row.channel in ("website_email", "mobile")
        assert row.initiator != "firm"
        assert row.touchpoint not in LOGINS
        if name in link:
            assert event["event_time"] < link[name]["time"]
            assert link[name]["known"][1:] == name[1:8]
        else:
            unlinked += 1
    truth = seen.truth["identity"]
    assert truth.events_unlinked == unlinked > 0
    assert truth.events_unnamed == sum(name[0] == "D" for name in texts(seen.events["customer_id"]))
    # Each link is at a login of its customer under the customer's own id.
    logins = {
        (event["customer_id"], event["event_time"])
        for event in seen.events.to_pylist()
        if event["touchpoint"] in LOGINS
    }
    assert all((row["known"], row["time"]) in logins for row in link.values())


def test_devices_by_hand() -> None:
    """One device each. Browsing, a login, browsing; another who never logs in; a store visit."""
    identity = Identity(second_device=0)
    past = Past([Population(), identity], np.array([7, 8]), days=100, seed=1)
    steps = [
        (0, 10, "view_home"), (0, 20, "checkout"), (0, 20, "view_home"), (0, 30, "view_home"),
        (1, 5, "pos_transaction"), (1, 6, "view_home"), (1, 9, "email_promo"),
    ]  # fmt: skip
    events = {
        "who": np.array([who for who, _, _ in steps]),
        "second": np.array([second for _, second, _ in steps]),
        "code": np.array([CODES[name] for _, _, name in steps]),
    }
    found = identity.seen(past, events)
    assert found.devices.to_pylist() == ["D0000007-1", "D0000008-1"]
    assert found.code.tolist() == [2, 0, 0, 0, 1, 3, 1]
    (link,) = found.links.to_pylist()
    assert (link["anonymous"], link["known"], link["confidence"]) == ("D0000007-1", "C0000007", 1.0)
    assert (link["time"].hour, link["time"].minute, link["time"].second) == (0, 0, 20)
    assert past.drawn[-1].sums == {
        "identity.devices": 2, "identity.unnamed": 2, "identity.unlinked": 1,
    }  # fmt: skip


def test_customers_have_as_many_devices_as_declared() -> None:
    """1,000 customers with an event a day for 100 days have used every device they own."""
    n = 2_000
    identity = Identity(second_device=0.6, third_device=0.5)
    past = Past([Population(), identity], np.arange(n), days=100, seed=1)
    who = np.repeat(np.arange(n), 100)
    events = {
        "who": who,
        "second": np.tile(np.arange(100) * SECONDS, n),
        "code": np.full(len(who), CODES["view_home"]),
    }
    owner = np.array([int(name[1:8]) for name in identity.seen(past, events).devices.to_pylist()])
    owned = np.bincount(owner, minlength=n)
    for k, share in ((1, 0.4), (2, 0.3), (3, 0.3)):
        assert abs((owned == k).mean() - share) < 4 * (share * (1 - share) / n) ** 0.5
    # One device a day: all of a day's events are on the same.
    twice = {name: np.repeat(column, 2) for name, column in events.items()}
    code = identity.seen(past, twice).code
    assert (code[::2] == code[1::2]).all()


def test_without_further_devices_all_else_is_the_same(seen: World) -> None:
    null = seen.null("identity.second_device")
    assert {name[-2:] for name in texts(null.hidden["devices"]["device_id"])} == {"-1"}
    assert null.events.drop_columns("customer_id").equals(seen.events.drop_columns("customer_id"))
    plain = world(customers=400, seed=4, parts=PARTS[:-1])
    assert "identities" not in plain.tables
    assert (
        null.journeys().fingerprint == plain.journeys().fingerprint == seen.journeys().fingerprint
    )
    assert [int(name[1:]) for name in texts(plain.events["customer_id"])] == owners(plain).tolist()


def test_stitching_finds_the_persons_of_all_devices_that_are_linked(seen: World) -> None:
    log = jk.read_events(
        seen.events, customer="customer_id", time="event_time", touchpoint="touchpoint"
    )
    stitched = jk.stitch(
        log,
        seen.tables["identities"],
        anonymous="anonymous",
        known="known",
        time="time",
        confidence="confidence",
        min_confidence=0.5,
    )
    found = jk.journeys(stitched.log, window=("2024-01-01", "2026-01-01"))
    linked = set(seen.tables["identities"]["anonymous"].to_pylist())
    who, names = owners(seen), texts(seen.events["customer_id"])
    kept = np.array([name[0] == "C" or name in linked for name in names])
    lost = {name for name in names if name[0] == "D"} - linked
    assert lost
    assert set(found.customer_id.to_pylist()) == {f"C{n:07}" for n in who[kept]} | lost
    truth = seen.journeys()
    for number in np.unique(who[kept]).tolist():
        mine = found.customer(f"C{number:07}")
        span = slice(truth.start[number], truth.start[number + 1])
        here = kept[span]
        theirs = [truth.names[code] for code in truth.touchpoint[span][here]]
        assert mine["touchpoint"].tolist() == theirs
