from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeykit.stats.risk_sets import RiskSetEffect, compare_in_risk_sets, pearson_three_tail

# Stratum 0: exposed 1 of 2, others 1 of 4. Stratum 1: exposed 2 of 2, others 1 of 2. Nobody is
# exposed in stratum 2, nobody else in stratum 3.
STRATUM = np.array([0] * 6 + [1] * 4 + [2] * 2 + [3])
ROLE = np.array([1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1], dtype=np.int8)
EVENT = np.array([1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 1], dtype=bool)


def compare(
    stratum: NDArray[np.integer],
    role: NDArray[np.int8],
    event: NDArray[np.bool_],
    customer: NDArray[np.integer] | None = None,
    confidence: float = 0.95,
) -> RiskSetEffect:
    who = np.arange(len(stratum)) if customer is None else customer
    n = int(stratum.max()) + 1
    return compare_in_risk_sets(who, stratum, role, event, n_strata=n, confidence=confidence)


def test_worked_by_hand() -> None:
    found = compare(STRATUM, ROLE, EVENT)
    assert (found.n_exposed, found.n_event, found.n_compared, found.n_alone) == (4, 3, 6, 1)
    # sums of a c / n = 4/6 + 4/4, of b e / n = 2/6 + 2/4, of e c / n = 8/6 + 4/4
    assert found.ratio.estimate == pytest.approx((4 / 6 + 1) / (2 / 6 + 2 / 4))
    assert found.difference.estimate == pytest.approx((4 / 6 + 1 - 2 / 6 - 2 / 4) / (8 / 6 + 1))
    assert found.risk == 3 / 4
    assert found.risk_compared == pytest.approx((2 * 1 / 4 + 2 * 1 / 2) / 4)


def test_a_customer_of_many_moments_counts_as_one() -> None:
    """Each moment ten times: the estimates stay, and so do their intervals."""
    rng = np.random.default_rng(1)
    stratum, role = rng.integers(0, 20, 600), (rng.random(600) < 0.3).astype(np.int8)
    event = rng.random(600) < 0.2 + 0.1 * role
    once = compare(stratum, role, event)
    ten = compare(
        np.repeat(stratum, 10),
        np.repeat(role, 10),
        np.repeat(event, 10),
        np.repeat(np.arange(600), 10),
    )
    assert ten.ratio.estimate == pytest.approx(once.ratio.estimate)
    # but for the small-stratum correction, n / (n - 1) with 30 moments a stratum
    for ours, theirs in ((once.ratio, ten.ratio), (once.difference, ten.difference)):
        assert theirs.high - theirs.low == pytest.approx(ours.high - ours.low, rel=0.03)
    assert ten.z == pytest.approx(once.z, rel=0.05)


def test_peer_statsmodels_agrees_where_each_customer_counts_once() -> None:
    from statsmodels.stats.contingency_tables import StratifiedTable

    rng = np.random.default_rng(2)
    stratum, role = rng.integers(0, 12, 5000), (rng.random(5000) < 0.3).astype(np.int8)
    event = rng.random(5000) < (0.1 + 0.02 * stratum) * (1 + 0.3 * role)
    found = compare(stratum, role, event)
    tables = [
        np.array(
            [[((stratum == s) & (role == r) & (event == e)).sum() for e in (1, 0)] for r in (1, 0)]
        )
        for s in range(12)
    ]
    peer = StratifiedTable(tables)
    assert found.ratio.estimate == pytest.approx(peer.riskratio_pooled, rel=1e-12)
    assert found.z**2 == pytest.approx(peer.test_null_odds().statistic, rel=1e-9)
    # Greenland and Robins' variance of the log ratio
    a, b = (np.array([t[row, 0] for t in tables], dtype=float) for row in (0, 1))
    e, c = (np.array([t[row].sum() for t in tables], dtype=float) for row in (0, 1))
    n = e + c
    top = (((a + b) * e * c - a * b * n) / n**2).sum()
    spread = np.sqrt(top / ((a * c / n).sum() * (b * e / n).sum()))
    width = np.log(found.ratio.high / found.ratio.low) / (2 * 1.959964)
    assert width == pytest.approx(spread, rel=0.02)


@pytest.mark.parametrize(("share", "more"), [(0.05, 14), (0.3, 25)])
def test_p_values_are_those_of_permutation(share: float, more: int) -> None:
    """Far out in the tail of a skewed score, where a normal law would be wrong."""
    rng = np.random.default_rng(3)
    stratum = np.sort(rng.integers(0, 60, 1500))
    role = (rng.random(1500) < 0.08).astype(np.int8)
    event = rng.random(1500) < share
    rest = np.flatnonzero((role == 1) & ~event)
    event[rest[:more]] = True
    found = compare(stratum, role, event)
    labels = np.empty((40_000, 1500), dtype=np.int8)
    for s in range(60):
        mine = np.flatnonzero(stratum == s)
        key = rng.random((len(labels), len(mine)))
        labels[:, mine] = np.argsort(np.argsort(key, axis=1), axis=1) < role[mine].sum()
    drawn = (labels & event).sum(axis=1)
    observed = (role & event).sum()
    middle = (drawn > observed).mean() + (drawn == observed).mean() / 2
    assert 0.001 < middle < 0.01
    # mid-p, as the score is whole-numbered and the law is not; 40,000 draws
    assert found.p_greater == pytest.approx(middle, rel=0.25)
    assert found.p_less == pytest.approx(1 - found.p_greater, abs=1e-9)


def test_pearson_three_is_scipys() -> None:
    from scipy import stats

    for skewness in (-1.2, -0.1, 0.1, 0.8):
        for z in (-3.0, -0.5, 0.0, 2.0, 4.5):
            expected = stats.pearson3.sf(z, skewness)
            assert pearson_three_tail(z, skewness) == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert pearson_three_tail(1.959964, 0.0) == pytest.approx(0.025, rel=1e-5)
    # beyond the end of a law with an end
    assert pearson_three_tail(-10.0, 1.5) == 1.0
    assert pearson_three_tail(10.0, -1.5) == 0.0


def test_nothing_to_compare_with_tells_nothing() -> None:
    found = compare(
        np.array([0, 0, 1]), np.array([1, 1, 0], np.int8), np.array([True, False, True])
    )
    assert (found.n_exposed, found.n_alone) == (0, 2)
    assert np.isnan([found.ratio.estimate, found.difference.low, found.p_value]).all()


def test_no_event_on_one_side_leaves_the_ratio_without_an_interval() -> None:
    stratum, role = np.zeros(40, dtype=int), np.repeat(np.array([1, 0], np.int8), 20)
    none = compare(stratum, role, role == 1)
    assert np.isnan(none.ratio.estimate)
    never = compare(stratum, role, role == 0)
    assert never.ratio.estimate == 0
    assert np.isnan(never.ratio.low)
    assert never.difference.estimate == -1
    nobody = compare(stratum, role, np.zeros(40, dtype=bool))
    assert (nobody.z, nobody.p_value) == (0.0, 1.0)


@given(st.integers(0, 10**6))
def test_order_and_names_of_strata_and_customers_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    customer = np.sort(rng.integers(0, 30, 120))
    stratum = rng.integers(0, 5, 120)
    role = rng.integers(-1, 2, 120).astype(np.int8)
    event = rng.random(120) < 0.4
    first = compare(stratum, role, event, customer)
    new_stratum, new_customer = rng.permutation(5)[stratum], rng.permutation(30)[customer]
    order = np.lexsort((rng.random(120), new_customer))
    again = compare(new_stratum[order], role[order], event[order], new_customer[order])
    flat, same = (np.hstack([np.ravel(part) for part in found]) for found in (first, again))
    np.testing.assert_allclose(flat, same, rtol=1e-9, atol=1e-12)


def test_intervals_and_p_values_know_customers_from_moments() -> None:
    """2,000 worlds without an effect: 80 customers of 1 to 9 moments with one outcome each."""
    rng = np.random.default_rng(4)
    covered, small = [], []
    for _ in range(2000):
        n = rng.integers(1, 10, 80)
        customer = np.repeat(np.arange(80), n)
        event = (rng.random(80) < 0.3)[customer]
        stratum = rng.integers(0, 6, len(customer))
        role = np.zeros(len(customer), dtype=np.int8)
        first = np.cumsum(n) - n
        # what follows an exposure is no moment of risk any more
        role[(first + n - 1)[rng.random(80) < 0.4]] = 1
        found = compare(stratum, role, event, customer)
        covered.append(found.difference.low <= 0 <= found.difference.high)
        small.append(found.p_value < 0.05)
    assert 0.93 <= np.mean(covered) <= 0.97
    # the factor of clustering, estimated on few customers and never below 1, is cautious
    assert 0.015 <= np.mean(small) <= 0.055
