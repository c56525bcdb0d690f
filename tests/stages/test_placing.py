"""Who is where: the last mark where all is seen, calibrated probabilities where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import expm

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.simulate.world import world
from journeykit.stages import Ladder, follow, whereabouts
from journeykit.stages.unmarked import Gaps, chances, powers, rates_of
from tests.truth.moved_on import LADDER, NO_ORDERS, PARTS
from tests.truth.placed import FASTER, placed

AB = Ladder(rungs={name: {"touchpoints": [name]} for name in "ab"})


def made() -> Journeys:
    return Journeys(
        names=("a", "b", "talk"),
        touchpoint=np.array([0, 1, 2, 0, 2], dtype=np.uint8),
        start=np.array([0, 3, 4, 5]),
        time=np.array([1, 5, 6, 2, 3]) * DAY,
        customer_id=["x", "y", "z"],
        observed_from=np.zeros(3, dtype=np.int64),
        observed_to=np.array([10, 10, 10]) * DAY,
        window=(0, 10 * DAY),
    )


def test_the_last_mark_tells_where_all_is_seen() -> None:
    found = whereabouts(made(), AB)
    assert found.frame["customer_id"].tolist() == ["x", "y"]
    assert found.frame["stage"].tolist() == ["b", "a"]
    assert found.frame["probability"].tolist() == [1.0, 1.0]
    assert found.frame["time_days"].tolist() == [5.0, 8.0]
    assert (found.n_unmarked, found.n_unwatched) == (1, 0)
    early = whereabouts(made(), AB, at="1970-01-03")
    assert early.frame["stage"].tolist() == ["a", "a"]
    assert "of 1 no stage was observed" in early.summary()


def test_it_agrees_with_those_followed() -> None:
    shop = world(customers=2000, seed=1, parts=PARTS).journeys()
    census = follow(shop, LADDER).on(["2025-03-01"]).frame.set_index("state")["n"]
    there = whereabouts(shop, LADDER, at="2025-03-01").counts().set_index("stage")
    assert there["n"].astype(int).to_dict() == census.astype(int).to_dict()
    assert there["share"].sum() == pytest.approx(1)


def test_powers_are_those_of_the_exponential() -> None:
    generator = np.array([[-0.5, 0.3, 0.1], [0.2, -0.4, 0.1], [0.0, 0.1, -0.3]])
    found = powers(expm(generator * 0.25), 21)
    assert found.shape == (22, 3, 3)
    assert found[21] == pytest.approx(expm(generator * 5.25))
    assert found[0] == pytest.approx(np.eye(3))


def test_rates_of_moves_all_seen_are_moves_over_days() -> None:
    random = np.random.default_rng(2)
    gaps = Gaps(
        np.zeros(400, dtype=np.int64),
        np.where(random.random(400) < 0.6, 1, -1),
        random.exponential(10, 400),
    )
    allowed = np.ones((2, 2), dtype=bool)
    rates = rates_of(gaps, np.ones(2), allowed)
    assert rates.move[0, 1] == pytest.approx((gaps.target == 1).sum() / gaps.days.sum(), rel=2e-3)
    told = chances(rates, np.ones(2), np.array([0, 0]), np.array([0.0, 50.0]))
    assert told == pytest.approx(np.array([[1, 0], [1, 0]]), abs=1e-12)


def test_unseen_moves_are_found_by_how_long_marks_fail() -> None:
    # 0 to 1 at .2 a day, half of them marked; from 1 marks of 1 repeat at .5.
    random = np.random.default_rng(8)
    n = 4000
    move, seen = random.exponential(5, n), random.random(n) < 0.5
    again = move + random.exponential(2, n)
    days = np.where(seen, move, again)
    gaps = Gaps(
        np.concatenate([np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.int64)]),
        np.ones(2 * n, dtype=np.int64),
        np.concatenate([days, random.exponential(2, n)]),
    )
    allowed = np.array([[False, True], [False, False]])
    rates = rates_of(gaps, np.array([1, 0.5]), allowed)
    assert rates.move[0, 1] == pytest.approx(0.2, rel=0.06)
    assert rates.repeat[1] == pytest.approx(0.5, rel=0.06)
    assert rates.repeat[0] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(("fast", "seen"), [(False, 0.5), (True, 0.5), (True, 0.8)])
def test_probabilities_are_calibrated_where_marks_are_lost(*, fast: bool, seen: float) -> None:
    settings = NO_ORDERS | (dict(FASTER) if fast else {})
    simulated = world(customers=4000, seed=11, parts=PARTS, settings=settings)
    found = placed(simulated, at_day=600, seen=seen)
    right = (found.probability.argmax(axis=1) == found.so).mean()
    majority = np.bincount(found.so).max() / len(found.so)
    assert found.calibration_error() < 0.05
    assert right > majority + 0.05
    assert right > (found.marked == found.so).mean() - 0.01
    share = np.bincount(found.so, minlength=3) / len(found.so)
    assert found.probability.mean(axis=0) == pytest.approx(share, abs=0.03)


def test_counts_empty_small_cells_and_sum() -> None:
    shop = world(customers=1200, seed=2, parts=PARTS, settings=NO_ORDERS).journeys()
    found = whereabouts(shop, LADDER, seen=0.7, by="segment")
    counts = found.counts(small_cell=60)
    assert counts["expected"].isna().any()
    assert counts.loc[counts["expected"].isna(), "n"].isna().all()
    assert found.probabilities.sum(axis=1).to_numpy() == pytest.approx(1)
    assert set(found.moves["group"]) == set(found.frame["group"])
    assert (found.moves["rate_a_day"] >= 0).all()
    ax = found.plot()
    assert ax.get_xlabel().startswith("customers on")


def test_held_rungs_are_not_left_and_time_leads_up() -> None:
    ladder = Ladder(
        rungs={
            "a": {"touchpoints": ["a"]},
            "b": {"touchpoints": ["b"], "holds": True},
            "c": {"after": "b", "after_days": 3, "holds": True},
        }
    )
    found = whereabouts(made(), ladder, seen=0.5)
    assert found.seen == {"a": 0.5, "b": 1.0, "c": 1.0}
    assert found.frame["stage"].tolist()[0] == "c"
    assert found.frame["probability"].tolist()[0] == 1.0


def test_what_must_hold() -> None:
    with pytest.raises(ArgumentError, match="`at` must be a date or a time; got 'soon'"):
        whereabouts(made(), AB, at="soon")
    with pytest.raises(ArgumentError, match="`seen` must be a share above 0 and at most 1; got"):
        whereabouts(made(), AB, seen=0.0)
    with pytest.raises(MappingError, match="z"):
        whereabouts(made(), AB, seen={"z": 0.5})
    with pytest.raises(DataError, match="Nobody watched on 1970-01-01"):
        whereabouts(made(), AB, at="1970-01-01")
    later = Ladder(rungs={"a": {"touchpoints": ["a"]}, "b": {"after": "a", "after_days": 2}})
    with pytest.raises(ArgumentError, match="`seen` must be 1 for 'a'"):
        whereabouts(made(), later, seen={"a": 0.5})
    assert isinstance(whereabouts(made(), later).frame, pd.DataFrame)
