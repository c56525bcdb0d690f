from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from journeykit.attribution import holdout_increments
from journeykit.errors import ArgumentError, DataError, MappingError

TABLE = pd.DataFrame(
    {
        "channel": ["mail", "ads"],
        "treated": [900, 500],
        "held_out": [100, 500],
        "treated_conversions": [90, 50],
        "held_out_conversions": [5, 55],
    }
)


def test_worked_by_hand() -> None:
    got = holdout_increments(TABLE).set_index("channel")
    assert got["increment"].to_dict() == pytest.approx({"mail": 45, "ads": -5})
    variance = 0.1 * 0.9 / 899 + 0.05 * 0.95 / 99
    assert got.loc["mail", "std_error"] == pytest.approx(900 * np.sqrt(variance))


def test_customers_who_convert_often_are_counted_by_their_squares() -> None:
    random = np.random.default_rng(3)
    treated, held_out = random.poisson(0.8, 400), random.poisson(0.5, 80)
    table = pd.DataFrame(
        {
            "channel": ["mail"],
            "treated": [400],
            "held_out": [80],
            "treated_conversions": [treated.sum()],
            "held_out_conversions": [held_out.sum()],
            "treated_squares": [(treated**2).sum()],
            "held_out_squares": [(held_out**2).sum()],
        }
    )
    error = np.sqrt(treated.var(ddof=1) / 400 + held_out.var(ddof=1) / 80)
    got = holdout_increments(table).iloc[0]
    assert got["increment"] == pytest.approx(400 * (treated.mean() - held_out.mean()))
    assert got["std_error"] == pytest.approx(400 * error)


def test_given_errors_and_more_customers() -> None:
    table = TABLE.assign(difference_std_error=[0.01, 0.02], customers=[1800, 500])
    got = holdout_increments(table)
    assert got["increment"].tolist() == pytest.approx([90, -5])
    assert got["std_error"].tolist() == pytest.approx([18, 10])


def test_intervals_cover_what_was_added() -> None:
    random = np.random.default_rng(7)
    worlds = 2000
    table = pd.DataFrame(
        {
            "channel": [f"c{number}" for number in range(worlds)],
            "treated": 9000,
            "held_out": 1000,
            "treated_conversions": random.binomial(9000, 0.05, worlds),
            "held_out_conversions": random.binomial(1000, 0.03, worlds),
        }
    )
    got = holdout_increments(table)
    assert got["increment"].mean() == pytest.approx(180, abs=4)
    covered = ((got["conf_low"] <= 180) & (got["conf_high"] >= 180)).mean()
    assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize(
    ("outcome", "men", "women", "none"),
    [("visit", 0.18276, 0.15140, 0.10617), ("conversion", 0.01253, 0.00884, 0.00573)],
)
def test_randomised_mailing(
    shared: Path, outcome: str, men: float, women: float, none: float
) -> None:
    rows = pd.read_csv(shared / "data" / "hillstrom" / "hillstrom.csv.gz")
    counts = rows.groupby("segment")[outcome].agg(["size", "sum"])
    arms = counts.loc[["Mens E-Mail", "Womens E-Mail"]]
    got = holdout_increments(
        pd.DataFrame(
            {
                "channel": arms.index,
                "treated": arms["size"],
                "held_out": counts.loc["No E-Mail", "size"],
                "treated_conversions": arms["sum"],
                "held_out_conversions": counts.loc["No E-Mail", "sum"],
            }
        )
    )
    # Published rates, rounded to .00001.
    per_customer = got["increment"] / arms["size"].to_numpy()
    assert per_customer.tolist() == pytest.approx([men - none, women - none], abs=1.1e-5)
    error = got["std_error"] / arms["size"].to_numpy()
    plain = np.sqrt(men * (1 - men) / 21307 + none * (1 - none) / 21306)
    assert error[0] == pytest.approx(plain, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treated_conversions": [901, 50]}, "`treated_conversions` must be at most the customers"),
        ({"held_out": [1, 500]}, "Column `held_out` of `table` must hold whole numbers of at "
         "least 2; 'mail' has 1"),
        ({"held_out_conversions": [5, -1]}, "of at least 0; 'ads' has -1"),
        ({"held_out_conversions": [5.5, 1]}, "whole numbers of at least 0; 'mail' has 5.5"),
        ({"treated_conversions": ["many", 1]}, "'mail' has many"),
        ({"held_out_conversions": [0, 55]}, "must vary among the customers in `held_out`.*'mail'"),
        ({"channel": ["mail", "mail"]}, "must have one row a channel; 'mail' has several"),
        ({"channel": ["mail", None]}, "must name a channel in every row"),
        ({"customers": [899, 500]}, "`customers` must be at least `treated`; not so for 'mail'"),
        ({"treated_squares": [89, 50], "held_out_squares": [5, 55]},
         "`treated_squares` must be at least the conversions; not so for 'mail'"),
        ({"treated_conversions": [1800, 50], "treated_squares": [1800, 50],
          "held_out_squares": [5, 55]}, r"at least conversions\^2 / customers; not so for 'mail'"),
        ({"difference_std_error": [0.0, 0.1]}, "finite numbers greater than 0; 'mail' has 0.0"),
    ],
)  # fmt: skip
def test_impossible_counts_are_refused(change: dict[str, list[object]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        holdout_increments(TABLE.assign(**change))


def test_wrong_tables_are_refused() -> None:
    with pytest.raises(MappingError, match="without: held_out"):
        holdout_increments(TABLE.drop(columns="held_out"))
    with pytest.raises(MappingError, match="without: held_out_squares"):
        holdout_increments(TABLE.assign(treated_squares=90))
    with pytest.raises(DataError, match="at least one row"):
        holdout_increments(TABLE.iloc[:0])
    with pytest.raises(ArgumentError, match="must be a pandas DataFrame; got dict"):
        holdout_increments({"channel": ["mail"]})  # type: ignore[arg-type]
