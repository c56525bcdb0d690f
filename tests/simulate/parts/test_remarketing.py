"""Worlds of 60,000 customers with about 2.8 loops each: an error of a tenth in an effect shows."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from journeykit.simulate import world as world_module
from journeykit.simulate.part import Part, with_settings
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.loops import one_at_a_time
from journeykit.simulate.parts.population import Population
from journeykit.simulate.parts.remarketing import Remarketing
from journeykit.simulate.past import Drawn, Past, Touches
from journeykit.simulate.sessions import of_kind
from journeykit.simulate.world import World

N = 60_000


class Mails(Part):
    """Mails at a constant rate, some of them before the world begins or after a customer left."""

    name: ClassVar[str] = "mails"
    a_day: float = 0.008

    def draw(self, past: Past, /) -> Drawn:
        begin = np.maximum(past.trait("entry"), -60.0)
        points = past.draws.points("mails", self.a_day, begin, float(past.days))
        return Drawn(touches=[Touches.of("email_promo", points.who, points.time)])


class Shop(Part):
    """One order of each customer: another part with rows of the same table."""

    name: ClassVar[str] = "shop"

    def draw(self, past: Past, /) -> Drawn:
        who = np.arange(past.n)
        return Drawn(
            tables={"orders": {"who": who, "order_time": who * 0.0, "order_id": past.customers}}
        )


#: Half of the customers in each arm, and a strong effect: what tests need most.
BUSY = {"click": 0.5, "holdout": 0.5, "effect": 0.02}


def parts(**settings: object) -> tuple[Part, ...]:
    made = (Population(entered_before=1.0), Calendar(), Mails(), Remarketing())
    given = {f"remarketing.{key}": value for key, value in {**BUSY, **settings}.items()}
    return with_settings(made, given)


@cache
def drawn(*settings: tuple[str, float], n: int = N) -> tuple[Past, Drawn, Any]:
    """Draw the part in one block, without tables: quick."""
    made = parts(**dict(settings))
    past = Past(made, np.arange(n), days=731, seed=11)
    for part in made:
        past.add(part.draw(past))
    out = past.drawn[-1]
    return past, out, made[-1].truth(out.sums, customers=n, days=731)


def small(n: int = 300, *, shop: bool = False, **settings: object) -> World:
    made = (*parts(**settings), Shop()) if shop else parts(**settings)
    return world_module._made(made, customers=n, seed=3, days=731, processes=1)


def followed(past: Past, out: Drawn) -> dict[str, Any]:
    """Return the columns of the hidden table for loops watched for all of 14 days."""
    loops = out.hidden["loops"]
    whole = loops["left_time"] + 14 + 30 / 1440 <= past.trait("exit")[loops["who"]]
    return {name: column[whole] for name, column in loops.items()}


def ratio(who: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return a mean over loops, and its standard error with customers as units."""
    total, n = np.bincount(who, weights=y), np.bincount(who)
    mean = total.sum() / n.sum()
    return mean, np.sqrt(((total - mean * n) ** 2).sum()) / n.sum()


def contrast(loops: dict[str, Any], y: np.ndarray, a: np.ndarray, b: np.ndarray) -> Any:
    one, se_one = ratio(loops["who"][a], y[a])
    two, se_two = ratio(loops["who"][b], y[b])
    return one - two, np.hypot(se_one, se_two)


def ordered(out: Drawn, loops: dict[str, Any]) -> np.ndarray:
    """Return whether a loop's return was followed, within the hour, by an order."""
    orders = out.tables["orders"]
    keys = np.sort(orders["who"] * 8192 + orders["order_time"])
    back = np.nan_to_num(loops["return_time"], nan=-1.0)
    at = np.searchsorted(keys, loops["who"] * 8192 + back)
    near = keys[np.minimum(at, len(keys) - 1)] - (loops["who"] * 8192 + back)
    return (back >= 0) & (near >= 0) & (near < 1 / 24)


def z(count: float, n: int, share: float) -> float:
    return (count - n * share) / np.sqrt(n * share * (1 - share))


def test_a_click_during_a_loop_starts_none() -> None:
    who = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    start = np.array([0.0, 13.0, 14.5, 29.0, 5.0, 19.5, 1.0, 15.6])
    end = start + 0.5
    # 14.5 is exactly 14 days after 0.5 and still too early; 13 counts for nothing, so 29 counts.
    assert one_at_a_time(who, start, end, days=14).tolist() == [0, 3, 4, 6, 7]


def test_loops_begin_with_clicks_minutes_after_mails() -> None:
    past, out, _ = drawn(("click", 1.0))
    loops, mails = out.hidden["loops"], past.touches("email_promo")
    same = loops["who"][1:] == loops["who"][:-1]
    gap = loops["start_time"][1:] - loops["left_time"][:-1]
    assert 14 < gap[same].min() < 14.01
    assert loops["start_time"].min() > 0
    # every mail in the window begins a loop, or comes during one
    inside = (mails.time >= 0) & (mails.time < past.trait("exit")[mails.who] - 0.1)
    keys = loops["who"] * 8192 + loops["start_time"]
    asked = mails.who[inside] * 8192 + mails.time[inside]
    since = asked - keys[np.searchsorted(keys, asked, side="right") - 1]
    until = keys[np.minimum(np.searchsorted(keys, asked), len(keys) - 1)] - asked
    assert ((since < 14.01) | ((until > 0) & (until < 31 / 1440))).all()
    half = drawn(("click", 0.1))[1].hidden["loops"]
    # a tenth of the mails, less the few that fall into the 14 days of an earlier loop
    rate = 0.008 * 0.1
    assert len(half["who"]) == pytest.approx(N * 731 * rate / (1 + 14 * rate), rel=0.02)


def test_arms_are_drawn_once_per_customer() -> None:
    _, out, _ = drawn(("holdout", 0.2))
    rows = out.tables["assignments"]
    assert len(np.unique(rows["who"])) == len(rows["who"])
    held = rows["arm"] == "holdout"
    assert abs(z(held.sum(), len(held), 0.2)) < 4
    assert set(rows["probability"][held]) == {0.2}
    assert set(rows["probability"][~held]) == {0.8}
    loops = out.hidden["loops"]
    first = np.unique(loops["who"], return_index=True)[1]
    assert (rows["eligible_time"] == loops["left_time"][first]).all()
    impressions = next(t for t in out.touches if t.name == "remarketing_impression")
    assert not np.isin(impressions.who, rows["who"][held]).any()
    exposures = out.tables["exposures"]
    assert (exposures["ghost"] == np.isin(exposures["who"], rows["who"][held])).all()


def test_exposure_is_driven_by_intent_and_is_the_same_in_both_arms() -> None:
    past, out, _ = drawn(("return_base", 0.0), ("effect", 0.0))
    loops = followed(past, out)
    exposed = np.isfinite(loops["exposed_time"])
    intent = past.trait("intent")[loops["who"]]
    chance = expit(logit(0.4) + 1.5 * intent) * -np.expm1(-0.5 * 7)
    for chosen in (intent < -0.5, intent > 0.5, loops["treated"], ~loops["treated"]):
        spread = np.sqrt((chance * (1 - chance))[chosen].sum())
        assert abs((exposed - chance)[chosen].sum()) < 4 * spread
    wait = (loops["exposed_time"] - loops["left_time"])[exposed]
    expected = 1 / 0.5 - 7 * np.exp(-3.5) / -np.expm1(-3.5)
    assert abs(wait.mean() - expected) < 4 * wait.std() / np.sqrt(len(wait))


def test_without_effect_arms_are_alike_but_the_exposed_differ() -> None:
    past, out, truth = drawn(("effect", 0.0))
    loops = followed(past, out)
    back = np.isfinite(loops["return_time"]).astype(float)
    treated, exposed = loops["treated"], np.isfinite(loops["exposed_time"])
    difference, error = contrast(loops, back, treated, ~treated)
    assert abs(difference) < 4 * error
    difference, error = contrast(loops, back, treated & exposed, ~treated & exposed)
    assert abs(difference) < 4 * error
    assert truth.returns_per_loop == truth.orders_per_reached == 0
    naive, error = contrast(loops, back, treated & exposed, treated & ~exposed)
    assert naive > 20 * error


def test_without_hidden_intent_the_exposed_return_like_the_others() -> None:
    # Those who return at once are never exposed: compare from the end of day 7 on.
    past, out, _ = drawn(("effect", 0.0), ("reach_slope", 0.0))
    loops = followed(past, out)
    lag = loops["return_time"] - loops["left_time"]
    still = ~(lag < 7)
    exposed = np.isfinite(loops["exposed_time"])
    back = np.isfinite(lag).astype(float)
    difference, error = contrast(loops, back, still & exposed, still & ~exposed)
    assert abs(difference) < 4 * error


def test_intention_to_treat_and_ghost_contrasts_find_the_truth() -> None:
    past, out, truth = drawn()
    loops = followed(past, out)
    treated, exposed = loops["treated"], np.isfinite(loops["exposed_time"])
    assert truth.loops == len(treated)
    assert truth.reached == exposed.sum()
    lag = loops["return_time"] - loops["left_time"]
    back, order = np.isfinite(lag).astype(float), ordered(out, loops).astype(float)
    checks = [
        (back, truth.returns_per_loop, truth.returns_per_reached),
        (order, truth.orders_per_loop, truth.orders_per_reached),
        *(
            ((lag <= day).astype(float), truth.returns_by_day[day - 1], None)
            for day in (2, 5, 8, 14)
        ),
    ]
    for y, per_loop, per_reached in checks:
        found, error = contrast(loops, y, treated, ~treated)
        assert abs(found - per_loop) < 4 * error
        if per_reached is not None:
            found, error = contrast(loops, y, treated & exposed, ~treated & exposed)
            assert abs(found - per_reached) < 4 * error
    assert truth.returns_by_day[-1] == truth.returns_per_loop
    # powerful enough to see a tenth: the error of the ghost contrast is 2 % of the effect
    found, error = contrast(loops, back, treated & exposed, ~treated & exposed)
    assert error < 0.025 * truth.returns_per_reached
    caused = (loops["treated"] & exposed).sum() * truth.returns_per_reached
    assert truth.returns_caused == pytest.approx(caused, rel=0.02)


def test_half_life_is_recovered_from_returns_by_day_since_impressions() -> None:
    # All impressions come within a quarter of an hour: their age is the time since leaving.
    base, effect = 0.006, 0.06
    past, out, _ = drawn(
        ("show_days", 0.01), ("impressions_a_day", 90.0), ("reach", 1.0), ("return_slope", 0.0),
        ("effect", effect), ("return_base", base),
    )  # fmt: skip
    loops = followed(past, out)
    impressions = next(t for t in out.touches if t.name == "remarketing_impression")
    keys = impressions.who * 8192 + impressions.time
    left = loops["who"] * 8192 + loops["left_time"]
    shown = np.searchsorted(keys, left + 0.02) - np.searchsorted(keys, left)
    lag = np.minimum(np.nan_to_num(loops["return_time"] - loops["left_time"], nan=14.0), 14.0)
    chosen = loops["treated"] & (shown > 0) & (lag > 0.02)
    shown, lag = shown[chosen], lag[chosen]

    def minus_log_likelihood(half_life: float) -> float:
        mass = effect * shown * half_life / np.log(2) * -np.expm1(-lag * np.log(2) / half_life)
        rate = base + effect * shown * 0.5 ** (lag / half_life)
        return float((mass + base * lag).sum() - np.log(rate[lag < 14]).sum())

    best = minimize_scalar(minus_log_likelihood, bounds=(1, 9), method="bounded").x
    step = 0.05
    curve = minus_log_likelihood(best + step) + minus_log_likelihood(best - step)
    error = step / np.sqrt(curve - 2 * minus_log_likelihood(best))
    assert error < 0.04
    assert abs(best - 3.0) < 4 * error


def test_baseline_returns_follow_the_law() -> None:
    past, out, _ = drawn(("effect", 0.0))
    loops = followed(past, out)
    intent = past.trait("intent")[loops["who"]]
    chance = -np.expm1(-14 * 0.012 * np.exp(0.8 * intent - 0.32))
    back = np.isfinite(loops["return_time"])
    for chosen in (intent < -0.5, abs(intent) <= 0.5, intent > 0.5):
        spread = np.sqrt((chance * (1 - chance))[chosen].sum())
        assert abs((back - chance)[chosen].sum()) < 4 * spread


def test_impressions_end_after_seven_days_and_returns_after_fourteen() -> None:
    _, out, _ = drawn()
    loops = out.hidden["loops"]
    lag = loops["return_time"] - loops["left_time"]
    assert 13.99 < np.nanmax(lag) <= 14 + 1e-9
    impressions = next(t for t in out.touches if t.name == "remarketing_impression")
    keys = loops["who"] * 8192 + loops["left_time"]
    at = np.searchsorted(keys, impressions.who * 8192 + impressions.time, side="right") - 1
    age = impressions.time - loops["left_time"][at]
    assert (loops["who"][at] == impressions.who).all()
    assert age.min() >= 0
    assert 6.99 < age.max() <= 7 + 1e-9
    assert not (impressions.time >= loops["return_time"][at]).any()


def test_offers_are_random_and_purchases_follow_the_law() -> None:
    past, out, truth = drawn(("offer_share", 0.3), ("offer_effect", 0.1))
    offers, orders = out.tables["offers"], out.tables["orders"]
    offered = offers["arm"] == "offer"
    assert abs(z(offered.sum(), len(offered), 0.3)) < 4
    assert set(offers["probability"][offered]) == {0.3}
    popup = next(t for t in out.touches if t.name == "offer_popup")
    inside = popup.time < past.trait("exit")[popup.who]
    assert inside.sum() == offered.sum()
    intent = past.trait("intent")[offers["who"]]
    chance = np.minimum(expit(logit(0.12) + 0.6 * intent) + 0.1 * offered, 1)
    spread = np.sqrt((chance * (1 - chance)).sum())
    assert abs(len(orders["who"]) - chance.sum()) < 4 * spread
    p = chance[offered]
    accepted = offers["accepted"]
    assert not accepted[~offered].any()
    assert abs(accepted.sum() - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())
    assert truth.orders_per_offer == pytest.approx(0.1)
    assert truth.orders_caused_by_offer == pytest.approx(0.1 * offered.sum())
    assert abs(np.median(orders["value"]) / 24_900 - 1) < 4 * 1.26 * 0.5 / np.sqrt(len(p) * 0.2)


def test_an_offer_cannot_raise_a_probability_above_one() -> None:
    _, out, truth = drawn(("buy_base", 0.7), ("buy_slope", 0.0), ("offer_effect", 0.5), n=4000)
    assert truth.orders_per_offer == pytest.approx(0.3)
    offers = out.tables["offers"]
    assert offers["accepted"][offers["arm"] == "offer"].all()


def test_credit_sums_to_orders() -> None:
    _, out, truth = drawn()
    credit = truth.credit
    assert truth.orders == len(out.tables["orders"]["who"])
    assert sum(credit.values()) == pytest.approx(truth.orders, abs=1e-9)
    assert truth.returns == np.isfinite(out.hidden["loops"]["return_time"]).sum()
    # By hazard credit, an offer is owed on average what it causes.
    assert abs(credit["offer"] - truth.orders_caused_by_offer) < 4 * np.sqrt(credit["offer"])
    alone = drawn(("return_base", 0.0))[2].credit
    assert alone["email_promo"] == pytest.approx(0, abs=1e-6)
    assert alone["remarketing"] > 1000
    none = drawn(("effect", 0.0), ("offer_effect", 0.0))[2]
    assert none.credit == {"email_promo": none.orders, "remarketing": 0, "offer": 0}


def test_without_effect_all_else_is_as_it_was() -> None:
    _, with_effect, _ = drawn()
    _, without, _ = drawn(("effect", 0.0))
    for table in ("assignments", "exposures"):
        for name, column in with_effect.tables[table].items():
            assert (without.tables[table][name] == column).all()
    one, none = with_effect.hidden["loops"], without.hidden["loops"]
    held = ~one["treated"]
    np.testing.assert_array_equal(one["return_time"][held], none["return_time"][held])
    # Who returns anyway returns with an effect, too, and not later.
    anyway = np.isfinite(none["return_time"])
    assert (one["return_time"][anyway] <= none["return_time"][anyway]).all()
    assert anyway.sum() < np.isfinite(one["return_time"]).sum()


def test_without_an_offers_effect_only_purchases_change() -> None:
    _, with_effect, _ = drawn(n=20_000)
    _, without, _ = drawn(("offer_effect", 0.0), n=20_000)
    for name in ("who", "eligible_time", "arm"):
        assert (with_effect.tables["offers"][name] == without.tables["offers"][name]).all()
    fewer, more = (set(made.tables["orders"]["order_id"]) for made in (without, with_effect))
    assert fewer < more


@pytest.mark.parametrize("slope", ["reach_slope", "return_slope", "buy_slope"])
def test_a_slope_of_zero_makes_all_customers_alike(slope: str) -> None:
    def slopes(*settings: tuple[str, float]) -> dict[str, float]:
        past, out, _ = drawn(("effect", 0.0), ("offer_effect", 0.0), *settings)
        loops = followed(past, out)
        intent = past.trait("intent")[loops["who"]]
        back = np.isfinite(loops["return_time"])
        marks = {
            "reach_slope": (np.isfinite(loops["exposed_time"]), np.ones(len(back), bool)),
            "return_slope": (back, np.ones(len(back), bool)),
            "buy_slope": (ordered(out, loops), back),
        }
        return {
            name: np.corrcoef(intent[of], mark[of])[0, 1] * np.sqrt(of.sum())
            for name, (mark, of) in marks.items()
        }

    there, gone = slopes(), slopes((slope, 0.0))
    assert there[slope] > 10
    # Those who return soon are exposed less, which leaves a little of the first.
    assert abs(gone[slope]) < (6 if slope == "reach_slope" else 4)
    assert all(gone[name] > 10 for name in there if name != slope)


def test_without_clicks_there_is_nothing() -> None:
    made = small(click=0.0)
    truth = made.truth["remarketing"]
    assert (truth.loops, truth.orders, truth.returns_per_loop) == (0, 0, None)
    assert all(made.tables[name].num_rows == 0 for name in ("assignments", "offers", "orders"))


def test_visits_are_sessions_in_order() -> None:
    made = small(2000)
    events = made.events.to_pandas()
    events = events[events["session_id"].notna()]
    who = made.hidden["loops"]["customer_id"].to_pylist()
    assert events["session_id"].nunique() > 3 * len(who) / 4
    assert of_kind(events["session_id"].to_numpy(dtype=np.int64), "loop").all()
    assert (made.journeys().columns["session"] >= -1).all()
    names = events.groupby("session_id", sort=False)["touchpoint"].apply(tuple)
    page, back = ("view_product",), ("view_home", "view_product")
    paid = ("checkout", "thank_you_page", "email_confirmation")
    kinds = {page, page * 2, back, (*back, "offer_popup"), (*back, *paid)}
    assert set(names) == kinds | {(*back, "offer_popup", *paid)}
    # Two a loop, one after the other: that of the exit, and that of the return.
    number = names.index.to_numpy(dtype=np.int64) >> 2
    assert ((number % 2 == 0) == [name[0] == "view_product" for name in names]).all()
    orders = made.tables["orders"].to_pandas()
    assert orders["order_id"].is_unique
    assert (orders["order_id"] % 1000 >= 500).all()
    thanks = events[events["touchpoint"] == "thank_you_page"]
    assert sorted(thanks["value"]) == sorted(orders["value"])
    automatic = ("offer_popup", "email_confirmation", "remarketing_impression")
    told = made.events.to_pandas()
    assert set(told[told["actor"] == "automatic"]["touchpoint"]) == set(automatic)


def test_nothing_happens_after_a_customer_drops_out() -> None:
    made = with_settings(parts(), {"population.dropout_a_year": 2.0})
    made = world_module._made(made, customers=2000, seed=3, days=731, processes=1)
    left = made.tables["customers"].select(["customer_id", "exit_time"]).to_pandas()
    for name, column in (
        ("assignments", "eligible_time"), ("exposures", "exposed_time"),
        ("offers", "eligible_time"), ("orders", "order_time"),
    ):  # fmt: skip
        rows = made.tables[name].to_pandas().merge(left, on="customer_id")
        assert len(rows) > 10
        assert not (rows[column] >= rows["exit_time"]).any()
    truth = made.truth["remarketing"]
    assert truth.loops < made.hidden["loops"].num_rows
    assert truth.orders == made.tables["orders"].num_rows
    assert sum(truth.credit.values()) == pytest.approx(truth.orders, abs=1e-9)


def test_a_return_is_owed_to_impressions_by_their_part_of_its_rate() -> None:
    # All impressions within seconds of leaving, and they never wear off: the rate is constant.
    base, effect = 0.01, 0.02
    _, out, truth = drawn(
        ("show_days", 0.001), ("impressions_a_day", 600.0), ("reach", 1.0), ("return_slope", 0.0),
        ("half_life_days", 1e9), ("effect", effect), ("return_base", base), ("buy_base", 1.0),
        n=4000,
    )  # fmt: skip
    loops = out.hidden["loops"]
    impressions = next(t for t in out.touches if t.name == "remarketing_impression")
    keys = impressions.who * 8192 + impressions.time
    left = loops["who"] * 8192 + loops["left_time"]
    shown = np.searchsorted(keys, left + 0.01) - np.searchsorted(keys, left)
    back = np.isfinite(loops["return_time"])
    expected = effect * shown / (base + effect * shown)
    assert loops["return_owed"][back] == pytest.approx(expected[back], abs=1e-6)
    assert 0.2 < expected[back].mean() < 0.8
    # Everybody buys: credit is that of the returns, but for those on the last minutes.
    assert truth.credit["remarketing"] == pytest.approx(expected[back].sum(), abs=2)
    assert truth.credit["offer"] == 0


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = small(shop=True)
    monkeypatch.setattr(world_module, "BLOCK", 70)
    pieces = small(shop=True)
    for of in ("tables", "hidden"):
        one, two = getattr(whole, of), getattr(pieces, of)
        assert {name: table.to_pylist() for name, table in one.items()} == {
            name: table.to_pylist() for name, table in two.items()
        }
    one, two = (made.truth["remarketing"].model_dump() for made in (whole, pieces))
    assert one.pop("credit") == pytest.approx(two.pop("credit"))
    assert one.pop("returns_by_day") == pytest.approx(two.pop("returns_by_day"))
    assert one == pytest.approx(two)
