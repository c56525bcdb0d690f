from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.attribution.experiments.combining import FARTHEST, predict, ratios, shrink

WORLDS = 1000
SCENARIOS = (
    "unbiased",
    "all up 4 errors",
    "one up 4 errors",
    "twice",
    "all up 1.5 errors",
    "noisy",
)


def world_of(scenario: str, k: int, *, seed: int) -> tuple[np.ndarray, ...]:
    """Return true increments, experiments, their errors and credits, each (WORLDS, k).

    Increments and errors are fixed; credits have a sampling error of .3 experiment errors,
    of 2 where noisy.
    """
    random = np.random.default_rng(seed)
    true = np.exp(random.normal(5, 0.6, k)) * np.ones((WORLDS, 1))
    error = np.exp(random.normal(np.log(30), 0.2, k)) * np.ones((WORLDS, 1))
    expected = true.copy()
    if scenario == "all up 4 errors":
        expected += 4 * error
    if scenario == "all up 1.5 errors":
        expected += 1.5 * error
    if scenario == "one up 4 errors":
        expected[:, 0] += 4 * error[:, 0]
    if scenario == "twice":
        expected *= 2
    own = 2 if scenario == "noisy" else 0.3
    credit = expected + own * error * random.normal(size=true.shape)
    return true, true + error * random.normal(size=true.shape), error, credit


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_error_is_at_most_that_of_the_experiments_alone(k: int, scenario: str) -> None:
    true, increment, error, credit = world_of(scenario, k, seed=4)
    estimate = shrink(increment, error, credit).estimate
    ours, alone = (estimate - true) ** 2, (increment - true) ** 2
    # In conversions, and each channel in units of its experiment's error.
    assert ours.mean() <= alone.mean()
    assert (ours / error**2).mean() <= (alone / error**2).mean()
    if k < 4:
        assert (estimate == increment).all()
    covered = (np.abs(increment - true) <= FARTHEST * error).mean()
    assert 0.93 <= covered <= 0.97
    # No estimate leaves the interval.
    assert (np.abs(estimate - increment) <= FARTHEST * error * (1 + 1e-12)).all()


def test_a_right_model_helps_and_a_wrong_scale_does_not_matter() -> None:
    share = {}
    for scenario in ("unbiased", "twice"):
        true, increment, error, credit = world_of(scenario, 8, seed=4)
        estimate = shrink(increment, error, credit).estimate
        share[scenario] = ((estimate - true) ** 2).mean() / ((increment - true) ** 2).mean()
    assert share["unbiased"] < 0.7
    assert share["twice"] < 0.7


@pytest.mark.parametrize("size", [0.5, 1, 2, 3, 4, 6, 10])
def test_no_size_of_bias_harms_in_a_direction_of_its_own(size: float) -> None:
    random = np.random.default_rng(11)
    worlds, k = 20_000, 5
    true = np.array([100.0, 150, 200, 250, 300])
    error = np.array([20.0, 25, 20, 25, 20])
    bias = size * error * np.array([1.0, -1, 1, -1, 0])
    increment = true + error * random.normal(size=(worlds, k))
    estimate = shrink(increment, error * np.ones((worlds, 1)), np.tile(true + bias, (worlds, 1)))
    gain = (increment - true) ** 2 - (estimate.estimate - true) ** 2
    for counted in (gain.sum(axis=1), (gain / error**2).sum(axis=1)):
        assert counted.mean() > -2 * counted.std() / np.sqrt(worlds)


def test_worked_by_hand() -> None:
    # Along (1, 1, 1, 1): the mean 13 stays; the rest is (-3, 1, 1, 1), squares 12 in errors of 1.
    increment, ones = np.array([10.0, 14, 14, 14]), np.ones(4)
    told = shrink(increment, ones, ones)
    assert told.weight == pytest.approx(1 / 12)
    assert told.estimate == pytest.approx([10.25, 14 - 1 / 12, 14 - 1 / 12, 14 - 1 / 12])
    # Errors of 2: the rest is half as long in their units, the weight four times as large.
    assert shrink(increment, 2 * ones, ones).weight == pytest.approx(1 / 3)
    # Less than c in all: nothing is left of the rest.
    assert shrink(increment, 12 * ones, ones).estimate == pytest.approx(np.full(4, 13.0))


def test_one_error_above_all_others_leaves_the_experiments_alone() -> None:
    increment, error = np.array([10.0, 14, 14, 14]), np.array([100.0, 1, 1, 1])
    told = shrink(increment, error, np.ones(4))
    assert told.weight == 0
    assert told.estimate.tolist() == increment.tolist()


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0.5, 5), st.floats(1, 60)), min_size=4,
             max_size=9),
    st.floats(0.1, 10),
)  # fmt: skip
def test_scale_of_credits_and_unit_of_conversions_do_not_matter(
    channels: list[tuple[float, float, float]], factor: float
) -> None:
    increment, error, credit = np.array(channels).T
    told = shrink(increment, error, credit)
    assert shrink(increment, error, factor * credit).estimate == pytest.approx(told.estimate)
    scaled = shrink(factor * increment, factor * error, credit).estimate
    assert scaled == pytest.approx(factor * told.estimate)
    assert (np.abs(told.estimate - increment) <= FARTHEST * error * (1 + 1e-9)).all()


def untested_worlds(k: int, spread: float, *, seed: int) -> tuple[np.ndarray, ...]:
    """Return the true increment of one untested channel, and what is known of it."""
    random = np.random.default_rng(seed)
    expected = np.exp(random.normal(5, 0.6, (WORLDS, k + 1)))
    true = 0.6 * (1 + spread * random.normal(size=expected.shape)) * expected
    credit = expected * (1 + 0.05 * random.normal(size=expected.shape))
    error = np.full((WORLDS, k), 0.2 * 0.6 * np.exp(5))
    increment = true[:, :k] + error * random.normal(size=error.shape)
    known = ratios(increment, error, credit[:, :k], 0.05 * expected[:, :k])
    told = predict(known, credit[:, k:], 0.05 * expected[:, k:], confidence=0.95)
    return true[:, k], told.low[:, 0], told.high[:, 0], told.estimate[:, 0]


@pytest.mark.parametrize(("k", "spread"), [(4, 0.0), (4, 0.3), (4, 1.0), (8, 0.3), (8, 1.0)])
def test_predictions_of_untested_channels_cover(k: int, spread: float) -> None:
    true, low, high, estimate = untested_worlds(k, spread, seed=2)
    assert ((low <= true) & (true <= high)).mean() >= 0.93
    assert ((low < estimate) & (estimate < high)).all()


def test_predictions_near_the_normal_ones_where_much_is_known() -> None:
    # 400 channels tested without error: ratios 1 and 3 in turn, mean 2, standard deviation 1.
    increment, ones = np.tile([1.0, 3.0], 200), np.ones(400)
    known = ratios(increment, 1e-3 * ones, ones, 0 * ones)
    told = predict(known, np.array([10.0, -10.0]), np.zeros(2), confidence=0.95)
    assert known.ratio == pytest.approx(2)
    assert known.typical_spread == pytest.approx(1, abs=0.02)
    assert told.estimate == pytest.approx([20, -20])
    assert told.high[0] == pytest.approx(20 + 19.6, abs=0.3)
    assert told.low == pytest.approx([20 - 19.6, -20 - 19.6], abs=0.3)
    # The model's own error is part of the prediction: 2 * 5 beside a spread of 10.
    wider = predict(known, np.array([10.0]), np.array([5.0]), confidence=0.95)
    assert wider.std_error == pytest.approx(np.hypot(10, 10), abs=0.1)


def test_spread_is_averaged_over_as_a_fine_sum_would() -> None:
    shown, v = np.array([0.2, 0.5, 0.6, 1.1]), np.array([0.01, 0.02, 0.01, 0.04])
    known = ratios(shown, np.sqrt(v), np.ones(4), np.zeros(4))
    t = np.linspace(1e-6, 60, 600_000)[:, None]
    w = 1 / (v + t**2)
    mean = (w * shown).sum(1) / w.sum(1)
    height = np.sqrt(((t * w) ** 2).sum(1)) * np.sqrt(w.prod(1) / w.sum(1))
    height *= np.exp(-(w * (shown - mean[:, None]) ** 2).sum(1) / 2)
    assert known.ratio == pytest.approx((height * mean).sum() / height.sum(), rel=1e-3)
    middle = t[np.searchsorted(np.cumsum(height), height.sum() / 2), 0]
    assert known.typical_spread == pytest.approx(middle, rel=0.02)
