from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit import attribution
from journeykit.counts import path_counts_from_frame
from journeykit.errors import ArgumentError
from tests.attribution.example import OUTCOMES

PATHS = st.lists(st.text("abc", min_size=1, max_size=6), min_size=1, max_size=12)


@given(PATHS)
def test_counts_equal_those_of_every_pair_of_touches(texts: list[str]) -> None:
    table = pd.DataFrame({"path": [" > ".join(text) for text in texts], "n": 1})
    frame = attribution.assists(
        path_counts_from_frame(table, conversions="n"), small_cell=1, replicates=2
    ).frame
    expected: Counter[tuple[str, str, str]] = Counter()
    for text in texts:
        k = len(text)
        pairs = {(text[i], text[j], "assist") for i in range(k) for j in range(i + 1, k)}
        expected.update(pairs | {(text[i], text[i + 1], "hand_off") for i in range(k - 1)})
    found = {(r.channel, r.other, r.kind): r.n for r in frame.itertuples() if r.n}
    assert found == dict(expected)
    met = Counter(name for text in texts for name in set(text))
    assert all(met[row.other] == row.n_conversions for row in frame.itertuples())


def test_what_came_before_the_window_is_left_out() -> None:
    # web | web web mail (30); mail web is at the edge, one conversion has no touch.
    result = attribution.assists(OUTCOMES, small_cell=1, replicates=20)
    rows = result.frame.set_index(["channel", "other", "kind"])
    assert rows["n"].to_dict() == {
        ("web", "mail", "assist"): 1,
        ("web", "web", "assist"): 1,
        ("web", "mail", "hand_off"): 1,
        ("web", "web", "hand_off"): 1,
    }
    assert rows.loc[("web", "web", "assist"), "share"] == 0.5
    assert rows["value"].tolist() == [30] * 4
    assert result.summary() == (
        "Of 2 conversions, most often before another: web before mail (1, 100.0% of conversions "
        "with mail); most handed on: web before mail (1, 100.0% of conversions with mail). "
        "1 with an unseen first touch left out."
    )
    assert [t.get_text() for t in result.plot().get_yticklabels()] == ["web", "mail"]
    assert result.plot(kind="hand_off").get_xlabel() == "channel met after it"
    with pytest.raises(ArgumentError, match="`kind` must be one of 'assist', 'hand_off'"):
        result.plot(kind="direct")  # type: ignore[arg-type]


def test_small_cells_and_those_that_tell_them_are_hidden() -> None:
    # a before b 50 times, all but 4 of them directly; c before b 3 times.
    table = pd.DataFrame(
        {"path": ["a > b", "a > d > b", "c > b", "b"], "n": [46, 4, 3, 60]},
    )
    result = attribution.assists(path_counts_from_frame(table, conversions="n"), replicates=20)
    rows = result.frame.set_index(["channel", "other", "kind"])
    assert rows.loc[("a", "b", "assist"), "n"] == 50
    hidden = rows[rows["n"].isna()].index
    assert ("a", "b", "hand_off") in hidden
    assert ("c", "b", "assist") in hidden
    assert rows.loc[hidden, ["share", "conf_low", "conf_high", "value"]].isna().all(axis=None)
    # Only 4 met d at all.
    assert rows.loc[("a", "d", "assist"), "n_conversions"] is pd.NA
    assert rows.loc[("c", "b", "assist"), "n_conversions"] == 113
    assert result.n_hidden == len(hidden)
    assert result.summary().endswith("small cells are hidden.")
    result.plot()


def test_paths_of_one_touch_have_no_pairs() -> None:
    table = pd.DataFrame({"path": ["a", "b"], "n": [46, 4]})
    result = attribution.assists(path_counts_from_frame(table, conversions="n"), replicates=20)
    assert len(result.frame) == 0
    assert result.summary() == (
        "Of 50 conversions, no channel that may be shown comes before another."
    )
    assert result.plot().texts[0].get_text() == "no channel comes before another"


def test_shares_vary_over_customers_as_binomial_shares_do() -> None:
    table = pd.DataFrame({"path": ["a > b", "b"], "n": [300, 700]})
    counts = path_counts_from_frame(table, conversions="n")
    row = attribution.assists(counts, replicates=400, seed=3).frame.iloc[0]
    half = 1.96 * np.sqrt(0.3 * 0.7 / 1_000)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx([0.3 - half, 0.3 + half], abs=0.006)
