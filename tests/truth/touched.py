"""The touchpoint matrix beside the same of many customers: reach, frequency, answers, what next."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from journeykit.maps import touchpoint_matrix
from journeykit.simulate import World
from journeykit.simulate.world import world as simulated
from journeykit.stages import Ladder
from journeykit.study.catalogue import standard_catalogue
from tests.truth.check import Check, between

LADDER = Ladder(
    rungs={
        "familiarity": {"touchpoints": ["view_microsite"]},
        "engagement": {"touchpoints": ["whitepaper_download"]},
        "deliberation": {"touchpoints": ["contact_form"]},
        "conversion": {"touchpoints": ["thank_you_page", "pos_transaction"], "holds": True},
    }
)
PARTS = ("channels", "stages", "orders", "purchases", "ladder", "contracts", "sentiment")
#: Every touch is asked about: as many answers as there can be, still from few customers.
ASKED = {"sentiment.asked": 1.0}
NUMBERS = {
    "reach": ("share", "conf_low", "conf_high"),
    "frequency": ("frequency", "frequency_low", "frequency_high"),
    "score": ("score", "score_low", "score_high"),
    "positive": ("positive", "positive_low", "positive_high"),
    "next stage": ("next_stage", "next_stage_low", "next_stage_high"),
}
#: A share so near 0 or 1 that a small world may show no exception to it is at an edge.
_INTERIOR = 0.02


def rows(world: World) -> pd.DataFrame:
    """Every cell and every touchpoint, by name."""
    told = world.tables["sentiment"].to_pandas()
    answers = pd.DataFrame(
        {
            "customer_id": told["customer_id"].astype(str),
            "touchpoint": told["touchpoint"].astype(str),
            "score": (told["score"] - 3) / 2,
        }
    )
    matrix = touchpoint_matrix(
        world.journeys(), standard_catalogue(), ladder=LADDER, sentiment=answers
    )
    cells = matrix.frame.assign(row=matrix.frame["phase"] + " " + matrix.frame["channel"])
    touchpoints = matrix.touchpoints.assign(row=matrix.touchpoints["touchpoint"])
    return pd.concat([cells, touchpoints], ignore_index=True).set_index("row")


def truths(customers: int) -> pd.DataFrame:
    """Return the numbers of many customers that are not at an edge, one row each."""
    found = rows(simulated(customers=customers, seed=11, parts=PARTS, settings=ASKED))
    kept = []
    for name, (estimate, _, _) in NUMBERS.items():
        value = found[estimate].astype(float)
        inside = value.notna()
        if name not in ("frequency", "score"):
            inside &= value.between(_INTERIOR, 1 - _INTERIOR)
        # In a world of a thousand customers enough of them stand behind it to be shown.
        behind = {"score": "n_answered", "positive": "n_answered", "next stage": "n_at_moments"}
        n = found[behind.get(name, "n")].astype(float) / customers
        inside &= n > 0.05
        kept.append(pd.DataFrame({"name": name, "row": found.index, "truth": value})[inside.values])
    return pd.concat(kept, ignore_index=True)


def beside_many(world: World, truth: pd.DataFrame) -> pd.DataFrame:
    """The numbers of this world with their intervals, and those of many customers."""
    found = rows(world)
    parts = []
    for name, columns in NUMBERS.items():
        mine = truth[truth["name"] == name]
        part = found.loc[mine["row"], list(columns)].astype(float)
        part.columns = ["estimate", "conf_low", "conf_high"]
        part.insert(0, "name", name)
        parts.append(part.assign(truth=mine["truth"].to_numpy()).reset_index(drop=True))
    frame = pd.concat(parts, ignore_index=True)
    # As many answers of one kind say nothing of the spread; and nothing was asked there.
    return frame[np.isfinite(frame["estimate"])]


TOUCHED = (
    Check(
        "touchpoint matrix",
        "Intervals of reach, frequency, scores, positive answers and next-stage shares of cells "
        "and touchpoints hold those of many customers in 92 to 98 % of worlds.",
        lambda customers: partial(beside_many, truth=truths(customers)),
        between(0.92, 0.98),
        PARTS,
        1000,
        ASKED,
        fast=30,
        pooled=True,
    ),
)
