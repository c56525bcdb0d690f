"""Who the customers are: shares, entries, activity and what is missing follow their laws."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.special import expit

from journeykit.simulate.parts.population import AGES, INCOMES, PERSONAS, SEGMENTS, Population
from journeykit.simulate.past import Past
from journeykit.simulate.world import World, world

N = 40_000
DAY = 86_400 * 10**6


@pytest.fixture(scope="module")
def people() -> World:
    return world(customers=N, seed=11, parts=[])


def column(found: World, name: str) -> np.ndarray:
    return np.array(found.tables["customers"][name].to_pylist(), dtype=object)


def entry_day(found: World) -> np.ndarray:
    time = found.tables["customers"]["entry_time"].cast(pa.int64()).to_numpy()
    return (time - found.journeys().window[0]) / DAY


def close(hits: np.ndarray, share: float) -> bool:
    """Within 4 standard errors, under which a share off by 5 % of itself would not be."""
    return abs(hits.mean() - share) < 4 * (share * (1 - share) / len(hits)) ** 0.5


def test_shares_are_those_declared(people: World) -> None:
    truth = people.truth["population"]
    assert truth.segments == pytest.approx(Population().segments)
    for name in SEGMENTS:
        assert close(column(people, "segment") == name, truth.segments[name])
    persona = np.array(people.hidden["customers"]["persona"].to_pylist())
    for name in PERSONAS:
        assert close(persona == name, truth.personas[name])
    assert close(column(people, "subscriber").astype(bool), 0.7)
    assert close(column(people, "app_user").astype(bool), 0.35)
    ages = column(people, "age")[column(people, "segment") == "business"]
    for name, share in zip(AGES, (0.1, 0.5, 0.35, 0.05), strict=True):
        assert close(ages == name, share)
    assert set(column(people, "age")[column(people, "segment") == "senior"]) == {"60+"}


def test_regions_have_shares_of_one_over_their_number(people: World) -> None:
    _, n = np.unique(column(people, "region").astype(str), return_counts=True)
    share = 1 / (np.arange(24) + 4.0)
    assert stats.chisquare(n, N * share / share.sum()).pvalue > 1e-3


def test_entries_are_even_before_and_within(people: World) -> None:
    entry = entry_day(people)
    before = entry < 0
    assert close(before, 0.25)
    assert stats.kstest(-entry[before] / 365, "uniform").pvalue > 1e-3
    assert stats.kstest(entry[~before] / (731 - 90), "uniform").pvalue > 1e-3


def test_activity_has_mean_1_and_a_heavy_tail(people: World) -> None:
    activity = people.hidden["customers"]["activity"].to_numpy()
    # Lognormal with sigma 0.9: standard deviation 1.12.
    assert abs(activity.mean() - 1) < 4 * 1.12 / N**0.5
    assert stats.kstest((np.log(activity[activity < 20]) + 0.405) / 0.9, "norm").pvalue > 1e-3
    capped = world(customers=2_000, parts=[], settings={"population.activity_cap": 2.0})
    most = capped.hidden["customers"]["activity"].to_numpy()
    assert most.max() == 2.0
    even = world(customers=50, parts=[], settings={"population.activity_sigma": 0.0})
    assert even.hidden["customers"]["activity"].to_pylist() == [1.0] * 50


def test_income_is_missing_not_at_random(people: World) -> None:
    income = np.array(people.hidden["customers"]["income"].to_pylist())
    unknown = column(people, "income") == None  # noqa: E711 (elementwise)
    truth = people.truth["population"].income_missing
    for at, name in enumerate(INCOMES):
        share = expit(np.log(0.25) + 0.8 * (at - 1))
        assert truth[name] == pytest.approx(share)
        assert close(unknown[income == name], share)
    assert close(income == "middle", 0.5)
    told = column(people, "income")
    assert (told[~unknown] == income[~unknown]).all()
    null = people.null("population.income_missing_slope")
    at_random = column(null, "income") == None  # noqa: E711
    assert close(at_random[income == "high"], 0.2)
    assert close(at_random[income == "low"], 0.2)


def test_nobody_drops_out_at_rate_zero_and_all_else_is_the_same(people: World) -> None:
    assert column(people, "exit_time").tolist() == [None] * N
    lost = people.changed({"population.dropout_a_year": 0.5})
    left, right = (found.tables["customers"].drop_columns("exit_time") for found in (people, lost))
    assert left.equals(right)


def test_dropping_out_has_its_rate_and_its_slope() -> None:
    """Exponential from entry, or the first day, on; censored by the last day."""
    settings = {"population.dropout_a_year": 0.8, "population.dropout_slope": 0.7}
    found = world(customers=N, seed=3, parts=[], settings=settings)
    begin = np.maximum(entry_day(found), 0)
    journeys = found.journeys()
    end = (journeys.observed_to - journeys.window[0]) / DAY
    lost = column(found, "exit_time") != None  # noqa: E711
    readiness = found.hidden["customers"]["readiness"].to_numpy()
    rate = 0.8 / 365.25 * np.exp(0.7 * readiness)
    for some in (readiness < -0.5, readiness > 0.5):
        expected = (rate * (end - begin))[some].sum()
        assert abs(lost[some].sum() - expected) < 4 * expected**0.5
    assert (end[~lost] == 731).all()
    assert (end > begin - 1e-9).all()


def test_traits_are_unrelated() -> None:
    past = Past([Population()], np.arange(N), days=731, seed=2)
    traits = Population().draw(past).traits
    names = ["intent", "readiness", "activity", "entry", "app_user", "subscriber", "persona"]
    numbers = np.array([traits[name].astype(float) for name in names])
    apart = np.corrcoef(numbers)[np.triu_indices(len(names), 1)]
    assert np.abs(apart).max() < 4.5 / N**0.5
