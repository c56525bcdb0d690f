"""Cadence and fatigue: counted by hand, by brute force, and the knee where it was planted."""

from __future__ import annotations

import numpy as np
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.maps import Cadence, cadence
from journeykit.maps.sending.fatigue import PARTS, dose_response
from journeykit.maps.sending.sends import sends
from journeykit.study import Catalogue
from journeykit.study.catalogue import Touchpoint


def made(
    who: np.ndarray, day: np.ndarray, is_send: np.ndarray, *, customers: int, days: int
) -> Journeys:
    order = np.lexsort((day, who))
    return Journeys(
        names=("act", "mail"),
        touchpoint=is_send[order].astype(np.uint8),
        start=np.searchsorted(who[order], np.arange(customers + 1)),
        time=np.round(day[order] * DAY).astype(np.int64),
        observed_from=np.zeros(customers, dtype=np.int64),
        observed_to=np.full(customers, days * DAY),
    )


def mailed(seed: int, *, customers: int, knee: int = 4, fall: float = 0.0) -> Journeys:
    """Busy and quiet months; who responds more is sent more; beyond the knee the odds fall."""
    rng = np.random.default_rng(seed)
    days = 365
    ability = rng.normal(0, 0.7, customers)
    busy = np.exp(rng.normal(0, 0.7, (customers, 13)))
    level = np.exp(rng.normal(0, 0.4, customers) + 0.3 * ability)
    rate = np.repeat(busy * level[:, None] * 4 / 30, 30, axis=1)[:, :days].clip(max=0.5)
    who, at = np.nonzero(rng.random(rate.shape) < rate)
    day = at + rng.random(len(at))
    key = who * 1000 + day
    recent = np.arange(len(key)) - np.searchsorted(key, np.maximum(key - 30, who * 1000))
    odds = -0.8 + ability[who] - fall * np.maximum(0, recent - knee)
    responds = rng.random(len(who)) < 1 / (1 + np.exp(-odds))
    back = (day + rng.random(len(day)) * 3)[responds]
    other = rng.poisson(days / 60, customers)
    act_who = np.concatenate([who[responds], np.repeat(np.arange(customers), other)])
    act_day = np.concatenate([back, rng.random(other.sum()) * days])
    inside = act_day < days
    return made(
        np.concatenate([who, act_who[inside]]),
        np.concatenate([day, act_day[inside]]),
        np.arange(len(who) + inside.sum()) < len(who),
        customers=customers,
        days=days,
    )


def of(journeys: Journeys, **given: object) -> Cadence:
    defaults: dict[str, object] = {"sent": ["mail"], "answers": ["act"]}
    return cadence(journeys, **(defaults | given))  # type: ignore[arg-type]


def test_sends_by_hand() -> None:
    day = np.array([1, 3, 5, 40, 41.5, 60, 62.5, 98])
    is_send = np.array([1, 0, 1, 1, 1, 1, 0, 1], dtype=bool)
    seen = sends(
        made(np.zeros(8, dtype=int), day, is_send, customers=1, days=100),
        ("mail",),
        ("act",),
        response_days=3,
        recent_days=30,
    )
    assert seen.position.tolist() == [0, 1, 2, 3, 4, 5]
    assert seen.recent.tolist() == [0, 1, 0, 1, 2, 0]
    assert seen.responded.tolist() == [True, False, False, False, True, False]
    assert seen.overtaken.tolist() == [False, False, True, True, False, False]
    assert seen.followed.tolist() == [True] * 5 + [False]
    assert seen.remembered.tolist() == [False, False, True, True, True, True]
    assert (seen.gap / DAY).round(1).tolist()[1:] == [4, 35, 1.5, 18.5, 38]


def test_levels_are_those_of_a_regression_with_a_dummy_for_each_stratum() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    recent, stratum = rng.integers(0, 4, 400), np.sort(rng.integers(0, 40, 400))
    response = rng.random(400) < 0.3 + 0.1 * (recent > 1)
    found = dose_response(recent, response, stratum, stratum % PARTS, confidence=0.95, seed=0)
    levels = (recent[:, None] == np.arange(1, 4)).astype(float)
    strata = (stratum[:, None] == np.unique(stratum)).astype(float)
    fit = sm.OLS(response.astype(float), np.hstack([levels, strata])).fit()
    assert np.diff(found.estimate) == pytest.approx(np.diff(np.append(0, fit.params[:3])))
    assert (np.bincount(recent) @ found.estimate) / 400 == pytest.approx(response.mean())
    # The knee is that of the least squares, over the same grid.
    best = [
        sm.OLS(
            response.astype(float), np.column_stack([np.maximum(recent - knee, 0), strata])
        ).fit()
        for knee in np.arange(0, 3, 0.5)
    ]
    falling = [(fit.ssr, at) for at, fit in enumerate(best) if fit.params[0] < 0]
    if falling:
        assert found.knee == min(falling)[1] / 2


def test_a_planted_knee_is_found() -> None:
    for seed in range(3):
        found = of(mailed(seed, customers=2000, fall=0.25), seed=seed)
        row = found.fatigue.iloc[0]
        assert row["verdict"] == "falls beyond the knee"
        assert abs(row["knee"] - 4) <= 1
        assert row["conf_low"] <= row["knee"] <= row["conf_high"]
        assert row["slope_high"] < 0
    assert "knee at" in found.summary()
    found.plot().figure.draw_without_rendering()


def test_a_flat_world_has_no_knee() -> None:
    flagged = [
        of(mailed(seed, customers=250), seed=seed).fatigue["verdict"].iloc[0] != "no fall found"
        for seed in range(100, 120)
    ]
    assert sum(flagged) <= 4  # at a level of .05, 5 or more of 20 come once in 400
    flat = of(mailed(101, customers=250), seed=101)
    assert flat.fatigue[["knee", "slope"]].isna().all(axis=None)
    flat.plot().figure.draw_without_rendering()


def test_customers_who_are_sent_more_tell_nothing() -> None:
    # All of one customer's sends are at one level: nothing differs inside strata.
    recent = np.repeat(np.arange(5), 50)
    response = np.repeat([1, 1, 0, 0, 0], 50).astype(bool)
    customer = np.arange(250) // 10
    found = dose_response(recent, response, customer, customer, confidence=0.95, seed=0)
    assert found.verdict == "cannot tell"
    assert np.isnan(found.p_value)


def test_tables_add_up() -> None:
    journeys = mailed(1, customers=300)
    found = of(journeys, most=5)
    row = found.fatigue.iloc[0]
    n_sends = int((journeys.touchpoint == 1).sum())
    parts = ["n", "n_overtaken", "n_censored", "n_unseen", "n_beyond"]
    assert row[parts].sum() == n_sends
    assert found.frame["n"].sum() == row["n"]
    assert found.frame["recent"].max() <= 5
    assert (
        found.positions["n"].sum()
        == found.gaps["n"].sum()
        == n_sends - row[["n_overtaken", "n_censored"]].sum()
    )
    every = found.rates.iloc[-1]
    assert every["estimate"] == pytest.approx(n_sends / (300 * 365 / 7))
    assert every["conf_low"] < every["estimate"] < every["conf_high"]


def test_seeds_and_order_do_not_matter_for_estimates() -> None:
    journeys = mailed(1, customers=200, fall=0.3)
    one, two = of(journeys, seed=1), of(journeys, seed=2)
    assert one.frame["estimate"].tolist() == pytest.approx(two.frame["estimate"].tolist())
    same = of(journeys, seed=1)
    assert one.fatigue.equals(same.fatigue)
    assert one.frame.equals(same.frame)


def test_answers_come_from_the_catalogue() -> None:
    journeys = mailed(1, customers=50)
    catalogue = Catalogue(
        {"act": Touchpoint("act", initiator="customer"), "mail": Touchpoint("mail")}
    )
    found = cadence(journeys, catalogue, sent=["mail"])
    assert found.provenance.parameters["answers"] == ("act",)
    assert found.frame["n_event"].tolist() == of(journeys).frame["n_event"].tolist()


def test_what_is_wrong_is_said() -> None:
    journeys = mailed(1, customers=20)
    with pytest.raises(ArgumentError, match="`answers` must be given where there is no"):
        of(journeys, answers=None)
    with pytest.raises(ArgumentError, match="no touchpoint in common; both have 'mail'"):
        of(journeys, answers=["mail"])
    with pytest.raises(MappingError, match="`sent` names touchpoints that do not exist: 'mial'"):
        of(journeys, sent=["mial"])
    with pytest.raises(ArgumentError, match="`sent` must be a list of names"):
        of(journeys, sent="mail")
    with pytest.raises(DataError, match="Nothing was sent"):
        of(journeys.replace(touchpoint=np.zeros(journeys.n_events, dtype=np.uint8)))
    with pytest.raises(DataError, match="give a shorter `response_days`"):
        of(journeys, response_days=400)
    with pytest.raises(ArgumentError, match="`most` must be a whole number at least 1"):
        of(journeys, most=0)
