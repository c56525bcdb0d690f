from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeykit import attribution
from journeykit.attribution.dividends import shapley_values
from journeykit.attribution.games import RATE_WARNING
from journeykit.counts import path_counts_from_frame
from journeykit.errors import ArgumentError
from tests.attribution.example import OUTCOMES

FEW = 20
# a converts 4 of 10 alone and 1 of 10 with b: b's rate credit is negative.
TABLE = pd.DataFrame({"path": ["a", "b", "a > b > a"], "buys": [4, 0, 1], "none": [6, 10, 9]})
COUNTS = path_counts_from_frame(TABLE, conversions="buys", nulls="none")


def brute(worth: NDArray[np.float64], m: int) -> NDArray[np.float64]:
    total, orders = np.zeros(m), list(permutations(range(m)))
    for order in orders:
        have = 0
        for i in order:
            total[i] += worth[have | 1 << i] - worth[have]
            have |= 1 << i
    return total / len(orders)


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_values_equal_all_permutations_and_sum_to_the_worth_of_all(m: int, seed: int) -> None:
    worth = np.random.default_rng(seed).normal(size=(2, 1 << m))
    values = shapley_values(worth)
    assert values == pytest.approx(np.stack([brute(row, m) for row in worth]), abs=1e-10)
    assert values.sum(axis=1) == pytest.approx(worth[:, -1] - worth[:, 0])


def test_volume_is_linear_over_unique_channels() -> None:
    frame = attribution.shapley(OUTCOMES, replicates=FEW).frame.set_index("channel")
    assert frame["conversions"].to_dict() == {"mail": 1, "web": 2, "(no touch)": 1}
    assert frame["value"].to_dict() == {"mail": 65, "web": 115, "(no touch)": 7}


def test_negative_rates_are_shown_and_warned_of() -> None:
    result = attribution.shapley(COUNTS, game="rate", replicates=FEW)
    # v(a) = .4, v(b) = 0, v(ab) = 5 / 30; a: (.4 + 5 / 30) / 2, b: (0 + 5 / 30 - .4) / 2
    assert result.frame["conversions"].tolist() == pytest.approx([8.5, -3.5])
    assert result.summary().endswith(RATE_WARNING)
    assert result.plot().get_xlim()[0] < -0.7


@pytest.mark.parametrize("game", ["volume", "rate"])
def test_names_do_not_matter(game: str) -> None:
    swapped = TABLE.assign(path=TABLE["path"].str.translate(str.maketrans("ab", "zy")))
    other = path_counts_from_frame(swapped, conversions="buys", nulls="none")
    ours = attribution.shapley(COUNTS, game=game, replicates=FEW)  # type: ignore[arg-type]
    theirs = attribution.shapley(other, game=game, replicates=FEW)  # type: ignore[arg-type]
    assert ours.frame["conversions"].tolist() == theirs.frame["conversions"].tolist()[::-1]


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="`game` must be one of 'volume', 'rate'"):
        attribution.shapley(COUNTS, game="rates")  # type: ignore[arg-type]


def test_real_data_equal_linear_over_unique_channels(shared: Path) -> None:
    expected = pd.read_csv(shared / "oracles/attribution/ga4_reference.csv").set_index("channel")
    rows = pd.read_csv(shared / "data/ga4_journeys/ga4_attribution_journeys.csv.gz")
    table = rows.groupby("path")["conversion"].agg(["sum", "count"]).reset_index()
    table["none"] = table["count"] - table["sum"]
    counts = path_counts_from_frame(table, conversions="sum", nulls="none")
    frame = attribution.shapley(counts, replicates=FEW).frame.set_index("channel")
    assert frame["conversions"].loc[expected.index].to_numpy() == pytest.approx(
        expected["linear_unique"].to_numpy(), abs=1e-6
    )
