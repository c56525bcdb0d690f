from __future__ import annotations

import numpy as np
import pytest

from journeykit.simulate.parts.channels import Channels
from journeykit.simulate.parts.population import Population
from journeykit.simulate.past import Past
from journeykit.simulate.world import world

N = 40_000
#: No season, no shocks: rates are what the parameters say.
FLAT = {"calendar.season": 0, "calendar.shock_sigma": 0}


def drawn(settings: dict[str, object] | None = None, *, n: int = N, seed: int = 3) -> Past:
    made = world(customers=1, seed=seed, parts=["channels"], settings=settings)
    past = Past(made.parts, np.arange(n), days=731, seed=seed)
    for part in made.parts[:3]:
        past.add(part.draw(past))
    return past


def spans(past: Past) -> np.ndarray:
    return past.days - np.maximum(past.trait("entry"), -60.0)


def test_touches_come_at_their_rate_and_rise_with_intent() -> None:
    past = drawn(FLAT)
    for name, channel in Channels().touchpoints.items():
        if name == "app_session":  # some are brought about by messages: below
            continue
        free = ~past.trait(f"held out of {name}")
        if channel.reaches != "all":
            free &= past.trait(channel.reaches)
        slope = channel.intent_slope
        mean = channel.touches_a_day * np.exp(slope * past.trait("intent") - slope**2 / 2)
        expected = (mean * spans(past))[free]
        n = np.bincount(past.touches(name).who, minlength=N)
        assert n[~free].sum() == 0
        assert abs(n[free].sum() - expected.sum()) < 4 * np.sqrt(expected.sum()), name
        # The slope itself: intent of whoever is touched, weighted by touches (score of the slope).
        score = ((n[free] - expected) * past.trait("intent")[free]).sum()
        assert abs(score) < 4 * np.sqrt((expected * past.trait("intent")[free] ** 2).sum()), name


def test_touches_follow_season_and_shocks_of_the_region() -> None:
    past = drawn({"channels.mediated": {}, "calendar.season": 0.5, "calendar.shock_sigma": 0.3})
    touches = past.touches("email_promo")
    seen = touches.keep(touches.time >= 0)
    calendar = next(part for part in past.parts if part.name == "calendar")
    table = calendar.factors(regions=24, days=731, seed=3)
    region = past.trait("region")
    at_risk = np.zeros((24, 104))
    free = past.trait("subscriber") & ~past.trait("held out of email_promo")
    entered = np.floor(np.maximum(past.trait("entry"), 0) / 7).astype(int)
    # Whoever is there when a week begins, is there all of it.
    for who in np.flatnonzero(free):
        at_risk[region[who], entered[who] + 1 :] += 7
    week = (seen.time // 7).astype(int)
    whole = (week < 104) & (week > entered[seen.who])
    n = np.zeros((24, 104))
    np.add.at(n, (region[seen.who[whole]], week[whole]), 1)
    expected = 0.006 * at_risk * table[:, :104]
    used = expected > 5
    chi_square = ((n - expected) ** 2 / np.where(used, expected, 1))[used].sum()
    assert abs(chi_square - used.sum()) < 4 * np.sqrt(2 * used.sum())
    # A calendar without seasons would not fit.
    flat = 0.006 * at_risk[used]
    assert ((n[used] - flat) ** 2 / flat).sum() > 3 * used.sum()


def test_a_message_brings_about_an_app_session_with_its_probability() -> None:
    own = {"channels.touchpoints.app_session.touches_a_day": 0}
    past = drawn(own)
    messages, sessions = past.touches("sms_sent"), past.touches("app_session")
    n = len(messages.who)
    assert abs(len(sessions.who) - 0.5 * n) < 4 * np.sqrt(0.25 * n)
    assert (sessions.columns["cause"] == list(Channels().touchpoints).index("sms_sent")).all()
    none = drawn({**own, "channels.mediated": {"sms_sent": {"app_session": 0.0}}})
    assert len(none.touches("app_session").who) == 0
    assert np.array_equal(none.touches("sms_sent").time, messages.time)


def test_who_is_held_out_meets_nothing_and_has_ghosts_alike() -> None:
    made = world(customers=N, seed=4, parts=["channels"])
    exposures = made.tables["exposures"].to_pandas()
    arms = made.tables["assignments"].to_pandas().set_index(["experiment", "customer_id"])["arm"]
    for name in ("email_promo", "sms_sent"):
        held = arms[name][arms[name] == "holdout"].index
        assert abs(len(held) - 0.1 * len(arms[name])) < 4 * np.sqrt(0.09 * len(arms[name]))
        mine = exposures[exposures["experiment"] == name].set_index("customer_id")
        assert set(mine.index[mine["ghost"]]) <= set(held)
        # As many of those held out would have been exposed as of the others are.
        share = [
            mine["ghost"].sum() / len(held),
            (~mine["ghost"]).sum() / (len(arms[name]) - len(held)),
        ]
        error = np.sqrt(
            share[1] * (1 - share[1]) * (1 / len(held) + 1 / (len(arms[name]) - len(held)))
        )
        assert abs(share[0] - share[1]) < 4 * error
    events = made.events.to_pandas()
    emails = set(events.loc[events["touchpoint"] == "email_promo", "customer_id"])
    assert not emails & set(arms["email_promo"][arms["email_promo"] == "holdout"].index)


def test_the_first_exposure_is_the_first_event() -> None:
    made = world(customers=2_000, seed=4, parts=["channels"])
    events = made.events.to_pandas()
    first = (
        events[events["touchpoint"] == "catalog_mailed"]
        .groupby("customer_id", observed=True)["event_time"]
        .min()
    )
    exposures = made.tables["exposures"].to_pandas()
    mine = exposures[(exposures["experiment"] == "catalog_mailed") & ~exposures["ghost"]]
    mine = mine.set_index("customer_id")["exposed_time"]
    entry = made.tables["customers"].to_pandas().set_index("customer_id")["entry_time"]
    assert set(mine.index) == set(first.index)
    assert (first.reindex(mine.index.astype(str)) == mine.set_axis(mine.index.astype(str))).all()
    assert (mine.set_axis(mine.index.astype(str)) >= entry.reindex(mine.index.astype(str))).all()


def test_without_a_holdout_nobody_is_left_out_and_touches_of_others_stay() -> None:
    base = drawn(FLAT, n=2_000)
    none = drawn({**FLAT, "channels.touchpoints.email_promo.holdout": 0}, n=2_000)
    assert not none.trait("held out of email_promo").any()
    kept = ~base.trait("held out of email_promo")[none.touches("email_promo").who]
    assert np.array_equal(none.touches("email_promo").time[kept], base.touches("email_promo").time)
    for name in Channels().touchpoints:
        if name != "email_promo":
            assert np.array_equal(none.touches(name).time, base.touches(name).time)


def test_truth_tells_the_parameters() -> None:
    truth = world(customers=10, parts=["channels"]).truth["channels"]
    assert truth.rates["catalog_mailed"] == 0.002
    assert truth.intent_slopes["review_read"] == 1.0
    assert truth.mediated == {"sms_sent": {"app_session": 0.5}}
    assert truth.holdouts["review_read"] == 0.0
    assert Population().subscriber == pytest.approx(0.7)
