"""The whole company at once: what the parts add fits together."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from journeykit.simulate import world as world_module
from journeykit.simulate.parts import PARTS
from journeykit.simulate.sessions import KINDS, of_kind
from journeykit.simulate.tables import TABLES
from journeykit.simulate.touchpoints import OWN, touchpoints
from journeykit.simulate.world import World, world
from journeykit.study.catalogue import standard_catalogue

CONVERSIONS = ("thank_you_page", "pos_transaction")


@cache
def company() -> World:
    return world(customers=8_000, seed=11)


def test_every_order_is_one_conversion_of_the_same_time_and_value() -> None:
    events = company().events.to_pandas()
    bought = events[events["touchpoint"].isin(CONVERSIONS)]
    orders = company().tables["orders"].to_pandas()
    told = sorted(zip(bought["event_time"], bought["value"].astype(int), strict=True))
    assert told == sorted(zip(orders["order_time"], orders["value"], strict=True))
    assert orders["order_id"].is_unique


def test_credit_of_all_causes_sums_to_the_orders() -> None:
    assert sum(company().credit.values()) == pytest.approx(company().tables["orders"].num_rows)
    assert company().credit["review_read"] == company().credit["social_owned_touch"] == 0
    assert {"baseline", "remarketing", "offer", "email_promo"} <= set(company().credit)


def test_each_touchpoint_that_leaves_events_does_and_no_other() -> None:
    seen = {row["values"] for row in company().events["touchpoint"].value_counts().to_pylist()}
    assert seen == {row.touchpoint for row in touchpoints() if row.leaves_events}
    standard = standard_catalogue().touchpoints
    assert len(touchpoints()) == len(standard) + len(OWN)


def test_tables_keep_to_their_contracts() -> None:
    for name, table in company().tables.items():
        assert table.schema == TABLES[name], name
        required = {"events": ["customer_id", "event_time", "touchpoint"]}.get(name, [])
        assert all(table[column].null_count == 0 for column in required)


def test_events_are_sorted_and_lie_between_entry_and_end() -> None:
    journeys = company().journeys()
    time, start = journeys.time, journeys.start
    assert time is not None
    assert journeys.observed_from is not None
    assert journeys.observed_to is not None
    who = np.repeat(np.arange(len(journeys)), journeys.length)
    assert (np.diff(time)[np.diff(who) == 0] >= 0).all()
    assert (time >= journeys.observed_from[who]).all()
    assert (time < journeys.observed_to[who]).all()
    assert start[-1] == company().events.num_rows


def test_dropping_out_ends_every_customer() -> None:
    made = world(customers=2_000, seed=2, settings={"population.dropout_a_year": 0.8})
    left = made.tables["customers"].to_pandas()["exit_time"].notna()
    assert 0.3 < left.mean() < 0.9
    journeys = made.journeys()
    who = np.repeat(np.arange(len(journeys)), journeys.length)
    assert journeys.time is not None
    assert journeys.observed_to is not None
    assert (journeys.time < journeys.observed_to[who]).all()
    contracts = made.tables["contracts"].to_pandas()
    ended = contracts.dropna(subset="contract_end")
    exits = made.tables["customers"].to_pandas().set_index("customer_id")["exit_time"]
    exit_of = exits.set_axis(exits.index.astype(str)).reindex(ended["customer_id"].astype(str))
    both = exit_of.reset_index(drop=True).to_frame().assign(end=ended["contract_end"].array)
    known = both.dropna()
    assert len(known) > 20
    assert (known["end"] < known["exit_time"]).all()


def test_blocks_and_processes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world(customers=600, seed=3)
    monkeypatch.setattr(world_module, "BLOCK", 250)
    parts = world(customers=600, seed=3)
    for name, table in whole.tables.items():
        assert parts.tables[name].to_pylist() == table.to_pylist(), name
    for name, table in whole.hidden.items():
        assert parts.hidden[name].to_pylist() == table.to_pylist(), name
    assert parts.journeys().fingerprint == whole.journeys().fingerprint


def test_the_first_customers_of_a_larger_world_are_the_same() -> None:
    small = world(customers=300, seed=11).events.to_pandas()
    large = company().events.to_pandas()
    ids = set(small["customer_id"])
    mine = large[large["customer_id"].isin(ids)].reset_index(drop=True)
    for name in small.columns:
        assert mine[name].astype(str).tolist() == small[name].astype(str).tolist(), name


def test_a_world_without_effects_has_nobody_moved_by_anything() -> None:
    made = company().null(
        "orders.effect",
        "remarketing.effect",
        "remarketing.offer_effect",
        "contracts.log_hazard_ratio",
    )
    credit = made.credit
    loops = made.truth["remarketing"].model_dump()["orders"]
    assert credit["baseline"] == pytest.approx(made.tables["orders"].num_rows - loops)
    # A mail still begins a loop: that is the effect of clicking it.
    assert credit["email_promo"] == loops
    before = company().events["touchpoint"].value_counts().to_pylist()
    after = {
        row["values"]: row["counts"] for row in made.events["touchpoint"].value_counts().to_pylist()
    }
    counts = {row["values"]: row["counts"] for row in before}
    for name in ("email_promo", "review_read", "tradeshow_scan", "catalog_mailed"):
        assert after[name] == counts[name]
    assert after["thank_you_page"] < counts["thank_you_page"]


def test_truth_tells_every_parameter_and_every_part() -> None:
    told = json.loads(company().truth_json())
    assert set(told["parameters"]) == {part.name for part in PARTS}
    assert told["customers"] == 8_000
    assert set(told["truth"]) <= set(told["parameters"])
    assert set(told["truth"]) >= {
        "population", "calendar", "channels", "stages", "orders", "ladder", "purchases",
        "browsing", "remarketing", "contracts", "sentiment", "spend", "identity",
    }  # fmt: skip


def test_kinds_of_sessions_are_told_apart() -> None:
    """P(next | page) of visits alone is that of the law: no other session is among them."""
    made = world(customers=20_000, seed=5, settings={"browsing.break_shift": 0})
    events = made.events.to_pandas().dropna(subset="session_id")
    session = events["session_id"].to_numpy(dtype=np.int64)
    visits = events[of_kind(session, "visit")]
    kinds = [of_kind(session, kind) for kind in KINDS]
    assert np.sum(kinds, axis=0).tolist() == [1] * len(session)
    after = visits["touchpoint"].astype(str).shift(-1)
    last = visits["session_id"] != visits["session_id"].shift(-1)
    steps = after.mask(last, "(exit)")[visits["touchpoint"] == "view_product"]
    law = made.truth["browsing"].model_dump()["transitions"]["view_product"]
    for page, share in law.items():
        # A customer makes some steps of a kind: twice the error of independent ones is ample.
        error = 2 * np.sqrt(share * (1 - share) / len(steps))
        assert abs((steps == page).mean() - share) < 4 * error, page


def test_markers_end_with_the_first_order_of_any_part() -> None:
    """Loops of remarketing sell too: the ladder and contracts know of their orders."""
    events = company().events.to_pandas().astype({"customer_id": str, "touchpoint": str})
    first = (
        company()
        .tables["orders"]
        .to_pandas()
        .astype({"customer_id": str})
        .groupby("customer_id")["order_time"]
        .min()
    )
    marks = events[events["touchpoint"].isin(["view_microsite", "whitepaper_download"])]
    owners = company().hidden["devices"].to_pandas().astype(str)
    person = marks["customer_id"].replace(owners.set_index("device_id")["customer_id"].to_dict())
    bought = person.map(first)
    assert bought.notna().sum() > 500
    assert (marks["event_time"] < bought)[bought.notna()].all()
    path = company().hidden["stage_path"].to_pandas().astype({"customer_id": str})
    converted = path[path["stage"] == "conversion"].set_index("customer_id")["entered_time"]
    assert (converted == first.reindex(converted.index)).all()
    assert len(converted) == len(first)
