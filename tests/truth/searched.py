"""Loops found by a pattern: shares beside those among many customers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from journeykit.journeys.durations import DAY
from journeykit.paths import search
from journeykit.simulate import World
from journeykit.simulate.world import DAYS
from journeykit.simulate.world import world as simulated

#: Only loops show pages in worlds of these parts, so every return is one match.
PARTS = ("channels", "remarketing")
#: From leaving a product page to the return.
LOOP = "view_product > !(view_product | view_home)* > [14d] view_home"


def own_shares(customers: int) -> Mapping[str, float]:
    """Return both shares among many customers, watched long enough to see every loop's end."""
    many = simulated(customers=customers, seed=11, parts=PARTS, days=DAYS + 15).journeys()
    assert many.window is not None
    end = many.window[0] + DAYS * DAY
    matches = search(many, LOOP).matches
    begun = matches[matches["begin"] < pd.Timestamp(end, unit="us", tz="UTC")]
    closed = begun["customer_id"].nunique()
    n_begun = search(many.between(many.window[0], end), LOOP).frame["n_begun"].iloc[0]
    return {"share": closed / customers, "closure": closed / n_begun}


def loops(world: World, own: Mapping[str, float]) -> pd.DataFrame:
    """Share of customers with a closed loop, and of those who began one."""
    row = search(world.journeys(), LOOP).frame.iloc[0]
    return pd.DataFrame(
        {
            "name": ["share", "closure"],
            "truth": [own["share"], own["closure"]],
            "estimate": [row["share"], row["closure"]],
            "conf_low": [row["conf_low"], row["closure_low"]],
            "conf_high": [row["conf_high"], row["closure_high"]],
        }
    )
