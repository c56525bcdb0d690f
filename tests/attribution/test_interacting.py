from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeykit import attribution
from journeykit.attribution.games import GIVEN_WARNING, RATE_WARNING
from journeykit.attribution.interacting import VOLUME_WARNING
from journeykit.counts import path_counts_from_frame
from journeykit.errors import ArgumentError, DataError
from tests.attribution.example import OUTCOMES
from tests.attribution.test_coalition import counted, random_paths

COLUMNS = ["channel", "other", "interaction", "conf_low", "conf_high", "n_journeys", "value"]


@given(st.integers(0, 2**32 - 1), st.integers(2, 25))
@settings(max_examples=20)
def test_volume_counts_what_met_both_by_channels_less_one(seed: int, m: int) -> None:
    table = random_paths(seed, m, 15)
    counts = counted(table)
    if len(attribution.shapley(counts, replicates=2).frame) < 3:
        return
    frame = attribution.interactions(counts, game="volume", replicates=2).frame
    sets = [set(path.split(" > ")) for path in table["path"]]
    for row in frame.itertuples():
        both = [{row.channel, row.other} <= found for found in sets]
        part = [1 / (len(found) - 1) for found, has in zip(sets, both, strict=True) if has]
        met = table[both]
        assert row.interaction == pytest.approx((met["buys"] * part).sum())
        assert row.value == pytest.approx((met["value"] * part).sum())
        assert row.n_journeys == (met["buys"] + met["none"]).sum()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_volume_game_asked_by_sets_agrees(seed: int) -> None:
    table = random_paths(seed, 5, 20)
    found = [frozenset(path.split(" > ")) if path else frozenset() for path in table["path"]]

    def volume(sets: NDArray[np.bool_], channels: tuple[str, ...]) -> NDArray[np.float64]:
        have = [{c for c, there in zip(channels, row, strict=True) if there} for row in sets]
        inside = np.array([[one <= some for one in found] for some in have])
        return inside @ table["buys"].to_numpy(dtype=float)

    ours, theirs = (
        attribution.interactions(counted(table), game=game, replicates=2).frame
        for game in ("volume", volume)
    )
    assert ours["interaction"].to_numpy() == pytest.approx(theirs["interaction"].to_numpy())


def test_rates_worked_by_hand() -> None:
    # Both 2 of 3, web 1 of 1, mail 0 of 1; all 3 of 5: 5 (3 / 5 - 1 - 0).
    result = attribution.interactions(OUTCOMES, game="rate", replicates=20)
    assert result.frame.columns.tolist() == COLUMNS
    row = result.frame.iloc[0]
    assert (row["channel"], row["other"], row["n_journeys"]) == ("mail", "web", 3)
    assert row["interaction"] == pytest.approx(-2)
    # Values: all 180 of 5 journeys, web 50 of 1, mail 0.
    assert row["value"] == pytest.approx(5 * (180 / 5 - 50))
    assert row["conf_low"] < -2 < row["conf_high"]
    assert "the most is lost between mail and web (-2.0 conversions, " in result.summary()
    assert result.summary().endswith(RATE_WARNING)
    ax = result.plot()
    assert [text.get_text() for text in ax.texts] == ["-2", "-2"]
    assert result.population.n_open == 1


def test_what_two_add_beyond_each_is_found_and_bounded() -> None:
    # Rates a .1, b .1, both .5, of 3,000 journeys: 3,000 (v(ab) - .2) with v(ab) = 700 / 3,000.
    table = pd.DataFrame({"path": ["a", "b", "a > b"], "buys": [100, 100, 500], "none": 0})
    table["none"] = 1_000 - table["buys"]
    counts = path_counts_from_frame(table, conversions="buys", nulls="none")
    row = attribution.interactions(counts, game="rate", seed=1).frame.iloc[0]
    assert row["interaction"] == pytest.approx(100)
    # Conversions of each kind and journeys vary as Poisson numbers do.
    draws = np.random.default_rng(1).poisson(np.array([100, 100, 500, 900, 900, 500]), (4_000, 6))
    won, n = draws[:, :3], draws[:, :3] + draws[:, 3:]
    worth = won.sum(axis=1) / n.sum(axis=1) - won[:, 0] / n[:, 0] - won[:, 1] / n[:, 1]
    expected = np.quantile(worth * n.sum(axis=1), [0.025, 0.975])
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(expected, rel=0.15)


def test_summary_tells_how_many_pairs_there_are() -> None:
    counts = counted(random_paths(1, 4, 30))
    volume = attribution.interactions(counts, game="volume", replicates=20)
    assert volume.summary().startswith("Of 6 pairs of channels, the most is added together by ")
    assert "Each interval is for its pair alone; of 6 some miss by chance." in volume.summary()
    assert volume.summary().endswith(VOLUME_WARNING)
    assert (volume.frame["interaction"] >= 0).all()


def test_additive_games_have_none() -> None:
    counts = counted(random_paths(1, 4, 30))
    result = attribution.interactions(counts, game=lambda sets, names: sets @ np.arange(4.0))
    assert result.frame["interaction"].to_numpy() == pytest.approx(np.zeros(6), abs=1e-12)
    assert result.frame[["conf_low", "conf_high", "value"]].isna().all(axis=None)
    assert result.provenance.parameters["game"] == "given"
    assert result.summary().endswith(GIVEN_WARNING)


def test_errors() -> None:
    many = counted(random_paths(8, 25, 200))
    with pytest.raises(ArgumentError, match="`game='rate'` must have at most 20 channels; got 25"):
        attribution.interactions(many, game="rate")
    one = path_counts_from_frame(pd.DataFrame({"path": ["a"], "n": [1]}), conversions="n")
    with pytest.raises(DataError, match="Interactions need at least 2 channels; there is 1"):
        attribution.interactions(one, game="volume")
    with pytest.raises(ArgumentError, match="`game` must be one of 'volume', 'rate'"):
        attribution.interactions(one, game="speed")  # type: ignore[arg-type]
