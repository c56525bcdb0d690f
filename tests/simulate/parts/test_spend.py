from __future__ import annotations

from datetime import date
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from journeykit.simulate import world as world_module
from journeykit.simulate.part import Part, with_settings
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.population import Population
from journeykit.simulate.parts.spend import Spend
from journeykit.simulate.past import SECONDS, Drawn, Past, Touches
from journeykit.simulate.world import World

DAYS = 30


class Sent(Part):
    """Each customer gets three messages: before the window, on its second and its last day."""

    name: ClassVar[str] = "sent"

    def draw(self, past: Past, /) -> Drawn:
        who = np.repeat(np.arange(past.n), 4)
        time = np.tile([-0.5, 1.0, DAYS - 1 / SECONDS, float(DAYS)], past.n)
        odd = past.customers[who] % 2 == 1
        return Drawn(
            touches=[
                Touches.of("sms_sent", who, time),
                Touches.of("email_promo", who[odd], time[odd] + 1),
                Touches.of("email_promo", who, time),
                Touches.of("view_home", who, time),
            ]
        )


def made(customers: int = 10, **settings: object) -> World:
    parts = (Population(), Calendar(), Sent(), Spend())
    parts = with_settings(
        parts,
        {
            "spend.unit_cost": {"sms_sent": 8, "email_promo": 1, "catalog_mailed": 180},
            "spend.fixed_a_day": {"email_promo": 100},
            **settings,
        },
    )
    return world_module._made(parts, customers=customers, seed=3, days=DAYS, processes=1)


def test_costs_worked_by_hand() -> None:
    world = made()
    rows = {(row["channel"], row["day"]): row for row in world.tables["spend"].to_pylist()}
    assert len(rows) == 3 * DAYS
    assert world.tables["spend"].schema.field("day").type == pa.date32()

    def cell(channel: str, day: int) -> tuple[int, int]:
        row = rows[channel, date(2024, 1, day)]
        return row["touches"], row["cost"]

    assert cell("sms_sent", 1) == (0, 0)
    assert cell("sms_sent", 2) == (10, 80)
    assert cell("sms_sent", 30) == (10, 80)
    # half of the customers get theirs also a day later: at half past noon of the first, on the 3rd
    assert cell("email_promo", 1) == (5, 105)
    assert cell("email_promo", 2) == (10, 110)
    assert cell("email_promo", 3) == (5, 105)
    assert cell("email_promo", 30) == (10, 110)
    assert cell("catalog_mailed", 30) == (0, 0)
    truth = world.truth["spend"]
    assert truth.touches == {"catalog_mailed": 0, "email_promo": 30, "sms_sent": 20}
    assert truth.cost == {"catalog_mailed": 0, "email_promo": 30 * 100 + 30, "sms_sent": 160}


def test_touches_are_those_among_the_events() -> None:
    world = made(200, **{"population.dropout_a_year": 10.0})
    spend = world.tables["spend"].to_pandas()
    events = world.events.to_pandas()
    assert (world.tables["customers"]["exit_time"].null_count) < 150
    for name in ("sms_sent", "email_promo"):
        sent = events[events["touchpoint"] == name]
        by_day = sent.groupby(sent["event_time"].dt.date).size()
        told = spend[(spend["channel"] == name) & (spend["touches"] > 0)].set_index("day")
        assert told["touches"].to_dict() == by_day.to_dict()
    assert (
        world.truth["spend"].cost == spend.groupby("channel", observed=True)["cost"].sum().to_dict()
    )


def test_what_costs_nothing_costs_nothing() -> None:
    world = made(**{"spend.fixed_a_day.email_promo": 0, "spend.unit_cost.email_promo": 0})
    assert world.truth["spend"].cost["email_promo"] == 0
    assert world.truth["spend"].touches == made().truth["spend"].touches
    assert world.truth["spend"].cost["sms_sent"] == 160


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made()
    monkeypatch.setattr(world_module, "BLOCK", 3)
    pieces = made()
    assert pieces.tables["spend"].to_pylist() == whole.tables["spend"].to_pylist()
    assert pieces.truth["spend"] == whole.truth["spend"]
