from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, special

from journeykit.survival.buying.bg_nbd import BgNbd
from journeykit.survival.buying.models import (
    BuyingModel,
    Seen,
    expected,
    expected_new,
    variance,
)
from journeykit.survival.buying.pareto_nbd import ParetoNbd

Array = NDArray[np.float64]

BG = np.log([0.242595, 4.413602, 0.792922, 2.425907])
PARETO = np.log([0.553277, 10.577683, 0.606240, 11.668735])
BOTH = [(BgNbd(), BG), (ParetoNbd(), PARETO)]
SEEN = Seen(
    np.array([0.0, 0.0, 1.0, 2.0, 5.0, 26.0, 400.0]),
    np.array([0.0, 0.0, 0.3, 30.43, 12.0, 30.86, 38.0]),
    np.array([0.0, 38.9, 38.9, 38.86, 38.9, 31.0, 38.9]),
)


def one(x: float, last: float, end: float) -> Seen:
    return Seen(np.array([x]), np.array([last]), np.array([end]))


def test_published_values_of_single_customers() -> None:
    # The documentation of R's package BTYD, CDNOW's customer 1516 and one of many purchases.
    year = np.array([52.0])
    pareto = ParetoNbd()
    assert expected_new(pareto, PARETO, year) == pytest.approx([1.473434], abs=2e-5)
    assert expected(pareto, PARETO, one(26, 30.86, 31), year) == pytest.approx([25.45647], abs=1e-3)
    assert pareto.alive(PARETO, one(26, 30.86, 31)) == pytest.approx([0.9979], abs=1e-4)
    bg = BgNbd()
    assert expected_new(bg, BG, year) == pytest.approx([1.4440], abs=1e-3)
    assert expected(bg, BG, one(2, 30.42857, 38.85714), np.array([39.0])) == pytest.approx(
        [1.226], abs=1e-3
    )


@pytest.mark.parametrize(("model", "theta"), BOTH)
def test_the_gradient_is_that_of_the_likelihood(model: BuyingModel, theta: Array) -> None:
    _, slopes = model.log_likelihood(theta, SEEN)
    for parameter, h in enumerate(1e-5 * np.eye(4)):
        up, down = (model.log_likelihood(theta + move, SEEN)[0] for move in (h, -h))
        assert slopes[:, parameter] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("alpha", "beta"), [(10.6, 11.7), (0.02, 50.0), (50.0, 0.02)])
@pytest.mark.parametrize(
    ("x", "last", "end"), [(0, 0, 40), (1, 0.5, 40), (7, 30, 40), (90, 39, 40)]
)
def test_pareto_likelihood_is_its_integral(
    alpha: float, beta: float, x: int, last: float, end: float
) -> None:
    r, s = 0.55, 0.61

    def lived(u: float) -> float:
        return (alpha + u) ** -(r + x) * (beta + u) ** -(s + 1) * scale

    scale = (alpha + last) ** (r + x)
    points = last + (end - last) * np.array([1e-4, 1e-3, 1e-2, 1e-1])
    gone = s * integrate.quad(lived, last, end, points=points, limit=500, epsabs=0)[0]
    stays = (alpha + end) ** -(r + x) * (beta + end) ** -s * scale
    log = np.log(gone + stays) - np.log(scale)
    log += special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    theta = np.log([r, alpha, s, beta])
    found, _ = ParetoNbd().log_likelihood(theta, one(x, last, end))
    assert found == pytest.approx([log], rel=1e-9)
    alive = ParetoNbd().alive(theta, one(x, last, end))
    assert alive == pytest.approx([stays / (gone + stays)], rel=1e-8)


def test_bg_expectation_is_equation_10_of_the_paper() -> None:
    r, alpha, a, b = np.exp(BG)
    x, end, t = 3.0, 30.0, 52.0
    hyper = special.hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + end + t))
    paper = (a + b + x - 1) / (a - 1) * (1 - ((alpha + end) / (alpha + end + t)) ** (r + x) * hyper)
    found = BgNbd().mean_if_alive(BG, np.array([x]), np.array([end]), np.array([t]))
    assert found == pytest.approx([paper], rel=1e-9)
    # The paper's own formula has no value at a = 1; the integral runs through it smoothly.
    around = [
        BgNbd().mean_if_alive(
            np.log([r, alpha, near, b]), np.array([x]), np.array([end]), np.array([t])
        )[0]
        for near in (0.999, 1.0, 1.001)
    ]
    assert around[1] == pytest.approx((around[0] + around[2]) / 2, rel=1e-6)


@pytest.mark.parametrize(("model", "theta"), BOTH)
def test_counts_are_a_distribution_with_the_expected_mean(model: BuyingModel, theta: Array) -> None:
    end = np.array([0.0, 10.0, 39.0])
    chance = model.counts(theta, 400, end)
    assert chance.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-9)
    mean = chance @ np.arange(401)
    assert mean[1:] == pytest.approx(expected_new(model, theta, end[1:]), rel=1e-7)
    pairs = chance @ (np.arange(401) * (np.arange(401) - 1))
    nothing = np.zeros(2)
    assert pairs[1:] == pytest.approx(
        model.pairs_if_alive(theta, nothing, nothing, end[1:]), rel=1e-6
    )


@pytest.mark.parametrize(("model", "theta"), BOTH)
def test_the_future_agrees_with_simulated_customers(model: BuyingModel, theta: Array) -> None:
    """Among customers of one history, purchases to come have the mean and variance told."""
    seen, after = simulated(model.name, np.exp(theta), n=400_000, end=20.0, ahead=20.0, seed=3)
    for x, low, high in ((0, 0.0, 1.0), (1, 4.0, 6.0), (2, 15.0, 20.0)):
        like = (seen.x == x) & (seen.last >= low) & (seen.last <= high)
        rows = Seen(*(a[like] for a in seen))
        ahead = np.full(like.sum(), 20.0)
        mean, spread = expected(model, theta, rows, ahead), variance(model, theta, rows, ahead)
        error = np.sqrt(spread.mean() / like.sum())
        assert abs(after[like].mean() - mean.mean()) < 4 * error
        square = (after[like] - mean) ** 2
        assert abs(square.mean() - spread.mean()) < 4 * square.std() / np.sqrt(like.sum())


def simulated(
    name: str, parameters: Array, *, n: int, end: float, ahead: float, seed: int
) -> tuple[Seen, Array]:
    """What is seen of customers until `end`, and how often each buys in the `ahead` thereafter."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(parameters[0], 1 / parameters[1], n)
    life = np.full(n, np.inf)
    p = np.zeros(n)
    if name == "BG/NBD":
        p = rng.beta(parameters[2], parameters[3], n)
    else:
        life = rng.exponential(1 / rng.gamma(parameters[2], 1 / parameters[3], n))
    who, now = np.arange(n), np.zeros(n)
    x, last, after = np.zeros(n), np.zeros(n), np.zeros(n)
    with np.errstate(divide="ignore"):
        while len(who):
            now = now + rng.exponential(1 / np.maximum(rate[who], 1e-300))
            there = (now <= end + ahead) & (now <= life[who])
            who, now = who[there], now[there]
            early = now <= end
            x[who[early]] += 1
            last[who[early]] = now[early]
            after[who[~early]] += 1
            stays = rng.random(len(who)) >= p[who]
            who, now = who[stays], now[stays]
    return Seen(x, last, np.full(n, end)), after
