from __future__ import annotations

import numpy as np
import pytest

from journeykit import attribution
from journeykit.errors import ArgumentError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY


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
