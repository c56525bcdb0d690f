"""The chain, the reference and the range: by hand, by brute force, and their identities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from journeykit.stages.pains.removal import StepCounts, chance, exits, frictionless

share = st.floats(0.01, 0.99)


def counts(barren: np.ndarray, barren_left: np.ndarray, **more: list[float]) -> StepCounts:
    m = len(barren)
    given_ = {
        "n": [100.0] * m, "left": [20.0] * m, "goal": [30.0] * m, "again": [10.0] * m,
        "visits": [90.0] * m, "arrive": [37.5] * m, "back": [0.0] * m,
    } | more  # fmt: skip
    return StepCounts(
        *(np.array(values) for values in given_.values()), barren=barren, barren_left=barren_left
    )


def test_the_chance_of_a_goal_by_hand() -> None:
    # Of 10 touches 2 leave; of the 8 others 4 arrive, 2 meet it again, 2 end elsewhere.
    found = chance(np.array([0.2, 0.0, np.nan]), np.full(3, 0.5), np.full(3, 0.25))
    # V = .8 (.5 + .25 V) = .4 / .8; without leaving .5 / .75.
    np.testing.assert_allclose(found, [0.5, 2 / 3, np.nan])


@given(h=share, e=share, parts=st.tuples(share, share, share))
def test_the_hazard_without_friction_solves_its_equation(
    h: float, e: float, parts: tuple[float, float, float]
) -> None:
    arrive, back, _ = np.array(parts) / sum(parts)
    log_hazard = np.log(-np.log1p(-h))
    found = frictionless(*(np.array([x]) for x in (log_hazard, e, arrive, back)))[0]

    def again(r: float) -> float:
        bound = arrive + back * max(e - r, 0) / e
        return float(h * (1 - bound) / (1 - h * bound))

    assert again(found) == pytest.approx(found, abs=1e-9)
    # It is the greatest: beyond it the right side stays below.
    assert all(again(r) < r for r in np.linspace(found, 1, 50)[1:])


@given(h=share, e=share)
def test_where_all_who_go_on_arrive_nobody_is_meant_to_leave(h: float, e: float) -> None:
    log_hazard = np.array([np.log(-np.log1p(-h))])
    assert frictionless(log_hazard, np.array([e]), np.ones(1), np.zeros(1))[0] == 0.0


def test_the_hazard_before_friction_is_recovered() -> None:
    # 40 of 100 are bound for a goal, of the 60 others .3 leave: 18. Friction takes a quarter of
    # the 82: 20.5 more leave, and 30 of the 61.5 who go on arrive.
    seen = [np.array([x]) for x in (0.385, 30 / 61.5, 0.0)]
    found = frictionless(np.log(-np.log1p(-np.array([0.3]))), *seen)
    assert found[0] == pytest.approx(0.18)


def _brute(table: StepCounts, s: int, ratio: float, confidence: float) -> tuple[float, float]:
    m, strata = table.barren.shape
    others = [t for t in range(m) if t != s and table.barren[t].sum() > 0]
    total = sum(table.barren[t].sum() for t in others)
    overall = sum(table.barren_left[t].sum() for t in others) / total
    rate = []
    for k in range(strata):
        n = sum(table.barren[t, k] for t in others)
        rate.append(sum(table.barren_left[t, k] for t in others) / n if n else overall)

    def c(p: float) -> float:
        return float(np.log(-np.log(1 - p)))

    def expected(t: int) -> float:
        return float(sum(table.barren[t, k] * rate[k] for k in range(strata)))

    d = []
    for t in others:
        n, x = table.barren[t].sum(), table.barren_left[t].sum()
        d.append(c((x + 0.5) / (n + 1)) - c((expected(t) + 0.5) / (n + 1)))
    middle = c(expected(s) / table.barren[s].sum()) + float(np.mean(d))
    k = len(d)
    reach = student.ppf((1 + confidence) / 2, k - 1) * np.std(d, ddof=1) * np.sqrt(1 + 1 / k)
    return middle, middle + max(float(reach), float(np.log(ratio)))


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_references_agree_with_brute_force(ratio: float) -> None:
    rng = np.random.default_rng(3)
    barren = rng.integers(0, 9, size=(5, 7)).astype(float)
    barren[:, 2] = [4, 0, 0, 0, 0]
    left = rng.binomial(barren.astype(int), 0.35).astype(float)
    table = counts(barren, left)
    every = np.ones(5, dtype=bool)
    found = exits(table, every, every, least_ratio=ratio, confidence=0.95)
    for s in range(5):
        wanted = _brute(table, s, ratio, 0.95)
        for seen, log_hazard in zip((found.typical[s], found.top[s]), wanted, strict=True):
            h, arrive = 1 - np.exp(-np.exp(log_hazard)), 37.5 / 80
            assert seen == pytest.approx(h * (1 - arrive) / (1 - h * arrive))


def test_what_is_lost_by_hand() -> None:
    # All who go on arrive: whatever others do, the 20 of 100 who leave are beyond the range.
    barren = np.array([[20.0], [50.0], [60.0]])
    left = np.array([[20.0], [12.0], [14.0]])
    table = counts(
        barren, left, goal=[80, 30, 30], again=[0, 10, 10], visits=[100, 90, 90],
        arrive=[80, 37.5, 37.5],
    )  # fmt: skip
    every = np.ones(3, dtype=bool)
    found = exits(table, every, every, least_ratio=3.0, confidence=0.95)
    assert found.top[0] == 0.0
    assert found.lost[0] == pytest.approx(20.0)
    # Of the others as many leave as anywhere.
    assert found.lost[1:].tolist() == [0.0, 0.0]


def test_one_comparable_step_tells_no_range() -> None:
    table = counts(np.array([[20.0], [50.0]]), np.array([[20.0], [12.0]]))
    every = np.ones(2, dtype=bool)
    found = exits(table, every, every, least_ratio=3.0, confidence=0.95)
    assert np.isnan(found.top).all()
    assert np.isnan(found.lost).all()
