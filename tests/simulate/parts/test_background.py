from __future__ import annotations

import numpy as np
import pytest

from journeykit.errors import ArgumentError
from journeykit.simulate.parts.background import Background
from journeykit.simulate.world import world

HARMLESS = tuple(Background().rate)


def test_nobody_else_emits_what_is_harmless() -> None:
    without = world(customers=2_000, seed=4, settings={"background.rate": {}})
    seen = {row["values"] for row in without.events["touchpoint"].value_counts().to_pylist()}
    assert seen & set(HARMLESS) == set()


def test_events_come_at_their_rates() -> None:
    made = world(customers=4_000, seed=4, parts=["background"])
    customers = made.tables["customers"]
    entry = customers["entry_time"].cast("int64").to_numpy() / 86_400e6 - 19_723
    watched = np.minimum(731 - entry, 731).sum()
    counted = dict.fromkeys(HARMLESS, 0)
    for name in made.events["touchpoint"].to_pylist():
        counted[name] += 1
    truth = made.truth["background"]
    assert counted == truth.events
    for name, rate in truth.rate.items():
        # n between 40 and 1,600 each.
        assert abs(counted[name] - rate * watched) < 4 * np.sqrt(rate * watched)
    assert 0.8 < sum(counted.values()) / 4_000 < 1.2


def test_who_performs_what() -> None:
    made = world(
        customers=300, seed=4, parts=["background"],
        settings={"background.rate": dict.fromkeys(HARMLESS, 0.01)},
    )  # fmt: skip
    pairs = {(row["touchpoint"], row["actor"]) for row in made.events.to_pylist()}
    assert pairs == {
        ("business_card", "human"), ("call_hold", "automatic"), ("catalog_pickup", "customer"),
        ("conference_scan", "human"), ("focus_group", "automatic"),
        ("mobile_web_visit", "customer"),
        ("survey_email_invite", "automatic"), ("survey_web_intercept", "automatic"),
    }  # fmt: skip


def test_a_rate_of_zero_takes_away_nothing_else() -> None:
    made = world(customers=300, seed=4, parts=["background"])
    without = made.null("background.rate.mobile_web_visit")
    kept = [row for row in made.events.to_pylist() if row["touchpoint"] != "mobile_web_visit"]
    assert len(kept) < made.events.num_rows
    assert without.events.to_pylist() == kept
    assert made.null("background.rate").events.num_rows == 0


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world(customers=300, seed=2, parts=["background"])
    monkeypatch.setattr("journeykit.simulate.world.BLOCK", 77)
    parts = world(customers=300, seed=2, parts=["background"])
    assert whole.events.to_pylist() == parts.events.to_pylist()
    assert whole.truth_json() == parts.truth_json()


def test_nothing_that_has_an_effect_can_be_background() -> None:
    with pytest.raises(ArgumentError, match="no parameter 'background.rate.email_promo'"):
        world(customers=1, parts=["background"], settings={"background.rate.email_promo": 0.1})
