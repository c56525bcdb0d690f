"""Random numbers: evenly spread, unrelated to each other, and each belongs to its customer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from journeykit.errors import ArgumentError
from journeykit.simulate import draws as module
from journeykit.simulate.draws import Draws, Points, poisson

N = 100_000
DRAWS = Draws.of(np.arange(N), seed=3)


def serial(x: np.ndarray, y: np.ndarray) -> float:
    """p-value of a chi-square test that pairs fill 16 x 16 cells evenly."""
    cells = np.floor(16 * x).astype(int) * 16 + np.floor(16 * y).astype(int)
    return float(stats.chisquare(np.bincount(cells, minlength=256)).pvalue)


@pytest.mark.parametrize("number", [0, 1, 77, 123_456_789])
def test_uniform_numbers_are_even(number: int) -> None:
    drawn = DRAWS.uniform("x", number=number)
    assert drawn.min() > 0
    assert drawn.max() < 1
    assert stats.kstest(drawn, "uniform").pvalue > 1e-3
    # Also in the low bits, which a bad scrambler leaves in order.
    low = (drawn * 2**40) % 1
    assert stats.kstest(low, "uniform").pvalue > 1e-3


def test_neighbours_are_unrelated_whichever_way_one_goes() -> None:
    x = DRAWS.uniform("x")
    pairs = {
        "customers": (x[:-1], x[1:]),
        "streams": (x, DRAWS.uniform("y")),
        "numbers": (x, DRAWS.uniform("x", number=1)),
        "seeds": (x, Draws.of(np.arange(N), seed=4).uniform("x")),
        "far numbers": (x, DRAWS.uniform("x", number=2**32)),
        "customer against number": (x[1:], DRAWS.uniform("x", number=1)[:-1]),
    }
    p_values = {name: serial(*pair) for name, pair in pairs.items()}
    assert min(p_values.values()) > 1e-3, p_values


def test_one_customer_s_numbers_are_even_and_unrelated() -> None:
    drawn = DRAWS.uniform("x", who=np.full(N, 17), number=np.arange(N))
    assert stats.kstest(drawn, "uniform").pvalue > 1e-3
    assert serial(drawn[:-1], drawn[1:]) > 1e-3


def test_a_number_belongs_to_its_customer_whoever_else_is_drawn() -> None:
    few = Draws.of(np.array([5, 900]), seed=3)
    assert few.uniform("x", number=4).tolist() == DRAWS.uniform("x", number=4)[[5, 900]].tolist()
    asked = DRAWS.uniform("x", who=np.array([900, 5, 900]), number=np.array([4, 4, 5]))
    assert asked[:2].tolist() == few.uniform("x", number=4)[::-1].tolist()
    assert asked[2] == few.uniform("x", number=5)[1]


def test_the_largest_and_the_smallest_number_stay_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    for bits in (0, 2**64 - 1):
        monkeypatch.setattr(
            module, "mix", lambda x, bits=bits, **_: np.full(np.shape(x), bits, np.uint64)
        )
        drawn = DRAWS.uniform("x")[0]
        assert 0 < drawn < 1
        assert np.isfinite(DRAWS.normal("x")[0])
        assert DRAWS.exponential("x")[0] > 0


def test_normal_and_exponential_numbers_follow_their_laws() -> None:
    assert stats.kstest(DRAWS.normal("z"), "norm").pvalue > 1e-3
    assert stats.kstest(DRAWS.exponential("z"), "expon").pvalue > 1e-3


def test_choices_have_their_shares() -> None:
    n = np.bincount(DRAWS.choice("c", [2, 0, 5, 3]), minlength=4)
    assert n[1] == 0
    assert stats.chisquare(n[[0, 2, 3]], np.array([0.2, 0.5, 0.3]) * N).pvalue > 1e-3


@given(
    st.floats(0, 599),
    st.lists(
        st.floats(1e-12, 1 - 1e-12, exclude_min=True, exclude_max=True), min_size=1, max_size=30
    ),
)
def test_poisson_inverts_the_distribution_function(mean: float, uniform: list[float]) -> None:
    """At any number the count is SciPy's quantile, but where the number lies on a step."""
    u = np.array(uniform)
    count = poisson(u, mean)
    slack = 1e-12
    assert (stats.poisson.ppf(u - slack, mean) <= count).all()
    assert (count <= stats.poisson.ppf(np.minimum(u + slack, 1 - 1e-16), mean)).all()


@pytest.mark.parametrize("mean", [0.01, 0.5, 3, 40, 599])
def test_poisson_counts_are_scipy_s_and_have_mean_and_variance(mean: float) -> None:
    u = DRAWS.uniform("p")
    count = poisson(u, mean)
    assert (count == stats.poisson.ppf(u, mean)).all()
    assert abs(count.mean() - mean) < 4 * (mean / N) ** 0.5
    assert abs(count.var() - mean) < 4 * ((mean + 2 * mean**2) / N) ** 0.5


def test_the_very_last_number_gives_a_count_that_can_be() -> None:
    """Rounding may keep the sum of all terms below it: the search ends where the sum stands."""
    last = np.full(4, 1 - 2.0**-53)
    assert (poisson(last, [0.0, 1.0, 20.0, 600.0]) <= [0, 25, 80, 900]).all()


def test_a_mean_beyond_reach_is_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        poisson(np.array([0.5]), 700.2)
    assert str(caught.value) == (
        "A customer may have at most 600 events of a kind on average; the parameters make it 700: "
        "lower the rate."
    )


def test_points_are_a_poisson_process() -> None:
    begin, end = np.arange(N) % 7.0, 10.0
    points = DRAWS.points("p", 0.6, begin, end)
    n = np.bincount(points.who, minlength=N)
    mean = 0.6 * (end - begin)
    assert abs(n.sum() - mean.sum()) < 4 * mean.sum() ** 0.5
    assert (((n - mean) ** 2).sum() - mean.sum()) / mean.sum() == pytest.approx(0, abs=0.02)
    place = (points.time - begin[points.who]) / (end - begin[points.who])
    assert stats.kstest(place, "uniform").pvalue > 1e-3
    assert stats.kstest(points.height, "uniform").pvalue > 1e-3
    assert serial(place, points.height) > 1e-3
    assert (np.diff(points.who) >= 0).all()
    assert len(DRAWS.points("p", 0.6, end, begin).who) == 0


def named(points: Points) -> dict[tuple[int, int], tuple[float, float]]:
    """Time and height of each point, by customer and number."""
    keys = zip(points.who.tolist(), points.number.tolist(), strict=True)
    found = dict(
        zip(keys, zip(points.time.tolist(), points.height.tolist(), strict=True), strict=True)
    )
    assert len(found) == len(points.who)
    return found


@given(st.floats(0, 40), st.floats(0, 40))
def test_a_lower_bound_takes_away_only_the_highest(one: float, other: float) -> None:
    some = Draws.of(np.arange(60), seed=1)
    low, high = sorted([one, other])
    few, many = (some.candidates("p", 0.1, 0.0, 10.0, bound) for bound in (low, high))
    kept = named(few.keep(few.height < low))
    assert kept == named(many.keep(many.height < low))


def test_a_bound_of_one_s_own_is_as_good_as_the_largest() -> None:
    bound = np.tile([0.0, 0.7, 3.0, 9.0], 500)
    some = Draws.of(np.arange(2000), seed=1)
    own, largest = (some.candidates("p", 0.1, 0.0, 10.0, b) for b in (bound, 9.0))
    assert named(own.keep(own.height < bound[own.who])) == named(
        largest.keep(largest.height < bound[largest.who])
    )
    assert not (own.who % 4 == 0).any()


def test_thinning_gives_the_rate_of_the_factor() -> None:
    """Rate 0.05 (1 + t) on [0, 10): 3 points a customer on average."""
    points = DRAWS.candidates("p", 0.05, 0.0, 10.0, 11.0)
    kept = points.keep(points.height < 1 + points.time)
    assert abs(len(kept.who) - 3 * N) < 4 * (3 * N) ** 0.5
    place = (kept.time + kept.time**2 / 2) / 60
    assert stats.kstest(place, "uniform").pvalue > 1e-3
