"""Seasons, weekdays and shocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from journeykit.simulate.parts.calendar import Calendar, Rhythm, week_of, weeks
from journeykit.simulate.parts.population import Population
from journeykit.simulate.past import Past
from journeykit.simulate.world import world


def rhythm(calendar: Calendar, n: int = 500) -> tuple[Rhythm, Past]:
    past = Past([Population(), calendar], np.arange(n), days=731, seed=9)
    past.add(Population().draw(past))
    return Rhythm(past), past


def test_the_season_is_a_wave_around_1() -> None:
    season = Calendar(season=0.4, peak_day=100).seasons(731)
    assert len(season) == weeks(731) == 106
    # Week 14 has its middle on day 101.5; half a year later the wave is as low as it was high.
    assert season[:52].argmax() == 14
    assert season[14] == pytest.approx(1 + 0.4 * np.cos(2 * np.pi * 1.5 / 365.25))
    assert season[:52].mean() == pytest.approx(1, abs=0.005)
    assert np.ptp(season) == pytest.approx(0.8, rel=0.01)
    assert (Calendar(season=0).seasons(731) == 1).all()


def test_shocks_are_lognormal_with_mean_1_and_unrelated() -> None:
    calendar = Calendar(season=0, shock_sigma=0.3)
    factors = calendar.factors(regions=200, days=731, seed=4)
    z = (np.log(factors) + 0.045) / 0.3
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    assert abs(factors.mean() - 1) < 4 * 0.307 / factors.size**0.5
    for lag in (z[:, 1:] * z[:, :-1], z[1:] * z[:-1]):
        assert abs(lag.mean()) < 4 / lag.size**0.5
    assert (Calendar(season=0, shock_sigma=0).factors(regions=3, days=60, seed=4) == 1).all()
    # A region's shocks are its own, however many regions there are.
    assert (calendar.factors(regions=5, days=731, seed=4) == factors[:5]).all()


def test_weekdays_have_mean_1() -> None:
    assert Calendar().weekdays().mean() == pytest.approx(1)
    assert Calendar().weekdays().argmax() == 5
    assert (Calendar(weekly=0).weekdays() == 1).all()


def test_weeks_begin_on_mondays_and_before_the_first_day_is_the_first() -> None:
    at = np.array([-40.0, 0.0, 6.99, 7.0, 730.9])
    assert week_of(at, days=731).tolist() == [0, 0, 0, 1, 104]


def test_a_rhythm_is_season_times_shock_times_weekday() -> None:
    calendar = Calendar()
    found, past = rhythm(calendar)
    rng = np.random.default_rng(1)
    who, time = rng.integers(0, 500, 2000), rng.uniform(-30, 731, 2000)
    table = calendar.factors(regions=24, days=731, seed=9)
    by_hand = np.array(
        [
            table[past.trait("region")[i], max(int(t // 7), 0)]
            for i, t in zip(who, time, strict=True)
        ]
    )
    assert found.of_week(who, time).tolist() == by_hand.tolist()
    day = calendar.weekdays()[np.floor(time).astype(int) % 7]
    assert found.of_day(who, time) == pytest.approx(by_hand * day)
    assert found.most == table.max() >= by_hand.max()
    assert found.most_of_day == pytest.approx(table.max() * 1.3)
    assert (found.of_day(who, time) <= found.most_of_day).all()


def test_2024_begins_on_a_monday() -> None:
    assert np.datetime64("2024-01-01").astype("datetime64[D]").item().weekday() == 0


def test_what_happens_outside_is_told_if_it_is_inside_the_window() -> None:
    settings = {"calendar.price_change_day": 40.5, "calendar.competitor_day": 60.0}
    rows = world(customers=2, parts=[], days=60, settings=settings).tables["external_events"]
    told = rows.to_pylist()
    assert [row["kind"] for row in told] == ["price change"]
    assert str(told[0]["event_time"]) == "2024-02-10 12:00:00+00:00"
    both = world(customers=2, parts=[]).tables["external_events"].to_pylist()
    assert [row["scope"] for row in both] == ["all", "region 01"]


def test_the_truth_is_the_season() -> None:
    truth = world(customers=2, parts=[], settings={"calendar.season": 0.2}).truth["calendar"]
    assert truth.season == Calendar(season=0.2).seasons(731).tolist()
    assert truth.weekday == Calendar().weekdays().tolist()
