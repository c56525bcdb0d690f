from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

from journeykit.errors import ArgumentError
from journeykit.stats import Tallies, difference_of_shares


def tallies(*cells: tuple[list[tuple[int, int]], list[tuple[int, int]]]) -> Tallies:
    """Cells with contexts of their own; of each, (x, m) of its customers, then of the others.

    Customers are those of the same place in both lists: (0, 0) is nobody.
    """
    context, m, x = [], [], []
    for number, sides in enumerate(cells):
        pairs = np.array(sides)
        context += [number] * pairs.shape[1]
        x.append(pairs[:, :, 0].T)
        m.append(pairs[:, :, 1].T)
    every_m, every_x, of = np.concatenate(m), np.concatenate(x), np.array(context)
    there = every_m.sum(axis=1) > 0
    every_m, every_x, of = every_m[there], every_x[there], of[there]
    entry = np.flatnonzero(every_x.sum(axis=1))
    return Tallies(np.arange(len(cells)), of, every_m, of[entry], entry, every_x[entry])


def once(x1: int, n1: int, x2: int, n2: int) -> tuple[list[tuple[int, int]], ...]:
    """n1 customers of the first group, x1 with the event, and other customers of the second."""
    nobody = (0, 0)
    first = [(1, 1)] * x1 + [(0, 1)] * (n1 - x1) + [nobody] * n2
    second = [nobody] * n1 + [(1, 1)] * x2 + [(0, 1)] * (n2 - x2)
    return first, second


def test_customers_who_count_once_get_fishers_test_and_newcombes_interval() -> None:
    both = tallies(once(56, 70, 48, 80), once(9, 10, 3, 10))
    found = difference_of_shares(both)
    # Newcombe (1998), Table II, method 10: 56/70 - 48/80 is 0.2000, 0.0524 to 0.3339.
    assert found.estimate == pytest.approx([-0.2, -0.6])
    assert found.conf_low[0] == pytest.approx(-0.3339, abs=5e-5)
    assert found.conf_high[0] == pytest.approx(-0.0524, abs=5e-5)
    # The same table: 9/10 - 3/10 is 0.6000, 0.1705 to 0.8090.
    assert -found.conf_high[1] == pytest.approx(0.1705, abs=5e-5)
    assert -found.conf_low[1] == pytest.approx(0.8090, abs=5e-5)
    theirs = confint_proportions_2indep(9, 10, 3, 10, method="newcomb")
    assert (-found.conf_high[1], -found.conf_low[1]) == pytest.approx(theirs)
    one_sided = min(
        fisher_exact([[9, 1], [3, 7]], alternative=side).pvalue for side in ("less", "greater")
    )
    assert found.p_value[1] == pytest.approx(2 * one_sided)
    assert both.n_rarer().tolist() == [46, 8]
    assert both.n_with_event().tolist() == [104, 12]
    assert both.n_customers().tolist() == [[70, 80], [10, 10]]


def test_a_clustered_score_test_worked_by_hand() -> None:
    # First: two customers 2 of 2, 0 of 2. Second: 1 of 2, 1 of 2.
    sides = ([(2, 2), (0, 2), (0, 0), (0, 0)], [(0, 0), (0, 0), (1, 2), (1, 2)])
    found = difference_of_shares(tallies(sides))
    assert found.share[0].tolist() == [0.5, 0.5]
    assert found.p_value[0] == 1.0
    # 2/2 and 1/2 against 1/2 and 0/2: shares 3/4 and 1/4, P = 1/2. Residuals x - m / 2 are 1, 0,
    # 0, -1: their squares, 2, are those of independent steps, P(1 - P) 8 = 2, so rho is 0,
    # V = 2 * 0.25 * 4 / 16 = 1/8, and the statistic is -0.5 * sqrt(8) = -sqrt(2). What customers
    # add, (u) = 1/4, 0, 0, -1/4: two of them count, so one degree of freedom.
    sides = ([(2, 2), (1, 2), (0, 0), (0, 0)], [(0, 0), (0, 0), (1, 2), (0, 2)])
    found = difference_of_shares(tallies(sides))
    assert found.p_value[0] == pytest.approx(1 - 2 / np.pi * np.arctan(np.sqrt(2)))


def test_the_same_customers_twice_are_paired() -> None:
    # 100 customers; 40 did it both times, 45 never, 3 the first time only, 12 the second only.
    first = [(1, 1)] * 40 + [(0, 1)] * 45 + [(1, 1)] * 3 + [(0, 1)] * 12
    second = [(1, 1)] * 40 + [(0, 1)] * 45 + [(0, 1)] * 3 + [(1, 1)] * 12
    paired = difference_of_shares(tallies((first, second)))
    apart = difference_of_shares(tallies(once(43, 100, 52, 100)))
    assert paired.estimate[0] == pytest.approx(0.09)
    assert paired.conf_high[0] - paired.conf_low[0] < 0.6 * (apart.conf_high - apart.conf_low)[0]
    # McNemar's statistic is (12 - 3)^2 / 15; V differs by (0.52 - 0.43)^2 in its fourth digit,
    # and 15 customers count, so t has 14 degrees of freedom.
    from scipy.stats import t

    assert paired.p_value[0] == pytest.approx(2 * t.sf(9 / 15**0.5, 14), abs=0.002)
    assert apart.p_value[0] > 0.2


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)),
        min_size=2,
        max_size=12,
    )
)
def test_exchanging_the_groups_turns_the_sign(people: list[tuple[int, int, int, int]]) -> None:
    first = [(min(a, b), max(a, b)) for a, b, _, _ in people]
    second = [(min(c, d), max(c, d)) for _, _, c, d in people]
    if not sum(m for _, m in first) or not sum(m for _, m in second):
        return
    forth = difference_of_shares(tallies((first, second)))
    back = difference_of_shares(tallies((second, first)))
    order = np.random.default_rng(0).permutation(len(people))
    mixed = difference_of_shares(tallies(([first[i] for i in order], [second[i] for i in order])))
    assert forth.estimate == pytest.approx(-back.estimate, abs=1e-12)
    assert forth.conf_low == pytest.approx(-back.conf_high, abs=1e-9)
    assert forth.p_value == pytest.approx(back.p_value, abs=1e-9, nan_ok=True)
    assert mixed.p_value == pytest.approx(forth.p_value, abs=1e-9, nan_ok=True)
    assert forth.conf_low[0] <= forth.estimate[0] <= forth.conf_high[0]


def test_a_group_of_nobody_has_no_difference() -> None:
    found = difference_of_shares(tallies(([(1, 2), (0, 0)], [(0, 0), (0, 0)])))
    assert np.isnan([found.estimate[0], found.conf_low[0], found.p_value[0]]).all()
    with pytest.raises(ArgumentError, match="`confidence`"):
        difference_of_shares(tallies(once(1, 2, 1, 2)), confidence=1)


def simulated(rng: np.random.Generator, p: tuple[float, float], worlds: int) -> Tallies:
    """Groups of 150 customers with 1 + Poisson(3) observations; a third are in both groups."""
    context, m, x = [], [], []
    for number in range(worlds):
        own = rng.beta(2 * p[0], 2 * (1 - p[0]), 250)
        shift = p[1] - p[0]
        size = 1 + rng.poisson(3, (250, 2))
        size[:100, 1] = size[150:, 0] = 0
        chance = np.stack([own, np.clip(own + shift, 0, 1) if shift else own], axis=1)
        m.append(size)
        x.append(rng.binomial(size, chance))
        context.append(np.full(250, number))
    of, every_m, every_x = np.concatenate(context), np.concatenate(m), np.concatenate(x)
    entry = np.flatnonzero(every_x.sum(axis=1))
    return Tallies(np.arange(worlds), of, every_m, of[entry], entry, every_x[entry])


def test_false_alarms_coverage_and_power() -> None:
    """2,000 worlds without a difference; shares of customers spread widely."""
    rng = np.random.default_rng(8)
    null = difference_of_shares(simulated(rng, (0.3, 0.3), 2000))
    covered = (null.conf_low <= 0) & (null.conf_high >= 0)
    assert 0.93 <= covered.mean() <= 0.97
    assert (null.p_value < 0.05).mean() <= 0.06
    assert (null.p_value < 0.005).mean() <= 0.008
    changed = difference_of_shares(simulated(rng, (0.3, 0.45), 300))
    assert (changed.p_value < 0.05).mean() >= 0.9
