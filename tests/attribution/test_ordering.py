from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit import attribution
from journeykit.counts import path_counts_from_frame
from journeykit.errors import ArgumentError
from tests.attribution.example import OUTCOMES

PATHS = st.lists(st.text("abc", max_size=6), min_size=1, max_size=12)


@given(PATHS)
def test_places_equal_the_definition_and_sum_to_shapley(texts: list[str]) -> None:
    table = pd.DataFrame({"path": [" > ".join(text) for text in texts], "n": 1, "none": 2})
    counts = path_counts_from_frame(table, conversions="n", nulls="none")
    frame = attribution.ordered_shapley(counts, last_position=4, replicates=2).frame
    expected: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
    for text in texts:
        for i, name in enumerate(text):
            expected[name, min(i + 1, 4)] += Fraction(1, len(set(text)) * text.count(name))
        if not text:
            expected["(no touch)", 0] += 1
    found = frame.set_index(["channel", "position"])["conversions"]
    assert {key: value for key, value in found.items() if value} == pytest.approx(
        {key: float(value) for key, value in expected.items()}
    )
    whole = attribution.shapley(counts, replicates=2).frame.set_index("channel")["conversions"]
    assert found.groupby("channel").sum().to_dict() == pytest.approx(whole.to_dict())
    assert frame["share"].sum() == pytest.approx(1)


def test_places_of_real_journeys_worked_by_hand() -> None:
    # conversions: mail web (edge) | web (50) | web web mail (30) | (no touch, 7)
    # others: mail | web mail
    result = attribution.ordered_shapley(OUTCOMES, replicates=20)
    rows = result.frame.set_index(["channel", "position"])
    assert rows["conversions"].to_dict() == {
        ("mail", 1): 0,
        ("mail", 2): 0,
        ("mail", 3): 0.5,
        ("web", 1): 1.25,
        ("web", 2): 0.25,
        ("web", 3): 0,
        ("(no touch)", 0): 1,
    }
    assert rows["value"].tolist() == [0, 0, 15, 57.5, 7.5, 0, 7]
    assert rows["n_journeys"].tolist() == [1, 1, 1, 3, 1, 0, 1]
    assert result.summary() == (
        "Conversions by place, most to: 1 web (1.2), 2 web (0.2), 3 mail (0.5); left out with an "
        "unseen first touch: 1. An interval on a share is not an interval on an effect."
    )
    ax = result.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["web", "mail"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "3"]


def test_late_touches_are_taken_together_and_said_to_be() -> None:
    table = pd.DataFrame({"path": ["a > b > a"], "n": [8]})
    counts = path_counts_from_frame(table, conversions="n")
    result = attribution.ordered_shapley(counts, last_position=2, replicates=20)
    assert result.frame["conversions"].tolist() == [2, 2, 0, 4]
    assert result.frame["n_journeys"].tolist() == [8, 8, 0, 8]
    assert result.summary().startswith("Conversions by place, most to: 1 a (2.0), 2+ b (4.0).")
    with pytest.raises(ArgumentError, match="`last_position` must be a whole number at least 1"):
        attribution.ordered_shapley(counts, last_position=0)


def test_shares_vary_over_customers_as_binomial_shares_do() -> None:
    table = pd.DataFrame({"path": ["a", "b"], "n": [300, 700]})
    counts = path_counts_from_frame(table, conversions="n")
    row = attribution.ordered_shapley(counts, replicates=400, seed=3).frame.iloc[0]
    half = 1.96 * np.sqrt(0.3 * 0.7 / 1_000)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx([0.3 - half, 0.3 + half], abs=0.006)
