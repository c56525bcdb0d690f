from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from journeykit.simulate import world as world_module
from journeykit.simulate.part import with_settings
from journeykit.simulate.parts.causes import causes_of
from journeykit.simulate.parts.laws import CEILING, together
from journeykit.simulate.parts.orders import Orders, OrdersTruth
from journeykit.simulate.past import Past
from journeykit.simulate.world import World, chosen_parts, world

FLAT = {"calendar.season": 0.0, "calendar.shock_sigma": 0.0}
LEVEL = dict.fromkeys(("familiarity", "engagement", "deliberation"), 1.0)
CHANNELS = tuple(Orders().effect)


@cache
def base(law: str = "additive", n: int = 60_000) -> World:
    settings = {"orders.law": law, "orders.stage_factor": LEVEL}
    return world(customers=n, seed=5, parts=["channels", "orders"], settings=settings)


def truth(made: World) -> OrdersTruth:
    found = made.truth["orders"]
    assert isinstance(found, OrdersTruth)
    return found


def test_without_touches_orders_come_at_the_baseline() -> None:
    n = 60_000
    settings = {**FLAT, "orders.stage_factor": LEVEL, "orders.friction": {}}
    made = world(customers=n, seed=1, parts=["orders"], settings=settings)
    hidden = made.hidden["customers"].to_pandas()
    entry = made.tables["customers"]["entry_time"].to_pandas()
    begin = np.maximum(entry.dt.tz_localize(None), np.datetime64("2024-01-01"))
    days = (np.datetime64("2026-01-01") - begin) / np.timedelta64(1, "D")
    rate = 0.0012 * np.exp(0.6 * hidden["intent"] - 0.18)
    expected = (rate * days).to_numpy()
    orders = np.bincount(_who(made), minlength=n)
    assert abs(orders.sum() - expected.sum()) < 4 * np.sqrt(expected.sum())
    intent = hidden["intent"].to_numpy()
    assert abs(((orders - expected) * intent).sum()) < 4 * np.sqrt((expected * intent**2).sum())
    assert truth(made).credit["baseline"] == truth(made).orders


def _who(made: World) -> np.ndarray:
    ids = made.tables["orders"]["customer_id"].to_pandas().astype(str).str[1:].astype(int)
    return ids.to_numpy()


def test_a_touch_makes_the_orders_it_is_said_to() -> None:
    """All customers alike, no baseline to speak of: orders per touch are the effect."""
    n = 60_000
    settings = {
        **FLAT,
        "orders.stage_factor": LEVEL,
        "orders.friction": {},
        "orders.baseline_a_day": 1e-9,
        "orders.effect": {"catalog_mailed": 0.08},
        "population.entered_before": 0,
    }
    made = world(customers=n, seed=2, parts=["channels", "orders"], settings=settings)
    events = made.events.to_pandas()
    at = events.loc[events["touchpoint"] == "catalog_mailed", "event_time"]
    left = (np.datetime64("2026-01-01") - at.dt.tz_localize(None)) / np.timedelta64(1, "D")
    # Exponential with mean 5 days, cut at 30 days and at the end of the window.
    expected = (0.08 * (1 - np.exp(-np.minimum(left, 30) / 5))).sum()
    orders = made.tables["orders"].num_rows
    assert abs(orders - expected) < 4 * np.sqrt(expected)
    assert truth(made).lost_without["catalog_mailed"] == pytest.approx(orders, rel=0.03)
    first = events[events["touchpoint"] == "catalog_mailed"]
    single = first.groupby("customer_id", observed=True)["event_time"].agg(["min", "size"])
    bought = made.tables["orders"].to_pandas().set_index("customer_id")["order_time"]
    bought = bought[bought.index.isin(single.index[single["size"] == 1])]
    delay = (bought - single["min"].reindex(bought.index)).dt.total_seconds() / 86_400
    assert delay.max() <= 30
    mean = 5 - 30 * np.exp(-6) / (1 - np.exp(-6))
    assert abs(delay.mean() - mean) < 4 * delay.std() / np.sqrt(len(delay)) + 0.05


@pytest.mark.parametrize("law", ["additive", "multiplicative", "saturating"])
def test_credit_sums_to_orders_and_deleting_shows_what_is_lost(law: str) -> None:
    made = base(law)
    told = truth(made)
    assert sum(told.credit.values()) == pytest.approx(told.orders, abs=1e-6)
    for name in ("catalog_mailed", "influencer_referral"):
        without = truth(made.null(f"channels.touchpoints.{name}.touches_a_day"))
        lost = told.orders - without.orders
        assert abs(lost - told.lost_without_responding[name]) < 4 * np.sqrt(lost)
        assert told.lost_without_responding[name] == told.lost_without[name]
    # Messages bring about app sessions, which sell too.
    effect_gone = told.orders - truth(made.null("orders.effect.sms_sent")).orders
    assert abs(effect_gone - told.lost_without["sms_sent"]) < 4 * np.sqrt(max(effect_gone, 1))
    all_gone = told.orders - truth(made.null("channels.touchpoints.sms_sent.touches_a_day")).orders
    assert abs(all_gone - told.lost_without_responding["sms_sent"]) < 4 * np.sqrt(all_gone)
    assert all_gone > 1.5 * effect_gone


def test_in_the_additive_law_credit_is_what_is_lost() -> None:
    told = truth(base())
    for name in CHANNELS:
        if told.lost_without[name]:
            error = 4 * np.sqrt(told.credit[name])
            assert abs(told.credit[name] - told.lost_without[name]) < error
    assert told.lost_without["review_read"] == told.lost_without["social_owned_touch"] == 0


def test_an_effect_of_zero_takes_away_only_its_own_orders() -> None:
    made = base()
    without = made.null("orders.effect.email_promo")
    times = set(zip(_who(made), made.tables["orders"]["order_time"].to_pylist(), strict=True))
    left = set(zip(_who(without), without.tables["orders"]["order_time"].to_pylist(), strict=True))
    assert left < times
    assert without.events.equals(made.events)
    assert truth(without).credit["email_promo"] == 0


def test_everything_at_zero_is_nobody_buying() -> None:
    made = base(n=2_000).null("orders.effect", "orders.baseline_a_day")
    assert made.tables["orders"].num_rows == 0


def test_without_a_baseline_only_the_additive_law_has_orders() -> None:
    """The others act on the baseline: they multiply it, or add at most so many times it."""
    n = {
        law: base(law, n=2_000).null("orders.baseline_a_day").tables["orders"].num_rows
        for law in ("additive", "multiplicative", "saturating")
    }
    assert n["additive"] > 200
    assert n["multiplicative"] == n["saturating"] == 0


def test_friction_loses_attempts_at_its_steps_on_the_web_only() -> None:
    made = base()
    told = truth(made)
    attempts = made.hidden["attempts"].to_pandas()
    web = attempts[attempts["place"] == 0]
    assert (attempts.loc[attempts["place"] == 1, "lost_at"] == -1).all()
    n = len(web)
    searched = told.attempts_lost["site_search"]
    assert abs(searched - 0.05 * n) < 4 * np.sqrt(0.05 * 0.95 * n)
    left = n - searched
    assert abs(told.attempts_lost["checkout"] - 0.15 * left) < 4 * np.sqrt(0.1275 * left)
    freed = truth(made.null("orders.friction.checkout"))
    more = freed.orders - told.orders
    assert abs(more - told.value_of_removal["checkout"]) < 4 * np.sqrt(more)


def test_the_stage_raises_the_rate() -> None:
    """Rates by stage, over the days that customers spend in it whether they have bought or not."""
    n = 40_000
    settings = {
        **FLAT,
        "orders.friction": {},
        "orders.intent_slope": 0.0,
        "orders.baseline_a_day": 0.002,
        "orders.stage_factor": {"familiarity": 0.5, "engagement": 1.0, "deliberation": 2.0},
        "population.entered_before": 1.0,
    }
    made = world(customers=n, seed=3, parts=["stages", "orders"], settings=settings)
    begin = np.datetime64("2024-01-01")
    spells = made.hidden["stages"].to_pandas()
    spells["day"] = (spells["entered_time"].dt.tz_localize(None) - begin) / np.timedelta64(1, "D")
    last = spells.groupby("customer_id", observed=True)["day"].shift(-1).fillna(731)
    days = (last.clip(0, 731) - spells["day"].clip(0, 731)).groupby(spells["stage"]).sum()
    orders = made.tables["orders"].to_pandas()
    orders["day"] = (orders["order_time"].dt.tz_localize(None) - begin) / np.timedelta64(1, "D")
    both = pd.merge_asof(
        orders.astype({"customer_id": str}).sort_values("day"),
        spells.astype({"customer_id": str}).sort_values("day"),
        on="day",
        by="customer_id",
    )
    counted = both["stage"].value_counts()
    for stage, factor in enumerate((0.5, 1.0, 2.0)):
        expected = 0.002 * factor * days[stage]
        assert abs(counted[stage] - expected) < 4 * np.sqrt(expected)


def test_one_order_moves_no_other() -> None:
    """The effect of a channel is what is lost without it, stages and repeat purchases included."""
    made = world(customers=30_000, seed=8, parts=["channels", "stages", "orders"])
    told = truth(made)
    for name in ("catalog_mailed", "ad_impression"):
        without = truth(made.null(f"channels.touchpoints.{name}.touches_a_day"))
        lost = told.orders - without.orders
        assert abs(lost - told.lost_without_responding[name]) < 4 * np.sqrt(lost)
    freed = truth(made.null("orders.friction.checkout")).orders - told.orders
    assert abs(freed - told.value_of_removal["checkout"]) < 4 * np.sqrt(freed)


def test_season_and_shocks_gone_leave_the_other_orders() -> None:
    """Candidates do not depend on the calendar: without it, none is another."""
    made = world(customers=5_000, seed=8, parts=["orders"])
    without = made.null("calendar.season", "calendar.shock_sigma")
    before = set(zip(_who(made), made.tables["orders"]["order_time"].to_pylist(), strict=True))
    after = set(zip(_who(without), without.tables["orders"]["order_time"].to_pylist(), strict=True))
    # A factor below 1 took away, one above 1 added: on average a fifth.
    assert len(before & after) > 0.7 * len(before)


def test_values_are_lognormal_around_their_median() -> None:
    orders = base().tables["orders"].to_pandas()
    log = np.log(orders["value"] / 12_000)
    assert abs(log.mean()) < 4 * 0.5 / np.sqrt(len(log))
    assert abs(log.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * len(log))
    assert truth(base()).mean_value == pytest.approx(12_000 * np.exp(0.125))
    assert orders["order_id"].is_unique


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world(customers=500, seed=9, parts=["channels", "orders"])
    monkeypatch.setattr(world_module, "BLOCK", 137)
    parts = world(customers=500, seed=9, parts=["channels", "orders"])
    for name, table in whole.tables.items():
        assert parts.tables[name].to_pylist() == table.to_pylist()
    told, again = truth(whole).model_dump(), truth(parts).model_dump()
    assert again["orders"] == told["orders"]
    assert again["credit"] == pytest.approx(told["credit"])


def test_laws_by_hand() -> None:
    added, baseline = np.array([0.0, 0.3]), np.array([0.1, 0.1])
    logs = np.array([0.0, np.log(4)])
    assert together("additive", added, baseline, logs=logs, saturation=5).tolist() == [0.0, 0.3]
    assert together("multiplicative", added, baseline, logs=logs, saturation=5) == pytest.approx(
        [0.0, 0.3]
    )
    assert together("saturating", added, baseline, logs=logs, saturation=5) == pytest.approx(
        [0.0, 0.5 * (1 - np.exp(-0.6))]
    )
    most = together("multiplicative", added, baseline, logs=np.array([0.0, 99.0]), saturation=5)
    assert most == pytest.approx([0.0, 0.1 * (CEILING - 1)])


def test_no_law_lies_above_what_is_drawn_for_it() -> None:
    """Many touches at once: the multiplicative law stays below its bound, up to its ceiling too."""
    settings = {
        "orders.law": "multiplicative",
        "channels.touchpoints.email_promo.touches_a_day": 0.05,
    }
    parts = with_settings(chosen_parts(["channels", "orders"]), settings)
    past = Past(parts, np.arange(3_000), days=731, seed=1)
    for part in parts[:3]:
        past.add(part.draw(past))
    baseline = 0.0012 * np.exp(0.6 * past.trait("intent") - 0.18)
    trials = causes_of(past, past.part(Orders), baseline=baseline, most=3.5).trials()
    # Candidates a day, over the largest factor, are the own rate and the bound on the touches'.
    bounded = trials.density / 8.0 - trials.baseline
    assert (trials.raised <= bounded * (1 + 1e-9)).all()
    ceiling = trials.baseline * (CEILING - 1)
    assert (trials.raised > 0.999 * ceiling).sum() > 20
