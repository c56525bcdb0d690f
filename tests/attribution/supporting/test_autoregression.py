from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.tsa.api import VAR

from journeykit.attribution.supporting.autoregression import (
    autoregression,
    chosen_lags,
    estimated,
    responses,
)
from journeykit.attribution.supporting.correcting import corrected
from journeykit.attribution.supporting.series import Series, series
from journeykit.attribution.supporting.watching import Watched, watched
from journeykit.counts.calendar import Periods
from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys.durations import DAY
from tests.attribution.supporting.test_stretches import BEGIN, drawn

EFFECT = np.array([[0.3, 0.0, 0.0], [0.4, 0.1, 0.0], [0.0, 0.2, 0.2]])


def walk(rng: np.random.Generator, t: int, effect: np.ndarray = EFFECT) -> np.ndarray:
    rate = np.zeros((t + 50, len(effect)))
    shock = rng.standard_normal(rate.shape)
    for now in range(1, len(rate)):
        rate[now] = effect @ rate[now - 1] + shock[now]
    return rate[50:]


def laid_out(rate: np.ndarray, season: np.ndarray | None = None) -> Series:
    t = len(rate)
    return Series(
        rate=rate,
        weight=np.ones(t),
        season=np.ones((t, 1)) if season is None else season,
        first=np.datetime64("2024-01-01") + np.arange(t),
    )


@pytest.mark.parametrize("lags", [1, 3])
def test_coefficients_and_responses_are_those_of_statsmodels(lags: int) -> None:
    rng = np.random.default_rng(1)
    more = rng.standard_normal((200, 2))
    rate = walk(rng, 200) + more @ rng.standard_normal((2, 3))
    ours = autoregression(laid_out(rate, np.column_stack([np.ones(200), more])), lags=lags)
    other = VAR(rate, exog=more).fit(lags, trend="c")
    np.testing.assert_allclose(ours.coefficient, other.coefs, atol=1e-9)
    np.testing.assert_allclose(ours.residual, other.resid, atol=1e-9)
    assert ours.largest_root == pytest.approx(1 / np.abs(other.roots).min())
    later, _ = responses(ours.coefficient, np.eye(3), 6)
    expected = other.irf(6).cum_effects[-1] - np.eye(3)
    np.testing.assert_allclose(later, expected.T, atol=1e-9)


def test_the_order_is_that_of_statsmodels() -> None:
    rate = walk(np.random.default_rng(2), 300)
    rate[2:, 2] += 0.6 * rate[:-2, 0]
    ours = chosen_lags(laid_out(rate), 6)
    assert ours == VAR(rate).select_order(6, trend="c").bic == 2


def test_tests_are_robust_wald_tests_of_each_equation() -> None:
    rate = walk(np.random.default_rng(3), 150)
    model = autoregression(laid_out(rate), lags=2)
    found = estimated(model, horizon=3, replicates=100, rng=np.random.default_rng(0))
    x = np.column_stack([np.ones(148), rate[1:-1], rate[:-2]])
    for b in range(3):
        fitted = sm.OLS(rate[2:, b], x).fit(cov_type="HC3", use_t=True)
        for a in range(3):
            wanted = np.zeros((2, 7))
            wanted[0, 1 + a] = wanted[1, 4 + a] = 1
            assert found.p_value[a, b] == pytest.approx(float(fitted.f_test(wanted).pvalue))


def test_weights_are_those_of_weighted_least_squares() -> None:
    rng = np.random.default_rng(4)
    rate, weight = walk(rng, 120), rng.uniform(0.5, 2, 120)
    made = laid_out(rate)
    model = autoregression(Series(rate, weight, made.season, made.first), lags=1)
    fitted = sm.WLS(rate[1:, 1], sm.add_constant(rate[:-1]), weights=weight[1:]).fit()
    np.testing.assert_allclose(model.coefficient[0, 1], fitted.params[1:])


def test_standard_errors_of_one_lag_are_those_of_the_coefficients() -> None:
    rate = walk(np.random.default_rng(5), 400)
    model = autoregression(laid_out(rate), lags=1)
    found = estimated(model, horizon=1, replicates=4000, rng=np.random.default_rng(0))
    fitted = sm.OLS(rate[1:, 1], sm.add_constant(rate[:-1])).fit(cov_type="HC3")
    np.testing.assert_allclose(found.later[:, 1], fitted.params[1:], atol=1e-9)
    np.testing.assert_allclose(found.later_error[:, 1], fitted.bse[1:], rtol=0.05)


def test_intervals_of_responses_cover_the_truth() -> None:
    power = [np.linalg.matrix_power(EFFECT, step) for step in range(1, 8)]
    truth, hits = sum(power).T, []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        model = autoregression(laid_out(walk(rng, 300)), lags=1)
        found = estimated(model, horizon=7, replicates=100, rng=rng)
        hits.append(np.abs(found.later - truth) < 1.96 * found.later_error)
    assert 0.92 < np.mean(hits) < 0.98


def test_levels_of_weeks_pull_responses_down_and_the_correction_takes_that_back() -> None:
    week = np.eye(60)[np.arange(420) // 7]
    plain, mended = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shock = rng.standard_normal((420, 2))
        rate = shock.copy()
        rate[:, 1] += 0.3 * shock[:, 0]
        rate[1:, 1] += 0.3 * shock[:-1, 0]
        data = laid_out(rate, week)
        model = autoregression(data, lags=1)
        better = corrected(model, data, replicates=50, rng=rng)
        for one, found in ((model, plain), (better, mended)):
            made = estimated(one, horizon=7, replicates=2, rng=rng)
            found.append((made.all[0, 1], one.coefficient[0, 1, 1]))
    (low, own_low), (total, own) = np.mean(plain, axis=0), np.mean(mended, axis=0)
    assert own_low == pytest.approx(-1 / 7, abs=0.03)
    assert abs(own) < 0.05
    # All that follows is 0.3 on the day and 0.3 on the next.
    assert low < 0.54
    assert total == pytest.approx(0.6, abs=0.05)


def test_what_never_dies_away_is_left_as_it_is() -> None:
    rate = np.cumsum(np.cumsum(np.random.default_rng(6).standard_normal((200, 2)), axis=0), axis=0)
    data = laid_out(rate)
    model = autoregression(data, lags=1)
    if model.largest_root >= 1:
        assert corrected(model, data, replicates=10, rng=np.random.default_rng(0)) is model
    else:
        made = corrected(model, data, replicates=10, rng=np.random.default_rng(0))
        assert made.largest_root < 1


def test_too_few_periods_are_refused() -> None:
    rate = walk(np.random.default_rng(7), 20)
    with pytest.raises(
        DataError, match="3 series with 2 lags and 1 terms of season needs at least"
    ):
        autoregression(laid_out(rate), lags=2)


# ------------------------------------------------------------------ series


def calendar(days: int = 40, step: int = 1) -> Periods:
    first = tuple(date(2024, 5, 1) + timedelta(day) for day in range(0, days + 1, step))
    edge = BEGIN + np.arange(0, days + 1, step) * DAY
    return Periods(first, edge, np.ones(len(first) - 1, dtype=bool))


def test_rates_times_customers_watched_are_the_touches() -> None:
    data = watched(drawn(1), channels=["a", "b", "c"], conversion=[])
    made = series(data, calendar(), season=(), regressors=None)
    day = (data.time - BEGIN) // DAY
    watching = [
        ((data.begin <= BEGIN + d * DAY) & (data.end >= BEGIN + (d + 1) * DAY)).sum()
        for d in range(40)
    ]
    use = np.flatnonzero(watching)
    counts = np.array([[(day[data.code == k] == d).sum() for k in range(3)] for d in use])
    np.testing.assert_allclose(made.rate * np.array(watching)[use, None], counts)
    np.testing.assert_allclose(
        made.weight, np.array(watching)[use] / np.mean(np.array(watching)[use])
    )


def throughout() -> Watched:
    span = {"observed_from": np.full(7, BEGIN), "observed_to": np.full(7, BEGIN + 40 * DAY)}
    return watched(drawn(1).replace(**span), channels=["a", "b", "c"], conversion=[])


@pytest.mark.parametrize(
    ("season", "terms"),
    [
        ((), 1),
        (("weekday",), 7),
        (("year", "trend"), 6),
        (("weekday", "week"), 12),
        (("week", "trend"), 7),
    ],
)
def test_terms_of_season_are_independent(season: tuple[str, ...], terms: int) -> None:
    data = throughout()
    made = series(data, calendar(), season=season, regressors=None)
    assert len(made.first) == 40
    assert made.season.shape[1] == terms == np.linalg.matrix_rank(made.season)


def test_regressors_are_looked_up_by_day() -> None:
    data = throughout()
    days = pd.date_range("2024-04-20", "2024-06-20")
    given = pd.DataFrame({"rain": np.sin(np.arange(len(days)))}, index=days)
    made = series(data, calendar(), season=(), regressors=given)
    wanted = given.loc["2024-05-01":"2024-06-09", "rain"].to_numpy()
    rest = wanted - made.season @ np.linalg.lstsq(made.season, wanted, rcond=None)[0]
    assert np.abs(rest).max() < 1e-9
    with pytest.raises(MappingError, match="1 of 40 are missing, the first is 2024-05-03"):
        series(data, calendar(), season=(), regressors=given.drop(pd.Timestamp("2024-05-03")))
    with pytest.raises(ArgumentError, match="with the first day of the period as its index"):
        series(data, calendar(), season=(), regressors=given.reset_index())
    with pytest.raises(DataError, match="numbers only"):
        series(data, calendar(), season=(), regressors=given.mask(np.sin(given) > 0.8))


def test_periods_with_a_gap_or_without_customers_are_refused() -> None:
    data = throughout()
    whole = calendar()
    gap = Periods(whole.first, whole.edge, np.arange(40) != 20)
    with pytest.raises(DataError, match="without a gap"):
        series(data, gap, season=(), regressors=None)
    none = Periods(whole.first, whole.edge, np.zeros(40, dtype=bool))
    with pytest.raises(DataError, match="got none"):
        series(data, none, season=(), regressors=None)
