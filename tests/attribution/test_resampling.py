from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal
from scipy.sparse import csr_array

from journeykit import attribution
from journeykit.attribution import resampling
from journeykit.attribution.credit import share
from journeykit.attribution.removal import _steps, removal_effects
from journeykit.attribution.resampling import percentile_interval, replicated
from journeykit.attribution.rule_based import MODELS, _credit_tables
from journeykit.attribution.touch_paths import touch_paths
from journeykit.counts import path_counts
from journeykit.journeys import Journeys
from tests.attribution.example import OUTCOMES

WORLDS, CUSTOMERS = 1000, 150


def world_names(channels: str) -> tuple[str, ...]:
    return (*(f"{name}{world:04d}" for name in channels for world in range(WORLDS)), "buy")


def worlds(seed: int) -> Journeys:
    """Simulate converting journeys of one touch, channel a or b, in worlds of their own.

    A customer converts 1 + Poisson(1.5) times and prefers a with a probability of Beta(0.6, 1.4),
    so conversions of a customer are alike and the true share of a is 0.3.
    """
    random = np.random.default_rng(seed)
    world = np.repeat(np.arange(WORLDS), CUSTOMERS)
    times = 1 + random.poisson(1.5, size=len(world))
    prefers_a = random.beta(0.6, 1.4, size=len(world))
    customer = np.repeat(np.arange(len(world)), times)
    b = random.random(len(customer)) >= prefers_a[customer]
    touchpoint = np.full((len(customer), 2), 2 * WORLDS, dtype=np.uint16)
    touchpoint[:, 0] = world[customer] + WORLDS * b
    n = len(customer)
    return Journeys(
        names=world_names("ab"),
        touchpoint=touchpoint.ravel(),
        start=np.arange(0, 2 * n + 1, 2),
        customer_index=customer,
        customer_id=pa.array(np.arange(len(world))),
        attributes=pa.table(
            {
                "outcome": ["converted"] * n,
                "outcome_value": np.zeros(n),
                "edge": np.zeros(n, dtype=bool),
            }
        ),
    )


def one_channel_pair(customers: int) -> Journeys:
    every = worlds(seed=8)
    some = every.take(every.customer_index < customers)
    return some.relabel(patterns={r"(a|b)\d+": r"\1"})


def test_intervals_cover_the_truth_where_customers_convert_often() -> None:
    paths = touch_paths(worlds(seed=5))
    last = _credit_tables(paths)[MODELS.index("last")]

    def shares(sums: np.ndarray) -> np.ndarray:
        by_world = sums[:, :-1].reshape(-1, 2, WORLDS).swapaxes(1, 2)
        return share(by_world)[:, :, 0]

    draws = replicated(paths, last, shares, replicates=200, seed=1)
    low, high = percentile_interval(draws, confidence=0.95)
    covered = ((low <= 0.3) & (high >= 0.3)).mean()
    assert 0.93 <= covered <= 0.97
    # Conversions taken as independent would claim too much: clustering is what is tested here.
    estimate = shares((paths.n @ last)[None, :])[0]
    n = (paths.n @ last)[:-1].reshape(2, WORLDS).sum(axis=0)
    naive = 1.96 * np.sqrt(estimate * (1 - estimate) / n)
    assert (np.abs(estimate - 0.3) <= naive).mean() < 0.9


def chains(seed: int, customers: int) -> Journeys:
    """Simulate journeys of several touches in worlds of their own, channels a, b and c.

    A customer has 1 + Poisson(1.5) journeys of 1 + Poisson(1.2) touches, all drawn by the
    customer's own taste; having met a adds .25 to a chance of .1 to convert, having met b .1.
    """
    random = np.random.default_rng(seed)
    taste = random.dirichlet([1, 0.8, 0.6], WORLDS * customers).cumsum(axis=1)
    customer = np.repeat(np.arange(len(taste)), 1 + random.poisson(1.5, len(taste)))
    n = len(customer)
    touches = 1 + random.poisson(1.2, n)
    journey = np.repeat(np.arange(n), touches)
    channel = (random.random(len(journey))[:, None] >= taste[customer[journey], :2]).sum(axis=1)
    met = np.zeros((n, 3), dtype=bool)
    met[journey, channel] = True
    converted = random.random(n) < 0.1 + met @ [0.25, 0.1, 0.0]
    start = np.concatenate([[0], np.cumsum(touches + converted)])
    touchpoint = np.full(start[-1], 3 * WORLDS, dtype=np.uint16)
    is_touch = np.ones(len(touchpoint), dtype=bool)
    is_touch[start[1:][converted] - 1] = False
    touchpoint[is_touch] = channel * WORLDS + customer[journey] // customers
    return Journeys(
        names=world_names("abc"),
        touchpoint=touchpoint,
        start=start,
        customer_index=customer,
        customer_id=pa.array(np.arange(len(taste))),
        attributes=pa.table(
            {
                "outcome": np.where(converted, "converted", "abandoned"),
                "outcome_value": np.zeros(n),
                "edge": np.zeros(n, dtype=bool),
            }
        ),
    )


def test_markov_intervals_cover_the_share_of_the_whole_population() -> None:
    paths = touch_paths(chains(seed=2, customers=400))
    one_world = replace(paths, channels=("a", "b", "c"), touch=paths.touch // WORLDS)
    steps = _steps(one_world).tocoo()
    pooled = (paths.n @ steps).reshape(4, 5)
    truth = share(removal_effects(pooled))
    cells = steps.col + 20 * (paths.touch[paths.start[:-1]] % WORLDS)[steps.row]
    by_world = csr_array((steps.data, (steps.row, cells)), shape=(len(paths.n), 20 * WORLDS))

    def shares(sums: np.ndarray) -> np.ndarray:
        effects = removal_effects(sums.reshape(-1, WORLDS, 4, 5))
        return share(effects).reshape(len(sums), -1)

    draws = replicated(paths, by_world, shares, replicates=200, seed=0)
    low, high = (bound.reshape(WORLDS, 3) for bound in percentile_interval(draws, confidence=0.95))
    covered = ((low <= truth) & (truth <= high)).mean(axis=0)
    assert ((covered >= 0.93) & (covered <= 0.97)).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (OUTCOMES, path_counts(OUTCOMES)):
        whole = attribution.markov(data, replicates=50).frame
        with monkeypatch.context() as patch:
            patch.setattr(resampling, "_BLOCK", 1)
            one_by_one = attribution.markov(data, replicates=50).frame
        assert_frame_equal(whole, one_by_one)


def test_the_seed_decides() -> None:
    data = one_channel_pair(customers=300)
    first, again, other = (
        attribution.rules(data, seed=seed, replicates=50).frame for seed in (1, 1, 2)
    )
    assert_frame_equal(first, again, check_exact=True)
    columns = ["conf_low", "conf_high"]
    assert not first[columns].equals(other[columns])
    assert first.drop(columns=columns).equals(other.drop(columns=columns))


def test_path_counts_are_as_uncertain_as_customers_with_one_journey() -> None:
    data = one_channel_pair(customers=2000)
    each = data.replace(customer_index=None, customer_id=None)
    n = len(data)
    for given_data in (each, path_counts(data)):
        first_row = attribution.rules(given_data, replicates=1000).frame.iloc[0]
        width = first_row["conf_high"] - first_row["conf_low"]
        assert width == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / n), rel=0.12)


def test_percentiles_worked_by_hand() -> None:
    draws = np.array([[0.0, 0.5, np.nan], [1.0, 0.5, np.nan], [2.0, 0.5, np.nan], [np.nan] * 3])
    low, high = percentile_interval(draws, confidence=0.5)
    assert low.tolist() == pytest.approx([0.0, np.nan, np.nan], nan_ok=True)
    assert high.tolist() == pytest.approx([2.0, np.nan, np.nan], nan_ok=True)
