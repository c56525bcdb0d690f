from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize

from journeykit.journeys.durations import DAY
from journeykit.survival.leaving_risk.people import People, Touches
from journeykit.survival.leaving_risk.person_time import PersonTime, person_time
from journeykit.survival.leaving_risk.ratios import Ratios, hazard_ratios
from journeykit.survival.leaving_risk.stretches import cut, since_touch

Array = NDArray[Any]
WINDOWS = (0, 2, 5)


class Lives(NamedTuple):
    people: People
    touches: list[Touches]


def drawn(seed: int, *, customers: int = 60, days: int = 30, kinds: int = 2) -> Lives:
    """Draw lives, touches and ends in whole days; some begin late."""
    rng = np.random.default_rng(seed)
    begin = rng.integers(0, days // 2, customers)
    end = begin + rng.integers(1, days // 2, customers)
    people = People(
        np.arange(customers),
        begin * DAY,
        begin * DAY,
        end * DAY,
        rng.random(customers) < 0.7,
        begin * DAY,
        np.zeros(customers, dtype=bool),
    )
    touches = []
    for _ in range(kinds):
        who, when = np.nonzero(rng.random((customers, days)) < 0.08)
        touches.append(Touches(who, when * DAY))
    return Lives(people, touches)


def grouped(
    lives: Lives, *, calendar: float = 1.0, tenure: tuple[float, ...] = (8.0,)
) -> PersonTime:
    edges = np.array(WINDOWS) * DAY
    kinds = [since_touch(one, edges) for one in lives.touches]
    rows = cut(lives.people, kinds, n_states=len(WINDOWS), tenure_days=tenure)
    return person_time(rows, calendar_days=calendar)


def dense(lives: Lives, days: int = 30, tenure: int = 8) -> tuple[Array, Array, Array]:
    """Return who is under risk on day (t - 1, t], who leaves at t, and the states then."""
    people = lives.people
    t = np.arange(1, days + 1)
    begin, end = people.begin[:, None] // DAY, people.end[:, None] // DAY
    late = (t - begin > tenure).astype(int)
    risk = np.stack([(begin < t) & (t <= end) & (late == band) for band in (0, 1)])
    leaves = risk & people.event[:, None] & (t == end)
    states = np.zeros((len(lives.touches), len(begin), days), dtype=int)
    for kind, touch in enumerate(lives.touches):
        for who in range(len(begin)):
            met = np.unique(touch.time[touch.owner == who] // DAY)
            for day in t:
                before = met[met < day]
                if len(before):
                    states[kind, who, day - 1] = np.searchsorted(WINDOWS, day - before[-1]) % 3
    return risk, leaves, states


def test_person_time_and_events_are_those_counted_day_by_day() -> None:
    lives = drawn(1)
    risk, leaves, states = dense(lives)
    data = grouped(lives, calendar=7.0)
    key = states[0] + 3 * states[1]
    for cell, (pattern, band) in enumerate(zip(data.rows.states, data.rows.band, strict=True)):
        here = (key == pattern[0] + 3 * pattern[1]) & risk[band]
        assert data.days[cell].sum() == pytest.approx(here.sum())
        assert data.events[cell].sum() == (here & leaves[band]).sum()
    # 1970 began on a Thursday: the first week has the days up to Sunday.
    weeks = np.array([risk[:, :, :4].sum(), risk[:, :, 4:11].sum(), risk[:, :, 11:18].sum()])
    assert data.days.sum(axis=0)[:3] == pytest.approx(weeks)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_ratios_and_errors_are_those_of_cox_with_breslow_ties(seed: int) -> None:
    """The partial likelihood and Lin and Wei's sandwich, written out without any grouping."""
    lives = drawn(seed, customers=150)
    risk, leaves, states = dense(lives)
    x = np.concatenate([states == state for state in (1, 2)]).astype(float)

    def parts(b: Array) -> tuple[Array, Array, Array]:
        raised = risk * np.exp(np.tensordot(b, x, 1))
        whole = np.maximum(raised.sum(axis=1), 1e-300)
        return raised, whole, np.einsum("kit,sit->kst", x, raised) / whole

    def loss(b: Array) -> float:
        _, whole, _ = parts(b)
        own = leaves * np.tensordot(b, x, 1)
        return float((leaves.sum(axis=1) * np.log(whole)).sum() - own.sum())

    b = optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7}).x
    raised, whole, mean = parts(b)
    rise = leaves.sum(axis=1) / whole
    off = x[:, None] - mean[:, :, None]
    residual = leaves - raised * rise[:, None]
    score = np.einsum("sit,ksit->ik", residual, off)
    weight = raised * rise[:, None]
    information = np.einsum("sit,ksit,lsit->kl", weight, off, off)
    bread = np.linalg.inv(information)
    std_error = np.sqrt(np.diag(bread @ score.T @ score @ bread))
    data = grouped(lives)
    wanted = np.concatenate([data.rows.states == state for state in (1, 2)], axis=1)
    found = hazard_ratios(data, wanted, confidence=0.95)
    assert np.log(found.ratio) == pytest.approx(b, abs=1e-5)
    assert found.std_error == pytest.approx(std_error, rel=1e-4)
    assert found.ratio == pytest.approx(found.n_event / found.expected)
    assert found.low == pytest.approx(np.exp(b - 1.959964 * std_error), rel=1e-3)


@pytest.mark.filterwarnings("ignore:.*will be keyword-only")
def test_without_ties_it_is_cox_of_lifelines() -> None:
    from lifelines import CoxTimeVaryingFitter

    rng = np.random.default_rng(5)
    n = 80
    end = rng.permutation(np.arange(40, 40 + n))
    begin = rng.integers(0, 35, n)
    event = rng.random(n) < 0.8
    days = np.arange(n) * 0
    people = People(
        np.arange(n), begin * DAY, begin * DAY, end * DAY, event, days, np.zeros(n, dtype=bool)
    )
    touch = Touches(np.arange(n), (begin + rng.integers(1, 60, n)) * DAY)
    rows = cut(
        people, [since_touch(touch, np.array([0, 20]) * DAY)], n_states=2, tenure_days=(1e4,)
    )
    found = hazard_ratios(person_time(rows, calendar_days=1.0), rows.states == 1, confidence=0.95)
    frame = pd.DataFrame(
        {
            "id": rows.owner,
            "start": rows.begin / DAY,
            "stop": rows.end / DAY,
            "event": rows.event,
            "x": rows.states[rows.cell, 0].astype(float),
        }
    )
    peer = CoxTimeVaryingFitter().fit(
        frame, id_col="id", event_col="event", start_col="start", stop_col="stop"
    )
    assert np.log(found.ratio[0]) == pytest.approx(peer.params_["x"], abs=1e-5)


@given(st.integers(0, 10_000), st.integers(-3, 3))
@settings(max_examples=15)
def test_whole_weeks_later_and_customers_twice_change_nothing(seed: int, weeks: int) -> None:
    lives = drawn(seed, customers=40)
    wanted = (1, 2)

    def fit(one: Lives) -> Ratios:
        data = grouped(one, calendar=7.0)
        covariates = np.concatenate([data.rows.states == state for state in wanted], axis=1)
        return hazard_ratios(data, covariates, confidence=0.9)

    people, shift = lives.people, weeks * 7 * DAY
    moved = people._replace(
        origin=people.origin + shift, begin=people.begin + shift, end=people.end + shift
    )
    later = Lives(moved, [Touches(one.owner, one.time + shift) for one in lives.touches])
    plain, shifted = fit(lives), fit(later)
    for name in ("n", "n_event", "ratio", "std_error", "high"):
        assert getattr(shifted, name) == pytest.approx(getattr(plain, name), nan_ok=True)
    n = len(people.begin)
    double = People(*(np.concatenate([values, values]) for values in people))
    double = double._replace(journey=np.arange(2 * n))
    again = [
        Touches(np.concatenate([one.owner, one.owner + n]), np.concatenate([one.time, one.time]))
        for one in lives.touches
    ]
    twice = fit(Lives(double, again))
    assert twice.n_event.tolist() == (2 * plain.n_event).tolist()
    assert twice.ratio == pytest.approx(plain.ratio, nan_ok=True, rel=1e-6)
    some = ~np.isnan(plain.std_error)
    assert twice.std_error[some] == pytest.approx(plain.std_error[some] / np.sqrt(2), rel=1e-5)


def test_nobody_left_after_the_touch() -> None:
    """A ratio of 0, bounded by the exact Poisson interval: 3.689 events of those expected."""
    n = 40
    end = np.where(np.arange(n) < 20, 30, 20 + np.arange(n) % 10)
    people = People(
        np.arange(n),
        np.zeros(n, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
        end * DAY,
        np.arange(n) >= 20,
        np.zeros(n, dtype=np.int64),
        np.zeros(n, dtype=bool),
    )
    touches = Touches(np.arange(20), np.full(20, 18 * DAY))
    rows = cut(
        people, [since_touch(touches, np.array([0, 14]) * DAY)], n_states=2, tenure_days=(1e4,)
    )
    found = hazard_ratios(person_time(rows, calendar_days=7.0), rows.states == 1, confidence=0.95)
    assert found.n_event[0] == 0
    assert found.ratio[0] == 0
    assert found.high[0] == pytest.approx(-np.log(0.025) / found.expected[0])
    assert found.p_value[0] == pytest.approx(2 * np.exp(-found.expected[0]))
    assert found.told[0]


def test_what_cannot_be_told_is_not() -> None:
    lives = drawn(6, kinds=1)
    both = grouped(Lives(lives.people, [lives.touches[0], lives.touches[0]]))
    same = hazard_ratios(both, both.rows.states > 0, confidence=0.95)
    assert not same.told.any()
    assert np.isnan(same.ratio).all()
    assert same.n_event[0] == same.n_event[1] > 0
    # Everybody is touched all the time: there is nobody to compare with.
    nobody = grouped(Lives(lives.people, [Touches(np.arange(60), lives.people.begin)]))
    everyone = np.ones((len(nobody.rows.band), 1), dtype=bool)
    assert not hazard_ratios(nobody, everyone, confidence=0.95).told[0]
