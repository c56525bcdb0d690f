"""Kinds of visitors: found where there are personas, not found where all browse alike."""

from __future__ import annotations

import pandas as pd

from journeykit.paths import typology
from journeykit.simulate import World


def kinds_of_chains(world: World) -> pd.DataFrame:
    """Whether a mixture of Markov chains finds groups that are all stable."""
    return _flagged(world, "markov_mixture")


def kinds_of_medoids(world: World) -> pd.DataFrame:
    """Whether k-medoids of visits do."""
    return _flagged(world, "medoids")


def _flagged(world: World, method: str) -> pd.DataFrame:
    visits = world.journeys().sessions("30min")
    found = typology(visits, method=method, seed=1)  # type: ignore[arg-type]
    return pd.DataFrame({"name": ["kinds"], "flagged": [len(found.cards) > 0]})
