"""The table that ships is what its script makes: some of its worlds made anew."""

from __future__ import annotations

import io

import pandas as pd

from journeykit.attribution.scoreboard import SCOREBOARD
from tests.truth.hazarded import home_truth, mean_distance
from tests.truth.scoreboard import BLOCKS, SIZES, blocks_of, together

STORED = pd.read_csv(BLOCKS)


def test_the_scoreboard_is_what_the_blocks_say() -> None:
    text = io.StringIO()
    together(STORED).to_csv(text, index=False, float_format="%.4f", lineterminator="\n")
    assert text.getvalue() == SCOREBOARD.read_text(encoding="utf-8")
    worlds = STORED.groupby(["law", "customers", "model"])["n_worlds"].sum().unique()
    assert sorted(worlds) == sorted(size.worlds * size.blocks for size in SIZES)


def test_a_block_made_anew() -> None:
    """All but coverage, which needs what models say with many customers."""
    law = "multiplicative, confounded"
    made = blocks_of(law, SIZES[0], {}, blocks=1, processes=1)
    kept = STORED.query("law == @law and customers == @SIZES[0].customers and block == 0")
    # Processors differ in the last digits of a logarithm.
    pd.testing.assert_frame_equal(
        made.drop(columns="coverage"),
        kept.drop(columns="coverage").reset_index(drop=True),
        check_dtype=False,
        rtol=0,
        atol=2e-6,
    )


def test_four_times_the_customers_bring_the_hazard_nearer() -> None:
    """Where it is at home its distance is chance alone: half as far with four times as many."""
    truth = home_truth(100_000)
    few, many = (mean_distance(n, worlds=20, truth=truth) for n in (1_000, 4_000))
    assert many / few <= 0.6
