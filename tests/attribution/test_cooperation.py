from __future__ import annotations

import pandas as pd
import pytest

from journeykit import attribution
from journeykit.counts import path_counts_from_frame
from tests.attribution.example import OUTCOMES


def test_roles_worked_by_hand() -> None:
    # conversions: mail web (edge, 100) | web (50) | web web mail (30) | (no touch)
    result = attribution.roles(OUTCOMES, small_cell=1, replicates=20)
    share = result.frame.set_index(["role", "channel"])["share"]
    assert share.to_dict() == pytest.approx(
        {
            ("introducer", "mail"): 0,
            ("introducer", "web"): 1,
            ("assister", "mail"): 0,
            ("assister", "web"): 1 / 2,
            ("closer", "mail"): 1 / 3,
            ("closer", "web"): 2 / 3,
        }
    )
    assert result.frame["value"].tolist() == [0, 80, 0, 30, 30, 150]
    assert result.frame["value_share"].tolist() == pytest.approx(
        [0, 1, 0, 30 / 80, 30 / 180, 150 / 180]
    )
    assert result.summary() == (
        "Most often: introducer web (100.0%), assister web (50.0%), closer web (66.7%)."
    )
    assert [t.get_text() for t in result.plot().get_yticklabels()] == ["web", "mail"]


def test_cells_of_few_customers_are_hidden() -> None:
    # Ann converts twice: closers are 3 conversions of 2 customers.
    result = attribution.roles(OUTCOMES, small_cell=3, replicates=20)
    assert result.frame["n"].isna().all()
    assert result.frame["n_conversions"].isna().all()
    assert result.frame["value_share"].isna().all()
    assert result.summary() == "Most often: not to be told. 6 small cells are hidden."
    result.plot()


def test_a_second_cell_is_hidden_so_that_the_first_cannot_be_told() -> None:
    table = pd.DataFrame({"path": ["a", "b", "c"], "n": [40, 25, 3]})
    result = attribution.roles(path_counts_from_frame(table, conversions="n"), replicates=20)
    shown = result.frame.set_index(["role", "channel"])["n"].loc["introducer"]
    assert shown.isna().to_dict() == {"a": False, "b": True, "c": True}
    assert result.n_hidden == 4


def test_shares_vary_over_customers_as_binomial_shares_do() -> None:
    table = pd.DataFrame({"path": ["a > b", "b"], "n": [300, 700]})
    counts = path_counts_from_frame(table, conversions="n")
    row = attribution.roles(counts, replicates=400, seed=3).frame.iloc[0]
    assert (row["channel"], row["role"], row["share"]) == ("a", "introducer", 0.3)
    half = 1.96 * (0.3 * 0.7 / 1_000) ** 0.5
    assert row["conf_low"] == pytest.approx(0.3 - half, abs=0.006)
    assert row["conf_high"] == pytest.approx(0.3 + half, abs=0.006)
