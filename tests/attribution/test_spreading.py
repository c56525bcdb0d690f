from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from journeykit.attribution.effects import REMOVALS, Removal, effects_of
from journeykit.attribution.spreading import (
    NORMALISATIONS,
    Normalisation,
    jackknife_error,
    logit_interval,
    share_slope,
    spread,
)
from journeykit.attribution.touch_paths import Customers, TouchPaths, touch_paths
from journeykit.counts import path_counts_from_frame
from tests.attribution.example import OUTCOMES
from tests.attribution.small_chains import table
from tests.attribution.test_resampling import WORLDS, chains

WAYS = list(product(REMOVALS, NORMALISATIONS))


def shares(
    paths: TouchPaths, removal: Removal, normalisation: Normalisation, order: int = 2
) -> np.ndarray:
    effects = effects_of(paths, order=order, removal=removal, convention="padded")
    return spread(paths, effects.effect, normalisation).share


def test_by_path_worked_by_hand() -> None:
    frame = pd.DataFrame({"path": ["a > b > a", "b", ""], "yes": [4, 2, 1], "worth": [40, 3, 5]})
    counts = path_counts_from_frame(frame, conversions="yes", value="worth")
    by_path = spread(touch_paths(counts), np.array([0.6, 0.2]), "path")
    assert by_path.conversions == pytest.approx([3, 3, 1])
    assert by_path.value == pytest.approx([30, 13, 5])
    assert by_path.share == pytest.approx([3 / 7, 3 / 7, 1 / 7])
    whole = spread(touch_paths(counts), np.array([0.6, 0.2]), "global")
    assert whole.conversions == pytest.approx([4.5, 1.5, 1])
    raw = spread(touch_paths(counts), np.array([0.6, 0.2]), "raw")
    assert raw.conversions == pytest.approx([3.6, 1.2, 1])
    assert raw.value == pytest.approx([0.6 * 43, 0.2 * 43, 5])
    # A path without any effect is split alike.
    alike = spread(touch_paths(counts), np.array([0.0, 0.0]), "path")
    assert alike.conversions == pytest.approx([2, 4, 1])


@pytest.mark.parametrize(("removal", "normalisation"), WAYS)
def test_slopes_are_those_of_a_little_more_of_each_path(
    removal: Removal, normalisation: Normalisation
) -> None:
    for paths in (*(touch_paths(table(seed)) for seed in range(6)), touch_paths(OUTCOMES)):
        for order in (1, 3):
            effects = effects_of(paths, order=order, removal=removal, convention="padded")
            slope = share_slope(paths, effects, normalisation)
            for row in range(len(paths.n)):
                step = np.zeros(len(paths.n))
                step[row] = 1e-6
                more, less = (
                    shares(replace(paths, n=paths.n + by), removal, normalisation, order)
                    for by in (step, -step)
                )
                assert np.abs((more - less) / 2e-6 - slope[row]).max() < 1e-7


@pytest.fixture(scope="module")
def clustered() -> TouchPaths:
    """3,000 customers of one world, several journeys each, channels a, b and c."""
    every = chains(seed=4, customers=3)
    return touch_paths(every.relabel(patterns={r"(a|b|c)\d+": r"\1"}))


@pytest.mark.parametrize(("removal", "normalisation"), WAYS)
def test_errors_are_those_of_100_bootstrap_replicates(
    clustered: TouchPaths, removal: Removal, normalisation: Normalisation
) -> None:
    weights = clustered.resample(range(100), seed=3)
    draws = [
        shares(replace(clustered, n=weights[:, r]), removal, normalisation) for r in range(100)
    ]
    effects = effects_of(clustered, order=2, removal=removal, convention="padded")
    slope = share_slope(clustered, effects, normalisation)
    spread_of_draws = np.std(draws, axis=0, ddof=1)[:3]
    # Of 100 draws a standard deviation has a standard error of 7 %.
    assert jackknife_error(clustered, slope)[:3] == pytest.approx(spread_of_draws, rel=0.22)


def test_customers_are_the_unit(clustered: TouchPaths) -> None:
    effects = effects_of(clustered, order=2, removal="to_null", convention="padded")
    slope = share_slope(clustered, effects, "global")
    apart = jackknife_error(replace(clustered, customers=None), slope)[:3]
    assert (jackknife_error(clustered, slope)[:3] > 1.1 * apart).all()
    # What all customers add sums to nothing: twice the customers have the same shares.
    assert np.abs(clustered.n @ slope).max() < 1e-12


def test_logit_interval_worked_by_hand() -> None:
    low, high = logit_interval(
        np.array([0.5, 0.0, 1.0, 0.3]), np.array([0.1, 0.2, 0.2, 0.0]), confidence=0.95
    )
    odds = np.exp(1.959964 * 0.4)
    assert low == pytest.approx([1 / (1 + odds), *[np.nan] * 3], nan_ok=True)
    assert high == pytest.approx([odds / (1 + odds), *[np.nan] * 3], nan_ok=True)


def one_of(pooled: TouchPaths, world: int, customers: int) -> TouchPaths:
    """Take the paths of one world; worlds share no channel and no customer."""
    row = np.flatnonzero(pooled.touch[pooled.start[:-1]] % WORLDS == world)
    touch = [pooled.touch[pooled.start[r] : pooled.start[r + 1]] // WORLDS for r in row]
    assert pooled.customers is not None
    own = slice(world * customers, (world + 1) * customers)
    return replace(
        pooled,
        channels=("a", "b", "c"),
        touch=np.concatenate(touch),
        start=np.concatenate([[0], np.cumsum(pooled.length[row])]),
        converted=pooled.converted[row],
        edge=pooled.edge[row],
        n=pooled.n[row],
        value=pooled.value[row],
        customers=Customers(pooled.customers.journeys[row][:, own], pooled.customers.hashed[own]),
    )


def test_intervals_cover_the_share_of_the_whole_population() -> None:
    pooled = touch_paths(chains(seed=2, customers=400))
    together = replace(pooled, channels=("a", "b", "c"), touch=pooled.touch // WORLDS)
    worlds = [one_of(pooled, world, customers=400) for world in range(400)]
    ways: list[tuple[Removal, Normalisation]] = [
        ("to_null", "global"), ("reconnect", "path"), ("participation", "raw"),
    ]  # fmt: skip
    for removal, normalisation in ways:
        truth = shares(together, removal, normalisation)
        covered = []
        for paths in worlds:
            effects = effects_of(paths, order=2, removal=removal, convention="padded")
            low, high = logit_interval(
                spread(paths, effects.effect, normalisation).share,
                jackknife_error(paths, share_slope(paths, effects, normalisation)),
                confidence=0.95,
            )
            covered.append((low <= truth)[:3] & (truth <= high)[:3])
        assert 0.93 <= np.mean(covered) <= 0.97
