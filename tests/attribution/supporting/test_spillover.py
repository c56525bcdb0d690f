from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from journeykit.attribution.supporting.answers import detectable, detectable_further
from journeykit.attribution.supporting.spillover import (
    Spillover,
    answer,
    spillovers,
    weekday_level,
)
from journeykit.attribution.supporting.watching import watched
from journeykit.journeys.durations import DAY
from tests.attribution.supporting.test_stretches import made

# Weeks begin on days 5, 12, 19 and 26 of a window of 40 days from a Wednesday.
TIMES = [
    # Three days of the week lie away from the touch on day 14 and its windows.
    [(12.5, "b"), (14.0, "a"), (14.5, "b"), (15.0, "b"), (17.0, "b")],
    [(21.0, "a"), (21.5, "b"), (24.5, "b"), (35.0, "b")],
]


def sums(seed: int, *, seen: float = 1.0, customers: int = 200) -> Spillover:
    rng = np.random.default_rng(seed)
    return Spillover(
        seen=rng.poisson(seen, customers).astype(float),
        expected=rng.poisson(1.0, customers) * 0.8,
        touches=np.ones(customers),
        who=rng.integers(0, 60, customers),
        stretch=rng.integers(0, 50, customers),
    )


def test_worked_by_hand() -> None:
    data = watched(made(["a", "b"], TIMES), channels=["a"], conversion=["b"])
    found = spillovers(data, 0, window=2 * DAY, stretch_days=7)
    assert found[0] is None
    told = found[1]
    assert told is not None
    order = np.argsort(told.who)
    assert told.seen[order].tolist() == [2.0, 1.0]
    assert told.touches.tolist() == [1.0, 1.0]
    # Away: (12.5) is in the two days before the touch, so only 17.0 of the first customer and 24.5
    # of the second count; two days after, three away, each weekday at its level.
    level = weekday_level(*_away())
    first = 1 * (level[2] + level[3]) / (level[4] + level[5] + level[6])
    second = 1 * (level[2] + level[3]) / (level[4] + level[5] + level[6])
    np.testing.assert_allclose(told.expected[order], [first, second])
    summed = answer(told, confidence=0.95)
    assert summed.n_seen == 3
    assert summed.n_touches == 2
    assert summed.further.estimate == pytest.approx((3 - first - second) / 2)
    assert summed.ratio.estimate == pytest.approx(3 / (first + second))


def _away() -> tuple[np.ndarray, np.ndarray]:
    """Events and time away from touches by weekday, for days 2 to 38 of both customers."""
    time = np.zeros(7)
    for touch in (14, 21):
        for day in range(2, 38):
            time[(day + 2) % 7] += 0 if touch <= day < touch + 2 else DAY
    events = np.zeros(7, dtype=np.int64)
    for day in (12, 17, 24, 35):
        events[(day + 2) % 7] += 1
    return events, time


def test_bounds_of_the_ratio_are_where_the_test_begins_to_reject() -> None:
    told = sums(1)
    for confidence in (0.8, 0.95):
        found = answer(told, confidence=confidence)
        assert found.ratio.low < found.ratio.estimate < found.ratio.high
        least = []
        for bound in (found.ratio.low, found.ratio.high):
            rest = told.seen - bound * told.expected
            scores = [
                abs(rest.sum()) / np.sqrt((np.bincount(of, rest) ** 2).sum())
                for of in (told.who, told.stretch)
            ]
            least.append(min(scores))
        assert least == pytest.approx([stats.norm.ppf((1 + confidence) / 2)] * 2)


def test_the_ratio_holds_one_just_where_the_test_does_not_reject() -> None:
    for seed in range(60):
        found = answer(sums(seed, seen=1.2, customers=60), confidence=0.95)
        holds = found.ratio.low <= 1 <= found.ratio.high
        assert holds == (found.p_value >= 0.05)


def test_what_is_sent_on_a_few_days_finds_nothing() -> None:
    told = sums(2, seen=4.0, customers=300)._replace(stretch=np.arange(300) % 3)
    found = answer(told, confidence=0.95)
    assert found.further.estimate > 2
    assert found.p_value > 0.05
    assert found.ratio.high == np.inf
    assert found.units == pytest.approx(3)
    assert np.isnan(detectable_further(*_powered(found.std_error, units=3.0), level=0.05))


def test_without_anything_expected_there_is_no_upper_bound() -> None:
    told = sums(3)._replace(expected=np.zeros(200))
    found = answer(told, confidence=0.95)
    assert found.ratio.estimate == found.ratio.high == np.inf
    assert found.further.estimate == pytest.approx(told.seen.mean())


def test_of_one_customer_nothing_is_said() -> None:
    told = sums(4)._replace(who=np.zeros(200, dtype=np.int64))
    found = answer(told, confidence=0.95)
    assert np.isnan([found.p_value, found.std_error, *found.ratio, *found.further]).all()


def _powered(
    error: float, *, n: float = 1e9, units: float = 1e9
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.array([error]), np.array([n]), np.array([units])


def test_what_could_be_seen_is_the_sum_of_both_quantiles() -> None:
    both = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert detectable(np.array([2.0]), level=0.05) == pytest.approx(2 * both)
    assert detectable_further(*_powered(2.0), level=0.05) == pytest.approx(2 * both)
    few = detectable_further(*_powered(0.01, n=1000.0), level=0.05)[0]
    assert few == pytest.approx(both * np.sqrt(0.01**2 + few / 1000))
    some = detectable_further(*_powered(0.01, n=1000.0, units=30.0), level=0.05)[0]
    assert some == pytest.approx(both * np.sqrt(0.01**2 + some / 1000 + some**2 / 30))


def test_levels_of_weekdays_average_one_over_time() -> None:
    time = np.array([1.0, 2, 3, 0, 1, 1, 1])
    level = weekday_level(np.array([3, 0, 2, 0, 1, 5, 1]), time)
    assert level @ time == pytest.approx(time.sum())
    assert level[3] == 1
    assert weekday_level(np.zeros(7, dtype=np.int64), time).tolist() == [1] * 7


@pytest.mark.parametrize(("terms", "free"), [(1, 60), (3, 60), (7, 300)])
def test_what_a_test_of_several_lags_could_see_is_seen_in_four_of_five(
    terms: int, free: int
) -> None:
    # Estimates of lags with a known covariance; each lag weighs as in the sum that is reported.
    random = np.random.default_rng(4)
    root = random.standard_normal((terms, terms)) + 2 * np.eye(terms)
    covariance = root @ root.T
    error = np.sqrt(covariance.sum())
    least = float(detectable(np.array([error]), level=0.005, terms=terms, free=free)[0])
    effect = covariance.sum(axis=1) * least / error**2
    assert effect.sum() == pytest.approx(least)
    n = 20_000
    noise = random.chisquare(free, n) / free
    estimate = effect + random.standard_normal((n, terms)) @ root.T
    value = (estimate @ np.linalg.inv(covariance) * estimate).sum(axis=1) / terms / noise
    found = (stats.f.sf(value, terms, free) < 0.005).mean()
    assert found == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / n))
