from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from journeykit.simulate.draws import Draws
from journeykit.simulate.parts.leaving import Felt, Leaving, leave

N = 8_000


def felt(*events: tuple[float, tuple[float, float], float, float]) -> Felt:
    """Return that everybody feels events: time, log ratios, window and half-life in days."""
    return Felt.together(
        [
            Felt(
                np.arange(N),
                np.full(N, time),
                np.tile(ratios, (N, 1)),
                np.full(N, window),
                np.full(N, half_life),
            )
            for time, ratios, window, half_life in events
        ],
        destinations=2,
    )


def drawn(rate: tuple[float, float], what: Felt, *, horizon: float = 1e3) -> Leaving:
    draws = Draws.of(np.arange(N), seed=5)
    return leave(draws, "test", np.tile(rate, (N, 1)), np.zeros(N), what, horizon=horizon)


EVENTS = [
    [],
    [(5.0, (1.2, 1.2), 10.0, 0.0)],
    [(5.0, (-1.5, -1.5), 10.0, 0.0), (8.0, (-1.0, 2.0), 20.0, 0.0)],
    [(2.0, (2.0, 0.0), 20.0, 4.0), (4.0, (0.9, 0.5), 6.0, 0.0), (6.0, (1.5, -2.0), 30.0, 3.0)],
]


@pytest.mark.parametrize("events", EVENTS)
def test_cumulative_hazards_at_leaving_are_exponential(
    events: list[tuple[float, tuple[float, float], float, float]],
) -> None:
    """The time-change theorem, hazards integrated on a fine grid: n = 8,000, KS at 1e-4."""
    rate = (0.03, 0.02)
    left = drawn(rate, felt(*events))
    grid = np.arange(0.0, 1000.0, 0.01) + 0.005
    cumulative, hazards = np.zeros(len(grid) + 1), []
    for to in range(2):
        log = np.zeros(len(grid))
        for time, ratios, window, half_life in events:
            age = grid - time
            decay = 0.5 ** (age / half_life) if half_life else np.ones(len(grid))
            log += np.where((age > 0) & (age <= window), ratios[to] * decay, 0.0)
        hazards.append(rate[to] * np.exp(log))
        cumulative[1:] += np.cumsum(hazards[to]) * 0.01
    at = np.interp(left.time, np.arange(len(cumulative)) * 0.01, cumulative)
    assert kstest(at, "expon").pvalue > 1e-4
    assert abs(at.mean() - 1) < 4 / np.sqrt(N)
    # Where to: the share of the hazard at the time of leaving.
    place = (left.time / 0.01).astype(int)
    share = hazards[1][place] / (hazards[0] + hazards[1])[place]
    z = (left.destination - share).sum() / np.sqrt((share * (1 - share)).sum())
    assert abs(z) < 4


def test_nobody_leaves_without_a_rate_or_before_the_beginning() -> None:
    left = drawn((0.0, 0.0), felt((5.0, (3.0, 3.0), 10.0, 0.0)))
    assert np.isinf(left.time).all()
    assert (left.destination == -1).all()
    soon = drawn((1e4, 0.0), felt(), horizon=1e-2)
    assert (soon.time >= 1 / 86_400).all()


def test_the_horizon_only_cuts() -> None:
    """Those who have not left at 20 days, of cumulative hazard 1."""
    left = drawn((0.03, 0.02), felt(), horizon=20.0)
    assert abs(np.isinf(left.time).mean() - np.exp(-1)) < 4 * 0.482 / np.sqrt(N)


def test_a_lower_effect_keeps_the_leavers_it_keeps() -> None:
    """Thinning: with a smaller factor nobody leaves sooner, and a destination without it never."""
    low = drawn((0.03, 0.02), felt((5.0, (0.5, 0.0), 10.0, 0.0)))
    high = drawn((0.03, 0.02), felt((5.0, (1.5, 0.0), 10.0, 0.0)))
    assert (high.time <= low.time).all()
    changed = high.time < low.time
    assert (high.destination[changed] == 0).all()
    assert ((high.time[changed] > 5) & (high.time[changed] <= 15)).all()
    # Leaving between days 5 and 15: 1 - exp(-10 (0.03 exp(b) + 0.02)) of those there.
    for left, b in ((low, 0.5), (high, 1.5)):
        there = left.time > 5
        p = 1 - np.exp(-10 * (0.03 * np.exp(b) + 0.02))
        z = ((left.time[there] <= 15).mean() - p) / np.sqrt(p * (1 - p) / there.sum())
        assert abs(z) < 4


def test_certain_leavers_cost_no_more_candidates_than_can_be_drawn() -> None:
    """A rate of 5 a day over 1,000 days with a factor of 150: they leave within days."""
    left = drawn((5.0, 0.0), felt((0.05, (5.0, 0.0), 900.0, 0.0)))
    assert left.time.max() < 0.1
    assert abs(np.mean(left.time > 0.05) - np.exp(-0.25)) < 4 * 0.415 / np.sqrt(N)
