"""Steps from page to page: estimates beside the truth."""

from __future__ import annotations

import pandas as pd

from journeykit.paths import transitions
from journeykit.simulate import World
from journeykit.stats import wilson_interval


def by_page(world: World) -> pd.DataFrame:
    """P(next page | page) of visits, a row for each pair that can be; named by the page."""
    visits = world.journeys().sessions("30min")
    found = transitions(visits).frame.set_index(["source", "target"])
    truth = pd.DataFrame(
        [
            (page, target, share)
            for page, row in world.truth["browsing"].transitions.items()
            for target, share in row.items()
            if share > 0
        ],
        columns=["source", "target", "truth"],
    )
    # What can be and was not seen in a world has no interval; it is counted as empty.
    return truth.join(found, on=["source", "target"]).assign(name=truth["source"])


def as_if_independent(world: World) -> pd.DataFrame:
    """The same with an interval that takes each step for a customer."""
    frame = by_page(world)
    low, high = wilson_interval(frame["n"], frame["n_source"])
    return frame.assign(conf_low=low, conf_high=high)
