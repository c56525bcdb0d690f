from __future__ import annotations

import pandas as pd

from journeykit.attribution import compare, markov, rules
from journeykit.attribution.scoreboard import SCOREBOARD, nearest_size, scoreboard_of
from journeykit.counts import path_counts_from_frame

BOARD = pd.read_csv(SCOREBOARD)


def test_every_law_and_size_scores_every_model() -> None:
    models = BOARD["model"].unique().tolist()
    groups = BOARD.groupby(["law", "customers"], sort=False)["model"]
    assert all(part.tolist() == models for _, part in groups)
    assert BOARD["law"].nunique() == 4
    wanted = {"first", "last", "linear", "linear_unique", "position_u", "time_decay", "markov"}
    assert wanted < set(models)
    assert {"markov held_out", "markov participation", "shapley rate", "hazard"} < set(models)
    assert (BOARD["distance_low"] <= BOARD["distance"]).all()


def test_shapley_volume_is_linear_over_unique_channels() -> None:
    scores = BOARD.set_index("model")["distance"]
    assert scores["shapley volume"].tolist() == scores["linear_unique"].tolist()


def test_models_keep_the_order_asked_for() -> None:
    board = scoreboard_of(["markov", "first", "unheard of"])
    assert board["model"].tolist() == ["markov", "first"] * (len(board) // 2)
    assert board["law"].drop_duplicates().tolist() == BOARD["law"].drop_duplicates().tolist()


def test_worlds_of_the_nearest_number_of_conversions() -> None:
    sizes = BOARD.groupby("customers")["conversions"].mean()
    small, large = sizes.index.min(), sizes.index.max()
    assert set(nearest_size(BOARD, 1)["customers"]) == {small}
    assert set(nearest_size(BOARD, 10**9)["customers"]) == {large}
    # Halfway by ratio, not by difference.
    middle = (sizes[small] * sizes[large]) ** 0.5
    assert set(nearest_size(BOARD, int(1.02 * middle))["customers"]) == {large}
    assert set(nearest_size(BOARD, int(0.98 * middle))["customers"]) == {small}


def test_table_of_scores_for_readers() -> None:
    table = pd.DataFrame({"path": ["web > mail", "web"], "n": [2, 1]})
    paths = path_counts_from_frame(table, conversions="n")
    shown = compare(markov(paths), rules(paths)).scores_as_table().set_index("model")
    assert shown.index.tolist() == ["markov", "first", "last", "linear"]
    assert shown.columns.tolist() == [
        *BOARD["law"].unique(), "clean placebo", "confounded placebo"
    ]  # fmt: skip
    row = nearest_size(scoreboard_of(["last"]), 3).iloc[0]
    assert shown.loc["last", row["law"]] == (
        f"{row['distance']:.1%} ({row['distance_low']:.1%} to {row['distance_high']:.1%})"
    )
