"""What becomes of the journeys of groups, where some have not ended."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import has_attribute, is_open
from journeykit.paths import typology
from journeykit.paths.kinds.fates import fates, shares_of_fates

WATCHED = 120


def begun_any_time(seed: int, *, customers: int = 1000) -> tuple[Journeys, NDArray[np.int64]]:
    """Two kinds, one twice as slow; of both 30 % buy, whatever they did before.

    A purchase is known at once, that nothing comes any more only after 20 days.
    """
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, customers)
    won = rng.random(customers) < 0.3
    length = np.minimum(rng.geometric(0.25, customers), 8) + 1 + won
    whose = np.repeat(np.arange(customers), length)
    first = np.cumsum(length) - length
    pause = rng.uniform(0, 5, len(whose)) * (1 + kind[whose])
    pause[first] = rng.uniform(0, WATCHED, customers)
    passed = np.cumsum(pause)
    at = passed - (passed - pause)[first][whose]
    usual = kind[whose] * 2 + rng.integers(0, 2, len(whose))
    steps = np.where(rng.random(len(whose)) < 0.1, rng.integers(0, 4, len(whose)), usual)
    steps[(first + length - 1)[won]] = 4
    seen = at < WATCHED
    size = np.bincount(whose[seen], minlength=customers)
    journeys = Journeys(
        names=("call", "mail", "shop", "web", "x buy"),
        touchpoint=steps[seen].astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(size)]),
        time=(at[seen] * DAY).astype(np.int64),
        observed_from=(pause[first] * DAY).astype(np.int64),
        observed_to=np.full(customers, WATCHED * DAY),
        window=(-DAY, WATCHED * DAY),
    )
    return journeys.outcomes(conversion=["x buy"], lookback_days=20), kind


def test_open_journeys_do_not_favour_the_fast() -> None:
    """100 worlds: the planted 30 % is covered; of ended journeys more than 33 % have bought."""
    covered, shares, ended = 0, [], []
    for seed in range(100):
        journeys, kind = begun_any_time(seed)
        group = kind[journeys.customer_index]
        found = shares_of_fates(fates(journeys, only_finished=False), group, 2, confidence=0.95)
        covered += int((found["outcome_low"] <= 0.3).mul(found["outcome_high"] >= 0.3).sum())
        shares.append(found["outcome_share"])
        known = ~is_open(journeys)
        ended.append(has_attribute(journeys, "outcome", "converted")[known].mean())
    assert 0.92 <= covered / 200 <= 0.98
    assert np.mean(shares, axis=0) == pytest.approx(0.3, abs=0.012)
    assert np.mean(ended) > 0.33


@pytest.mark.parametrize("method", ["markov_mixture", "medoids"])
def test_groups_that_are_found_have_the_planted_share(method: str) -> None:
    covered = 0
    for seed in range(5):
        journeys, _ = begun_any_time(seed)
        found = typology(journeys, method=method, groups=2, within_days=10).frame  # type: ignore[arg-type]
        covered += int((found["outcome_low"] <= 0.3).mul(found["outcome_high"] >= 0.3).sum())
        assert (found["n_known"] < found["n_journeys"]).all()
        assert found["outcome_days"].between(30, WATCHED / 2 + 5).all()
    assert covered >= 8


def test_fates_by_hand() -> None:
    # Days from the beginning; watched for 100, 50, 30 and 5 days.
    journeys = Journeys(
        names=("a", "buy"),
        touchpoint=np.array([0, 1, 0, 0, 1, 0], dtype=np.uint8),
        start=np.array([0, 2, 3, 5, 6]),
        time=np.array([0, 40, 50, 70, 72, 95]) * DAY,
        observed_from=np.array([0, 50, 70, 95]) * DAY,
        observed_to=np.full(4, 100 * DAY),
        window=(-DAY, 100 * DAY),
    ).outcomes(conversion=["buy"], lookback_days=45)
    found = fates(journeys, only_finished=False)
    # The longest took 40 days, but only half were watched for 30 or more.
    assert found.horizon_days == pytest.approx(30)
    assert found.known.tolist() == [True, True, True, False]
    assert found.converted.tolist() == [False, False, True, False]
    ended = fates(journeys.take(np.array([0, 1, 2])), only_finished=True)
    assert ended.converted.tolist() == [True, False, True]
    assert np.isnan(ended.horizon_days)


def test_no_share_where_nothing_is_known() -> None:
    journeys, kind = begun_any_time(1)
    unwatched = journeys.replace(observed_from=None, observed_to=None)
    for found in (fates(journeys, only_finished=True), fates(unwatched, only_finished=False)):
        told = shares_of_fates(found, kind[journeys.customer_index], 2, confidence=0.95)
        assert told["n_known"].tolist() == [0, 0]
        assert told["outcome_share"].isna().all()
    whole = typology(journeys, method="medoids", groups=2).frame
    assert whole["outcome_share"].isna().all()
    assert (whole["n_known"] == 0).all()
