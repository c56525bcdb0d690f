from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit import attribution
from journeykit.attribution.hazards.at_risk import at_risk
from journeykit.attribution.hazards.decays import declared, folds
from journeykit.attribution.hazards.estimates import scores
from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from tests.attribution.example import reordered


def test_two_customers_worked_by_hand() -> None:
    # ann touches on day 0 and buys on day 1, bob is watched untouched for 2 days.
    journeys = Journeys(
        names=("buy", "mail"),
        touchpoint=np.array([1, 0], dtype=np.uint8),
        start=np.array([0, 2, 2]),
        time=np.array([0, 1]) * DAY,
        observed_from=np.zeros(2, dtype=np.int64),
        observed_to=np.full(2, 2 * DAY),
    )
    result = attribution.hazard(journeys, conversion=["buy"], half_life_days=1.0)
    # Centred exposure is +-x/2: a = 1/2 int 4^-t dt, b = 1/4; exposure = int 2^-t dt.
    a, exposure = 0.5 * 0.75 / np.log(4), 0.5 / np.log(2)
    credit = result.frame.set_index("channel")["conversions"]
    assert credit["mail"] == pytest.approx(0.25 / a * exposure)
    assert credit.sum() == pytest.approx(1)


def brute(parts: list[tuple[float, float, float, bool, list[tuple[float, int]]]]) -> np.ndarray:
    step, rate = 0.002, np.log(2) / 3
    middle = np.arange(0, 10, step) + step / 2
    x, y = np.zeros((len(parts), 2, len(middle))), np.zeros((len(parts), len(middle)))
    b = np.zeros(2)
    for i, (begin, stop, _, _, touches) in enumerate(parts):
        y[i] = (middle > begin) & (middle < stop)
        for t, c in touches:
            x[i, c] += np.where(middle > t, np.exp(-rate * np.abs(middle - t)), 0)
    mean = (y[:, None] * x).sum(0) / np.maximum(y.sum(0), 1)
    apart = (x - mean) * y[:, None]
    for i, (_, stop, _, bought, _) in enumerate(parts):
        if bought:
            b += apart[i][:, int(stop / step) - 1]
    return np.linalg.solve(np.einsum("ict,idt->cd", apart, apart) * step, b)


def test_equals_a_fit_on_small_steps_of_time_with_late_entry() -> None:
    rng = np.random.default_rng(1)
    parts, touchpoint, time, start = [], [], [], [0]
    for _ in range(30):
        begin, stop = rng.integers(0, 4000) / 1000, rng.integers(5000, 9900) / 1000
        bought = bool(rng.random() < 0.6)
        touches = sorted((rng.integers(0, 5000) / 1000, int(rng.integers(2))) for _ in range(3))
        touches = [(t, c) for t, c in touches if t < stop]
        parts.append((begin, stop, 0.0, bought, touches))
        touchpoint += [1 + c for _, c in touches] + [0] * bought
        time += [t for t, _ in touches] + [stop] * bought
        start.append(len(time))
    journeys = Journeys(
        names=("buy", "mail", "web"),
        touchpoint=np.array(touchpoint, dtype=np.uint8),
        start=np.array(start),
        time=(np.array(time) * DAY).astype(np.int64),
        observed_from=np.array([int(p[0] * DAY) for p in parts]),
        observed_to=np.array([10 * DAY if p[3] else int(p[1] * DAY) for p in parts]),
    )
    frame = attribution.hazard(journeys, conversion=["buy"], half_life_days=3.0).frame
    np.testing.assert_allclose(frame["effect"][:2], brute(parts), rtol=0.02, atol=2e-3)


def world(seed: int, n: int) -> Journeys:
    """Channel `mail` adds .06 a day and halves in 3 days, `placebo` adds nothing; late entries."""
    rng = np.random.default_rng(seed)
    rate, end = np.log(2) / 3, 30.0
    own = np.repeat(np.arange(n), rng.poisson(3, n))
    touch, channel = rng.uniform(0, end, len(own)), rng.integers(2, size=len(own))
    begin = np.where(rng.random(n) < 0.5, 0, rng.uniform(0, 10, n))
    bought = begin + rng.exponential(100, n)
    since = np.maximum(touch, begin[own])
    worth = np.where(channel == 0, 0.06, 0) * np.exp(-rate * (since - touch)) / rate
    drawn = rng.exponential(size=len(own))
    caused = np.flatnonzero(drawn < worth)
    wait = -np.log1p(-drawn[caused] / worth[caused]) / rate
    np.minimum.at(bought, own[caused], since[caused] + wait)
    seen, buyer = touch < np.minimum(bought, end)[own], np.flatnonzero(bought < end)
    customer = np.concatenate([own[seen], buyer])
    time = np.concatenate([touch[seen], bought[buyer]])
    code = np.concatenate([channel[seen] + 1, np.zeros(len(buyer), dtype=np.int64)])
    order = np.lexsort((time, customer))
    return Journeys(
        names=("buy", "mail", "placebo"),
        touchpoint=code[order].astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(np.bincount(customer, minlength=n))]),
        time=(time[order] * DAY).astype(np.int64),
        observed_from=(begin * DAY).astype(np.int64),
        observed_to=np.full(n, int(end * DAY)),
    )


def test_placebo_is_covered_and_error_shrinks_on_the_home_law() -> None:
    error = {}
    for n in (400, 1600):
        frames = [
            attribution.hazard(world(s, n), conversion=["buy"], half_life_days=3.0).frame
            for s in range(150)
        ]
        placebo = np.array([frame["effect"][1] for frame in frames])
        covered = np.mean([f["conf_low"][1] <= 0 <= f["conf_high"][1] for f in frames])
        assert 0.9 <= covered <= 0.99
        assert abs(placebo.mean()) <= 3 * placebo.std() / np.sqrt(len(placebo))
        error[n] = np.sqrt(np.mean(placebo**2))
    assert error[1600] <= 0.6 * error[400]


def test_credit_sums_to_conversions_and_order_of_the_grid_does_not_matter() -> None:
    journeys = world(0, 400)
    result = attribution.hazard(journeys, conversion=["buy"], half_life_days=[1.0, 3.0, 9.0])
    again = attribution.hazard(journeys, conversion=["buy"], half_life_days=[9.0, 3.0, 1.0])
    assert result.frame["conversions"].sum() == pytest.approx(
        result.population.n_conversions, rel=1e-12
    )
    assert result.frame.equals(again.frame)
    assert "first conversions of 400 customers" in result.summary()


def test_days_twice_as_long_change_no_credit() -> None:
    journeys = world(0, 400)
    assert journeys.time is not None
    assert journeys.observed_from is not None
    assert journeys.observed_to is not None
    slow = journeys.replace(
        time=journeys.time * 2,
        observed_from=journeys.observed_from * 2,
        observed_to=journeys.observed_to * 2,
    )
    left = attribution.hazard(journeys, conversion=["buy"], half_life_days=3.0).frame
    right = attribution.hazard(slow, conversion=["buy"], half_life_days=6.0).frame
    np.testing.assert_allclose(left["conversions"], right["conversions"], rtol=1e-9)
    np.testing.assert_allclose(left["effect"][:2], 2 * right["effect"][:2], rtol=1e-9)


def test_what_is_missing_is_said() -> None:
    journeys = world(0, 50)
    with pytest.raises(ArgumentError, match="must name at least one half-life"):
        attribution.hazard(journeys, conversion=["buy"], half_life_days=[])
    with pytest.raises(NotObservedError, match="observed_from"):
        attribution.hazard(
            journeys.replace(observed_from=None, observed_to=None), conversion=["buy"]
        )


def test_half_lives_that_are_missing_or_not_shared_are_said() -> None:
    journeys = world(0, 50)
    with pytest.raises(ArgumentError, match=r"it has none for 'placebo'\.$"):
        attribution.hazard(
            journeys, conversion=["buy"], half_life_days={"mail": 3.0}, decay="channel"
        )
    days = {"mail": 3.0, "placebo": 3.0}
    with pytest.raises(ArgumentError, match="ask for decay='channel'"):
        attribution.hazard(journeys, conversion=["buy"], half_life_days=days)
    with pytest.raises(MappingError, match="Did you mean 'mail'"):
        attribution.hazard(journeys, conversion=["buy"], half_life_days={"mial": 3.0})
    with pytest.raises(ArgumentError, match="greater than 0; got 0"):
        attribution.hazard(journeys, conversion=["buy"], half_life_days=0)


def test_conversions_that_are_unsaid_all_or_none_are_said() -> None:
    journeys = world(0, 50)
    with pytest.raises(ArgumentError, match="must be a list of at least one touchpoint"):
        attribution.hazard(journeys, conversion="buy")
    with pytest.raises(ArgumentError, match="no channel is left to credit"):
        attribution.hazard(journeys, conversion=journeys.names)
    with pytest.raises(DataError, match="No customer converts while watched"):
        attribution.hazard(small([[(1, "mail")], [(0, "buy")]], [0, 0], 9), conversion=["buy"])
    with pytest.raises(ArgumentError, match="one journey a customer; got 2 journeys of 1 cust"):
        attribution.hazard(
            small([[(1, "mail")], [(2, "buy")]], [0, 0], 9).replace(
                customer_index=np.zeros(2, dtype=np.int64), customer_id=pa.array(["ann"])
            ),
            conversion=["buy"],
        )


def small(parts: list[list[tuple[float, str]]], begin: list[float], end: float) -> Journeys:
    """Make one journey a customer from days and touchpoints."""
    names = tuple(sorted({name for part in parts for _, name in part}))
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(n) for part in parts for _, n in part], dtype=np.uint8),
        start=np.cumsum([0, *map(len, parts)]),
        time=np.array([int(day * DAY) for part in parts for day, _ in part]),
        observed_from=np.array([int(day * DAY) for day in begin]),
        observed_to=np.full(len(parts), int(end * DAY)),
    )


def credited(journeys: Journeys, **options: object) -> dict[str, float]:
    result = attribution.hazard(journeys, conversion=["buy"], half_life_days=2.0, **options)
    return result.frame.set_index("channel")["conversions"].to_dict()


def test_a_touch_at_the_instant_of_the_conversion_does_not_count() -> None:
    tied = [[(1.0, "mail"), (3.0, "buy"), (3.0, "mail")], [(2.0, "mail")], []]
    without = [[(1.0, "mail"), (3.0, "buy")], [(2.0, "mail")], []]
    assert credited(small(tied, [0, 0, 0], 5)) == credited(small(without, [0, 0, 0], 5))


def test_tied_conversions_see_the_same_customers_at_risk() -> None:
    parts = [[(1.0, "mail"), (3.0, "buy")], [(2.0, "mail"), (3.0, "buy")], [(1.5, "mail")], []]
    got = credited(small(parts, [0, 0, 0, 0], 5))
    # Exposure on day 3: 2^-1, 2^-.5, 2^-.75, 0, of which two convert.
    x = np.array([2**-1, 2**-0.5, 2**-0.75, 0.0])
    b = x[:2].sum() - 2 * x.mean()
    middle = np.arange(0, 5, 1e-4) + 5e-5
    touch, at = np.array([1, 2, 1.5, 9])[:, None], np.array([3, 3, 5, 5])[:, None]
    y = middle <= at
    e = np.where(middle > touch, 2 ** (-np.abs(middle - touch) / 2), 0) * y
    apart = ((e - e.sum(0) / y.sum(0)) * y) ** 2
    assert got["mail"] == pytest.approx(b / apart.sum() * e.sum(), rel=1e-3)


def test_who_converts_before_entry_or_is_not_watched_is_left_out_and_counted() -> None:
    seen = [[(1.0, "mail"), (3.0, "buy"), (4.0, "buy")], [(2.0, "mail")], [], []]
    more = [*seen, [(1.0, "mail"), (2.0, "buy")], [(2.0, "mail")]]
    result = attribution.hazard(
        small(more, [0, 0, 0, 1, 2, 5], 5), conversion=["buy"], half_life_days=2.0
    )
    got = result.frame.set_index("channel")["conversions"]
    assert got.to_dict() == pytest.approx(credited(small(seen, [0, 0, 0, 1], 5)))
    assert (result.n_before, result.n_unwatched, result.n_repeated) == (1, 1, 1)
    assert result.population.n_journeys == 4
    assert "1 customers left out who converted before they were at risk" in result.summary()


def test_value_is_credited_by_conversions_counted_by_their_value() -> None:
    journeys = world(3, 300)
    price = np.where(journeys.touchpoint == 0, 7.0, 0.0)
    priced = journeys.replace(columns={"price": price})
    frame = attribution.hazard(priced, conversion=["buy"], value="price", half_life_days=3.0).frame
    np.testing.assert_allclose(frame["value"], 7 * frame["conversions"], rtol=1e-9)
    random = np.where(price > 0, np.random.default_rng(0).uniform(1, 9, len(price)), 0)
    priced = journeys.replace(columns={"price": random})
    frame = attribution.hazard(priced, conversion=["buy"], value="price", half_life_days=3.0).frame
    assert frame["value"].sum() == pytest.approx(random.sum())
    empty = journeys.replace(columns={"price": np.full(len(price), np.nan)})
    with pytest.raises(DataError, match="Column 'price' is empty at"):
        attribution.hazard(empty, conversion=["buy"], value="price")


def test_a_channel_never_met_at_risk_earns_nothing_and_has_no_interval() -> None:
    journeys = world(0, 300).replace(names=("buy", "mail", "placebo", "shop"))
    frame = attribution.hazard(journeys, conversion=["buy"], half_life_days=3.0).frame
    shop = frame.set_index("channel").loc["shop"]
    assert (shop["conversions"], shop["n_journeys"], shop["n_touches"]) == (0, 0, 0)
    assert shop[["conf_low", "std_error", "effect", "conversions_per_touch"]].isna().all()


def test_channels_always_met_together_or_by_all_at_once_are_named() -> None:
    parts = [[(1.0, "mail"), (1.0, "web"), (3.0, "buy")], [(2.0, "mail"), (2.0, "web")], []]
    with pytest.raises(DataError, match="What 'mail', 'web' did cannot be told apart"):
        credited(small(parts, [0, 0, 0], 5))
    with pytest.raises(DataError, match="What 'mail' did cannot be told apart"):
        credited(small([[(1.0, "mail"), (3.0, "buy")], [(1.0, "mail")]], [0, 0], 5))


def test_scores_equal_their_definition_on_small_steps_of_time() -> None:
    risk = at_risk(world(5, 60), ["buy"], None)
    part = folds(risk, declared({"mail": 3.0, "placebo": 5.0}, risk.channels, shared=False),
                 shared=False)[0].part  # fmt: skip
    beta = np.linalg.solve(part.apart, part.converted)
    rate, step = np.log(2) / part.days, 0.002
    got, exposure = scores(risk, rate, beta)
    t = np.arange(0, 30, step) + step / 2
    x = np.zeros((len(risk.begin), 2, len(t)))
    for when, who, c in zip(risk.time, risk.owner, risk.code, strict=True):
        x[who, c] += np.where(t > when, np.exp(-rate[c] * np.abs(t - when)), 0)
    y = (t > risk.begin[:, None]) & (t <= risk.stop[:, None])
    mean = (x * y[:, None]).sum(0) / np.maximum(y.sum(0), 1)
    buys = np.zeros(y.shape)
    at = np.minimum((risk.stop / step - 0.5).astype(int), len(t) - 1)
    buys[np.arange(len(y)), at] = risk.converts & (at < len(t))
    base = buys.sum(0) / np.maximum(y.sum(0), 1) - step * beta @ mean
    left = buys - y * (base + step * np.einsum("c,ict->it", beta, x))
    np.testing.assert_allclose(
        got, np.einsum("ict,it->ic", (x - mean) * y[:, None], left), atol=0.02
    )
    np.testing.assert_allclose(got.sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(exposure.sum(axis=0), part.exposure, rtol=1e-10)


def test_a_channel_that_no_conversion_follows_has_the_error_expected_of_it() -> None:
    # Ten customers, watched from day 0 to 10; eight buy on days 1 to 8, the ninth is mailed on day
    # 8.5, after all of them: nothing that happened tells how far mail's effect might move.
    parts = [[(float(day), "buy")] for day in range(1, 9)] + [[(8.5, "mail")], []]
    journeys = small(parts, [0] * 10, 10)
    row = attribution.hazard(journeys, conversion=["buy"], half_life_days=2.0).frame.iloc[0]
    # Two are at risk with exposure x and 0: centred squares x^2 / 2, x^2 = 2^-(2 age / 2).
    apart = 0.5 * (1 - 2.0**-1.5) / np.log(2)
    at_risk_days = sum(range(1, 9)) + 2 * 10
    expected = np.sqrt(8 / at_risk_days / apart)
    assert row["conversions"] == 0
    assert row["effect_std_error"] == pytest.approx(expected)
    exposure = (1 - 2.0**-0.75) * 2 / np.log(2)
    assert row["std_error"] == pytest.approx(expected * exposure, rel=0.06)


@given(st.permutations(range(40)))
@settings(max_examples=15, deadline=None)
def test_order_of_customers_does_not_matter(order: list[int]) -> None:
    journeys = world(1, 40)
    assert journeys.observed_from is not None
    given_ids = journeys.replace(columns={"price": np.ones(journeys.n_events)})
    moved = reordered(given_ids, order).replace(observed_from=journeys.observed_from[order])
    left = attribution.hazard(given_ids, conversion=["buy"], value="price").frame
    right = attribution.hazard(moved, conversion=["buy"], value="price").frame
    numbers = left.columns[2:]
    np.testing.assert_allclose(left[numbers], right[numbers], rtol=1e-6, atol=1e-9)


def test_negative_shares_are_drawn_and_credit_past_its_bounds_is_said() -> None:
    # Those who are called have just bought elsewhere: they buy less than the others.
    rng = np.random.default_rng(0)
    parts: list[list[tuple[float, str]]] = []
    for k in range(600):
        called, buys = k % 2 == 0, rng.random() < (0.05 if k % 2 == 0 else 0.6)
        when = rng.uniform(0, 1)
        part = [(when, "call")] if called else []
        parts.append([*part, (when + rng.uniform(0, 3), "buy")] if buys else part)
    result = attribution.hazard(small(parts, [0] * 600, 5), conversion=["buy"], half_life_days=9.0)
    assert result.frame["conf_high"][0] < 0
    assert any("call is credited less than nothing" in text for text in result.warnings)
    assert "warnings: call is credited" in result.summary()
    ax = result.plot()
    assert ax.get_xlim()[0] < result.frame["conf_low"][0]


def confounded(seed: int, n: int) -> Journeys:
    """Make `mail` and purchases follow a trait of the customer; neither does anything."""
    rng = np.random.default_rng(seed)
    trait = rng.gamma(1.0, 1.0, n)
    parts = []
    for one in trait:
        bought = rng.exponential(90 / one)
        times = np.sort(rng.uniform(0, 60, rng.poisson(4 * one)))
        part = [(t, "mail") for t in times if t < bought]
        parts.append([*part, (bought, "buy")] if bought < 60 else part)
    return small(parts, [0] * n, 60)


def test_old_touches_show_a_trait_that_touches_follow_and_are_quiet_without_one() -> None:
    found = [
        attribution.hazard(confounded(s, 800), conversion=["buy"], half_life_days=2.0)
        for s in range(20)
    ]
    assert np.mean([result.frame["old_touches_z"][0] > 1.96 for result in found]) >= 0.8
    assert any("those of mail (z = " in t for r in found for t in r.warnings)
    quiet = [
        attribution.hazard(world(s, 400), conversion=["buy"], half_life_days=3.0).frame
        for s in range(100)
    ]
    z = np.concatenate([frame["old_touches_z"][:2] for frame in quiet])
    assert np.mean(np.abs(z) > 1.96) <= 0.1


def test_half_lives_are_found_where_customers_are_many() -> None:
    days = (0.5, 3.0, 20.0)
    frame = attribution.hazard(world(7, 8000), conversion=["buy"], half_life_days=days).frame
    assert frame["half_life_low"][0] == frame["half_life_high"][0] == 3
    assert (frame["half_life_days"][:2] > 0).all()
    shared = attribution.hazard(
        world(7, 8000), conversion=["buy"], half_life_days=days, decay="shared"
    ).frame
    assert shared["half_life_days"][:2].tolist() == [3, 3]
