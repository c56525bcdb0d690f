"""The market not aware yet: from its size and a survey, or not observed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from journeykit.errors import ArgumentError
from journeykit.simulate.world import world
from journeykit.stages import follow, market
from journeykit.survival import Census
from tests.truth.moved_on import LADDER, PARTS


@pytest.fixture(scope="module")
def census() -> Census:
    made = world(customers=1000, seed=1, parts=PARTS).journeys()
    return follow(made, LADDER).on(["2025-03-01", "2025-06-01"])


def test_a_survey_and_the_size_tell_by_hand(census: Census) -> None:
    found = market(census, size=10000, survey=(200, 50))
    first, second = found.frame.iloc[0], found.frame.iloc[1]
    assert first["estimate"] == pytest.approx(7500)
    assert first["conf_low"] == pytest.approx(10000 * beta.ppf(0.025, 150.5, 50.5))
    assert first["conf_high"] == pytest.approx(10000 * beta.ppf(0.975, 150.5, 50.5))
    last = census.frame[census.frame["event_time"] == census.frame["event_time"].max()]
    assert second["estimate"] == pytest.approx(2500 - last["n"].sum())
    assert found.frame["estimate"].sum() == pytest.approx(10000)
    assert "7,500" in found.summary()
    wider = market(census, size=10000, size_low=8000, size_high=12500, survey=(200, 50)).frame
    assert wider["conf_low"][0] < 8000 * 0.75 < first["conf_low"]


def test_all_aware_and_none_aware_have_bounds(census: Census) -> None:
    everyone = market(census, size=10000, survey=(50, 50)).frame.iloc[0]
    assert everyone["estimate"] == 0
    assert 0 < everyone["conf_high"] < 1000
    nobody = market(census, size=10000, survey=(50, 0)).frame
    assert nobody["estimate"][0] == 10000
    assert nobody["evidence"][1] == "fewer aware than customers seen: they do not fit"


def test_what_is_not_declared_is_not_observed(census: Census) -> None:
    nothing = market(census)
    assert nothing.frame["evidence"][0] == "not observed"
    assert nothing.frame.iloc[0][["estimate", "conf_low", "conf_high"]].isna().all()
    assert "not observed" in nothing.summary()
    asked = market(census, survey=(200, 50))
    assert asked.frame["evidence"][0] == "not observed"
    most = market(census, size=10000)
    assert np.isnan(most.frame["estimate"][0])
    assert most.frame["conf_high"][0] == 10000 - most.frame["estimate"][2:].sum()
    assert most.summary().startswith("at most")
    ax = most.plot()
    assert any("at most" in text.get_text() for text in ax.texts)


def test_what_must_hold(census: Census) -> None:
    with pytest.raises(ArgumentError, match="`size_low` and `size_high` need `size`"):
        market(census, size_low=3)
    with pytest.raises(ArgumentError, match="`size` must lie between"):
        market(census, size=5, size_low=6)
    with pytest.raises(ArgumentError, match="n_aware"):
        market(census, size=5, survey=(3, 4))
    made = world(customers=1000, seed=1, parts=PARTS).journeys()
    grouped = follow(made, LADDER).on(["2025-03-01"], by="segment")
    with pytest.raises(ArgumentError, match="`census` must have no groups"):
        market(grouped)
