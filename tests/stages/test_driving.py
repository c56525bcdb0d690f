"""What moves customers on: periods by hand, the fit of statsmodels, found where planted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.simulate.world import world
from journeykit.stages import Ladder, drivers
from journeykit.stages.driving.fitting import differ, effects, tabled
from journeykit.stages.driving.periods import met_before, periods_of, stays_of, steps_before
from journeykit.stages.following import entries
from tests.truth.driven import DRIVEN, log_ratios
from tests.truth.moved_on import LADDER, NO_ORDERS, PARTS

ABC = Ladder(rungs={name: {"touchpoints": [name]} for name in "abc"})


def made(*rows: tuple[int, float, str], until: float = 20.0, **more: object) -> Journeys:
    rows = tuple(sorted(rows, key=lambda row: row[:2]))
    names = tuple(sorted({name for _, _, name in rows} | set("abc")))
    n = max(who for who, _, _ in rows) + 1
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(name) for _, _, name in rows], dtype=np.uint8),
        start=np.searchsorted([who for who, _, _ in rows], np.arange(n + 1)),
        time=np.array([round(day * DAY) for _, day, _ in rows]),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, round(until * DAY)),
        **more,
    )


def test_stays_are_cut_into_periods_by_hand() -> None:
    journeys = made(
        (0, 1, "a"), (0, 3.5, "talk"), (0, 4.5, "a"), (0, 6, "b"), (0, 8, "a"), (0, 9, "talk"),
        (1, 2, "b"), (1, 5, "a"), (1, 7, "c"),
        (2, 15, "a"), (2, 19, "b"),
    )  # fmt: skip
    stays = stays_of(entries(journeys, ABC))
    assert stays.rung.tolist() == [0, 1, 0, 1, 0, 2, 0, 1]
    zero, until = np.zeros(3, dtype=np.int64), np.full(3, 20 * DAY)
    periods = periods_of(stays, rung=0, period_days=2, since=zero, until=until)
    # Customer 0: three periods, the move in the last; back from 8 on, watched to 20: five whole
    # ones end before that. Customer 1 moves at the end of the first. Customer 2: 17 to 19.
    assert periods.customer.tolist() == [0] * 3 + [0] * 5 + [1] + [2] * 2
    assert np.flatnonzero(periods.event).tolist() == [2, 8, 10]
    assert (periods.start / DAY).tolist()[:4] == [1, 3, 5, 8]
    talk = np.array([0, 0]), np.array([round(3.5 * DAY), 9 * DAY])
    met = met_before(periods, *talk, effect_days=4)
    assert met.tolist() == [0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0]
    assert steps_before(periods, *talk).tolist() == [0, 0, 1, 0, 1, 1, 1, 1, 0, 0, 0]
    # Met at the beginning of a period is not met before it.
    exact = met_before(periods, np.array([0]), np.array([3 * DAY]), effect_days=2)
    assert exact.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_late_entrants_and_cut_periods_are_left_out() -> None:
    journeys = made((0, 1, "a"), (0, 9.5, "b"), until=10)
    stays = stays_of(entries(journeys, ABC))
    late = periods_of(
        stays, rung=0, period_days=2, since=np.array([4 * DAY]), until=np.array([10 * DAY])
    )
    # 5 to 7 and 7 to 9; the period of the move ends at 11, after the watching.
    assert (late.start / DAY).tolist() == [5, 7]
    assert not late.event.any()


def test_exposure_is_that_of_brute_force() -> None:
    random = np.random.default_rng(3)
    rows = [
        (int(random.integers(8)), float(random.uniform(0, 60)), str(random.choice(list("abxy"))))
        for _ in range(150)
    ]
    journeys = made(*rows, (7, 1, "a"), until=60)
    stays = stays_of(entries(journeys, ABC))
    n = len(journeys)
    periods = periods_of(
        stays, rung=0, period_days=1.5, since=np.zeros(n, dtype=np.int64),
        until=np.full(n, 60 * DAY),
    )  # fmt: skip
    owner = np.repeat(np.arange(n), journeys.length)
    mine = journeys.touchpoint == journeys.names.index("x")
    met = met_before(periods, owner[mine], journeys.time[mine], effect_days=5)
    slow = [
        int(((when - journeys.time[mine & (owner == who)] <= 5 * DAY)
             & (journeys.time[mine & (owner == who)] < when)).sum())
        for who, when in zip(periods.customer, periods.start, strict=True)
    ]  # fmt: skip
    assert met.tolist() == slow


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_the_fit_is_that_of_statsmodels_on_single_periods(link: str) -> None:
    random = np.random.default_rng(5)
    n = 6000
    customer = np.sort(random.integers(0, 300, n))
    time, group = random.integers(0, 3, n), customer % 2
    exposed = random.random(n) < 0.2
    rate = 0.04 * np.exp(0.3 * time + 0.5 * group + 0.7 * exposed * group)
    event = random.random(n) < 1 - np.exp(-rate)
    table = tabled([time], group, exposed, event)
    tested = np.array([True, True])
    found = effects(table, tested, customer, event, link=link, confidence=0.95)
    columns = [np.ones(n), time == 1, time == 2, group == 1]
    columns += [exposed & (group == 0), exposed & (group == 1)]
    kind = {"logit": sm.families.links.Logit, "cloglog": sm.families.links.CLogLog}[link]()
    fitted = sm.GLM(
        event.astype(float), np.column_stack(columns).astype(float),
        family=sm.families.Binomial(link=kind),
    ).fit(tol=1e-14, maxiter=100)  # fmt: skip
    assert found.estimate == pytest.approx(fitted.params[-2:], abs=1e-8)
    # The sandwich, from statsmodels' own pieces: expected information, scores summed by customer.
    bread = np.linalg.inv(-fitted.model.hessian(fitted.params, observed=False))
    scores = pd.DataFrame(fitted.model.score_obs(fitted.params)).groupby(customer).sum().to_numpy()
    people = len(np.unique(customer))
    slow = bread @ (scores.T @ scores) @ bread * people / (people - 1)
    assert found.covariance == pytest.approx(slow[-2:, -2:], rel=1e-6)
    assert found.high - found.estimate == pytest.approx(
        1.959964 * np.sqrt(np.diag(slow)[-2:]), rel=1e-5
    )


def test_nobody_moves_after_it_has_a_bound_and_no_estimate_without_end() -> None:
    n = 4000
    customer = np.arange(n) // 10
    exposed = np.arange(n) % 10 == 0
    event = np.zeros(n, dtype=bool)
    event[np.flatnonzero(~exposed)[::20]] = True
    group = np.zeros(n, dtype=np.int64)
    table = tabled([], group, exposed, event)
    found = effects(table, np.array([True]), customer, event, link="cloglog", confidence=0.95)
    expected = 400 * event.sum() / 3600
    assert found.expected == pytest.approx([expected], rel=1e-6)
    assert np.exp(found.estimate).tolist() == [0.0]
    assert np.exp(found.high) == pytest.approx([3.6888795 / expected], rel=1e-6)
    assert found.p_value[0] < 0.01


def test_groups_differ_or_cannot() -> None:
    nothing = np.full((2, 2), np.nan)
    one = SimpleNamespace(estimate=np.array([0.5, np.nan]), covariance=nothing)
    assert np.isnan(differ(one))
    two = SimpleNamespace(estimate=np.array([0.0, 1.96]), covariance=np.diag([0.5, 0.5]))
    assert differ(two) == pytest.approx(0.05, abs=1e-3)


@pytest.fixture(scope="module")
def shop() -> Journeys:
    return world(customers=8000, seed=4, parts=PARTS, settings=NO_ORDERS).journeys()


def test_the_trade_show_moves_businesses_only(shop: Journeys) -> None:
    found = drivers(shop, LADDER, effect_days=14, by="segment")
    rows = found.frame.set_index(["stage", "driver", "group"])
    assert rows.loc[("familiarity", "tradeshow_scan", "business"), "verdict"] == "sooner"
    for segment in ("household", "landlord", "senior"):
        assert rows.loc[("familiarity", "tradeshow_scan", segment), "verdict"] == "cannot tell"
    assert set(found.holding()["driver"]) <= {"tradeshow_scan", "call_sales"}
    assert "tradeshow_scan" in found.summary()
    assert found.segments["q_value"].between(0, 1).all()
    first = found.segments.sort_values("p_value").iloc[0]
    assert first["driver"] == "tradeshow_scan"
    assert found.stages["n_tried"].sum() == len(found.frame)
    few = found.frame[found.frame["verdict"] == "too few"]
    assert (few["reason"] != "").all()
    assert few["ratio"].isna().all()
    assert few["p_value"].isna().all()
    assert found.frame["ratio_high"].max() < 100


def test_contents_channels_and_odds(shop: Journeys) -> None:
    offered = shop.touchpoint == shop.names.index("call_sales")
    told = shop.replace(columns={"content": offered.astype(np.int64)})
    catalogue = SimpleNamespace(channel_of=lambda name: "phone" if "call" in name else "rest")
    found = drivers(
        told, LADDER, effect_days=10, period_days=7, catalogue=catalogue, content="content",
        link="logit", calendar="week",
    )  # fmt: skip
    assert set(found.frame["kind"]) == {"touchpoint", "channel", "content"}
    assert set(found.frame["measure"]) == {"odds ratio"}
    rows = found.frame.set_index(["stage", "kind", "driver"])
    offer = rows.loc[("engagement", "content", "1")]
    call = rows.loc[("engagement", "touchpoint", "call_sales")]
    assert offer["ratio"] == call["ratio"]
    assert offer["verdict"] == "sooner"
    assert found.segments.empty
    ax = found.plot()
    assert "odds ratio" in ax.get_xlabel()


def test_a_likelihood_without_maximum_is_too_few(
    shop: Journeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: object, **__: object) -> None:
        raise DataError("The likelihood has no maximum.")

    monkeypatch.setattr("journeykit.stages.driving.searching.effects", without)
    found = drivers(shop, LADDER, effect_days=10, period_days=14).frame
    assert set(found["verdict"]) == {"too few"}
    assert "the likelihood has no maximum" in set(found["reason"])
    assert found["ratio"].isna().all()


def test_few_customers_are_not_shown(shop: Journeys) -> None:
    found = drivers(shop.sample(150, seed=1), LADDER, effect_days=5, period_days=7)
    small = found.frame[found.frame["n"].isna()]
    assert len(small)
    assert small["n_event"].isna().all()
    assert small["reason"].str.contains("fewer than 10 customers").all()


def test_what_must_hold(shop: Journeys) -> None:
    with pytest.raises(ArgumentError, match="`effect_days` must be a number greater than 0"):
        drivers(shop, LADDER, effect_days=0)
    with pytest.raises(ArgumentError, match="`link` must be"):
        drivers(shop, LADDER, effect_days=1, link="probit")
    with pytest.raises(MappingError, match="no_such"):
        drivers(shop, LADDER, effect_days=1, by="no_such")
    with pytest.raises(MappingError, match="no_such"):
        drivers(shop, LADDER, effect_days=1, content="no_such")
    with pytest.raises(NotObservedError, match="observed_to"):
        drivers(shop.replace(observed_to=None), LADDER, effect_days=1)
    with pytest.raises(DataError, match="No stage can be searched: in none does anybody"):
        drivers(made((0, 1, "a"), (0, 2, "talk")), ABC, effect_days=1)
    with pytest.raises(ArgumentError, match="`drivers`"):
        drivers(shop.sessions(), LADDER, effect_days=1)


def test_what_is_claimed_of_many_worlds_holds_for_few() -> None:
    nothing, _, covered = DRIVEN
    assert nothing.null == ()
    assert covered.method(0) is log_ratios
    small = world(customers=1500, seed=9, parts=nothing.parts, settings=dict(nothing.settings))
    frame = nothing.method(0)(small)
    assert frame["flagged"].mean() < 0.2
