"""Who is in which stage where some entries leave no mark: probabilities against what is so."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from journeykit.journeys import Journeys
from journeykit.simulate import World
from journeykit.simulate.world import world as simulated
from journeykit.stages import whereabouts
from tests.truth.moved_on import LADDER, PARTS

MARKS = ("view_microsite", "whitepaper_download", "contact_form")
#: Moves are ten times as frequent as in the world that ships, or a mark would tell all.
FASTER = MappingProxyType(
    {
        f"stages.hazard.{segment}.{move}": 10 * rate
        for segment, moves in {
            "household": {"0-1": 0.0045, "0-2": 0.0005, "1-0": 0.0015, "1-2": 0.004, "2-1": 0.002},
            "landlord": {"0-1": 0.005, "0-2": 0.0008, "1-0": 0.0012, "1-2": 0.005, "2-1": 0.002},
            "business": {"0-1": 0.004, "0-2": 0.0012, "1-0": 0.001, "1-2": 0.006, "2-1": 0.003},
            "senior": {"0-1": 0.0035, "0-2": 0.0004, "1-0": 0.002, "1-2": 0.003, "2-1": 0.0015},
        }.items()
        for move, rate in moves.items()
    }
)


class Placed(NamedTuple):
    """Probabilities of stages, shape (n, 3), and the stage that is so, shape (n,)."""

    probability: NDArray[np.float64]
    so: NDArray[np.int64]
    marked: NDArray[np.int64]

    def calibration_error(self) -> float:
        """Mean distance of probability and share in ten bands of it, weighted: the usual ECE."""
        said = self.probability.max(axis=1)
        right = self.probability.argmax(axis=1) == self.so
        band = np.minimum((said * 10).astype(int), 9)
        n = np.bincount(band, minlength=10)
        gap = np.bincount(band, said, minlength=10) - np.bincount(band, right, minlength=10)
        return float(np.abs(gap).sum() / n.sum())


def thinned(journeys: Journeys, seen: float, seed: int) -> Journeys:
    """Lose marks at random."""
    random = np.random.default_rng(seed)
    is_mark = np.isin(np.array(journeys.names, dtype=object), MARKS)[journeys.touchpoint]
    kept = ~is_mark | (random.random(journeys.n_events) < seen)
    owner = np.repeat(np.arange(len(journeys)), journeys.length)[kept]
    assert journeys.time is not None
    return journeys.replace(
        touchpoint=journeys.touchpoint[kept],
        time=journeys.time[kept],
        start=np.searchsorted(owner, np.arange(len(journeys) + 1)),
        columns={},
    )


def placed(world: World, *, at_day: int, seen: float, by: str | None = "segment") -> Placed:
    """Lose marks, and compare with where customers are."""
    journeys = world.journeys()
    at = (pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=at_day)).isoformat()
    found = whereabouts(thinned(journeys, seen, world.seed), LADDER, at=at, seen=seen, by=by)
    path = world.hidden["stages"].to_pandas()
    return Placed(
        found.probabilities.to_numpy(),
        _so(path, found.frame["customer_id"], pd.Timestamp(at)),
        found.frame["marked"].map({name: i for i, name in enumerate(LADDER.stages)}).to_numpy(),
    )


def _so(path: pd.DataFrame, ids: pd.Series, at: pd.Timestamp) -> NDArray[np.int64]:
    path = path[path["entered_time"] <= at].sort_values("entered_time", kind="stable")
    last = path.groupby("customer_id", observed=True)["stage"].last()
    return last.reindex(ids).to_numpy().astype(np.int64)


__all__ = ["FASTER", "LADDER", "PARTS", "placed", "simulated"]
